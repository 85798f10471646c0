"""PyTorch → ONNX, in few bytes, and proof that the file computes what the network did."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nukki.errors import MissingExtra, ModelOutputError
from nukki.io.files import write
from nukki.nets.storage import compact
from nukki.runtime.sessions import Session, get_session

__all__ = ["FULL_TOLERANCE", "STORED_TOLERANCE", "Parity", "export"]

FULL_TOLERANCE = 1e-4  # mean absolute difference between PyTorch and the float32 file
STORED_TOLERANCE = 1e-3  # and between that and the stored file
_OPSET = 18

Tensors = Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class Parity:
    """How far an exported file is from the network it was made of.

    Attributes:
        full: Largest mean absolute difference of an output between PyTorch and the file with
            float32 weights.
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
    shipped = _Alpha(net).eval()
    with torch.inference_mode():
        wanted = [shipped(torch.from_numpy(picture)).numpy() for picture in pictures]
    model = _graph(shipped)
    full = _difference(model, pictures, wanted)
    if not full <= FULL_TOLERANCE:
        message = f"the exported `{target.name}` is off by {full:.1e}, allowed is {FULL_TOLERANCE}"
        raise ModelOutputError(message, hint="try another version of torch or onnxscript")
    forms: Mapping[str, str] = {}
    stored = full
    if small:
        judge = partial(_difference, pictures=pictures, wanted=wanted)
        model, forms, stored = compact(model, judge, STORED_TOLERANCE)
    data = model.SerializeToString()
    write(target, data)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    kinds = list(forms.values())
    return Parity(full, stored, kinds.count("half"), kinds.count("eighth"), len(data), digest)


def _graph(shipped: nn.Module) -> Any:
    """The ONNX model of a module, free in batch, height and width."""
    try:
        import onnx
        import onnxscript  # noqa: F401 torch's exporter needs it
    except ImportError as error:
        message = "writing an ONNX file needs the packages onnx and onnxscript"
        raise MissingExtra(message, hint='pip install "nukki[train]"') from error
    size = torch.export.Dim
    high, wide = size("h", min=1, max=128), size("w", min=1, max=128)
    with tempfile.TemporaryDirectory() as folder, _silence():
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            shipped,
            (torch.zeros(2, 3, 64, 96),),
            path,
            input_names=["image"],
            output_names=["alpha"],
            dynamic_shapes={"image": {0: size("n", min=1, max=64), 2: 32 * high, 3: 32 * wide}},
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(str(path))
    onnx.checker.check_model(model)
    _plain(model)
    return model


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


def _difference(model: Any, pictures: Tensors, wanted: Tensors) -> float:
    """Largest mean absolute difference over the pictures; infinite where a value is not finite."""
    descriptor, name = tempfile.mkstemp(suffix=".onnx")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(model.SerializeToString())
        session: Session = get_session(path, device="cpu")
        return max(
            float(np.abs(session.run({"image": picture})["alpha"] - truth).mean())
            for picture, truth in zip(pictures, wanted, strict=True)
        )
    finally:
        path.unlink(missing_ok=True)
