"""Official checkpoint → ONNX file, proven to compute what PyTorch does, or nothing at all.

checkpoint → tensors by name → the network, loaded strictly → graph → proof → file and card
"""

from __future__ import annotations

import gc
import hashlib
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from nukki.errors import InputError, MissingExtra, ModelOutputError, pip_line
from nukki.io.files import write
from nukki.nets import registry
from nukki.nets.agreement import Difference, Verdict, difference, exact, judged, rounded
from nukki.nets.checkpoints import read_checkpoint
from nukki.nets.export import STORED_TOLERANCE, answers, graph
from nukki.nets.fit import fit
from nukki.nets.shipped import Part, Shown, card_of, made_photo, parts_of, shipped
from nukki.nets.storage import halved
from nukki.runtime import sessions
from nukki.types import RGB8
from nukki.zoo.cards import ModelCard, ModelFile
from nukki.zoo.writer import card_text

__all__ = ["Conversion", "Made", "check", "convert", "peak_memory", "target_of"]

_PACKAGES = ("onnx", "onnxscript")  # torch's exporter needs them
_HALF_MAY_MISS = 0.1  # of the things that a network finds, when weights are rounded to float16

Tell = Callable[[str], None]
Inputs = Mapping[str, NDArray[Any]]
Outputs = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Made:
    """A graph that was written.

    Attributes:
        path: The ONNX file.
        size_bytes: Its size.
        digest: "sha256:…".
        verdicts: What the comparison with PyTorch gave, input by input, before any rounding.
        stored: What rounding the weights to float16 costs on top; None where they were not.
    """

    path: Path
    size_bytes: int
    digest: str
    verdicts: tuple[Verdict, ...]
    stored: Difference | None


@dataclass(frozen=True)
class Conversion:
    """What was made of a checkpoint.

    Attributes:
        name: The network.
        files: Its graphs; one, but for networks that are asked.
        card: Their card; None where none was asked for.
        seconds: From the first byte read to the last one written.
        peak_bytes: The most memory that this process ever used; None where the system tells not.
    """

    name: str
    files: tuple[Made, ...]
    card: Path | None
    seconds: float
    peak_bytes: int | None

    @property
    def size_bytes(self) -> int:
        """Of all graphs."""
        return sum(made.size_bytes for made in self.files)


def convert(
    checkpoint: Path,
    name: str,
    target: Path,
    *,
    half: bool = False,
    photo: RGB8 | None = None,
    with_card: bool = True,
    overwrite: bool = False,
    tell: Tell = lambda _: None,
) -> Conversion:
    """Make an ONNX file of an official checkpoint.

    The file is compared with PyTorch in float32 on random bytes and on a photo, at two sizes;
    allowed is ten times what that is off PyTorch in float64. A file that takes several pictures is
    given both at once, and PyTorch one after the other. Networks that cut masks at a threshold
    inside, where rounding now and then flips a pixel for good, may miss it on some pictures and are
    shown others instead; what is on the card was seen.

    Args:
        checkpoint: The publisher's file, in any of its forms.
        name: Whose it is: one of `registry.NAMES`.
        target: The file to make, NAME.onnx.
        half: Whether to store weights as float16, if the outputs bear it.
        photo: A photo to compare on, (H, W, 3) uint8; None takes one that is made up.
        with_card: Whether a model card is written beside the file.
        overwrite: Whether files that are there are replaced.
        tell: Hears in a line what is being done.

    Raises:
        UnknownModel: If there is no network of that name.
        InputError: If the checkpoint cannot be read or is not the network's, or the target is
            there already.
        MissingExtra: If a package is missing that conversion needs.
        ModelOutputError: If the file does not compute what PyTorch does; nothing is written.
        OutputError: If a file cannot be written.
    """
    began = time.perf_counter()
    check(name)
    graphs, card = _places(name, target, with_card=with_card, overwrite=overwrite)
    tell(f"reading {checkpoint}")
    net = _loaded(checkpoint, name, tell)
    made, contents = [], []
    parts = parts_of(name, net, made_photo() if photo is None else photo)
    for path, part in zip(graphs, parts, strict=True):
        if part.role:
            tell(f"the {part.role}:")
        proven = _proven(part, things=card_of(name).detections is not None, half=half, tell=tell)
        contents.append(proven.data)
        digest = "sha256:" + hashlib.sha256(proven.data).hexdigest()
        size = len(proven.data)
        made.append(Made(path, size, digest, tuple(proven.verdicts), proven.stored))
    if card is not None:
        contents.append(card_text(_card(name, checkpoint, target, made)).encode())
    _write([*graphs, *([] if card is None else [card])], contents)
    return Conversion(name, tuple(made), card, time.perf_counter() - began, peak_memory())


def check(name: str) -> None:
    """Refuse to begin what cannot be finished.

    Args:
        name: Whose checkpoint is to be converted.

    Raises:
        UnknownModel: If there is no network of that name.
        MissingExtra: If a package is missing.
    """
    shipped(name)
    for package in (*_PACKAGES, *registry.needs(name)):
        try:
            import_module(package)
        except ImportError as error:
            message = f"converting needs the package {package}, which cannot be imported"
            raise MissingExtra(message, hint=pip_line("convert")) from error
    sessions.available_devices()


def target_of(checkpoint: Path) -> Path:
    """The file that is made of a checkpoint where none is named: beside it, NAME.onnx."""
    stem = checkpoint.name.removesuffix(".tar")
    return checkpoint.with_name(stem).with_suffix(".onnx")


def _places(
    name: str, target: Path, *, with_card: bool, overwrite: bool
) -> tuple[tuple[Path, ...], Path | None]:
    """The files to write: the network's graphs, and their card."""
    if target.suffix != ".onnx":
        message = f"`{target}` must be the name of an .onnx file"
        raise InputError(message, hint=f"give -o {target.stem or 'network'}.onnx")
    graphs = tuple(target.with_suffix(ending) for ending in card_of(name).endings)
    card = target.with_suffix(".toml") if with_card else None
    for place in (*graphs, *([] if card is None else [card])):
        if place.exists() and not overwrite:
            message = f"`{place}` exists, and a conversion does not replace it"
            raise InputError(message, hint="give --overwrite to replace it, or -o another name")
    if not target.parent.is_dir():
        message = f"`{target.parent}` is no folder"
        raise InputError(message, hint=f"create the folder `{target.parent}` first")
    return graphs, card


def _loaded(checkpoint: Path, name: str, tell: Tell) -> nn.Module:
    """The network with the checkpoint's weights, evaluating."""
    ours = fit(name, read_checkpoint(checkpoint), str(checkpoint))
    count = sum(tensor.numel() for tensor in ours.values())
    tell(f"{name}: {len(ours)} tensors, {count / 1e6:.1f} million values, all of them fit")
    net = registry.build(name)
    net.load_state_dict(ours, strict=True)
    return net.eval()


# --- graph and proof


@dataclass(frozen=True)
class _Proven:
    """The bytes of a file, and how near it is to PyTorch; see `Conversion`."""

    data: bytes
    verdicts: list[Verdict]
    stored: Difference | None = None


def _proven(part: Part, *, things: bool, half: bool, tell: Tell) -> _Proven:
    """A file that computes what a part of the network does.

    Raises:
        ModelOutputError: If it is not near enough.
    """
    net, ports = part.module, part.ports
    # First what needs most memory, while there is no graph yet.
    tell("running PyTorch in float32 and in float64")
    seen = [_see(net, each) for each in part.shown]
    tell("tracing the network")
    example = {key: torch.from_numpy(array) for key, array in part.shown[-1].together.items()}
    model = graph(net, example, ports)
    tell("comparing ONNX Runtime with PyTorch")
    data = _bytes(model)
    gc.collect()  # tracing leaves circles that hold weights
    verdicts = _verdicts(data, seen, ports.outputs, things=things)
    for spare in part.spare:
        wrong = [place for place, each in enumerate(verdicts) if not _agree(each)]
        if not wrong:
            break
        tell("  a mask inside may have flipped at a pixel; comparing on other pictures")
        seen = [_see(net, spare[n]) if n in wrong else each for n, each in enumerate(seen)]
        again = _verdicts(data, [seen[n] for n in wrong], ports.outputs, things=things)
        for place, each in zip(wrong, again, strict=True):
            verdicts[place] = each
    found = [verdict for each in verdicts for verdict in each]
    _check(found, tell)
    if not half:
        return _Proven(data, found)
    data = _bytes(halved(model))
    stored = [
        difference(truth, answer, things=things)
        for each, answers_to in zip(seen, _answers(data, seen, ports.outputs), strict=True)
        for truth, answer in zip(each.truths, answers_to, strict=True)
    ]
    return _Proven(data, found, _check_half(stored, tell))


@dataclass(frozen=True)
class _Seen:
    """What PyTorch computes for each picture of a run, in float32 and in float64."""

    shown: Shown
    truths: Sequence[Outputs]
    precise: Sequence[Outputs]


def _see(net: nn.Module, shown: Shown) -> _Seen:
    """One picture at a time: the file is given all at once, and must not mix them.

    Besides, convolutions in float64 need many times their inputs' memory.
    """
    return _Seen(shown, [rounded(net, one) for one in shown.singles], exact(net, shown.singles))


def _verdicts(
    data: bytes, seen: Sequence[_Seen], names: Sequence[str], *, things: bool
) -> list[list[Verdict]]:
    """Of each picture of each run."""
    return [
        [
            judged(what, truth, answer, precise, things=things)
            for what, truth, answer, precise in zip(
                each.shown.words, each.truths, given, each.precise, strict=True
            )
        ]
        for each, given in zip(seen, _answers(data, seen, names), strict=True)
    ]


def _agree(verdicts: Sequence[Verdict]) -> bool:
    return all(verdict.agrees for verdict in verdicts)


def _bytes(model: Any) -> bytes:
    return bytes(model.SerializeToString())


def _answers(data: bytes, seen: Sequence[_Seen], names: Sequence[str]) -> list[list[Outputs]]:
    """ONNX Runtime's for each picture of each run, in the network's order.

    The session does not stay in memory.
    """
    try:
        given = answers(data, [each.shown.together for each in seen])
    except InputError as error:  # of the file that was just made, not of the user's
        message = f"ONNX Runtime does not take the graph: {error.message}"
        raise ModelOutputError(
            message, hint="try another version of torch or onnxscript"
        ) from error
    finally:
        sessions.clear()
    found: list[list[Outputs]] = []
    for each, answer in zip(seen, given, strict=True):
        outputs, count = [answer[name] for name in names], len(each.shown.singles)
        if count == 1:
            found.append([outputs])
            continue
        found.append([[output[row : row + 1] for output in outputs] for row in range(count)])
    return found


def _check(verdicts: Sequence[Verdict], tell: Tell) -> None:
    for verdict in verdicts:
        tell(f"  {verdict.what}: {_figures(verdict)}")
    wrong = [verdict for verdict in verdicts if not verdict.agrees]
    if wrong:
        message = f"the graph does not compute what PyTorch does: {wrong[0].what}: "
        hint = "try another version of torch or onnxscript; nothing was written"
        raise ModelOutputError(message + _figures(wrong[0]), hint=hint)


def _check_half(stored: Sequence[Difference], tell: Tell) -> Difference:
    """What float16 costs at most; it is more than rounding does."""
    worst = max(stored, key=lambda one: one.mean)
    figure = f"mean absolute difference {worst.mean:.1e}, allowed {STORED_TOLERANCE:.0e}"
    tell(f"  weights in float16: {figure}")
    if worst.mean > STORED_TOLERANCE or max(one.missed for one in stored) > _HALF_MAY_MISS:
        message = f"the network does not bear weights in float16: {figure}"
        raise ModelOutputError(message, hint="convert it without --half; nothing was written")
    return worst


def _figures(verdict: Verdict) -> str:
    got, allowed = verdict.got, verdict.allowed
    text = (
        f"off by {got.largest:.1e} at most, allowed {allowed.largest:.1e}; "
        f"rms {got.rms:.1e}, allowed {allowed.rms:.1e}"
    )
    if allowed.missed:
        text += f"; {got.missed:.0%} of the things missed, allowed {allowed.missed:.0%}"
    return text


# --- card and files


def _card(name: str, checkpoint: Path, target: Path, made: Sequence[Made]) -> ModelCard:
    """The card of the files: used as the network's own card says, with the terms left open."""
    known, ship = card_of(name), shipped(name)
    against = "ONNX Runtime against PyTorch"
    scores = [(f"{against}, {one.what}", _figures(one)) for each in made for one in each.verdicts]
    stored = [each.stored.mean for each in made if each.stored is not None]
    if stored:
        scores.append((f"{against}, weights in float16, mean", f"{max(stored):.1e}"))
    sides = f"sides are multiples of {ship.multiple}, at least {ship.least}"
    if ship.fixed:
        sides = f"pictures are {ship.sizes[0][0]} × {ship.sizes[0][1]}"
    notes = (
        f"made by `nukki convert --as {name}` of {checkpoint.name}, sha256:{_sha256(checkpoint)}",
        f"used as the card {known.name} says",
        f"weights in {'float16' if stored else 'float32'}; {sides}",
    )
    return replace(
        known,
        name=_plain(target).lower()[:64].lstrip("._-") or "model",
        title=f"{name} of {checkpoint.name}",
        files=tuple(
            ModelFile(f"{_plain(one.path)}.onnx", size_bytes=one.size_bytes, digest=one.digest)
            for one in made
        ),
        output=replace(known.output, index=0),
        weights_licence="unknown: that of the checkpoint",
        data_terms="unknown: those of the checkpoint",
        commercial_use="no" if known.commercial_use == "no" else "unclear",
        published_scores=(),
        our_scores=tuple(scores),
        notes=notes,
    )


def _plain(path: Path) -> str:
    """A file's stem in the letters that cards allow."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", path.stem).lstrip("._-")[-95:]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(places: Sequence[Path], contents: Sequence[bytes]) -> None:
    """All files, or none."""
    done: list[Path] = []
    try:
        for place, content in zip(places, contents, strict=True):
            write(place, content)
            done.append(place)
    except BaseException:
        for place in done:
            place.unlink(missing_ok=True)
        raise


def peak_memory() -> int | None:
    """The most bytes that this process ever used at once; None where the system tells not."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
