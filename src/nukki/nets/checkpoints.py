"""Official checkpoints as tensors by name, whatever they are wrapped in, without running them.

What a file is, is told by its first bytes, never by its name:

    zip               torch.save since 1.6, TorchScript, or a zip with one checkpoint in it
    torch's magic     torch.save before 1.6
    another pickle    Detectron2's .pkl: NumPy arrays by name
    length and "{"    safetensors
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import pickle
import pickletools
import re
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from nukki.errors import InputError, NukkiError
from nukki.nets.unpickle import Noted, Refused, numpy_pickle, script_tensors

__all__ = ["read_checkpoint"]

# torch.save before 1.6 begins with this number, pickled (torch.serialization.MAGIC_NUMBER).
_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_SLACK = 1 << 26  # bytes that an archive may unpack to beyond its own size
_BEST_PACKED = 4  # weights are noise: an honest zip makes them smaller by a tenth or so
_LONGEST_HEADER = 100_000_000  # bytes, safetensors' own limit
_DEEPEST = 4  # dictionaries around the state dict

# Under these names training tools put the state dict; those kept for use (averages) come first.
_WRAPPERS = (
    "state_dict",
    "params_ema",
    "params",
    "model_state_dict",
    "model",
    "generator",
    "netG",
    "net",
    "module",
)
# What they put beside it: settings, counters, callbacks. It is read as nothing at all.
_BESIDE = (
    "argparse.Namespace",
    "datetime.",
    "lightning.",
    "lightning_fabric.",
    "mmcv.",
    "mmengine.",
    "numpy.",
    "omegaconf.",
    "pathlib.",
    "pytorch_lightning.",
)
_INNER = (".ckpt", ".pth", ".pt", ".tar", ".safetensors", ".pkl")
_SAFE_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_AGAIN = "it may be cut short or damaged: download it again and compare its digest"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by the publisher's names, in the file's order.

    Nothing that the file names is imported or called.

    Args:
        path: A .pth, .pt, .ckpt, .pth.tar, .pkl or .safetensors file, a TorchScript archive, or a
            zip with one of these in it.

    Returns:
        Tensors on the CPU in the types that they are stored in.

    Raises:
        InputError: If there is no such file, it is none of these, it is damaged, it wants code to
            be run, or there are no tensors by name in it.
    """
    return _read(str(path), path, is_inner=False)


def _read(name: str, path: Path, *, is_inner: bool) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            file.seek(0)
            with _mapped(name):
                content = _content(name, path, file, head, is_inner=is_inner)
    except (IsADirectoryError, FileNotFoundError) as error:
        message = f"`{name}` is no file: expected a checkpoint"
        raise InputError(message, hint="check the path") from error
    except OSError as error:
        message = f"`{name}` cannot be read: {error.strerror or error}"
        raise InputError(message, hint="check the path and its permissions") from error
    return _state(name, content)


def _content(name: str, path: Path, file: BinaryIO, head: bytes, *, is_inner: bool) -> object:
    """What the file holds, by its first bytes."""
    if head.startswith(b"PK\x03\x04"):
        return _from_zip(name, path, is_inner=is_inner)
    if head == _MAGIC:
        # Four pickles: the magic number, the version, the machine, the object.
        named = [each for _ in range(4) for each in _names(file)]
        return _by_torch(path, named)
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return numpy_pickle(file)
    if head[8:9] == b"{":
        return _from_safetensors(name, file)
    hint = "give the publisher's .pth, .pt, .ckpt, .pkl, .safetensors or TorchScript file"
    if head.lstrip().startswith(b"<"):
        hint = "it is a web page: download the file itself"
    elif head.startswith(b"version https:/"):
        hint = "it is a pointer of Git LFS: fetch the file itself with `git lfs pull`"
    message = f"`{name}` is not a checkpoint: it begins with {head!r}"
    raise InputError(message if head else f"`{name}` is empty", hint=hint)


@contextlib.contextmanager
def _mapped(name: str) -> Iterator[None]:
    """Whatever reading raises for bytes that are no checkpoint is an error of the input."""
    try:
        yield
    except NukkiError:
        raise
    except Refused as error:
        raise _refused(name, error.name) from error
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+) (?:was not an allowed|whose module)", str(error))
        if found:
            raise _refused(name, found[1]) from error
        raise _damaged(name, error) from error
    # Bytes are read as a program here: what they raise is up to them.
    except Exception as error:
        raise _damaged(name, error) from error


def _refused(name: str, foreign: str) -> InputError:
    message = f"`{name}` wants `{foreign}` to be called, which no tensor needs; nothing was run"
    return InputError(message, hint="give a file that holds only a state dict")


def _damaged(name: str, error: Exception) -> InputError:
    # torch says first how all could be allowed, which is not wanted here.
    reason = str(error).rpartition("WeightsUnpickler error:")[2].partition("\n")[0]
    reason = " ".join(reason.split())[:200] or type(error).__name__
    return InputError(f"`{name}` cannot be read as a checkpoint: {reason}", hint=_AGAIN)


# --- torch's own files


class _Beside:
    """Stands for an object that is no tensor; keeps nothing of it."""

    def __new__(cls, *_arguments: Any, **_keywords: Any) -> _Beside:
        """Whatever it was made of."""
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Whatever it kept."""


def _by_torch(path: Path, named: Iterable[str]) -> object:
    """torch.load, which runs nothing but the making of tensors and plain containers."""
    stands: list[Any] = [
        type(each.rpartition(".")[2], (_Beside,), {"__module__": each.rpartition(".")[0]})
        for each in sorted(set(named))
        if each.startswith(_BESIDE)
    ]
    with torch.serialization.safe_globals(stands), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own deprecated calls
        return torch.load(str(path), map_location="cpu", weights_only=True)


def _names(file: Any) -> Iterator[str]:
    """The names in a pickle, "module.name", without reading what they are for."""
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "GLOBAL":
            yield str(argument).replace(" ", ".", 1)


def _from_zip(name: str, path: Path, *, is_inner: bool) -> object:
    with zipfile.ZipFile(path) as archive:
        _check_sizes(name, archive, path.stat().st_size)
        members = archive.namelist()
        roots = [each.removesuffix("data.pkl") for each in members if _is_main(each)]
        if len(roots) == 1:
            root = roots[0]
            if f"{root}constants.pkl" in members:
                return _from_script(name, archive, root)
            with archive.open(f"{root}data.pkl") as file:
                named = list(_names(file))
            return _by_torch(path, named)
        inner = [each for each in members if each.endswith(_INNER) and "__MACOSX" not in each]
        if is_inner or len(inner) != 1:
            message = f"`{name}` is a zip without exactly one checkpoint in it"
            raise InputError(message, hint="unpack it, and give the file with the weights")
        return _from_member(name, archive, inner[0])


def _is_main(member: str) -> bool:
    return re.fullmatch(r"[^/]+/data\.pkl", member) is not None


def _check_sizes(name: str, archive: zipfile.ZipFile, size: int) -> None:
    """Refuse what unpacks to much more than it is."""
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > _BEST_PACKED * size + _SLACK:
        message = f"`{name}` has {size} bytes and unpacks to {unpacked}: that is no checkpoint"
        raise InputError(message, hint="give the publisher's file as it is")


def _from_member(name: str, archive: zipfile.ZipFile, member: str) -> dict[str, Tensor]:
    """The checkpoint in a zip, by way of a temporary file."""
    descriptor, inner = tempfile.mkstemp(suffix=".checkpoint")
    try:
        with os.fdopen(descriptor, "wb") as target, archive.open(member) as source:
            shutil.copyfileobj(source, target, 1 << 20)
        return _read(f"{name}/{member}", Path(inner), is_inner=True)
    finally:
        Path(inner).unlink()


def _from_script(name: str, archive: zipfile.ZipFile, root: str) -> dict[str, Tensor]:
    if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
        message = f"`{name}` was written on a machine with another order of bytes"
        raise InputError(message, hint="write it on a little-endian machine")
    return script_tensors(archive, root)


# --- safetensors: header's length in 8 bytes, header in JSON, all tensors' bytes one after another


def _from_safetensors(name: str, file: BinaryIO) -> dict[str, Tensor]:
    """Published format: github.com/huggingface/safetensors, README, "Format"."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if length > min(_LONGEST_HEADER, size - 8):
        message = f"`{name}` says that its header has {length} bytes, of {size} in all"
        raise InputError(message, hint=_AGAIN)
    header = json.loads(file.read(length).decode(), object_pairs_hook=_once)
    header.pop("__metadata__", None)
    found: dict[str, Tensor] = {}
    at = 0
    for key, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        dtype, shape = _SAFE_DTYPES.get(entry["dtype"]), entry["shape"]
        if dtype is None:
            message = f"`{name}`: `{key}` is of type {entry['dtype']!r}, which no network here has"
            raise InputError(message, hint="give a file of float32, float16 or bfloat16 weights")
        if not all(type(side) is int and side >= 0 for side in shape):
            message = f"the shape of `{key}` is {shape}"
            raise ValueError(message)
        # Without holes and overlaps, as the format demands: so no byte is read twice either.
        if (
            begin != at
            or end - begin != math.prod(shape) * dtype.itemsize
            or end > size - 8 - length
        ):
            message = f"`{key}` is said to lie at {begin} to {end}, with the shape {shape}"
            raise ValueError(message)
        data = bytearray(file.read(end - begin))
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        found[key] = flat.reshape(shape)
        at = end
    if at != size - 8 - length:
        message = f"{size - 8 - length - at} bytes belong to no tensor"
        raise ValueError(message)
    return {key: found[key] for key in header}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, no key of it twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key of the header is there twice"
        raise ValueError(message)
    return found


# --- the state dict in what was read


def _state(name: str, content: object) -> dict[str, Tensor]:
    """The tensors by name, out of what training tools wrap around them."""
    found = _unwrapped(content, _DEEPEST)
    if not found:
        told = ""
        if isinstance(content, Mapping):
            told = f": its keys are {', '.join(map(str, list(content)[:10])) or 'none'}"
        message = f"`{name}` holds no tensors by name{told}"
        raise InputError(message, hint="give a file that holds a state dict")
    with _mapped(name):
        return {key: _plain(key, value) for key, value in found.items()}


def _unwrapped(content: object, depth: int) -> dict[str, Tensor | Noted]:
    """The state dict of a content: below a word that is known, or itself."""
    if not isinstance(content, Mapping) or depth == 0:
        return {}
    for word in _WRAPPERS:
        inner = _unwrapped(content.get(word), depth - 1)
        if inner:
            return inner
    return {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Tensor | Noted)
    }


def _plain(key: str, value: Tensor | Noted) -> Tensor:
    """A tensor that lies in memory number by number."""
    tensor = value if isinstance(value, Tensor) else value.tensor()
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        message = f"`{key}` is stored as {tensor.dtype} in the layout {tensor.layout}"
        raise ValueError(message)
    return tensor.detach()
