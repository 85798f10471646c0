"""What would be read and where each result would go. Looks at the disk, changes nothing.

Names of results, the same on every system and in every run over the same files:

1. `a.jpg` gives `a.png`: the stem and the ending of the result.
2. Two pictures that would share a name (`a.jpg` and `a.png`) keep theirs in full: `a.jpg.png` and
   `a.png.png`. Case and Unicode form do not tell names apart, since some systems think so.
3. A result never takes the name of a picture that is read: `a.png` beside itself is `a-cut.png`.
4. Where these still meet (`x/a.jpg` and `y/a.jpg` into one folder): `a-cut.png`, `a-cut-2.png`, …
   in the order in which the pictures are listed.
"""

from __future__ import annotations

import glob
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nukki.errors import InputError
from nukki.io.sniff import PICTURES

__all__ = ["Item", "Plan", "Skip", "plan", "sources"]


@dataclass(frozen=True)
class Item:
    """One picture to read and where its result goes.

    Attributes:
        source: None for standard input.
        target: None for standard output.
    """

    source: Path | None
    target: Path | None

    @property
    def input(self) -> str:
        """The source in words."""
        return "-" if self.source is None else str(self.source)

    @property
    def output(self) -> str:
        """The target in words."""
        return "-" if self.target is None else str(self.target)


@dataclass(frozen=True)
class Skip:
    """A file or folder that is not read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Plan:
    """What would be done.

    Attributes:
        items: In the order in which they were given; within a folder by name.
        skipped: Hidden files, files that are no pictures, linked folders, files given twice.
        unreadable: Folders that the system does not let us list.
        single: Whether one picture was asked for (not a folder, not several).
        folder: The output folder that must exist before the first picture; None where results lie
            beside the pictures or go to one named file.
    """

    items: tuple[Item, ...]
    skipped: tuple[Skip, ...] = ()
    unreadable: tuple[Skip, ...] = ()
    single: bool = False
    folder: Path | None = None


@dataclass(frozen=True)
class _Wish:
    """A picture and the folder that its result goes to."""

    source: Path
    folder: Path


def plan(
    inputs: Sequence[str],
    output: str | None = None,
    *,
    ending: str = ".png",
    apart: Sequence[str] = (),
) -> Plan:
    """Say what would be read and written.

    Args:
        inputs: Files, folders, patterns such as `*.jpg` (for shells that do not expand them), or
            "-" alone for standard input.
        output: A file for one picture; a folder for several or a folder (it exists or ends in
            a slash); "-" for standard output. None puts results beside the pictures, and those of
            a folder `photos` in `photos-cut`.
        ending: What names of results end in, from after the stem: ".png", "-mask.png".
        apart: Further folders of results; no picture is read from them either.

    Raises:
        InputError: If inputs and output do not go together, or the result would replace a picture
            that is read.
    """
    if "-" in inputs:
        return _piped(inputs, output)
    paths = [path for word in inputs for path in _expanded(word)]
    if len(paths) == 1 and not paths[0].is_dir():
        return _one(paths[0], output, ending)
    return _many(paths, output, ending, apart)


def sources(inputs: Sequence[str], *, apart: Sequence[str] = ()) -> Plan:
    """Say what would be read, where no picture is written for it: targets are None.

    Args:
        inputs: As for `plan`.
        apart: Folders of other results; no picture is read from them.

    Raises:
        InputError: If an input is one of these folders.
    """
    if "-" in inputs:
        return _piped(inputs, None)
    paths = [path for word in inputs for path in _expanded(word)]
    if len(paths) == 1 and not paths[0].is_dir():
        return Plan((Item(paths[0], None),), single=True)
    skipped: list[Skip] = []
    unreadable: list[Skip] = []
    outputs = {_key(Path(folder)) for folder in apart}
    wishes = _wishes({path: path for path in paths}, outputs, skipped, unreadable)
    items = tuple(Item(wish.source, None) for wish in _once(wishes, skipped))
    return Plan(items, tuple(skipped), tuple(unreadable))


def _piped(inputs: Sequence[str], output: str | None) -> Plan:
    if len(inputs) > 1:
        message = f"`-` (standard input) is one picture, got {len(inputs)} inputs"
        raise InputError(message, hint="give - alone, or files and folders")
    if output in (None, "-"):
        return Plan((Item(None, None),), single=True)
    if _is_folder(output):
        message = f"`{output}` is a folder, and a picture from standard input has no name"
        raise InputError(message, hint="name the file: -o FILE")
    return Plan((Item(None, Path(output)),), single=True)


def _one(source: Path, output: str | None, ending: str) -> Plan:
    if output == "-":
        return Plan((Item(source, None),), single=True)
    if output is not None and not _is_folder(output):
        target = Path(output)
        if _key(target) == _key(source) or _same_file(target, source):
            message = f"`{output}` is the picture that is read; a result never replaces it"
            raise InputError(message, hint="give -o another name")
        return Plan((Item(source, target),), single=True)
    folder = source.parent if output is None else Path(output)
    items = _named([_Wish(source, folder)], ending)
    return Plan(tuple(items), single=True, folder=None if output is None else folder)


def _many(paths: Sequence[Path], output: str | None, ending: str, apart: Sequence[str]) -> Plan:
    _check_folder(output)
    skipped: list[Skip] = []
    unreadable: list[Skip] = []
    roots = {path: _root(path, output, len(paths)) for path in paths}
    outputs = {_key(root) for path, root in roots.items() if path.is_dir()}
    outputs |= {_key(Path(folder)) for folder in apart}
    if output is not None:
        outputs.add(_key(Path(output)))
    wishes = _wishes(roots, outputs, skipped, unreadable)
    items = _named(_once(wishes, skipped), ending)
    folder = None if output is None else Path(output)
    return Plan(tuple(items), tuple(skipped), tuple(unreadable), folder=folder)


def _wishes(
    roots: Mapping[Path, Path], outputs: set[str], skipped: list[Skip], unreadable: list[Skip]
) -> list[_Wish]:
    """The pictures of every input with the folders of their results."""
    wishes: list[_Wish] = []
    for path, root in roots.items():
        if not path.is_dir():
            wishes.append(_Wish(path, root))
            continue
        if _key(path) in outputs:
            message = f"`{path}` is the input and the output folder"
            raise InputError(message, hint="give -o another folder")
        wishes += [
            _Wish(source, root / source.parent.relative_to(path))
            for source in _walk(path, outputs, skipped, unreadable)
        ]
    return wishes


def _check_folder(output: str | None) -> None:
    if output == "-":
        message = "`-o -` (standard output) takes one picture, got several or a folder"
        raise InputError(message, hint="give -o a folder")
    if output is not None and Path(output).exists() and not Path(output).is_dir():
        message = f"`{output}` must be a folder for several pictures, but it is a file"
        raise InputError(message, hint="give -o a folder")


def _root(path: Path, output: str | None, inputs: int) -> Path:
    """The folder that results of an input go to."""
    if not path.is_dir():
        return path.parent if output is None else Path(output)
    name = path.name if path.name not in ("", "..") else path.resolve().name
    if output is not None:
        return Path(output) / name if inputs > 1 else Path(output)
    if not name:
        message = f"`{path}` has no name to make an output folder from"
        raise InputError(message, hint="give -o a folder")
    beside = path.parent if path.name == name else path.resolve().parent
    return beside / f"{name}-cut"


def _walk(
    folder: Path, outputs: set[str], skipped: list[Skip], unreadable: list[Skip]
) -> Iterator[Path]:
    """Pictures below a folder by name, without links to folders (which may run in circles)."""

    def refused(error: OSError) -> None:
        reason = error.strerror or str(error)
        unreadable.append(Skip(Path(error.filename), f"the folder cannot be listed: {reason}"))

    for here, folders, files in os.walk(folder, onerror=refused):
        place = Path(here)
        descend = []
        for name in sorted(folders):
            path = place / name
            if _key(path) in outputs:
                continue
            if name.startswith("."):
                skipped.append(Skip(path, "hidden"))
            elif path.is_symlink():
                skipped.append(Skip(path, "a link to a folder"))
            else:
                descend.append(name)
        folders[:] = descend
        for name in sorted(files):
            path = place / name
            if name.startswith("."):
                skipped.append(Skip(path, "hidden"))
            elif path.suffix.lower() not in PICTURES:
                skipped.append(Skip(path, "not a picture"))
            else:
                yield path


def _once(wishes: Iterable[_Wish], skipped: list[Skip]) -> list[_Wish]:
    seen: set[Path] = set()
    kept = []
    for wish in wishes:
        place = wish.source.absolute()
        if place in seen:
            skipped.append(Skip(wish.source, "given twice"))
            continue
        seen.add(place)
        kept.append(wish)
    return kept


def _named(wishes: Sequence[_Wish], ending: str) -> list[Item]:
    """Give every picture the name of its result; the rules stand at the top of this file."""
    inputs = {_key(wish.source) for wish in wishes}
    plain = [_key(wish.folder / (wish.source.stem + ending)) for wish in wishes]
    full = [_key(wish.folder / (wish.source.name + ending)) for wish in wishes]
    plain_uses, full_uses = Counter(plain), Counter(full)
    taken: set[str] = set()
    targets: dict[int, Path] = {}
    # Names that nobody disputes are given first, so that a number never takes one of them.
    for place, wish in enumerate(wishes):
        if plain_uses[plain[place]] == 1:
            name, key = wish.source.stem + ending, plain[place]
        elif full_uses[full[place]] == 1:
            name, key = wish.source.name + ending, full[place]
        else:
            continue
        if key not in inputs and key not in taken:
            taken.add(key)
            targets[place] = wish.folder / name
    for place, wish in enumerate(wishes):
        if place in targets:
            continue
        for name in _further_names(wish.source.stem, ending):
            key = _key(wish.folder / name)
            if key not in inputs and key not in taken:
                taken.add(key)
                targets[place] = wish.folder / name
                break
    return [Item(wish.source, targets[place]) for place, wish in enumerate(wishes)]


def _further_names(stem: str, ending: str) -> Iterator[str]:
    tag = "" if ending.startswith("-") else "-cut"
    yield f"{stem}{tag}{ending}"
    for number in count(2):
        yield f"{stem}{tag}-{number}{ending}"


def _expanded(word: str) -> list[Path]:
    """The paths that a word stands for; a word that matches nothing stands for itself."""
    if glob.has_magic(word) and not Path(word).exists():
        found = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 absolute patterns too
        if found:
            return [Path(path) for path in found]
    return [Path(word)]


def _is_folder(output: str) -> bool:
    slashes = tuple(slash for slash in ("/", os.sep, os.altsep) if slash)
    return output.endswith(slashes) or Path(output).is_dir()


def _key(path: Path) -> str:
    """What tells files apart on every system: links followed, case and Unicode form levelled."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def _same_file(left: Path, right: Path) -> bool:
    try:
        return left.samefile(right)
    except OSError:  # one of them is not there yet
        return False
