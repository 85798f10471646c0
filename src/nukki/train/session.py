"""A training in its folder: opened or resumed, run, recorded, exported.

WORK/NAME.pt           the checkpoint
WORK/NAME.json         the record, written anew at every validation
WORK/NAME-curve.png    loss and scores over steps
WORK/NAME.onnx         the network as it ships, with its card NAME.toml
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import torch
from filelock import FileLock, Timeout
from torch import nn

from nukki import settings
from nukki.errors import InputError, MissingExtra, NukkiError, OutputError, ProviderError, pip_line
from nukki.io.files import write
from nukki.train import record
from nukki.train.curve import Panel, curve_png
from nukki.train.kinds import Exported, Kind, kind_of
from nukki.train.loop import Event, Trainer
from nukki.train.recipe import Recipe, read_recipe
from nukki.train.stream import BAD_HINT

__all__ = ["Device", "Training", "Wishes", "opened"]

Device = Literal["auto", "cpu", "cuda"]
_COMPARED = 8  # pictures that the exported file is compared on


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What to train, and how.

    Attributes:
        recipe: The recipe's file.
        data: The folder that `nukki data prepare` made.
        to: The folder to work in; `runs/NAME` where None.
        start: Weights to start from: an .onnx or .pth file (see `nets.weights`).
        device: "auto" takes a GPU where there is one.
        threads: Of torch; NUKKI_THREADS or all cores where None.
        workers: Processes that prepare samples; 0 prepares them in this one. None: 1 beside a
            training on the processor, one a core beside a GPU.
        half: Whether to compute in bfloat16 where torch's autocast thinks that safe.
        skip_bad: Whether pictures that cannot be read are passed over, or end the training.
    """

    recipe: Path
    data: Path
    to: Path | None = None
    start: Path | None = None
    device: Device = "auto"
    threads: int | None = None
    workers: int | None = None
    half: bool = True
    skip_bad: bool = False


@contextlib.contextmanager
def opened(wishes: Wishes, *, only_export: bool = False) -> Iterator[Training]:
    """Open a training, or go on with one.

    Args:
        wishes: What to train, and how.
        only_export: Nothing will be trained: then there must be a checkpoint, and another process
            may be at work on it.

    Raises:
        InputError: If recipe, data, starting weights or checkpoint are not what they should be, or
            another process trains in the folder.
        ProviderError: If the device is not there.
        OutputError: If the folder cannot be made.
        MissingExtra: If a package is missing that the end of the training will need.
    """
    _check_packages()
    recipe = read_recipe(wishes.recipe)
    work = wishes.to or Path("runs") / recipe.name
    if only_export:
        yield Training(recipe, wishes, work, only_export=True)
        return
    with _locked(work, recipe.name):
        yield Training(recipe, wishes, work)


def _check_packages() -> None:
    """Miss what exporting needs before the training, not after it."""
    for package, extra in (("onnx", "train"), ("onnxscript", "train"), ("onnxruntime", "cpu")):
        if importlib.util.find_spec(package) is None:
            message = f"training ends in an ONNX file, which needs the package {package}"
            raise MissingExtra(message, hint=pip_line(extra))


@contextlib.contextmanager
def _locked(work: Path, name: str) -> Iterator[None]:
    """Keep other processes from training in the same folder."""
    lock = FileLock(work / f".{name}.lock", timeout=0)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        message = f"another process trains `{name}` in `{work}`"
        raise InputError(
            message, hint="wait for it, end it, or give --to another folder"
        ) from error
    except OSError as error:
        message = f"`{work}` cannot be written: {error.strerror or error}"
        raise OutputError(message, hint="give --to a folder that you may write to") from error
    try:
        yield
    finally:
        lock.release()


class Training:
    """See the module; made by `opened`.

    Attributes:
        recipe: What is trained.
        kind: What kind of network it is.
        work: Where.
        trainer: The loop, at its last checkpoint.
        resumed: Whether there was one.
        start: Where the weights began; None where that is not known.
        passed_over: Validation pictures that cannot be read, and why.
        run_of: What the record says of this process.
    """

    def __init__(
        self, recipe: Recipe, wishes: Wishes, work: Path, *, only_export: bool = False
    ) -> None:
        self.recipe, self.work = recipe, work
        self._wishes = wishes
        device = _device(wishes.device)
        kind = self.kind = kind_of(recipe)
        stream = kind.stream(recipe, wishes.data, skip_bad=wishes.skip_bad)
        held = kind.held(wishes.data)
        threads = wishes.threads or settings.threads()
        workers = wishes.workers
        if workers is None:
            workers = 1 if device == "cpu" else settings.available_cores()
        torch.set_num_threads(threads)
        torch.manual_seed(recipe.seed)  # layers that the starting weights lack are drawn
        net = kind.network()
        if only_export or (work / f"{recipe.name}.pt").exists():
            self.start, self._runs = record.earlier(self._path(".json"))
        else:
            self.start, self._runs = asdict(_started(kind, net, wishes.start)), []
        self.trainer = Trainer(
            kind,
            recipe,
            stream,
            held,
            work,
            net,
            device=device,
            half=wishes.half,
            workers=workers,
        )
        self.resumed = self.trainer.resume()
        if only_export and not self.resumed:
            message = f"`{self.trainer.checkpoint}` does not exist: nothing was trained there yet"
            raise InputError(message, hint="train first, or give --to the folder of the training")
        self.passed_over: list[str] = []
        if not (only_export or self.finished):
            self.trainer.held = self._readable(held)
        self.data = record.data_record(stream, len(self.trainer.held), wishes.data)
        self.run_of = self._run_of(device, threads, workers)

    @property
    def step(self) -> int:
        """Steps done."""
        return self.trainer.state.step

    @property
    def finished(self) -> bool:
        """Whether all steps of the recipe are done and judged."""
        return self.step >= self.recipe.steps and not self.trainer.is_unjudged

    def run(
        self,
        tell: Callable[[Event], None],
        *,
        more: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        save_every: float = 120.0,
    ) -> bool:
        """Train, and write record and curve at every validation and at the end of this run.

        Args:
            tell: See `Trainer.run`.
            more: Steps to do at most; None means all that are left.
            stop: See `Trainer.run`.
            save_every: Seconds between two checkpoints.

        Returns:
            Whether the training is finished.

        Raises:
            NukkiError: As `Trainer.run`; the last checkpoint stays.
        """
        if self.finished:
            return True
        self._runs.append(asdict(self.run_of))
        self.write()

        def told(event: Event) -> None:
            if event.validated:
                self.write()
            tell(event)

        until = None if more is None else self.step + more
        finished = self.trainer.run(told, until=until, stop=stop, save_every=save_every)
        self.write()
        return finished

    def as_record(self) -> dict[str, Any]:
        """What there is to say of the training so far; see `record.assembled`."""
        return record.assembled(
            recipe=self.recipe,
            start=self.start,
            data=self.data,
            runs=self._runs,
            measured=self._measured(),
        )

    def write(self) -> None:
        """Write the record and, after the first validation, the curve.

        Raises:
            OutputError: If they cannot be written.
        """
        record.save(self._path(".json"), self.as_record())
        measured = self._measured()
        if measured.history:
            title = (
                f"{self.recipe.name}: step {measured.step} of {self.recipe.steps}, "
                f"{measured.hours:.1f} hours"
            )
            ends = list(accumulate(stage.steps for stage in self.recipe.stages))
            panels = [Panel("loss", "loss, mean of recent batches", -1)]
            panels += [Panel(m.key, m.title, m.sign) for m in self.kind.measures if m.drawn]
            write(self._path("-curve.png"), curve_png(title, measured.history, panels, ends))

    def export(self) -> tuple[Exported, ...]:
        """Write the averaged weights as ONNX, and the card beside it.

        Returns:
            The files, and how far they are from the network.

        Raises:
            MissingExtra: If a package that exporting needs is not installed.
            ModelOutputError: If a file does not compute what the network does; then there is no
                card.
            OutputError: If they cannot be written.
        """
        net = self.kind.network()
        weights = self.trainer.average.state_dict()
        net.load_state_dict({name: value.cpu() for name, value in weights.items()})
        there = self.trainer.held or next(iter(self.trainer.stream.sets.values()))
        shown = there[:: max(1, len(there) // _COMPARED)][:_COMPARED]
        files = self.kind.export(net, self.work, self.recipe, shown, skip_bad=self._wishes.skip_bad)
        card = record.card_text(
            self.recipe, self.kind, files=files, data=self.data, measured=self._measured()
        )
        write(self._path(".toml"), card.encode())
        return files

    def _path(self, ending: str) -> Path:
        return self.work / f"{self.recipe.name}{ending}"

    def _measured(self) -> record.Measured:
        state = self.trainer.state
        return record.Measured(
            step=state.step,
            pictures=self.trainer.stream.first_of(state.step),
            hours=state.hours,
            skipped=[*self.passed_over, *state.skipped],
            history=state.history,
        )

    def _run_of(self, device: str, threads: int, workers: int) -> record.Run:
        head, changed = record.commit()
        return record.Run(
            first_step=self.step,
            device=device if device == "cpu" else torch.cuda.get_device_name(device),
            threads=threads,
            workers=workers,
            precision="bfloat16" if self._wishes.half else "float32",
            commit=head,
            changed=changed,
        )

    def _readable(self, held: Sequence[Any]) -> tuple[Any, ...]:
        """The photos that can be read: better told now than hours later.

        Raises:
            InputError: If one cannot be read (unless they are passed over), or none can.
        """
        good = []
        for one in held:
            try:
                self.kind.check(one)
            except NukkiError as error:
                line = self.kind.named(one, error)
                if not self._wishes.skip_bad:
                    raise InputError(line, hint=BAD_HINT) from error
                self.passed_over.append(line)
            else:
                good.append(one)
        if held and not good:
            message = f"none of {len(held)} pictures to validate on can be read"
            raise InputError(message, hint="prepare the data again")
        return tuple(good)


def _device(wish: Device) -> str:
    """What torch calls the device.

    Raises:
        ProviderError: If it is not there.
    """
    there = torch.cuda.is_available()
    if wish == "cuda" and not there:
        message = f"`cuda` was asked for, but torch {torch.__version__} finds no CUDA device"
        hint = "install a driver and a CUDA build of torch (pytorch.org), or give --device cpu"
        raise ProviderError(message, hint=hint)
    return "cuda" if there and wish != "cpu" else "cpu"


def _started(kind: Kind[Any], net: nn.Module, path: Path | None) -> record.Start:
    """Fill a network with starting weights, if there are any.

    Raises:
        InputError: If the file does not fit.
    """
    if path is None:
        return record.Start(tensors=len(net.state_dict()))
    loaded, tensors = kind.start_from(net, path)
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    return record.Start(path.name, digest, loaded, tensors)
