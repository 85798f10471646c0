"""Starting weights for our networks: of a file that nukki shipped, or of a trained encoder."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nukki.errors import InputError, MissingExtra
from nukki.io.files import load
from nukki.nets.storage import stored_weights

__all__ = ["start_from"]

Arrays = Mapping[str, NDArray[np.float32]]

# The first generation was exported with names of its own, and with folded batch norms that lost
# theirs: its weights are found by the names of the layers that use them.
_FIRST = (
    (r"/m/(enc/.*)/Conv_output_0", r"\1"),
    (r"/m/(lat\.\d)/.*", r"\1"),
    (r"/m/(gp|outs\.\d)/Conv_output_0", r"\1"),
    (r"/m/ctx/ctx\.(\d)/ctx\.\d\.0/.*", r"ctx.\1.depthwise"),
    (r"/m/ctx/ctx\.(\d)/ctx\.\d\.2/.*", r"ctx.\1.pointwise"),
    (r"/m/dec\.(\d)/dec\.\d\.(\d)/dec\.\d\.\d\.0/.*", r"dec.\1.\2.depthwise"),
    (r"/m/dec\.(\d)/dec\.\d\.(\d)/dec\.\d\.\d\.2/.*", r"dec.\1.\2.pointwise"),
)


def start_from(net: nn.Module, path: Path) -> tuple[int, int]:
    """Fill a network with the weights of a file, as far as it has them.

    Args:
        net: A `SubjectNet`; layers that the file lacks keep what they hold.
        path: An .onnx file of `subject` (any generation, any precision), or the .npz file of a
            MobileNetV2 (arrays `00.weight`, `00.bias`, … in network order, batch norms folded),
            which fills the encoder.

    Returns:
        How many tensors were filled, and how many the network has.

    Raises:
        InputError: If the file is neither, or a tensor of it has another shape.
    """
    name, data = load(path)
    if path.suffix.lower() == ".npz":
        found = _encoder_weights(name, data, net)
    else:
        found = _graph_weights(name, data)
    state = net.state_dict()
    fitting = {key: array for key, array in found.items() if key in state}
    if not fitting:
        message = f"`{name}` holds no weights of this network"
        raise InputError(message, hint="give a file that `nukki train` exported, or MobileNetV2's")
    for key, array in fitting.items():
        if tuple(state[key].shape) != array.shape:
            message = f"`{name}`: `{key}` must be {tuple(state[key].shape)}, got {array.shape}"
            raise InputError(message, hint="start from a file of the same network")
        state[key] = torch.from_numpy(np.array(array, np.float32))
    net.load_state_dict(state)
    return len(fitting), len(state)


def _graph_weights(name: str, data: bytes) -> Arrays:
    """The weights of an ONNX file, by the names that the network has for them."""
    try:
        import onnx
    except ImportError as error:
        message = f"reading weights out of `{name}` needs the package onnx"
        raise MissingExtra(message, hint='pip install "nukki[train]"') from error
    try:
        graph = onnx.load_model_from_string(data).graph
    # protobuf's DecodeError; the package that defines it is onnx's affair.
    except Exception as error:
        message = f"`{name}` is not an ONNX file"
        raise InputError(message, hint="give an .onnx or an .npz file") from error
    arrays = stored_weights(graph.initializer)
    found = {key.removeprefix("net."): array for key, array in arrays.items()}
    for node in graph.node:
        layer = _first_generation(node.output[0]) if node.op_type == "Conv" else None
        if layer is not None:
            for part, key in zip(("weight", "bias"), node.input[1:], strict=False):
                found[f"{layer}.{part}"] = arrays[key]
    return found


def _first_generation(output: str) -> str | None:
    for pattern, layer in _FIRST:
        match = re.fullmatch(pattern, output)
        if match:
            return match.expand(layer).replace("/", ".")
    return None


def _encoder_weights(name: str, data: bytes, net: nn.Module) -> Arrays:
    """MobileNetV2's weights for the encoder; its last two layers are the classifier's."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key], np.float32) for key in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        message = f"`{name}` is not an .npz file of arrays"
        raise InputError(message, hint="give an .onnx or an .npz file") from error
    layers = [
        layer
        for layer, module in net.named_modules()
        if layer.startswith("enc.") and isinstance(module, nn.Conv2d)
    ]
    return {
        f"{layer}.{part}": arrays[f"{number:02d}.{part}"]
        for number, layer in enumerate(layers)
        for part in ("weight", "bias")
        if f"{number:02d}.{part}" in arrays
    }
