"""Folders of pictures to judge on: `images/` and, where the truth is known, `masks/`.

The pictures of a pair share their stem: `images/cat.jpg` goes with `masks/cat.png`. A set without
a folder `masks` holds places without a subject, or photos nobody has drawn masks for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from nukki.errors import InputError
from nukki.io import images
from nukki.io.masks import alpha_of
from nukki.io.sniff import PICTURES
from nukki.types import Alpha

__all__ = ["Sample", "TestSet", "kinds_in", "names_in", "open_set", "truth_in"]

_LAYOUT = "make a folder with `images/` and `masks/` whose files have the same stems"


@dataclass(frozen=True)
class Sample:
    """A picture and its truth.

    Attributes:
        stem: What both files are called.
        image: The photo.
        mask: The truth; None in a set without masks.
    """

    stem: str
    image: Path
    mask: Path | None


@dataclass(frozen=True)
class TestSet:
    """What a folder holds.

    Attributes:
        folder: The folder.
        samples: By stem.
        bad: Stems and why they cannot be judged: no mask, no picture, two of either.
        judged: Whether there is a folder `masks`.
    """

    __test__ = False  # not a test, whatever pytest makes of the name

    folder: Path
    samples: tuple[Sample, ...]
    bad: tuple[tuple[str, str], ...]
    judged: bool


def open_set(
    folder: Path, *, names: Collection[str] | None = None, limit: int | None = None
) -> TestSet:
    """List the pictures of a folder; none is read.

    Args:
        folder: Holds `images` and, where the truth is known, `masks`.
        names: Only these stems; None takes all.
        limit: Only so many, in the order of their stems.

    Raises:
        InputError: If the folder, its `images`, or a picture that both share is not there.
    """
    if not folder.is_dir():
        message = f"`{folder}` must be a folder with `images` in it, but there is no such folder"
        raise InputError(message, hint="check the path")
    photos = _pictures(folder / "images")
    judged = (folder / "masks").is_dir()
    masks = _pictures(folder / "masks") if judged else {}
    stems = sorted(photos) if names is None else sorted(set(names))
    if judged and not any(stem in photos and stem in masks for stem in stems):
        message = _nothing_shared(folder, photos, masks, names)
        raise InputError(message, hint=_LAYOUT)
    samples: list[Sample] = []
    bad: list[tuple[str, str]] = []
    for stem in stems[:limit]:
        reason = _reason(stem, photos, masks if judged else None, folder)
        if reason is None:
            samples.append(Sample(stem, photos[stem][0], masks[stem][0] if judged else None))
        else:
            bad.append((stem, reason))
    if not samples and not judged:
        message = f"`{folder / 'images'}` holds none of the names"
        raise InputError(message, hint="names are stems, one a line: `cat`, not `cat.jpg`")
    return TestSet(folder, tuple(samples), tuple(bad), judged)


def _pictures(folder: Path) -> dict[str, list[Path]]:
    """The pictures of a folder by stem.

    Raises:
        InputError: If there is no such folder, it cannot be read, or it holds no picture.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    except OSError as error:
        message = f"`{folder}` must be a folder of pictures: {error.strerror or error}"
        raise InputError(message, hint=_LAYOUT) from error
    found: dict[str, list[Path]] = {}
    for path in files:
        if not path.name.startswith("."):
            found.setdefault(_plain(path.stem), []).append(path)
    if not found:
        message = f"`{folder}` holds no picture"
        raise InputError(message, hint=_LAYOUT)
    return found


def _plain(stem: str) -> str:
    """The stem in one Unicode form: systems differ in which one they store."""
    return unicodedata.normalize("NFC", stem)


def _nothing_shared(
    folder: Path,
    photos: Mapping[str, list[Path]],
    masks: Mapping[str, list[Path]],
    names: Collection[str] | None,
) -> str:
    photo, mask = (next(iter(sorted(group.items())))[1][0].name for group in (photos, masks))
    among = "" if names is None else f" among the {len(names)} names"
    return (
        f"`{folder}`: no picture of `images` has a mask of its stem in `masks`{among} "
        f"(`{photo}`, … against `{mask}`, …)"
    )


def _reason(
    stem: str,
    photos: Mapping[str, list[Path]],
    masks: Mapping[str, list[Path]] | None,
    folder: Path,
) -> str | None:
    """Why a stem cannot be judged; None where it can."""
    for place, group in (("images", photos), ("masks", masks)):
        if group is None:
            continue
        files = group.get(stem, [])
        if not files:
            return f"`{folder / place}` holds no picture `{stem}`"
        if len(files) > 1:
            several = " and ".join(f"`{path.name}`" for path in files)
            return f"`{folder / place}` holds {several}: expected one picture `{stem}`"
    return None


def truth_in(path: Path) -> Alpha:
    """The alpha that a mask file holds.

    A grey picture is the alpha itself, black to white; of a cut-out (a picture with transparency)
    it is the transparency.

    Returns:
        (H, W) float32, 0..1.

    Raises:
        InputError: If the file is no picture, is in colours, or holds numbers of classes.
    """
    return alpha_of(str(path), images.read(path))


def names_in(path: Path) -> tuple[str, ...]:
    """Stems from a text file, one a line; empty lines and lines that begin with # do not count.

    Raises:
        InputError: If the file cannot be read or names nothing.
    """
    names = tuple(_plain(line) for line in _lines(path))
    if not names:
        message = f"`{path}` must hold a name a line, but it is empty"
        raise InputError(message, hint="write the stems of the pictures: `cat`, not `cat.jpg`")
    return names


def kinds_in(path: Path) -> dict[str, str]:
    """Kinds by stem from a text file with lines of `stem kind`; the kind is the last word.

    Raises:
        InputError: If the file cannot be read, or a line has one word only.
    """
    kinds: dict[str, str] = {}
    for line in _lines(path):
        stem, _, kind = line.replace("\t", " ").rpartition(" ")
        if not stem.strip():
            message = f"`{path}` must hold lines of `stem kind`, got `{line}`"
            raise InputError(message, hint="write the kind behind the stem: `cat animals`")
        kinds[_plain(stem.strip())] = kind
    return kinds


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"`{path}` cannot be read: {reason}"
        raise InputError(message, hint="name a text file with a line a picture") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
