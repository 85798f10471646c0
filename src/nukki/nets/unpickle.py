"""Tensors out of pickles and TorchScript archives, without running what these name.

A pickle is a program that names functions and has them called. Here a name stands for a function of
ours, from a short list; any other ends the reading before anything is called. What the functions
give are notes of where a tensor's bytes are; the tensors are made afterwards, by `Noted.tensor`.

The opcodes are read by Python's own interpreter of pickles, the one written in Python: the one
written in C sets aside memory for the largest number that a file mentions.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

__all__ = ["Noted", "Refused", "numpy_pickle", "script_tensors"]

_DEEPEST = 100  # modules within modules
_MOST = 200_000  # attributes of all modules together; a pickle may name one any number of times


class Refused(Exception):
    """A pickle names what is on no list.

    Attributes:
        name: "module.name", as the pickle has it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@runtime_checkable
class Noted(Protocol):
    """Where a tensor's bytes are and what they mean."""

    def tensor(self) -> Tensor:
        """The tensor.

        Raises:
            ValueError, TypeError, RuntimeError: If the bytes do not make one.
        """
        ...


class _Reader(pickle._Unpickler):
    """Reads a pickle in which only the given names stand for something.

    Args:
        file: The pickle, at its first byte.
        names: What "module.name" stands for.
    """

    def __init__(self, file: BinaryIO, names: Mapping[str, Any]) -> None:
        # Python 2 wrote bytes as text; latin1 keeps each of them.
        super().__init__(file, encoding="latin1")
        self._names = names

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for; nothing is imported."""
        full = f"{module}.{name}"
        if full not in self._names:
            raise Refused(full)
        return self._names[full]

    def get_extension(self, code: int) -> None:
        """Numbers for names, as a program may register them; none does here."""
        name = f"extension {code}"
        raise Refused(name)


class _Function:
    """A function of ours as a pickle gets it: made for one reading, so that no other is changed."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)


# --- NumPy's arrays (Detectron2 writes them so)


@dataclass
class _Kind:
    """A dtype: "f4", and whether its bytes are swapped."""

    code: str
    order: str = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # (version, byte order, …) by numpy.dtype.__reduce__; the rest is for records
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        """Numbers and booleans only: an array of objects would hold anything."""
        kind = np.dtype(self.order + self.code)
        if kind.kind not in "fiub":
            message = f"numbers expected, got dtype {kind}"
            raise ValueError(message)
        return kind


@dataclass
class _Array:
    """An array: (version, shape, dtype, column order first, bytes) by numpy.ndarray.__reduce__."""

    state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def tensor(self) -> Tensor:
        """See `Noted`."""
        return self._made

    @cached_property
    def _made(self) -> Tensor:
        """Made once, however often the pickle mentions the array."""
        _, shape, kind, columns_first, data = self.state
        raw = data.encode("latin1") if isinstance(data, str) else data
        values = np.frombuffer(raw, kind.dtype())
        array = values.reshape(tuple(map(_size, shape)), order="F" if columns_first else "C")
        return torch.from_numpy(np.array(array, kind.dtype().newbyteorder("="), order="C"))


def numpy_pickle(file: BinaryIO) -> object:
    """What a pickle of dictionaries, lists, plain values and NumPy's arrays holds.

    Args:
        file: The pickle, at its first byte.

    Returns:
        The object; in the place of arrays stand `Noted`.

    Raises:
        Refused: If it names anything but NumPy's arrays and ordered dictionaries.
        Exception: Whatever the interpreter of pickles raises for bytes that are none.
    """

    def rebuilt(*_: Any) -> _Array:
        return _Array()

    def from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> _Array:
        return _Array((1, shape, kind, order == "F", bytes(data)))

    def scalar(kind: Any, data: Any = b"") -> _Array:
        return _Array((1, (), kind, False, data))

    def encoded(text: str, _: str = "") -> bytes:
        return text.encode("latin1")  # how protocol 2 writes bytes

    names: dict[str, Any] = {
        "collections.OrderedDict": _Function(OrderedDict),
        "_codecs.encode": _Function(encoded),
        "numpy.dtype": _Function(lambda code, *_: _Kind(str(code))),
        "numpy.ndarray": "numpy.ndarray",  # handed to _reconstruct, never called
    }
    for home in ("numpy.core", "numpy._core"):  # the second since NumPy 2
        names[f"{home}.multiarray._reconstruct"] = _Function(rebuilt)
        names[f"{home}.multiarray.scalar"] = _Function(scalar)
        names[f"{home}.numeric._frombuffer"] = _Function(from_buffer)
    return _Reader(file, names).load()


# --- TorchScript: a zip of data.pkl (modules, their attributes), data/0, data/1, … (bytes) and code

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# How lists with a type are written: the list itself comes first.
_LISTS = (
    "build_intlist",
    "build_doublelist",
    "build_boollist",
    "build_tensorlist",
    "restore_type_tag",
)


@dataclass(frozen=True)
class _Bytes:
    """A file of the archive and the type of the numbers in it."""

    archive: zipfile.ZipFile
    name: str
    dtype: torch.dtype
    count: int

    @cached_property
    def flat(self) -> Tensor:
        """All numbers in a row; read once."""
        data = bytearray(self.archive.read(self.name))
        if len(data) != self.count * self.dtype.itemsize:
            message = f"`{self.name}` holds {len(data)} bytes, not {self.count} {self.dtype}"
            raise ValueError(message)
        return torch.frombuffer(data, dtype=self.dtype) if data else torch.empty(0).to(self.dtype)


@dataclass(frozen=True)
class _Window:
    """A part of such a file, seen as a tensor."""

    file: _Bytes
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def tensor(self) -> Tensor:
        """See `Noted`."""
        return torch.as_strided(self.file.flat, self.shape, self.strides, self.offset)


@dataclass
class _Module:
    """A module of the program, less its program: its attributes."""

    attributes: dict[str, Any] = field(default_factory=dict)

    def __setstate__(self, state: Any) -> None:
        # Other classes than modules may keep anything; no tensor of a network is there.
        self.attributes = dict(state) if isinstance(state, dict) else {}


class _ScriptReader(_Reader):
    """Reads data.pkl of a TorchScript archive."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        self._archive = archive
        self._root = root
        self._module = type("Module", (_Module,), {})  # a pickle may write to a class it gets
        self._files: dict[Any, _Bytes] = {}
        names: dict[str, Any] = {f"torch.{name}": dtype for name, dtype in _STORAGES.items()}
        names |= {
            f"torch.jit._pickle.{name}": _Function(lambda given, *_: given) for name in _LISTS
        }
        names["torch._utils._rebuild_tensor_v2"] = _Function(_window)
        names["collections.OrderedDict"] = _Function(OrderedDict)
        names["torch.device"] = _Function(str)
        # Read at once: what is refused half-way would keep the file open.
        super().__init__(io.BytesIO(archive.read(f"{root}data.pkl")), names)

    def find_class(self, module: str, name: str) -> Any:
        """Every class of the program is a bag of attributes."""
        if module == "__torch__" or module.startswith("__torch__."):
            return self._module
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> _Bytes:
        """("storage", type, number of the file, device, how many)."""
        if pid not in self._files:
            _, dtype, name, _, count = pid
            name = f"{self._root}data/{name}"
            self._files[pid] = _Bytes(self._archive, name, dtype, _size(count))
        return self._files[pid]


def _window(file: _Bytes, offset: int, shape: Any, strides: Any, *_: Any) -> _Window:
    return _Window(file, offset, tuple(map(_size, shape)), tuple(map(_size, strides)))


def script_tensors(archive: zipfile.ZipFile, root: str) -> dict[str, Tensor]:
    """The parameters and buffers of a TorchScript archive by their names.

    Args:
        archive: The open file.
        root: The folder of `data.pkl` in it, with its slash.

    Raises:
        Refused: If it names what a program's tensors do not need.
        ValueError: If its modules lie too deep, or are too many.
        Exception: Whatever the interpreter of pickles raises for bytes that are none.
    """
    found: dict[str, Tensor] = {}
    for count, (name, value) in enumerate(_attributes(_ScriptReader(archive, root).load(), "", 0)):
        if count > _MOST:
            message = f"more than {_MOST} attributes"
            raise ValueError(message)
        if isinstance(value, _Window):
            found[name] = value.tensor()
    return found


def _attributes(module: object, prefix: str, depth: int) -> Iterator[tuple[str, object]]:
    """Every attribute of a module and of those within it, by its path."""
    if depth > _DEEPEST:
        message = f"modules within modules, more than {_DEEPEST} deep"
        raise ValueError(message)
    if isinstance(module, _Module):
        for name, value in module.attributes.items():
            yield f"{prefix}{name}", value
            yield from _attributes(value, f"{prefix}{name}.", depth + 1)


def _size(value: Any) -> int:
    """A whole number from 0."""
    if type(value) is not int or value < 0:
        message = f"a whole number from 0 expected, got {value!r}"
        raise ValueError(message)
    return value
