"""`nukki convert`: an official checkpoint becomes an ONNX file that computes the same."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.report import DONE, say
from nukki.errors import MissingExtra, pip_line

if TYPE_CHECKING:
    from nukki.convert import Conversion
    from nukki.zoo.cards import ModelCard

__all__ = ["NAMES", "add", "made", "ready"]

# As in `nets.registry`, which is not imported here because it loads torch; a test compares them.
NAMES = (
    "u2net",
    "u2netp",
    "isnet",
    "deeplabv3_resnet101",
    "detectron2_maskrcnn",
    "torchvision_maskrcnn",
    "indexnet_official",
    "indexnet_mmedit",
    "deepfillv2",
    "aotgan",
    "aotgan_mmagic",
    "lama",
    "modnet",
    "birefnet_swin_v1_t",
    "mask2former-swin-t",
    "mask2former-swin-s",
    "mask2former-swin-b",
    "mask2former-swin-l",
    "vitmatte-s",
    "vitmatte-b",
    "sam-vit-b",
)

_EPILOG = """\
The checkpoint may be the publisher's .pth, .pt, .ckpt, .pth.tar, .pkl or .safetensors file, a
TorchScript archive, or a zip with one of these in it. Nothing that it names is run.

The file is compared with PyTorch on random bytes and on a photo, at two sizes, and is written only
if it agrees; what was measured stands on its card, which lies beside it:
  nukki remove photo.jpg --model u2net.onnx --card u2net.toml

names:
  {}
"""


def add(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    rows = [NAMES[start : start + 4] for start in range(0, len(NAMES), 4)]
    command = subparsers.add_parser(
        "convert",
        help="make an ONNX file of an official checkpoint",
        description="Convert an official PyTorch checkpoint into an ONNX file with its card.",
        epilog=_EPILOG.format("\n  ".join("  ".join(row) for row in rows)),
    )
    command.set_defaults(handler=convert)
    command.add_argument("checkpoint", metavar="CHECKPOINT", help="the publisher's file")
    command.add_argument(
        "--as", required=True, dest="name", metavar="NAME", help="whose it is: see below"
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the .onnx file to write (default: beside the checkpoint, with its name)",
    )
    command.add_argument(
        "--half", action="store_true", help="store the weights as float16: half the size"
    )
    command.add_argument(
        "--check", metavar="PHOTO", help="compare on this photo (default: one that is made up)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace files that are there")
    command.add_argument("--json", action="store_true", help="print what was measured")


def convert(args: argparse.Namespace) -> int:
    """`convert`."""
    converting = _converting()
    quiet = getattr(args, "quiet", False)
    checkpoint = Path(args.checkpoint)
    done = converting.convert(
        checkpoint,
        args.name,
        converting.target_of(checkpoint) if args.output is None else Path(args.output),
        half=args.half,
        photo=_photo(args.check),
        overwrite=args.overwrite,
        tell=_silent if quiet else say,
    )
    if not quiet:
        _tell(done)
    print(_as_json(done) if args.json else "\n".join(str(made.path) for made in done.files))
    return DONE


def ready(name: str) -> None:
    """Refuse a conversion that could not be finished.

    Args:
        name: Whose checkpoint it would be of.

    Raises:
        MissingExtra: If a package is missing.
        UnknownModel: If there is no network of that name.
    """
    _converting().check(name)


def made(card: ModelCard, checkpoint: Path, *, quiet: bool) -> Path:
    """The graph of a network whose card names a checkpoint, in the folder of its files.

    Args:
        card: Its first file is the checkpoint.
        checkpoint: That file.
        quiet: Whether nothing is said.

    Raises:
        NukkiError: As `nukki.convert.convert`.
    """
    from nukki.zoo import fetch, store

    done = _converting().convert(
        checkpoint,
        card.convert,
        store.folder(card) / f"{card.name}.onnx",
        with_card=False,
        overwrite=True,
        tell=_silent if quiet else say,
    )
    if not quiet:
        _tell(done)
    return fetch.ensure(card)


def _converting() -> Any:
    """The module that converts; it is imported here because it needs torch.

    Raises:
        MissingExtra: If torch is not installed.
    """
    try:
        import nukki.convert as converting
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("torch", "onnx", "onnxscript"):
            raise
        message = f"converting needs the package {package}, which is not installed"
        raise MissingExtra(message, hint=pip_line("convert")) from error
    return converting


def _photo(path: str | None) -> Any:
    if path is None:
        return None
    from nukki import api

    return api.read(path).rgb8()


def _silent(_: str) -> None:
    """Says nothing."""


def _tell(done: Conversion) -> None:
    memory = ""
    if done.peak_bytes is not None:
        memory = f", {done.peak_bytes / 1e9:.1f} GB of memory at most"
    size = f"{done.size_bytes / 1e6:.1f} MB"
    card = f"; its card {done.card}" if done.card else ""
    paths = " and ".join(str(made.path) for made in done.files)
    say(f"wrote {paths}: {size} in {done.seconds:.0f} s{memory}{card}")


def _as_json(done: Conversion) -> str:
    values = asdict(done)
    return json.dumps(values, indent=2, ensure_ascii=False, default=str)
