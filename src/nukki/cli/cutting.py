"""What the commands share that cut a subject out of a picture, of several, or of a folder of them.

A command makes a `Job`, has its files planned by `nukki.batch.plan`, and hands both to `run`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from nukki.cli.arguments import positive
from nukki.cli.report import DONE, FAILED, NOTHING, ReportFile, complaint, exit_code_of, say
from nukki.errors import InputError, OutputError
from nukki.pipelines.options import OutputOptions, ReadOptions, RemoveOptions, RunOptions

if TYPE_CHECKING:
    from nukki.batch.outcome import Outcome, Tally
    from nukki.batch.plan import Item, Plan

__all__ = [
    "Job",
    "Made",
    "Task",
    "add_files",
    "check_pipe",
    "check_report",
    "check_standing",
    "check_trimap",
    "make_folder",
    "print_plan",
    "ready_networks",
    "run",
    "standing",
    "write_out",
]


class Made(Protocol):
    """What came of a picture: a `Cutout`, or anything like it."""

    @property
    def found(self) -> bool:
        """Whether there is a subject."""
        ...

    @property
    def confidence(self) -> float:
        """How sure that is, 0 to 1."""
        ...

    @property
    def road(self) -> str:
        """How it was found."""
        ...

    @property
    def reason(self) -> str:
        """Why by that road."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know."""
        ...

    @property
    def advice(self) -> str:
        """What might do better; mostly empty."""
        ...


M = TypeVar("M", bound=Made)


class Task(Protocol):
    """What is done with each picture: a `Job`, or anything like it."""

    @property
    def resume(self) -> bool:
        """Whether finished results are passed over."""
        ...

    @property
    def allow_empty(self) -> bool:
        """Whether nothing found is no failure."""
        ...

    def standing(self, item: Item) -> Outcome | None:
        """The outcome of an item whose result is there already; None where it is to be done."""
        ...

    def work(self, item: Item) -> Outcome:
        """Read, make and write one picture."""
        ...


def standing(item: Item, *, overwrite: bool, resume: bool) -> Outcome | None:
    """The outcome of an item whose result is there already; None where it is to be done."""
    from nukki.batch.outcome import Outcome

    target = item.target
    if target is None or overwrite or not (target.exists() or target.is_symlink()):
        return None
    if resume:
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


@dataclass(frozen=True, kw_only=True)
class Job(ABC, Generic[M]):
    """Everything about a run but the pictures."""

    remove: RemoveOptions
    output: OutputOptions
    read: ReadOptions
    run: RunOptions
    overwrite: bool = False
    resume: bool = False
    allow_empty: bool = False
    accept_licence: bool = False

    @abstractmethod
    def make(self, source: bytes | Path) -> M:
        """What is to be written of a picture.

        Raises:
            NukkiError: Whatever goes wrong.
        """

    @abstractmethod
    def write(self, made: M, target: Path | None) -> None:
        """Write it; None is standard output."""

    def standing(self, item: Item) -> Outcome | None:
        """The outcome of an item whose result is there already; None where it is to be done."""
        return standing(item, overwrite=self.overwrite, resume=self.resume)

    def work(self, item: Item) -> Outcome:
        """Read, make and write one picture.

        Raises:
            NukkiError: Whatever goes wrong.
        """
        from nukki.batch.outcome import Outcome

        there = self.standing(item)
        if there is not None:
            return there
        start = perf_counter()
        made = self.make(sys.stdin.buffer.read() if item.source is None else item.source)
        written = made.found or self.allow_empty
        if written:
            self.write(made, item.target)
        return Outcome(
            input=item.input,
            output=item.output if written else None,
            outcome="done" if made.found else "nothing found",
            confidence=made.confidence,
            seconds=perf_counter() - start,
            reason=None if made.found else "no subject was found",
            notes=made.notes,
            road=made.road,
            why=made.reason or None,
            advice=made.advice or None,
        )


def add_files(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the inputs, and what says where results go and what happens to files that are there."""
    command.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="files, folders, or - for standard input"
    )
    files = command.add_argument_group("files")
    files.add_argument("-o", "--output", metavar="OUT", help="a file, a folder, or -")
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
    return files


def write_out(made: Any, target: Path | None, format: str | None, **how: Any) -> None:
    """Write a result, as what its name or `format` says; PNG to standard output (None)."""
    if target is None:
        sys.stdout.buffer.write(made.encode(format or "png", **how))
        sys.stdout.buffer.flush()
        return
    make_folder(target.parent)
    made.save(target, format, **how)


def make_folder(folder: Path) -> None:
    """Make a folder of results.

    Raises:
        OutputError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder `{folder}` cannot be made: {error.strerror or error}"
        raise OutputError(message, hint="give -o a folder that can be written") from error


def check_pipe(planned: Plan, args: argparse.Namespace) -> None:
    """Refuse standard output for a picture where JSON goes, or a person reads."""
    piped = any(item.target is None for item in planned.items)
    if piped and args.json:
        message = "`--json` and the picture both go to standard output"
        raise InputError(message, hint="give -o FILE, or --report FILE instead of --json")
    if piped and not args.dry_run and sys.stdout.isatty():
        message = "a picture would be written to the terminal"
        hint = f"send it on: nukki {args.command} … > out.png, or give -o FILE"
        raise InputError(message, hint=hint)


def check_standing(planned: Plan, job: Task, args: argparse.Namespace) -> None:
    """Refuse a single result's file that is in the way, before any work is done."""
    if planned.single and not job.resume and not args.dry_run:
        there = job.standing(planned.items[0])
        if there is not None:
            message = there.reason or ""
            raise InputError(message, hint="give --overwrite to replace it, or -o another name")


def check_report(planned: Plan, args: argparse.Namespace) -> None:
    """Refuse a report that would lie where a picture or a result does."""
    report = None if args.report is None else Path(args.report).absolute()
    if report is not None and any(
        path is not None and path.absolute() == report
        for item in planned.items
        for path in (item.source, item.target)
    ):
        message = f"`{args.report}` is a picture or a result, and would be the report too"
        raise InputError(message, hint="give --report another name")


def check_trimap(planned: Plan, job: Job[Any], target: Path | None) -> None:
    """Refuse to write the trimap of several pictures, or over what is read or is there.

    Args:
        planned: The pictures.
        job: What is done with them.
        target: Another file that is written; None where there is none.
    """
    from nukki.cli.target import check_file

    if job.remove.save_trimap is None:
        return
    path = Path(job.remove.save_trimap)
    if not planned.single:
        message = "`--save-trimap` is of a single picture"
        raise InputError(message, hint="give one picture, or leave it out")
    item = planned.items[0]
    read = (item.input, *([] if job.remove.trimap is None else [job.remove.trimap]))
    check_file(path, sources=read, overwrite=job.overwrite or job.resume)
    if any(one is not None and one.absolute() == path.absolute() for one in (item.target, target)):
        message = f"`{path}` would be two results at once"
        raise InputError(message, hint="give the trimap a name of its own")


def print_plan(planned: Plan, job: Task, *, as_json: bool) -> int:
    """Print what would be written; gives the exit code."""
    for item in planned.items:
        there = job.standing(item)
        word = "planned" if there is None else there.outcome
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


def ready_networks(job: Job[Any], args: argparse.Namespace) -> None:
    """Have the networks of `job.remove` ready, so that they fail once, not often.

    Raises:
        UnknownModel, FetchError, ProviderError, CardError: As loading the network does.
        InputError: If the subject names what the finder does not know.
    """
    from nukki.cli.network import ready
    from nukki.loading import finder_name, mapper_task
    from nukki.pipelines.segment import check_choices, check_finder
    from nukki.types import ClassSpec
    from nukki.zoo.catalog import card_for
    from nukki.zoo.labels import labels_of

    wish = job.remove
    terms = {
        "accept_licence": args.accept_licence,
        "offline": args.offline,
        "quiet": args.quiet,
    }
    if wish.flood is not None or wish.key not in (None, "auto"):
        return  # the colour alone decides
    if wish.matting is not None:
        ready(wish.matting, task="matting", run=job.run, **terms)
    if wish.trimap is not None:
        return  # it says where the subject is
    task = mapper_task(wish.model, wish.card)
    ready(wish.model, task=task, card=wish.card, run=job.run, **terms)
    if wish.subject not in ("auto", "salient") or wish.instances != "default":
        name, its_card = finder_name(wish.instances)
        found, _ = card_for(name, its_card)
        check_finder(found)
        if wish.subject not in ("auto", "salient"):
            labels = labels_of(found.classes or ClassSpec(()))
            check_choices(wish.subject, None, labels, option="subject")
        ready(name, task=found.task, card=its_card, run=job.run, **terms)


def run(planned: Plan, job: Task, args: argparse.Namespace) -> int:
    """Do the work, tell of it and report it; gives the exit code."""
    from nukki.batch.outcome import Tally
    from nukki.cli.progress import Progress

    start = perf_counter()
    tally = Tally()
    advised = False
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
            if outcome.advice is not None and not advised and not args.quiet:
                progress.say(f"hint: `{outcome.input}`: {outcome.advice}")
                advised = True  # of a hundred pictures of one studio it is said once
    _sum_up(planned, tally, perf_counter() - start, args)
    return exit_code_of(tally, allow_empty=job.allow_empty)


def _outcomes(planned: Plan, job: Task, jobs: int | None) -> Generator[Outcome]:
    from nukki.batch.local import run as run_batch
    from nukki.batch.outcome import failure

    for refusal in planned.unreadable:
        yield failure(str(refusal.path), InputError(refusal.reason))
    workers = min(jobs or 2, max(1, len(planned.items)))
    yield from run_batch(planned.items, job.work, jobs=workers)


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
    if outcome.outcome == "nothing found" and outcome.confidence is None:
        tell(f"`{outcome.input}`: {outcome.reason}")
    elif outcome.outcome == "nothing found":
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
