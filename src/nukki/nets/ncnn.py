"""Files of ncnn: a graph as text (.param) and the weights of its layers (.bin), read into arrays.

The format is the one of ncnn's documentation ("param and model file structure" and "operation
param weight table"). A .param file holds a magic number, the numbers of layers and of blobs (what
layers give each other), and a line for each layer:

    kind name inputs outputs [input ...] [output ...] [key=value ...]

The .bin file holds the weights in the order of the layers, without names: each weight begins with
a flag that tells its type, biases and scales are plain float32, and everything is filled up to
whole words of 4 bytes. A layer whose weights lie there as int8 also has scales: for its weights
(stored = weight · scale, one scale for each output channel, or for each group), and for what goes
in and comes out of it when ncnn computes in int8, which nukki does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.io.files import load

__all__ = ["Layer", "Value", "parse", "read"]

Value: TypeAlias = int | float | tuple[float, ...]
Array: TypeAlias = NDArray[np.float32]

_MAGIC = "7767517"
_WORD = 4  # bytes that everything is filled up to
_TYPES = {0: "<f4", 0x01306B47: "<f2", 0x000D4B38: "i1"}  # flag → NumPy's name
_ARRAY_KEY = -23300  # less the key: a value that is an array
_OUTPUT_SCALES = 100  # added to the scale term where the scale of what comes out is stored too
# Kinds of layers that have nothing in the .bin file. Of any other kind it is not known how many
# bytes are its own, and so not where the next layer begins.
_EMPTY = frozenset(
    {"BinaryOp", "Concat", "Dropout", "Flatten", "Input", "Interp", "Noop", "Permute", "Pooling"}
    | {"ReLU", "Reshape", "ShuffleChannel", "Sigmoid", "Slice", "Softmax", "Split", "UnaryOp"}
)


@dataclass(frozen=True)
class Layer:
    """A layer of the graph.

    Attributes:
        kind: What it computes, such as "Convolution".
        name: Its own name.
        inputs: Names of the blobs that it takes.
        outputs: Names of the blobs that it gives.
        params: Its numbers by their keys; a key that is absent has ncnn's default.
        weight: Of a convolution (out, in / groups, height, width), of an inner product (out, in);
            None where the kind has none.
        bias: (out,), or None.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[int, Value] = field(default_factory=dict)
    weight: Array | None = None
    bias: Array | None = None


def read(path: Path) -> tuple[Layer, ...]:
    """The layers of a .param file, in its order, with the weights of the .bin file beside it.

    Raises:
        InputError: If one of the two files is missing, is not ncnn's, is truncated or too long,
            or has a kind of layer whose weights are not known here.
    """
    name, text = load(path)
    _, data = load(path.with_suffix(".bin"))
    return parse(name, text, data)


def parse(name: str, text: bytes, data: bytes) -> tuple[Layer, ...]:
    """The layers of a graph, in its order.

    Args:
        name: Of the .param file, for messages.
        text: What is in it.
        data: What is in the .bin file.

    Raises:
        InputError: As `read`.
    """
    weights = _Weights(name, data)
    layers = tuple(_filled(layer, weights) for layer in _graph(name, text))
    weights.finish()
    return layers


def _wrong(name: str, what: str) -> InputError:
    message = f"`{name}`: {what}"
    return InputError(message, hint="give a .param file of ncnn and its own .bin file beside it")


def _graph(name: str, text: bytes) -> list[Layer]:
    """The layers without their weights."""
    try:
        lines = [line.split() for line in text.decode("ascii").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise _wrong(name, "is not a text of ncnn") from error
    if not lines or lines[0] != [_MAGIC]:
        raise _wrong(name, f"must begin with ncnn's magic number {_MAGIC}")
    try:
        layer_count, blob_count = (int(word) for word in lines[1])
    except (IndexError, ValueError) as error:
        raise _wrong(
            name, "must give the numbers of layers and blobs in its second line"
        ) from error
    layers = [_line(name, words) for words in lines[2:]]
    if len(layers) != layer_count:
        raise _wrong(name, f"must have {layer_count} layers, has {len(layers)}")
    blobs: set[str] = set()
    for layer in layers:
        if missing := set(layer.inputs) - blobs:
            raise _wrong(name, f"layer `{layer.name}` takes `{min(missing)}`, which none gives")
        blobs |= set(layer.outputs)
    if len(blobs) != blob_count:
        raise _wrong(name, f"must have {blob_count} blobs, has {len(blobs)}")
    return layers


def _line(name: str, words: list[str]) -> Layer:
    try:
        kind, layer, inner, outer = words[0], words[1], int(words[2]), int(words[3])
        first, last = 4 + inner, 4 + inner + outer
        if min(inner, outer) < 0 or len(words) < last:
            raise ValueError
        params = dict(_param(word) for word in words[last:])
    except (IndexError, ValueError) as error:
        raise _wrong(name, f"has a line that is no layer: {' '.join(words)[:60]}") from error
    return Layer(kind, layer, tuple(words[4:first]), tuple(words[first:last]), params)


def _param(word: str) -> tuple[int, Value]:
    """`0=24`, `1=2.0e+00`, `-23310=1,0.1` (the first number counts the others) or `10=0.1,0.2`."""
    key_text, _, text = word.partition("=")
    key, numbers = int(key_text), [_number(part) for part in text.split(",")]
    if key <= _ARRAY_KEY:
        if len(numbers) != 1 + numbers[0]:
            raise ValueError
        return _ARRAY_KEY - key, tuple(numbers[1:])
    return key, numbers[0] if len(numbers) == 1 else tuple(numbers)


def _number(text: str) -> int | float:
    return float(text) if "." in text or "e" in text else int(text)


class _Weights:
    """The .bin file, taken from its beginning to its end."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data
        self.place = 0

    def plain(self, count: int, kind: str = "<f4") -> Array:
        """So many numbers without a flag."""
        size = count * np.dtype(kind).itemsize
        if count < 0 or self.place + size > len(self.data):
            raise _wrong(
                self.name, f"its .bin file ends at byte {len(self.data)}, within a layer's weights"
            )
        values = np.frombuffer(self.data, kind, count, self.place).astype(np.float32)
        self.place += -(-size // _WORD) * _WORD
        return values

    def flagged(self, count: int) -> tuple[Array, bool]:
        """So many numbers after a flag, and whether they are int8."""
        if self.place + _WORD > len(self.data):
            return self.plain(count), False  # which says that the file has ended
        flag = int.from_bytes(self.data[self.place : self.place + _WORD], "little")
        if flag not in _TYPES:
            raise _wrong(
                self.name,
                f"its .bin file has the flag {flag:#010x} at byte {self.place}; known are "
                + ", ".join(f"{known:#010x}" for known in _TYPES),
            )
        self.place += _WORD
        return self.plain(count, _TYPES[flag]), _TYPES[flag] == "i1"

    def finish(self) -> None:
        if self.place != len(self.data):
            raise _wrong(
                self.name, f"its .bin file must end at byte {self.place}, has {len(self.data)}"
            )


@dataclass(frozen=True)
class _Form:
    """What a layer's numbers say of its weights.

    Attributes:
        shape: Of the weight.
        groups: Of output channels, each with a filter bank and an int8 scale of its own.
        biased: Whether there is a bias.
        term: 0, or how int8 scales are stored.
    """

    shape: tuple[int, ...]
    groups: int
    biased: bool
    term: int


def _form(name: str, layer: Layer) -> _Form:
    def whole(key: int, default: int = 0) -> int:
        value = layer.params.get(key, default)
        if not isinstance(value, int) or value < 0:
            raise _wrong(name, f"layer `{layer.name}`: {key}={value} must be a whole number")
        return value

    outer = whole(0)
    size: tuple[int, ...]
    if layer.kind == "InnerProduct":
        size, count, biased, groups = (), whole(2), whole(1), outer
    elif layer.kind in ("Convolution", "ConvolutionDepthWise"):
        size, count, biased = (whole(11, whole(1)), whole(1)), whole(6), whole(5)  # rows first
        groups = whole(7, 1) if layer.kind == "ConvolutionDepthWise" else outer
    else:
        raise _wrong(name, f"layer `{layer.name}` is a `{layer.kind}`, which is not read")
    share = outer * math.prod(size)
    fits = share > 0 and count > 0 and count % share == 0 and groups > 0 and outer % groups == 0
    if not fits or (size and whole(19)):  # 19: the weights are an input of the layer
        raise _wrong(name, f"layer `{layer.name}`: its numbers do not fit each other")
    return _Form((outer, count // share, *size), groups, bool(biased), whole(8))


def _filled(layer: Layer, weights: _Weights) -> Layer:
    """The layer with its weights, which are taken."""
    if layer.kind in _EMPTY:
        return layer
    form = _form(weights.name, layer)
    values, eighth = weights.flagged(math.prod(form.shape))
    bias = weights.plain(form.shape[0]) if form.biased else None
    if eighth and not form.term:
        raise _wrong(weights.name, f"layer `{layer.name}` has int8 weights without scales")
    if form.term:
        single = layer.kind == "ConvolutionDepthWise" and form.term % _OUTPUT_SCALES == 2
        scale = weights.plain(1 if single else form.groups)
        weights.plain(2 if form.term > _OUTPUT_SCALES else 1)  # for what goes in and comes out
        if eighth:
            values = _whole_again(values.reshape(len(scale), -1), scale)
    if not (np.isfinite(values).all() and (bias is None or np.isfinite(bias).all())):
        raise _wrong(weights.name, f"layer `{layer.name}` has weights that are not finite")
    return replace(layer, weight=values.reshape(form.shape), bias=bias)


def _whole_again(values: Array, scale: Array) -> Array:
    """Stored values (n, m) over their scales (n,).

    A scale of 0 stands for weights of 0. So does an infinite one, which ncnn computes where all
    weights of a channel are so small that 127 over the largest has no float32 (below 4e-37).
    """
    inverse = np.zeros_like(scale)
    np.divide(1, scale, out=inverse, where=scale != 0)
    return values * inverse[:, None]
