"""`nukki remove`: cut the subject out of a picture, of several, or of a folder of them."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli import cutting
from nukki.cli.arguments import add_options, options_from
from nukki.cli.network import add_fetching, loading
from nukki.errors import InputError
from nukki.pipelines.options import OutputOptions, ReadOptions, RemoveOptions, RunOptions

if TYPE_CHECKING:
    from nukki.batch.plan import Plan
    from nukki.pipelines.backgrounds import Background
    from nukki.pipelines.results import Cutout

__all__ = ["add", "handle"]

_EPILOG = """\
where results go:
  a.jpg                  a.png beside it; a.png gives a-cut.png, --mask gives a-mask.png
  a.jpg -o b.webp        that file; the ending names the format
  a.jpg b.jpg -o out/    that folder (without -o: each beside its picture)
  photos/ -o out/        that folder, with the folders of photos/ (without -o: photos-cut/)
  -                      from standard input to standard output, or to -o FILE
  a.jpg and a.png in one folder become a.jpg.png and a.png.png. Hidden files, files that are no
  pictures and links to folders are passed over inside a folder.

what happens to files that are there:
  Nothing is replaced without --overwrite, and never a picture that is read. --resume passes over
  results that are there: a file is written under another name and renamed when it is whole.

exit codes:
  0 done; 1 a picture failed (it is missing, no picture, or could not be written; in a folder:
  a file is in the way); 2 wrong usage; 3 nothing found in any picture, or a folder without
  pictures (with --allow-empty an empty result is written, and counts as done); 130 interrupted
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "remove",
        help="cut the subject out",
        usage="nukki remove INPUT… [-o OUT] [options]",
        description="Cut the subject out of pictures: RGBA with straight alpha and clean edges.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    files = cutting.add_files(command)
    files.add_argument("--mask", action="store_true", help="write the alpha as a grey picture")
    files.add_argument(
        "--plate", metavar="FILE", help="write what is behind the subject, too; of a single picture"
    )
    for options in (RemoveOptions, OutputOptions, ReadOptions, RunOptions):
        add_options(command, options)
    models = command.add_argument_group("fetching the network")
    add_fetching(models)


@dataclass(frozen=True, kw_only=True)
class Job(cutting.Job["Cutout"]):
    """Everything about a run but the pictures.

    Attributes:
        mask: Whether the alpha is written instead.
        behind: The background, read once.
        plate: Where the photo without its subject goes.
    """

    mask: bool = False
    behind: Background | None = None
    plate: Path | None = None

    def make(self, source: bytes | Path) -> Cutout:
        """Cut a picture out."""
        from nukki import api

        return api.remove(
            source,
            **asdict(self.remove) | {"background": self.behind},
            **asdict(self.read),
            **loading(self.run),
            accept_licence=self.accept_licence,
        )

    def write(self, made: Cutout, target: Path | None) -> None:
        """Write the cut-out or its mask, after the plate: a finished result has it."""
        if self.plate is not None and made.found:
            from nukki import api

            behind = api.plate(made, **loading(self.run), accept_licence=self.accept_licence)
            cutting.write_out(behind, self.plate, None)
        how: dict[str, Any] = {
            "mask": self.mask,
            "png": self.output.png,
            "quality": self.output.quality,
            "lossless": self.output.lossless,
        }
        cutting.write_out(made, target, self.output.format, **how)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    job = Job(
        remove=options_from(args, RemoveOptions),
        output=options_from(args, OutputOptions),
        read=options_from(args, ReadOptions),
        run=options_from(args, RunOptions),
        mask=args.mask,
        plate=None if args.plate is None else Path(args.plate),
        overwrite=args.overwrite,
        resume=args.resume,
        allow_empty=args.allow_empty,
        accept_licence=args.accept_licence,
    )
    from nukki.batch.plan import plan

    planned = plan(args.inputs, args.output, ending=_ending(job))
    _check(planned, job, args)
    if args.dry_run:
        return cutting.print_plan(planned, job, as_json=args.json)
    if planned.items:
        cutting.ready_networks(job, args)
        if planned.folder is not None:
            cutting.make_folder(planned.folder)
        job = replace(job, behind=_behind(job.remove.background))
    return cutting.run(planned, job, args)


def _ending(job: Job) -> str:
    suffix = {"jpeg": ".jpg"}.get(job.output.format or "png", f".{job.output.format or 'png'}")
    return f"-mask{suffix}" if job.mask else suffix


def _check(planned: Plan, job: Job, args: argparse.Namespace) -> None:
    """Refuse what cannot end well, before any work is done."""
    from nukki.io.encode import format_of, supports_alpha

    cutting.check_pipe(planned, args)
    name = job.output.format or "png"
    if planned.single and (target := planned.items[0].target) is not None:
        name = format_of(target, job.output.format)
    nothing = job.remove.background in (None, "transparent")
    if not supports_alpha(name) and nothing and not job.mask:
        message = f"{name.upper()} has no transparency, and there is no background"
        raise InputError(message, hint="add --background white, or write PNG, WebP or AVIF")
    cutting.check_standing(planned, job, args)
    cutting.check_report(planned, args)
    cutting.check_trimap(planned, job, job.plate)
    _check_plate(planned, job)


def _check_plate(planned: Plan, job: Job) -> None:
    """Refuse a plate that is of several pictures, or in the way."""
    from nukki.cli.target import check_file
    from nukki.io.encode import format_of

    if job.plate is None:
        return
    if not planned.single:
        message = "`--plate` is of a single picture"
        raise InputError(message, hint="give one picture, or `nukki erase` a folder")
    item = planned.items[0]
    format_of(job.plate, None)
    check_file(job.plate, sources=(item.input,), overwrite=job.overwrite or job.resume)
    if item.target is not None and item.target.absolute() == job.plate.absolute():
        message = f"`{job.plate}` would be two results at once"
        raise InputError(message, hint="give the plate a name of its own")


def _behind(word: str | None) -> Background | None:
    """The background that a word names, read before the first picture."""
    if word is None:
        return None
    from nukki.pipelines.backgrounds import background_of

    return background_of(word)
