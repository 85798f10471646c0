"""`nukki train`: our own networks, made from a recipe and prepared data."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli.arguments import positive
from nukki.cli.progress import Progress, is_shown
from nukki.cli.report import DONE, INTERRUPTED, say
from nukki.errors import MissingExtra, pip_line

if TYPE_CHECKING:
    from nukki.train.kinds import Measure
    from nukki.train.loop import Event
    from nukki.train.session import Training, Wishes

__all__ = ["add"]

_EPILOG = """\
What is made, after the recipe's name:
  TO/NAME.pt              the checkpoint, to go on from
  TO/NAME.json            the record: recipe, versions, data, hours, scores of each validation
  TO/NAME-curve.png       loss and scores over steps
  TO/NAME.onnx, .toml     the network and its card, at the end (or by --export-only):
                          nukki remove photo.jpg --model TO/NAME.onnx --card TO/NAME.toml

The same command goes on from the checkpoint, whatever ended it. Ctrl-C ends the training after its
step, with a checkpoint (exit code 130); a second one at once, and the last checkpoint stays.
docs/training.md says what a recipe holds.
"""


def add(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = subparsers.add_parser(
        "train",
        help="train our own networks from a recipe",
        description="Train a network from a recipe, or go on with a training that was stopped.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=train)
    command.add_argument("recipe", metavar="RECIPE", help="a TOML file: recipes/subject.toml")
    command.add_argument(
        "--data", required=True, metavar="FOLDER", help="what `nukki data prepare` made"
    )
    command.add_argument(
        "--to", metavar="FOLDER", help="the folder to work in (default: runs/NAME)"
    )
    command.add_argument(
        "--start",
        metavar="FILE",
        help="weights to start from: an .onnx file of such a network, or EfficientNet-Lite2's .pth "
        "for the encoder; for `fill` MobileNetV2's .npz, which judges (default: random ones)",
    )
    command.add_argument(
        "--steps", type=positive, metavar="N", help="stop after so many steps, to go on later"
    )
    command.add_argument(
        "--export-only", action="store_true", help="train nothing, export the last checkpoint"
    )
    _add_how(command)
    command.add_argument("--json", action="store_true", help="print the record")


def _add_how(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        metavar="auto|cpu|cuda",
        help="where to compute (default: auto, a GPU where there is one)",
    )
    command.add_argument(
        "--threads", type=positive, metavar="N", help="threads of torch (default: all cores)"
    )
    command.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="processes that prepare samples; 0 for none (default: 1, with a GPU one a core)",
    )
    command.add_argument(
        "--full-precision", action="store_true", help="float32 throughout, no bfloat16"
    )
    command.add_argument(
        "--skip-bad", action="store_true", help="pass over pictures that cannot be read, and count"
    )


def _workers(text: str) -> int:
    return 0 if text == "0" else positive(text)


def train(args: argparse.Namespace) -> int:
    """`train`."""
    session = _session()
    with session.opened(_wishes(args), only_export=args.export_only) as training:
        quiet = getattr(args, "quiet", False)
        if not args.export_only:
            if not quiet:
                _greet(training, args)
            with _ctrl_c() as interrupted, _Watch(training, quiet=quiet) as watch:
                finished = training.run(watch, more=args.steps, stop=interrupted.is_set)
            if not finished:
                if not quiet:
                    say(f"stopped after step {training.step}; the same command goes on from there")
                _tell(training, args)
                return INTERRUPTED if interrupted.is_set() else DONE
        files = training.export()
        if not quiet:
            for one in files:
                size = f"{one.parity.size_bytes / 1e6:.1f} MB"
                off = f"off the trained network by {one.parity.stored:.1e}"
                card = f"its card {training.recipe.name}.toml"
                say(f"wrote {one.path}: {size}, {off} (mean absolute difference); {card}")
        _tell(training, args)
    return DONE


def _session() -> Any:
    """The module that trains; it is imported here because it needs torch.

    Raises:
        MissingExtra: If torch is not installed.
    """
    try:
        import nukki.train.session as session
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        message = "training needs PyTorch, which is not installed"
        raise MissingExtra(message, hint=pip_line("train")) from error
    return session


def _wishes(args: argparse.Namespace) -> Wishes:
    from nukki.train.session import Wishes

    return Wishes(
        recipe=Path(args.recipe),
        data=Path(args.data),
        to=None if args.to is None else Path(args.to),
        start=None if args.start is None else Path(args.start),
        device=args.device,
        threads=args.threads,
        workers=args.workers,
        half=not args.full_precision,
        skip_bad=args.skip_bad,
    )


def _greet(training: Training, args: argparse.Namespace) -> None:
    """Say what begins, and on what."""
    run, data, steps = training.run_of, training.data, training.recipe.steps
    photos = ", ".join(f"{name} {number}" for name, number in data.pictures.items())
    say(f"{training.recipe.name}: {steps} steps on {photos}; {data.validation} to validate on")
    if data.changed:
        say("files of the data were added, removed or changed since they were prepared")
    for line in training.passed_over:
        say(f"passed over: {line}")
    if not data.validation and not training.finished:
        say("there is nothing under validate/ in the data, so nothing will be judged")
    if training.resumed:
        ended = "it is finished" if training.finished else f"from step {training.step}"
        say(f"going on with {training.trainer.checkpoint}: {ended}")
        if args.start is not None:
            say("--start is not used: the weights are those of the checkpoint")
    elif training.start is not None:
        start = training.start
        filled = f"{start['file']}, {start['loaded']} of {start['tensors']} tensors"
        say(f"weights: {filled if start['file'] else 'drawn at random'}")
    say(f"on {run.device}, threads {run.threads}, workers {run.workers}, {run.precision}")


class _Watch:
    """Tells how the training goes: a bar on a terminal, a line for each validation."""

    def __init__(self, training: Training, *, quiet: bool) -> None:
        self._quiet = quiet
        self._measures = training.kind.measures
        self._step = training.step
        self._skipped = len(training.trainer.state.skipped)
        self._bar = Progress(training.recipe.steps, quiet=quiet, unit="steps", done=training.step)
        self._is_shown = is_shown(quiet=quiet)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *reason: Any) -> None:
        self._bar.__exit__(*reason)

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        for _ in range(event.step - self._step):
            self._bar.advance()
        self._step = event.step
        self._bar.show(f"loss {event.loss:.3f}")
        if self._quiet:
            return
        for line in event.skipped[self._skipped :]:
            self._bar.say(f"passed over: {line}")
        self._skipped = len(event.skipped)
        if event.validated:
            self._bar.say(_line(event, self._measures, with_time=not self._is_shown))


def _line(event: Event, measures: Sequence[Measure], *, with_time: bool) -> str:
    """A validation in a line; the bar tells the time left where there is one."""
    words = [f"step {event.step} of {event.steps}", f"loss {event.loss:.4f}"]
    if event.scores is not None:
        words += [f"{one.short} {event.scores[one.key]:.4f}" for one in measures]
    if with_time and event.step < event.steps and math.isfinite(event.left):
        words += [f"{event.speed:.1f} pictures/s", f"{_duration(event.left)} left"]
    return "  ".join(words)


def _duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _tell(training: Training, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(training.as_record(), indent=1, ensure_ascii=False))


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event; the second is an ordinary one."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread hears signals
        return

    def first(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
