"""PyTorch → ONNX, in few bytes, and proof that the file computes what the network did."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from nukki.errors import MissingExtra, ModelOutputError, NukkiError, pip_line
from nukki.io.files import write
from nukki.nets.storage import compact
from nukki.runtime.sessions import Session, get_session

__all__ = [
    "FULL_TOLERANCE", "STORED_TOLERANCE", "Distance", "Outputs", "Parity", "Ports",
    "answers", "export", "export_shipped", "graph",
]  # fmt: skip

FULL_TOLERANCE = 1e-4  # mean absolute difference between PyTorch and the float32 file
STORED_TOLERANCE = 1e-3  # and between that and the stored file
_OPSET = 18
_LARGEST = 4096  # pixels of a side
_MOST = 64  # pictures at once, and places in a prompt

Tensors = Sequence[NDArray[np.float32]]
Inputs = Mapping[str, NDArray[np.float32]]
Outputs = Mapping[str, NDArray[np.float32]]
Distance = Callable[[Outputs, Outputs], float]


@dataclass(frozen=True)
class Parity:
    """How far an exported file is from the network it was made of.

    Attributes:
        full: Largest distance over the pictures between PyTorch and the file with float32 weights
            (of an alpha the mean absolute difference, of boxes see `detect_export`).
        stored: The same between PyTorch and the file as it is stored.
        halves: Tensors stored as float16.
        eighths: Tensors stored as int8.
        size_bytes: Of the stored file.
        digest: Of the stored file, "sha256:…".
    """

    full: float
    stored: float
    halves: int
    eighths: int
    size_bytes: int
    digest: str


@dataclass(frozen=True)
class Ports:
    """What goes into a graph and what comes out of it.

    Attributes:
        inputs: The sizes of each input by its name; those called "n", "h", "w" and "p" (pictures,
            height, width, places) are free, and the same in all inputs; "h/4" is a part of one.
        outputs: Names of the outputs.
        multiple: Height and width are multiples of this.
        least: The shortest side that the network takes.
        operators: The nodes that stand for operators that PyTorch lacks.
    """

    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: tuple[str, ...]
    multiple: int = 32
    least: int = 32
    operators: Mapping[Callable[..., Any], Callable[..., Any]] = field(default_factory=dict)


_SUBJECT = Ports({"image": ("n", 3, "h", "w")}, ("alpha",))


class _Alpha(nn.Module):
    """What ships of a network: its finest map as an alpha."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        finest: Tensor = self.net(image)[0]
        return finest.sigmoid()


def export(net: nn.Module, target: Path, pictures: Tensors, *, small: bool = True) -> Parity:
    """Write a network as ONNX: input `image` (n, 3, h, w), output `alpha` (n, 1, h, w) in 0..1.

    Args:
        net: A `SubjectNet`; it is put into evaluation mode.
        target: The file to write; it appears whole or not at all.
        pictures: At least one input, (1, 3, h, w) float32, h and w multiples of 32, to compare on.
        small: Whether to store weights as float16 and int8 where that is harmless.

    Raises:
        MissingExtra: If the packages onnx and onnxscript are not installed.
        ModelOutputError: If the file does not compute what the network does; nothing is written.
        OutputError: If the file cannot be written.
    """
    tolerance = STORED_TOLERANCE if small else None
    shown = [{"image": picture} for picture in pictures]
    return export_shipped(_Alpha(net), target, shown, _SUBJECT, _distance, tolerance)


def export_shipped(
    shipped: nn.Module,
    target: Path,
    shown: Sequence[Inputs],
    ports: Ports,
    distance: Distance,
    tolerance: float | None,
) -> Parity:
    """Write what ships of a network as ONNX, in few bytes and proven.

    Args:
        shipped: Takes the inputs and gives the outputs that the ports name, in their order; it is
            put into evaluation mode.
        target: The file to write; it appears whole or not at all.
        shown: At least one set of inputs by name, float32, of sizes that the ports allow.
        ports: What goes in and comes out.
        distance: Says how far the outputs for a picture are from what they should be; the file with
            float32 weights must be within `FULL_TOLERANCE`.
        tolerance: How far they may be with stored weights; None leaves all in float32.

    Raises:
        MissingExtra: As `export`.
        ModelOutputError: As `export`.
        OutputError: As `export`.
    """
    shipped = shipped.eval()
    wanted = [_outputs(shipped, inputs, ports) for inputs in shown]
    model = graph(shipped, _example(ports), ports)
    judge = partial(_difference, shown=shown, wanted=wanted, distance=distance)
    full = judge(model)
    if not full <= FULL_TOLERANCE:
        message = f"the exported `{target.name}` is off by {full:.1e}, allowed is {FULL_TOLERANCE}"
        raise ModelOutputError(message, hint="try another version of torch or onnxscript")
    forms: Mapping[str, str] = {}
    stored = full
    if tolerance is not None:
        model, forms, stored = compact(model, judge, tolerance)
    data = model.SerializeToString()
    write(target, data)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    kinds = list(forms.values())
    return Parity(full, stored, kinds.count("half"), kinds.count("eighth"), len(data), digest)


def _outputs(shipped: nn.Module, inputs: Inputs, ports: Ports) -> Outputs:
    """What PyTorch makes of inputs."""
    with torch.inference_mode():
        given = shipped(*(torch.from_numpy(inputs[name]) for name in ports.inputs))
    given = (given,) if isinstance(given, Tensor) else given
    return {name: tensor.numpy() for name, tensor in zip(ports.outputs, given, strict=True)}


_EXAMPLE = {"n": 2, "h": 64, "w": 96, "p": 3}  # sizes that a graph is traced at


def _example(ports: Ports) -> dict[str, Tensor]:
    """Inputs of the sizes that a graph is traced at."""
    found = {}
    for name, sizes in ports.inputs.items():
        parts = [(size, 1) if isinstance(size, int) else _part(size) for size in sizes]
        whole = [
            size // part if isinstance(size, int) else _EXAMPLE[size] // part
            for size, part in parts
        ]
        found[name] = torch.zeros(whole)
    return found


def _part(size: str) -> tuple[str, int]:
    """The side and the part of it: of "h/4" h and 4, of "h" h and 1."""
    name, _, divisor = size.partition("/")
    return name, int(divisor or 1)


def graph(shipped: nn.Module, example: Mapping[str, Tensor], ports: Ports) -> Any:
    """The onnx.ModelProto of a module, with float32 weights.

    Args:
        shipped: In evaluation mode; takes the inputs one by one.
        example: An input of each name, in the module's order; sizes that are free must not be 1.
        ports: What goes in and comes out.

    Raises:
        MissingExtra: If the packages onnx and onnxscript are not installed.
        ModelOutputError: If torch's exporter fails.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 torch's exporter needs it
    except ImportError as error:
        message = "writing an ONNX file needs the packages onnx and onnxscript"
        raise MissingExtra(message, hint=pip_line("train")) from error
    # Torch's fast attention lays its result out in another order than the exporter expects.
    plain = sdpa_kernel(SDPBackend.MATH)
    with tempfile.TemporaryDirectory() as folder, _silence(), _mapped(), plain:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            shipped,
            tuple(example.values()),
            path,
            input_names=list(example),
            output_names=list(ports.outputs),
            dynamic_shapes=_free_sizes(list(example), ports),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
            custom_translation_table=dict(ports.operators),
        )
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    _plain(model)
    return model


def _free_sizes(names: Sequence[str], ports: Ports) -> tuple[dict[int, Any], ...]:
    """Which axes of each input are free, as torch.export wants it."""
    size = torch.export.Dim
    limits = {"min": -(-ports.least // ports.multiple), "max": _LARGEST // ports.multiple}
    steps = {name: size(name, **limits) for name in ("h", "w")}
    counts = {name: size(name, min=1, max=_MOST) for name in ("n", "p")}

    def free(one: str) -> Any:
        name, part = _part(one)
        factor = ports.multiple // part
        return (
            counts[name] if name in counts else factor * steps[name] if factor > 1 else steps[name]
        )

    return tuple(
        {axis: free(one) for axis, one in enumerate(ports.inputs[name]) if isinstance(one, str)}
        for name in names
    )


def _plain(model: Any) -> None:
    """Drop what the exporter notes down for its own debugging: paths and lines of code."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Torch's exporter warns of its own deprecated calls and logs what is not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    """Torch's exporter lets through whatever its many steps raise."""
    try:
        yield
    except NukkiError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        message = f"torch could not write the network as ONNX: {type(error).__name__}: {reason}"
        raise ModelOutputError(
            message, hint="try another version of torch or onnxscript"
        ) from error


def _difference(
    model: Any, shown: Sequence[Inputs], wanted: Sequence[Outputs], distance: Distance
) -> float:
    """The largest distance over what is shown."""
    given = answers(model.SerializeToString(), shown)
    return max(distance(answer, truth) for answer, truth in zip(given, wanted, strict=True))


def _distance(given: Outputs, wanted: Outputs) -> float:
    """Mean absolute difference of the alphas."""
    return float(np.abs(given["alpha"] - wanted["alpha"]).mean())


def answers(
    data: bytes, inputs: Sequence[Mapping[str, NDArray[Any]]]
) -> list[dict[str, NDArray[np.float32]]]:
    """What ONNX Runtime makes of inputs, on the CPU.

    Args:
        data: An ONNX file.
        inputs: Tensors by name, for each run.

    Returns:
        The outputs by name, for each run.

    Raises:
        InputError: If ONNX Runtime does not take the file, or an input is not of its shape.
        ModelOutputError: If the network fails, or gives what is not finite.
    """
    descriptor, name = tempfile.mkstemp(suffix=".onnx")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        session: Session = get_session(path, device="cpu")
        return [session.run(tensors) for tensors in inputs]
    finally:
        path.unlink(missing_ok=True)
