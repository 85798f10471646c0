"""`nukki erase`: people and things are taken out of photos, and the holes are filled."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nukki.batch.outcome import Outcome
from nukki.cli import cutting
from nukki.cli.arguments import add_options, options_from, positive
from nukki.cli.gone import Gone, answer
from nukki.cli.network import add_fetching, loading, ready_to_erase
from nukki.cli.report import DONE, NOTHING, ReportFile, say
from nukki.cli.target import check_file
from nukki.errors import InputError, NothingFound
from nukki.pipelines.erase_options import GoOptions
from nukki.pipelines.options import EraseOptions, OutputOptions, ReadOptions, RunOptions

if TYPE_CHECKING:
    from nukki.batch.plan import Item, Plan
    from nukki.io.images import Picture
    from nukki.pipelines.eraser import Plan as Going
    from nukki.pipelines.results import Erased
    from nukki.types import Mask

__all__ = ["add", "handle"]

_EPILOG = """\
Give --what, or else --mask. --what and --except take the words of docs/choosing.md: people, main,
2,3, dog,ball, left person, at:640,360, …; `nukki segment PHOTO -o numbered.png` shows the numbers.
People take along what they hold and ride, things their shadows where these are sure; who is
excepted keeps every pixel. A mask has the photo's size: white goes, black stays (of a cut-out:
what is there goes), and --grow pixels around it.

Outside the hole every pixel stays as it was, bit by bit; size, depth, colour profile and EXIF stay
too. Formats with loss (JPEG) round all pixels again when they are written: PNG and TIFF do not.

files:
  a.jpg -o b.png         that file; - for standard output (default with - for standard input)
  photos/ -o clean/      that folder, with the folders of photos/, as PNG or --format
  --preview p.png        the photo with what would go, and nothing is filled: red goes, blue is a
                         shadow, yellow may be one and stays
  --save-mask m.png      white is every pixel that was touched; of a single photo
  Nothing is replaced without --overwrite, and never a photo that is read; --resume passes over
  results that are there.

exit codes:
  0 done; 1 a network failed or could not be had, a photo is larger than --max-pixels, a result
  could not be written, or a photo of several failed; 2 wrong usage, a picture that is none, a mask
  that does not fit; 3 nothing is what goes (in any photo), or the mask is empty: no file is
  written; 130 interrupted
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "erase",
        help="take people or things out, fill the holes",
        usage="nukki erase INPUT… --what WHAT [--except WHAT] -o OUT [options]\n"
        "       nukki erase INPUT… --mask MASK -o OUT [options]\n"
        "       nukki erase INPUT --what WHAT --preview FILE [options]",
        description="Take people or things out of photos, and fill the holes.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    command.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="files, folders, or - for standard input"
    )
    files = command.add_argument_group("files")
    files.add_argument("--mask", metavar="MASK", help="a picture: white goes")
    files.add_argument("-o", "--output", metavar="OUT", help="a file, a folder, or -")
    files.add_argument("--preview", metavar="FILE", help="only draw what would go")
    files.add_argument("--save-mask", metavar="FILE", help="write the pixels that were touched")
    existing = files.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that are there")
    existing.add_argument("--resume", action="store_true", help="pass over finished results")
    files.add_argument("--dry-run", action="store_true", help="only print what would be written")
    files.add_argument("--report", metavar="FILE", help="write a line of JSON a photo to FILE")
    files.add_argument("--json", action="store_true", help="print a line of JSON a photo")
    files.add_argument("--jobs", type=positive, metavar="N", help="photos at a time (default: 1)")
    for options in (GoOptions, EraseOptions, OutputOptions, ReadOptions, RunOptions):
        add_options(command, options)
    models = command.add_argument_group("fetching the networks")
    add_fetching(models)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything about a run but the photos.

    Attributes:
        mask: What goes; None where that is chosen.
        preview: Where what would go is drawn; then nothing is filled.
        save_mask: Where the touched pixels are written.
    """

    go: GoOptions
    fill: EraseOptions
    output: OutputOptions
    read: ReadOptions
    run: RunOptions
    mask: Mask | None = None
    preview: Path | None = None
    save_mask: Path | None = None
    overwrite: bool = False
    resume: bool = False
    allow_empty: bool = False
    accept_licence: bool = False

    def standing(self, item: Item) -> Outcome | None:
        """The outcome of an item whose result is there already; None where it is to be done."""
        return cutting.standing(item, overwrite=self.overwrite, resume=self.resume)

    def work(self, item: Item) -> Outcome:
        """Erase from one photo, and write what came of it.

        Raises:
            NukkiError: Whatever goes wrong; that nothing goes is an outcome.
        """
        there = self.standing(item)
        if there is not None:
            return there
        start = perf_counter()
        try:
            return replace(self._made(item), seconds=perf_counter() - start)
        except NothingFound as error:
            return Outcome(
                input=item.input,
                output=None,
                outcome="nothing found",
                seconds=perf_counter() - start,
                reason=error.message,
                hint=error.hint,
            )

    def _made(self, item: Item) -> Gone:
        from nukki import api

        source = sys.stdin.buffer.read() if item.source is None else item.source
        picture = api.read(source, **asdict(self.read))
        wish = asdict(self.go)
        call: dict[str, Any] = {
            "what": wish.pop("what"),
            "except_": wish.pop("except_"),
            "mask": self.mask,
            **wish,
            **loading(self.run),
            "accept_licence": self.accept_licence,
        }
        if self.preview is not None:
            plan = api.what_goes(picture, **call)
            self._write_mask(plan.going.hole, picture)
            cutting.write_out(plan.preview(), self.preview, None)
            return self._gone(item, plan, str(self.preview))
        self._check_kind(picture, item.target)
        made = api.erase(picture, **call, **asdict(self.fill))
        self._write_mask(made.hole, picture)
        how = {"quality": self.output.quality, "lossless": self.output.lossless}
        cutting.write_out(made, item.target, self.output.format, png=self.output.png, **how)
        return self._gone(item, made, item.output)

    def _gone(self, item: Item, made: Erased | Going, output: str) -> Gone:
        notes, record = answer(made)
        if self.save_mask is not None:
            record["mask"] = str(self.save_mask)
        return Gone(input=item.input, output=output, outcome="done", notes=notes, answer=record)

    def _check_kind(self, picture: Picture, target: Path | None) -> None:
        """Refuse a format that cannot hold the photo's transparency."""
        from nukki.io.encode import format_of, supports_alpha

        kind = self.output.format or "png"
        if target is not None:
            kind = format_of(target, self.output.format)
        if picture.alpha is not None and not supports_alpha(kind):
            message = f"{kind.upper()} has no transparency, and the photo has"
            raise InputError(message, hint="write PNG, WebP, AVIF or TIFF")

    def _write_mask(self, hole: Mask, picture: Picture) -> None:
        import numpy as np

        from nukki.io.encode import encode, format_of
        from nukki.io.files import write

        if self.save_mask is not None:
            grey = hole.astype(np.uint8) * np.uint8(255)
            kind = format_of(self.save_mask, None)
            write(self.save_mask, encode(grey, kind, dpi=picture.dpi))


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    job = Job(
        go=options_from(args, GoOptions),
        fill=options_from(args, EraseOptions),
        output=options_from(args, OutputOptions),
        read=options_from(args, ReadOptions),
        run=options_from(args, RunOptions),
        preview=None if args.preview is None else Path(args.preview),
        save_mask=None if args.save_mask is None else Path(args.save_mask),
        overwrite=args.overwrite,
        resume=args.resume,
        accept_licence=args.accept_licence,
    )
    _check_words(job, args)
    planned = _planned(job, args)
    _check_files(planned, job, args)
    if args.dry_run:
        return cutting.print_plan(planned, job, as_json=args.json)
    if planned.items:
        if args.mask is not None:
            job = replace(job, mask=_mask(args.mask, job))
        _ready(job, args)
        if planned.folder is not None:
            cutting.make_folder(planned.folder)
    if planned.single:
        return _single(planned.items[0], job, args)
    args.jobs = args.jobs or 1  # a filling takes all cores and much memory
    return cutting.run(planned, job, args)


def _check_words(job: Job, args: argparse.Namespace) -> None:
    """Refuse what does not go together."""
    if (job.go.what is None) == (args.mask is None):
        message = "`--what` goes, or else what `--mask` marks: give one of them"
        raise InputError(message, hint="see nukki erase --help")
    if args.output is None and args.inputs != ["-"] and job.preview is None:
        message = "`-o` must say where the result goes"
        raise InputError(message, hint="give -o FILE, or -o - for standard output")
    if args.output is not None and job.preview is not None:
        message = "`--preview` fills nothing, so there is nothing to write to `-o`"
        raise InputError(message, hint="leave out one of them")


def _planned(job: Job, args: argparse.Namespace) -> Plan:
    from nukki.batch.plan import plan, sources

    if job.preview is not None:
        return sources(args.inputs)
    name = job.output.format or "png"
    return plan(args.inputs, args.output, ending={"jpeg": ".jpg"}.get(name, f".{name}"))


def _check_files(planned: Plan, job: Job, args: argparse.Namespace) -> None:
    """Refuse files that are in the way, before any work is done."""
    from nukki.io.encode import format_of

    apart = [path for path in (job.preview, job.save_mask) if path is not None]
    if apart and not planned.single:
        message = "`--preview` and `--save-mask` are of a single photo"
        raise InputError(message, hint="give one photo")
    read = (*(item.input for item in planned.items), *([args.mask] if args.mask else []))
    target = planned.items[0].target if planned.single else None
    for path in [*apart, *([] if target is None else [target])]:
        format_of(path, job.output.format if path == target else None)
        check_file(path, sources=read, overwrite=args.overwrite or args.resume)
    names = [path.absolute() for path in (*apart, target) if path is not None]
    if len(set(names)) < len(names):
        message = f"`{names[-1]}` would be two results at once"
        raise InputError(message, hint="give each result a name of its own")
    if job.preview is None:
        cutting.check_pipe(planned, args)
    cutting.check_report(planned, args)


def _mask(word: str, job: Job) -> Mask:
    from nukki.io.masks import read_mask
    from nukki.pipelines.erase import WHITE

    return read_mask(word, max_pixels=job.read.max_pixels, white=WHITE)


def _ready(job: Job, args: argparse.Namespace) -> None:
    """Have the networks ready."""
    ready_to_erase(
        job.go,
        [] if job.preview is not None else [(job.fill.fill, job.fill.card)],
        run=job.run,
        accept_licence=args.accept_licence,
        offline=args.offline,
        quiet=args.quiet,
    )


def _single(item: Item, job: Job, args: argparse.Namespace) -> int:
    """One photo, whose faults end the command as they are."""
    report = None
    if args.report is not None:
        report = ReportFile(Path(args.report), append=args.resume, overwrite=args.overwrite)
    try:
        outcome = job.work(item)
        if report is not None:
            report.write(outcome)
    finally:
        if report is not None:
            report.close()
    if args.json:
        print(outcome.json())
    if outcome.outcome == "nothing found":
        say(f"error: {outcome.reason}\nhint: {outcome.hint}")
        return NOTHING
    if not args.quiet:
        for note in outcome.notes:
            say(f"note: `{item.input}`: {note}")
        if isinstance(outcome, Gone):
            for line in outcome.lines:
                say(line)
        word = "was finished before" if outcome.outcome == "skipped" else ""
        say(f"{outcome.output} {word}" if word else f"{item.input} -> {outcome.output}")
    return DONE
