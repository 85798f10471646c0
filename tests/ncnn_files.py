"""Files of ncnn made in code, by the format's own rules: flags, scales and whole words."""

from __future__ import annotations

import numpy as np

FLAGS = {"float32": 0, "float16": 0x01306B47, "int8": 0x000D4B38}


def words(data: bytes) -> bytes:
    """Filled up to whole words of four bytes."""
    return data + bytes(-len(data) % 4)


def weight(values, kind: str) -> bytes:
    """Flag and values; int8 takes whole numbers as they are."""
    array = np.asarray(values)
    flag = FLAGS[kind].to_bytes(4, "little")
    return flag + words(array.astype(np.dtype(kind).newbyteorder("<")).tobytes())


def plain(values) -> bytes:
    """float32 without a flag."""
    return np.asarray(values, "<f4").tobytes()


def param(lines, blobs: int) -> bytes:
    """A .param file of layers, one line each."""
    return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines, ""]).encode()


def chain(convolutions) -> tuple[bytes, bytes]:
    """A .param and a .bin file of float32 convolutions with bias, one after the other.

    Args:
        convolutions: Objects with `weight`, `bias` and `groups`, as torch's.
    """
    lines, data = ["Input data 0 1 0"], b""
    for number, layer in enumerate(convolutions):
        values, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        kind = "ConvolutionDepthWise" if layer.groups > 1 else "Convolution"
        groups = f" 7={layer.groups}" if layer.groups > 1 else ""
        line = f"{kind} c{number} 1 1 {number} {number + 1} 0={len(values)} 1={values.shape[3]}"
        lines.append(f"{line} 5=1 6={values.size}{groups}")
        data += weight(values, "float32") + plain(bias)
    return param(lines, len(lines)), data
