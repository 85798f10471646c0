"""`nukki data`: folders to train our own networks on, made from published sets and own pictures."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nukki.cli.progress import Progress
from nukki.cli.report import DONE, say
from nukki.errors import InputError

if TYPE_CHECKING:
    from nukki.train.teachers import Look

__all__ = ["add"]

Value = TypeVar("Value")

# As in `train.sets`, which is not imported here because it loads NumPy; a test compares them.
_ZIP = "ZIP_OR_FOLDER"
_GIT = "GIT_DIR_OR_FOLDER"
SETS = {
    "duts": (_GIT, "things and scenes: the repository with DUTS-TR-Image and DUTS-TR-Mask"),
    "people": (_ZIP, "full-length people: images/ and masks/"),
    "portraits": (_GIT, "close people: the repository with Training_Images and Ground_Truth"),
    "pets": (_ZIP, "cats and dogs: images/ and trimaps/"),
    "coco": (_ZIP, "photos of COCO: images/ and instances.json"),
    "matting": (_ZIP, "hair, fur, nets with soft alphas: images/ and masks/"),
    "places": (_ZIP, "places without a subject: photos at the top"),
    "openimages": (_GIT, "photos to find things in: the repository with coco/test2017"),
}
_FROM_GIT = tuple(name for name, (kind, _) in SETS.items() if kind == _GIT)
_EPILOG = """\
What is made:
  TO/prepared.json                what was made from what, and a digest of it
  TO/train/SET/images, masks      to train on
  TO/validate/duts/images, masks  to choose by: the names in --validate
  TO/held/SET/images, masks       to judge by, never trained on: every 8th (places: every 4th)

For things, coco goes along whole: TO/SPLIT/coco/images and instances.json in COCO's format, every
16th photo to choose by. openimages (things alone) has images; `nukki data label` finds what is in
them.

A folder of your own (--own) has images/ and masks/, whose files share their stems; masks are grey
with the subject white, or cut-outs with transparency. docs/training.md says where the sets are.
"""


_LABEL_EPILOG = """\
A teacher is an ONNX file that finds COCO's 80 classes, its card (beside it under the same name if
not given), and the longer sides that photos are brought to; m mirrors the photo:
  --teacher nanodet.onnx@640,800,640m --teacher yolox.onnx:cards/yolox.toml@416

What at least two looks saw becomes a thing, what is less sure is to be passed over (iscrowd). Work
that was stopped goes on where it was when the same command is given again.
"""


def add(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its own commands to the command line."""
    command = subparsers.add_parser(
        "data",
        help="make folders to train on",
        description="Make folders to train our own networks on.",
    )
    actions = command.add_subparsers(title="commands", dest="action", metavar="ACTION")
    action = actions.add_parser(
        "prepare",
        help="make a folder to train on from published sets and own pictures",
        description="Make a folder to train on: whole, or not at all.",
        epilog=_EPILOG,
    )
    action.set_defaults(handler=prepare)
    action.add_argument(
        "task",
        choices=("subject", "things"),
        help="for which network: subject, or things for detect and pick",
    )
    action.add_argument("--to", required=True, metavar="FOLDER", help="the folder to make")
    for name, (kind, text) in SETS.items():
        action.add_argument(f"--{name}", metavar=kind, help=text)
    for name in _FROM_GIT:
        action.add_argument(
            f"--{name}-commit", metavar="HASH", help=f"of --{name} (default: the one we used)"
        )
    _add_rest(action)
    _add_label(actions)


def _add_label(actions: argparse._SubParsersAction[Any]) -> None:
    action = actions.add_parser(
        "label",
        help="find things in prepared photos by teachers in agreement",
        description="Add a set to prepared data: photos with boxes that teachers agree on.",
        epilog=_LABEL_EPILOG,
    )
    action.set_defaults(handler=label)
    action.add_argument("data", metavar="DATA", help="a folder made by `nukki data prepare`")
    action.add_argument(
        "--from",
        dest="sets",
        action="append",
        required=True,
        metavar="SET[=N]",
        help="photos to train on of this set; N: so many, photos with people first",
    )
    action.add_argument(
        "--teacher",
        dest="teachers",
        action="append",
        required=True,
        metavar="FILE.onnx[:CARD][@SIZE,…]",
        help="a detector and how it looks; may be given several times",
    )
    action.add_argument(
        "--name", default="labelled", metavar="SET", help="of the new set (default: labelled)"
    )
    action.add_argument(
        "--skip-bad", action="store_true", help="pass over photos that cannot be read, and count"
    )
    action.add_argument("--json", action="store_true", help="print prepared.json")
    _add_common(action)


def _add_rest(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--own",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="pictures of your own: images/ and masks/; may be given several times",
    )
    action.add_argument(
        "--validate",
        metavar="NAMES.txt",
        help="photos of --duts to validate on, a name a line: recipes/subject/duts_val.txt",
    )
    action.add_argument(
        "--skip-bad", action="store_true", help="pass over pictures that cannot be used, and count"
    )
    action.add_argument(
        "--overwrite", action="store_true", help="replace what this command made there earlier"
    )
    action.add_argument("--json", action="store_true", help="print prepared.json")
    _add_common(action)


def _add_common(action: argparse.ArgumentParser) -> None:
    for flag, text in (
        ("--quiet", "say nothing but errors"),
        ("--traceback", "show where in nukki an error arose"),
    ):
        action.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)


def prepare(args: argparse.Namespace) -> int:
    """`data prepare`."""
    from nukki.train.prepare import Wishes, prepare_data

    wishes = Wishes(
        task=args.task,
        sources=_given(args, SETS, Path),
        commits=_given(args, [f"{name}_commit" for name in _FROM_GIT], str),
        own=_own(args.own),
        validate=None if args.validate is None else Path(args.validate),
        skip_bad=args.skip_bad,
    )
    quiet = getattr(args, "quiet", False)
    with _Watch(quiet=quiet) as watch:
        record = prepare_data(wishes, Path(args.to), overwrite=args.overwrite, watch=watch)
    _tell(record, args.to, as_json=args.json, quiet=quiet)
    return DONE


def label(args: argparse.Namespace) -> int:
    """`data label`."""
    from nukki.train.label import label_sets

    quiet = getattr(args, "quiet", False)
    sets = _counted(args.sets)
    looks = [look for text in args.teachers for look in _looks(text)]
    with _Watch(quiet=quiet) as watch:
        record = label_sets(
            Path(args.data), sets, looks, name=args.name, skip_bad=args.skip_bad, watch=watch
        )
    _tell(record, args.data, as_json=args.json, quiet=quiet)
    return DONE


def _counted(given: list[str]) -> dict[str, int | None]:
    """Sets, and how many photos of each; None is all."""
    sets: dict[str, int | None] = {}
    for text in given:
        name, equals, count = text.partition("=")
        if not name or name in sets or (equals and not count.isdecimal()):
            message = f"`--from {text}` must be SET or SET=N, each set once"
            raise InputError(message, hint="for example --from people --from duts=1000")
        sets[name] = int(count) if equals else None
    return sets


def _looks(text: str) -> list[Look]:
    """The looks of one `--teacher`."""
    from nukki.api import load_as
    from nukki.tasks.detection import Detection
    from nukki.train.teachers import Look

    parts = re.fullmatch(r"(.+?\.onnx)(?::(.+?))?(?:@(\d+m?(?:,\d+m?)*))?", text)
    if parts is None:
        message = f"`--teacher {text}` must be FILE.onnx, FILE.onnx:CARD or either with @SIZE,SIZE"
        raise InputError(message, hint="for example --teacher nanodet.onnx@640,800,640m")
    file, card, sizes = Path(parts[1]), parts[2], parts[3]
    if card is None and file.with_suffix(".toml").is_file():
        card = str(file.with_suffix(".toml"))
    finder = load_as(Detection, str(file), card=card)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if sizes is None:
        return [Look(finder, file.name, digest)]
    return [
        Look(finder, file.name, digest, int(size.rstrip("m")), size.endswith("m"))
        for size in sizes.split(",")
    ]


def _given(
    args: argparse.Namespace, names: Iterable[str], kind: Callable[[str], Value]
) -> dict[str, Value]:
    """What was given of some options, by the set's name."""
    values = {name: getattr(args, name) for name in names}
    return {
        name.removesuffix("_commit"): kind(value)
        for name, value in values.items()
        if value is not None
    }


def _own(given: list[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder) or name in folders:
            message = f"`--own {text}` must be NAME=FOLDER, each name once"
            raise InputError(message, hint="for example --own mine=photos/")
        folders[name] = Path(folder)
    return folders


class _Watch:
    """A bar, drawn as soon as it is known how many pictures there are."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._done = 0

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *reason: Any) -> None:
        if self._bar is not None:
            self._bar.__exit__(*reason)

    def __call__(self, done: int, total: int, problem: str | None) -> None:
        if self._bar is None:
            self._bar = Progress(total, quiet=self._quiet)
        if done > self._done:
            self._bar.advance()
            self._done = done
        if problem is not None and not self._quiet:
            self._bar.say(f"passed over: {problem}")


def _tell(record: Mapping[str, Any], to: str, *, as_json: bool, quiet: bool) -> None:
    sets = record["sets"]
    bad = sum(len(one["bad"]) for one in sets.values())
    if bad and not quiet:
        say(f"{bad} pictures passed over; {to}/prepared.json names them")
    if as_json:
        print(json.dumps(record, indent=1, ensure_ascii=False))
        return
    rows = [("set", "train", "validate", "held", "left out", "bad")]
    for name, one in sets.items():
        counts = [str(one["pictures"][split]) for split in ("train", "validate", "held")]
        left_out = sum(len(group["names"]) for group in one["left_out"])
        rows.append((name, *counts, str(left_out), str(len(one["bad"]))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join((row[0].ljust(len(first)), *rest)))
    print(f"{record['files']} files, {record['bytes'] / 1e6:.1f} MB in {to}")
    print(f"sha256 of names and sizes: {record['names_and_sizes']}")
