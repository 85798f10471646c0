"""`nukki remove`: cut the subject out of a picture, of several, or of a folder of them."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import add_options, options_from, positive
from nukki.cli.network import add_fetching
from nukki.cli.report import DONE, FAILED, NOTHING, ReportFile, complaint, exit_code_of, say
from nukki.errors import InputError, OutputError
from nukki.pipelines.options import OutputOptions, ReadOptions, RemoveOptions, RunOptions

if TYPE_CHECKING:
    from nukki.batch.outcome import Outcome, Tally
    from nukki.batch.plan import Item, Plan
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
    command.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="files, folders, or - for standard input"
    )
    files = command.add_argument_group("files")
    files.add_argument("-o", "--output", metavar="OUT", help="a file, a folder, or -")
    files.add_argument("--mask", action="store_true", help="write the alpha as a grey picture")
    existing = files.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that are there")
    existing.add_argument("--resume", action="store_true", help="pass over finished results")
    files.add_argument(
        "--allow-empty", action="store_true", help="write a result where nothing was found, too"
    )
    files.add_argument("--dry-run", action="store_true", help="only print what would be written")
    files.add_argument("--report", metavar="FILE", help="write a line of JSON a picture to FILE")
    files.add_argument("--json", action="store_true", help="print a line of JSON a picture")
    files.add_argument("--jobs", type=positive, metavar="N", help="pictures at a time (default: 2)")
    for options in (RemoveOptions, OutputOptions, ReadOptions, RunOptions):
        add_options(command, options)
    models = command.add_argument_group("fetching the network")
    add_fetching(models)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything about a run but the pictures; `behind` is the background, read once."""

    remove: RemoveOptions
    output: OutputOptions
    read: ReadOptions
    run: RunOptions
    mask: bool = False
    overwrite: bool = False
    resume: bool = False
    allow_empty: bool = False
    accept_licence: bool = False
    behind: Background | None = None

    def standing(self, item: Item) -> Outcome | None:
        """The outcome of an item whose result is there already; None where it is to be done."""
        from nukki.batch.outcome import Outcome

        target = item.target
        if target is None or self.overwrite or not (target.exists() or target.is_symlink()):
            return None
        if self.resume:
            return Outcome(
                input=item.input, output=item.output, outcome="skipped", reason="finished before"
            )
        return Outcome(
            input=item.input,
            output=item.output,
            outcome="exists",
            reason=f"`{target}` is there already",
            hint="give --overwrite to replace it, or --resume to pass over finished results",
        )

    def work(self, item: Item) -> Outcome:
        """Read, cut out and write one picture.

        Raises:
            NukkiError: Whatever goes wrong.
        """
        from nukki import api
        from nukki.batch.outcome import Outcome
        from nukki.cli.network import loading

        standing = self.standing(item)
        if standing is not None:
            return standing
        start = perf_counter()
        source = sys.stdin.buffer.read() if item.source is None else item.source
        cut = api.remove(
            source,
            **asdict(self.remove) | {"background": self.behind},
            **asdict(self.read),
            **loading(self.run),
            accept_licence=self.accept_licence,
        )
        written = cut.found or self.allow_empty
        if written:
            self._write(cut, item.target)
        return Outcome(
            input=item.input,
            output=item.output if written else None,
            outcome="done" if cut.found else "nothing found",
            confidence=cut.confidence,
            seconds=perf_counter() - start,
            reason=None if cut.found else "no subject was found",
            notes=cut.picture.notes,
            road=cut.road,
            why=cut.reason or None,
        )

    def _write(self, cut: Cutout, target: Path | None) -> None:
        how: dict[str, Any] = {
            "mask": self.mask,
            "png": self.output.png,
            "quality": self.output.quality,
            "lossless": self.output.lossless,
        }
        if target is None:
            sys.stdout.buffer.write(cut.encode(self.output.format or "png", **how))
            sys.stdout.buffer.flush()
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_folder(target.parent, error) from error
        cut.save(target, self.output.format, **how)


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    job = Job(
        remove=options_from(args, RemoveOptions),
        output=options_from(args, OutputOptions),
        read=options_from(args, ReadOptions),
        run=options_from(args, RunOptions),
        mask=args.mask,
        overwrite=args.overwrite,
        resume=args.resume,
        allow_empty=args.allow_empty,
        accept_licence=args.accept_licence,
    )
    from nukki.batch.plan import plan

    planned = plan(args.inputs, args.output, ending=_ending(job))
    _check(planned, job, args)
    if args.dry_run:
        return _print_plan(planned, job, as_json=args.json)
    if planned.items:
        _prepare(planned, job, args)
        job = replace(job, behind=_behind(job.remove.background))
    return _run(planned, job, args)


def _ending(job: Job) -> str:
    suffix = {"jpeg": ".jpg"}.get(job.output.format or "png", f".{job.output.format or 'png'}")
    return f"-mask{suffix}" if job.mask else suffix


def _check(planned: Plan, job: Job, args: argparse.Namespace) -> None:
    """Refuse what cannot end well, before any work is done."""
    from nukki.io.encode import format_of, supports_alpha

    piped = any(item.target is None for item in planned.items)
    if piped and args.json:
        message = "`--json` and the picture both go to standard output"
        raise InputError(message, hint="give -o FILE, or --report FILE instead of --json")
    if piped and not args.dry_run and sys.stdout.isatty():
        message = "a picture would be written to the terminal"
        raise InputError(message, hint="send it on: nukki remove … > cut.png, or give -o FILE")
    name = job.output.format or "png"
    if planned.single and (target := planned.items[0].target) is not None:
        name = format_of(target, job.output.format)
    if not supports_alpha(name) and job.remove.background is None and not job.mask:
        message = f"{name.upper()} has no transparency, and there is no background"
        raise InputError(message, hint="add --background white, or write PNG, WebP or AVIF")
    if planned.single and not job.resume and not args.dry_run:
        standing = job.standing(planned.items[0])
        if standing is not None:
            message = standing.reason or ""
            raise InputError(message, hint="give --overwrite to replace it, or -o another name")
    report = None if args.report is None else Path(args.report).absolute()
    if report is not None and any(
        path is not None and path.absolute() == report
        for item in planned.items
        for path in (item.source, item.target)
    ):
        message = f"`{args.report}` is a picture or a result, and would be the report too"
        raise InputError(message, hint="give --report another name")


def _print_plan(planned: Plan, job: Job, *, as_json: bool) -> int:
    for item in planned.items:
        standing = job.standing(item)
        word = "planned" if standing is None else standing.outcome
        if as_json:
            record = {"input": item.input, "output": item.output, "outcome": word}
            print(json.dumps(record))
        else:
            notes = {"planned": "", "exists": "  (exists)", "skipped": "  (finished before)"}
            print(f"{item.input} -> {item.output}{notes[word]}")
    if planned.skipped:
        say(f"{len(planned.skipped)} passed over")
    for refusal in planned.unreadable:
        say(f"error: `{refusal.path}`: {refusal.reason}")
    if planned.unreadable:
        return FAILED
    return DONE if planned.items else NOTHING


def _prepare(planned: Plan, job: Job, args: argparse.Namespace) -> None:
    """Have the network and the output folder ready, so that they fail once, not often.

    Raises:
        UnknownModel, FetchError, ProviderError, CardError: As loading the network does.
        OutputError: If the output folder cannot be made.
    """
    from nukki.cli.network import ready
    from nukki.loading import finder_name
    from nukki.pipelines.segment import check_choices, check_finder
    from nukki.types import ClassSpec
    from nukki.zoo.catalog import card_for
    from nukki.zoo.labels import labels_of

    terms = {
        "accept_licence": args.accept_licence,
        "offline": args.offline,
        "quiet": args.quiet,
    }
    if job.remove.matting is not None:
        ready(job.remove.matting, task="matting", run=job.run, **terms)
    ready(job.remove.model, card=job.remove.card, run=job.run, **terms)
    if job.remove.subject not in ("auto", "salient") or job.remove.instances != "default":
        name, its_card = finder_name(job.remove.instances)
        found, _ = card_for(name, its_card)
        check_finder(found)
        if job.remove.subject not in ("auto", "salient"):
            labels = labels_of(found.classes or ClassSpec(()))
            check_choices(job.remove.subject, None, labels, option="subject")
        ready(name, task=found.task, card=its_card, run=job.run, **terms)
    if planned.folder is not None:
        try:
            planned.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_folder(planned.folder, error) from error


def _behind(word: str | None) -> Background | None:
    """The background that a word names, read before the first picture."""
    if word is None:
        return None
    from nukki.pipelines.backgrounds import background_of

    return background_of(word)


def _no_folder(folder: Path, error: OSError) -> OutputError:
    message = f"the folder `{folder}` cannot be made: {error.strerror or error}"
    return OutputError(message, hint="give -o a folder that can be written")


def _run(planned: Plan, job: Job, args: argparse.Namespace) -> int:
    from nukki.batch.outcome import Tally
    from nukki.cli.progress import Progress

    start = perf_counter()
    tally = Tally()
    with contextlib.ExitStack() as stack:
        report = None
        if args.report is not None:
            report = ReportFile(Path(args.report), append=args.resume, overwrite=args.overwrite)
            stack.callback(report.close)
        progress = stack.enter_context(Progress(len(planned.items), quiet=args.quiet))
        outcomes = stack.enter_context(contextlib.closing(_outcomes(planned, job, args.jobs)))
        for outcome in outcomes:
            tally.add(outcome)
            progress.advance()
            if report is not None:
                report.write(outcome)
            if args.json:
                print(outcome.json(), flush=True)
            _tell(outcome, progress.say, single=planned.single, args=args)
    _sum_up(planned, tally, perf_counter() - start, args)
    return exit_code_of(tally, allow_empty=job.allow_empty)


def _outcomes(planned: Plan, job: Job, jobs: int | None) -> Generator[Outcome]:
    from nukki.batch.local import run
    from nukki.batch.outcome import failure

    for refusal in planned.unreadable:
        yield failure(str(refusal.path), InputError(refusal.reason))
    workers = min(jobs or 2, max(1, len(planned.items)))
    yield from run(planned.items, job.work, jobs=workers)


def _tell(outcome: Outcome, tell: Any, *, single: bool, args: argparse.Namespace) -> None:
    """Say about one picture what a person wants to know."""
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
        why = f"; {outcome.why}" if outcome.why else ""
        tell(f"nothing found in `{outcome.input}` (confidence {outcome.confidence:.2f}{why})")
    elif single and outcome.outcome == "done":
        road = f"; {outcome.road}: {outcome.why}" if outcome.why else ""
        tell(f"{outcome.input} -> {outcome.output}  ({outcome.seconds:.2f} s{road})")
    elif single and outcome.outcome == "skipped":
        tell(f"{outcome.output} was finished before")


def _sum_up(planned: Plan, tally: Tally, seconds: float, args: argparse.Namespace) -> None:
    if args.quiet or planned.single:
        return
    if not tally.total:
        say(f"no pictures in {', '.join(f'`{word}`' for word in args.inputs)}")
        return
    over = f"; {len(planned.skipped)} files passed over" if planned.skipped else ""
    say(f"{tally} in {seconds:.1f} s{over}")
