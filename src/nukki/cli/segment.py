"""`nukki segment`: the people and objects of photos, listed, numbered, and written one by one."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import add_options, options_from, positive
from nukki.cli.network import add_fetching
from nukki.cli.report import DONE, FAILED, NOTHING, ReportFile, complaint, exit_code_of, say
from nukki.errors import InputError
from nukki.pipelines.options import ReadOptions, RunOptions, SegmentOptions

if TYPE_CHECKING:
    from nukki.batch.outcome import Outcome, Tally
    from nukki.batch.plan import Plan
    from nukki.cli.things import Job, Photo

__all__ = ["add", "handle"]

_EPILOG = """\
Standard output gets a line a thing: number, label, score, box (left,top,right,bottom) and share of
the photo; of several photos the photo's name in front. Numbers are the same whatever --what asks
for: the surest thing is 1. --what and --except take the words of docs/choosing.md: all, people,
person,dog, 2-4, main, largest, left person, score>.8, area>1%, at:640,360, box:10,20,200,400, …

files:
  a.jpg -o b.png         the photo with what is listed tinted, outlined and numbered; - for
                         standard output (the list is left out then)
  --masks M --layers L   M/a-1-person.png and L/a-1-person.png, …: one mask (grey) and one cut-out
                         (RGBA), each of the photo's size, a thing
  --labels l.png         a map of numbers: 0 is background, else the thing's; 16 bit beyond 255
  --coco c.json          COCO's results format: one file for all photos; image_id is the number that
                         every name is (000000001234.jpg), else 1, 2, 3, … in the order of the list
  Of several photos or a folder -o, --masks, --layers and --labels are folders, which get the
  folders of what is read: a-numbered.png, a-1-person.png, a-labels.png.
  Nothing is replaced without --overwrite, and never a photo that is read. --resume passes over
  photos whose -o and --labels are there: these are written last.

exit codes:
  0 done; 1 a photo or a file failed; 2 wrong usage, a choice that cannot be read, a number that no
  thing has; 3 nothing of what was asked for (in any photo); 130 interrupted
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "segment",
        help="people and objects of a photo",
        usage="nukki segment INPUT… --instances NAME [-o NUMBERED] [options]",
        description="Tell the people and objects of photos apart.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    command.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="files, folders, or - for standard input"
    )
    files = command.add_argument_group("files")
    files.add_argument("-o", "--output", metavar="OUT", help="write the numbered photo")
    files.add_argument("--masks", metavar="DIR", help="write a mask a thing")
    files.add_argument("--layers", metavar="DIR", help="write a cut-out a thing")
    files.add_argument("--labels", metavar="OUT", help="write a map of the numbers (PNG)")
    files.add_argument("--coco", metavar="FILE", help="write COCO's results format")
    existing = files.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that are there")
    existing.add_argument("--resume", action="store_true", help="pass over finished photos")
    files.add_argument("--dry-run", action="store_true", help="only print what would be read")
    files.add_argument("--report", metavar="FILE", help="write a line of JSON a photo to FILE")
    files.add_argument("--json", action="store_true", help="print a line of JSON a photo")
    files.add_argument("--jobs", type=positive, metavar="N", help="photos at a time (default: 2)")
    for options in (SegmentOptions, ReadOptions, RunOptions):
        add_options(command, options)
    models = command.add_argument_group("fetching the network")
    add_fetching(models)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    from nukki.cli.things import Job, photos

    job = Job(
        segment=options_from(args, SegmentOptions),
        read=options_from(args, ReadOptions),
        run=options_from(args, RunOptions),
        coco=args.coco is not None,
        piped=args.output == "-",
        overwrite=args.overwrite,
        resume=args.resume,
        accept_licence=args.accept_licence,
    )
    planned, listed = photos(
        args.inputs, output=args.output, labels=args.labels, masks=args.masks, layers=args.layers
    )
    _check(planned, listed, job, args)
    read = (photo.source for photo in listed)
    job = replace(job, sources=frozenset(path.resolve() for path in read if path is not None))
    if args.dry_run:
        return _print_plan(planned, listed, job)
    if listed:
        _prepare(job, args)
    return _run(planned, listed, job, args)


def _check(planned: Plan, listed: tuple[Photo, ...], job: Job, args: argparse.Namespace) -> None:
    """Refuse what cannot end well, before any work is done."""
    from nukki.cli.target import check_file, check_pipe
    from nukki.io.encode import format_of

    if job.piped and not args.dry_run:
        check_pipe("segment", as_json=args.json)
    if args.resume and (args.coco is not None or not (args.output or args.labels)):
        message = "`--resume` needs files that say which photos are finished"
        hint = "give -o or --labels a folder, and leave out --coco, which is one file for all"
        raise InputError(message, hint=hint)
    sources = tuple(photo.input for photo in listed)
    if planned.single:
        for path in listed[0].single:
            format_of(path, None)
            check_file(path, sources=sources, overwrite=args.overwrite or args.resume)
    if any(photo.labels is not None and photo.labels.suffix != ".png" for photo in listed):
        message = f"`{args.labels}` must be a PNG: numbers do not survive other formats"
        raise InputError(message, hint="give --labels a name that ends in .png")
    if args.coco is not None:
        check_file(Path(args.coco), sources=sources, overwrite=args.overwrite)
    _check_apart(listed, args)


def _check_apart(listed: tuple[Photo, ...], args: argparse.Namespace) -> None:
    """Refuse two results of one name."""
    words = [word for word in (args.report, args.coco) if word is not None]
    paths = [Path(word).absolute() for word in words]
    for photo in listed:
        paths += [path.absolute() for path in photo.single]
    double = next((path for path in paths if paths.count(path) > 1), None) if words else None
    if listed and double is None and len(set(listed[0].single)) < len(listed[0].single):
        double = listed[0].single[0]
    if double is not None:
        message = f"`{double}` would be two results at once"
        raise InputError(message, hint="give each result a name of its own")


def _print_plan(planned: Plan, listed: tuple[Photo, ...], job: Job) -> int:
    for photo in listed:
        standing = job.standing(photo)
        note = "" if standing is None else f"  ({standing.reason})"
        files = ", ".join(str(path) for path in photo.single)
        print(f"{photo.input}{' -> ' if files else ''}{files}{note}")
    for refusal in planned.unreadable:
        say(f"error: `{refusal.path}`: {refusal.reason}")
    if planned.unreadable:
        return FAILED
    return DONE if listed else NOTHING


def _prepare(job: Job, args: argparse.Namespace) -> None:
    """Have the network ready and the choices checked against its labels.

    Raises:
        NukkiError: If either is not possible.
    """
    from nukki.cli.network import ready
    from nukki.loading import finder_name
    from nukki.pipelines.coco import categories
    from nukki.pipelines.segment import check_choices, check_finder
    from nukki.types import ClassSpec
    from nukki.zoo.catalog import card_for
    from nukki.zoo.labels import labels_of

    wish = job.segment
    name, its_card = finder_name(wish.instances, wish.card)
    card, _ = card_for(name, its_card)
    check_finder(card)
    labels = labels_of(card.classes or ClassSpec(()))
    check_choices(wish.what, wish.except_, labels)
    if job.coco:
        categories(labels, card.name)
    ready(
        name,
        task=card.task,
        card=its_card,
        run=job.run,
        accept_licence=args.accept_licence,
        offline=args.offline,
        quiet=args.quiet,
    )


def _run(planned: Plan, listed: tuple[Photo, ...], job: Job, args: argparse.Namespace) -> int:
    from nukki.batch.outcome import Tally
    from nukki.cli.progress import Progress
    from nukki.cli.things import Found

    start = perf_counter()
    tally = Tally()
    records: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        report = None
        if args.report is not None:
            report = ReportFile(Path(args.report), append=args.resume, overwrite=args.overwrite)
            stack.callback(report.close)
        progress = stack.enter_context(Progress(len(listed), quiet=args.quiet))
        outcomes = stack.enter_context(
            contextlib.closing(_outcomes(planned, listed, job, args.jobs))
        )
        for outcome in outcomes:
            tally.add(outcome)
            progress.advance()
            if report is not None:
                report.write(outcome)
            if isinstance(outcome, Found):
                records += outcome.coco
            _print(outcome, single=planned.single, args=args)
            _tell(outcome, progress.say, single=planned.single, args=args)
    if records:
        _write_coco(Path(args.coco), records)
    _sum_up(planned, tally, perf_counter() - start, args)
    return exit_code_of(tally)


def _outcomes(
    planned: Plan, listed: tuple[Photo, ...], job: Job, jobs: int | None
) -> Generator[Outcome]:
    from nukki.batch.local import run
    from nukki.batch.outcome import failure

    if planned.single:
        # One photo is the whole wish: what it raises ends the command, with the error's own code.
        yield job.work(listed[0])
        return
    for refusal in planned.unreadable:
        yield failure(str(refusal.path), InputError(refusal.reason))
    yield from run(listed, job.work, jobs=min(jobs or 2, max(1, len(listed))))


def _print(outcome: Outcome, *, single: bool, args: argparse.Namespace) -> None:
    """What goes to standard output, unless the numbered photo does."""
    from nukki.cli.things import Found

    if args.output == "-":
        return
    if args.json:
        print(outcome.json(), flush=True)
    elif isinstance(outcome, Found):
        for line in outcome.lines:
            print(line if single else f"{outcome.input}  {line}")


def _tell(outcome: Outcome, tell: Any, *, single: bool, args: argparse.Namespace) -> None:
    """Say about one photo what a person wants to know."""
    if outcome.error is not None:
        if isinstance(outcome.error.__cause__ or outcome.error, BrokenPipeError):
            raise BrokenPipeError from outcome.error
        tell(complaint(outcome.error, subject=outcome.input, trace=args.traceback))
    elif outcome.outcome == "exists":
        tell(f"error: {outcome.reason}\nhint: {outcome.hint}")
    if args.quiet:
        return
    for note in outcome.notes:
        tell(f"note: `{outcome.input}`: {note}")
    if outcome.outcome == "nothing found":
        tell(f"`{outcome.input}`: {outcome.reason}")
        if single and outcome.hint:
            tell(f"hint: {outcome.hint}")
    elif single and outcome.outcome == "done" and outcome.output is not None:
        tell(f"{outcome.input} -> {outcome.output}  ({outcome.seconds:.2f} s)")
    elif single and outcome.outcome == "skipped":
        tell(f"{outcome.output} was finished before")


def _write_coco(path: Path, records: list[dict[str, Any]]) -> None:
    from nukki.io.files import write

    write(path, json.dumps(records).encode())


def _sum_up(planned: Plan, tally: Tally, seconds: float, args: argparse.Namespace) -> None:
    if args.quiet or planned.single:
        return
    if not tally.total:
        say(f"no pictures in {', '.join(f'`{word}`' for word in args.inputs)}")
        return
    over = f"; {len(planned.skipped)} files passed over" if planned.skipped else ""
    say(f"{tally} in {seconds:.1f} s{over}")
