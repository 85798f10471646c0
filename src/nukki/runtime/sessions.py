"""Network files loaded once and run many times.

`get_session` keeps the few networks that were used last; `Session.run` takes and gives named
tensors. A network file is data: no library of custom operators is ever registered, and ONNX
Runtime refuses weights that lie outside the file's own folder.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukki import settings
from nukki.errors import InputError, MissingExtra, ModelOutputError, ProviderError
from nukki.runtime.devices import PROVIDERS, choose, device_names, install_line

__all__ = ["KEPT", "Session", "available_devices", "clear", "get_session"]

Shape: TypeAlias = tuple[int | str | None, ...]

KEPT = 6  # sessions: subject, detect, the two of pick, and two more

# Beyond this many input values (a 590 px square of RGB) memory is given back after each run. Below,
# keeping it halves the time of a small network and costs some tens of MB.
_GIVE_BACK = 1 << 20

_SILENT = 4  # only fatal messages: every other one reaches the caller as an error

# What ONNX Runtime raises, by name, since a release may lack the newest. Its Python layer adds
# ValueError and TypeError for inputs, and C++ exceptions arrive as RuntimeError or MemoryError.
_FOREIGN_NAMES = (
    "DeviceReset",
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoadCanceled",
    "ModelLoaded",
    "ModelRequiresCompilation",
    "NoModel",
    "NoSuchFile",
    "NotFound",
    "NotImplemented",
    "RuntimeException",
)

# Those that speak of the file, whatever the device.
_FILE_ERRORS = {"InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile"}

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class Session:
    """A loaded network: named tensors in, named float32 tensors out.

    Many threads may call `run` at once.

    Attributes:
        path: The network's file.
        device: The device that really loaded.
        threads: Threads of one run on the CPU.
        inputs: Shape by name; sizes that are free are a word or None.
        outputs: Likewise.
    """

    def __init__(self, engine: Any, *, path: Path, device: str, threads: int) -> None:
        self.path = path
        self.device = device
        self.threads = threads
        self.inputs: dict[str, Shape] = {i.name: tuple(i.shape) for i in engine.get_inputs()}
        self.outputs: dict[str, Shape] = {o.name: tuple(o.shape) for o in engine.get_outputs()}
        self._dtypes = {i.name: _DTYPES.get(i.type, i.type) for i in engine.get_inputs()}
        self._engine = engine

    def run(
        self, inputs: Mapping[str, NDArray[Any]], *, outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Run the network once.

        Args:
            inputs: Every input by name, in the network's dtype and shape; float32 is also taken
                where it wants float16.
            outputs: Names to give; None gives all.

        Returns:
            Tensors by name, float32, finite.

        Raises:
            InputError: If a name, dtype or shape is not the network's.
            ModelOutputError: If the network fails, or gives NaN, infinity or no tensor.
        """
        tensors = self._checked(inputs)
        names = self._output_names(outputs)
        runtime = _onnxruntime()
        try:
            answers = self._engine.run(names, tensors, self._run_options(runtime, tensors))
        except _foreign_errors(runtime) as error:
            message = f"`{self.path.name}` did not run: {_reason(error)}"
            raise ModelOutputError(message, hint=_advice(error, tensors)) from error
        return {
            name: self._finite(name, answer) for name, answer in zip(names, answers, strict=True)
        }

    def _checked(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if set(inputs) != set(self.inputs):
            message = (
                f"`{self.path.name}` takes the inputs {', '.join(self.inputs)}, "
                f"got {', '.join(inputs) or 'none'}"
            )
            raise InputError(message, hint="name the network's input on its card")
        return {name: self._checked_one(name, array) for name, array in inputs.items()}

    def _checked_one(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        expected, shape = self._dtypes[name], self.inputs[name]
        if expected == "float16" and array.dtype == np.float32:
            array = array.astype(np.float16)
        fits = len(array.shape) == len(shape) and all(
            not isinstance(want, int) or want == got
            for want, got in zip(shape, array.shape, strict=True)
        )
        if array.dtype.name != expected or not fits:
            message = (
                f"`{name}` of `{self.path.name}` must be {expected} {_shape_text(shape)}, "
                f"got {array.dtype.name} {_shape_text(array.shape)}"
            )
            raise InputError(message, hint="compare the card's input size with the network's")
        return np.ascontiguousarray(array)

    def _output_names(self, outputs: Sequence[str] | None) -> list[str]:
        names = list(self.outputs if outputs is None else outputs)
        unknown = [name for name in names if name not in self.outputs]
        if unknown:
            message = (
                f"`{self.path.name}` has no output {', '.join(unknown)}; "
                f"it has {', '.join(self.outputs)}"
            )
            raise InputError(message, hint="name the network's output on its card")
        return names

    def _run_options(self, runtime: Any, tensors: Mapping[str, NDArray[Any]]) -> Any:
        options = runtime.RunOptions()
        options.log_severity_level = _SILENT
        if self.device == "cpu" and sum(array.size for array in tensors.values()) > _GIVE_BACK:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return options

    def _finite(self, name: str, answer: Any) -> NDArray[np.float32]:
        if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiub":
            message = f"`{name}` of `{self.path.name}` must be a tensor of numbers"
            raise ModelOutputError(message)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, named below
            values: NDArray[np.float32] = answer.astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            bad = int(values.size - np.count_nonzero(np.isfinite(values)))
            message = (
                f"`{name}` of `{self.path.name}` must be finite, "
                f"got {bad} of {values.size} values NaN or infinite"
            )
            raise ModelOutputError(
                message, hint="check the card's scale, mean and std, or use a float32 network"
            )
        return values


def get_session(
    path: Path, *, device: str = "auto", threads: int | None = None, one_shape: bool = False
) -> Session:
    """The loaded network of a file, from the cache when it is there.

    The last `KEPT` are kept; a file that was replaced is loaded anew. Threads that ask for the same
    one at the same time wait for one load.

    Args:
        path: An ONNX file.
        device: "auto" (NUKKI_DEVICE, else the best that loads) or a key of `devices.PROVIDERS`.
        threads: Threads of one run; None takes `settings.threads()`.
        one_shape: Whether its inputs always have the same shapes: then ONNX Runtime plans its
            memory once, which takes 2 % off a small network's time.

    Raises:
        InputError: If the file is missing, not ONNX, or refers to data outside its folder, or if
            `device` or `threads` make no sense.
        ProviderError: If the device that was asked for did not load.
        MissingExtra: If ONNX Runtime is not installed.
    """
    count = settings.threads() if threads is None else threads
    if count < 1:
        message = f"`threads` must be at least 1, got {count}"
        raise InputError(message, hint="leave threads out to use all cores")
    wish = settings.device() if device == "auto" else device
    try:
        resolved = Path(path).resolve(strict=True)
        stat = resolved.stat()
    except (OSError, ValueError) as error:
        message = f"`{path}` must be an ONNX file, got none: {error}"
        raise InputError(message, hint="check the path of the model") from error
    key = (resolved, stat.st_size, stat.st_mtime_ns, wish, count, one_shape)
    return _CACHE.get(key, lambda: _load(resolved, wish, count, one_shape=one_shape))


def available_devices() -> tuple[str, ...]:
    """Devices that the installed ONNX Runtime was built with; they may still lack a driver.

    Raises:
        MissingExtra: If ONNX Runtime is not installed.
    """
    return device_names(_onnxruntime().get_available_providers())


def clear() -> None:
    """Forget every loaded network; memory returns when the last user lets go."""
    _CACHE.clear()


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    session: Session | None = None


class _Cache:
    """The sessions used last, one lock for each so that one slow load holds up no other."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[Any, ...], _Slot] = OrderedDict()

    def get(self, key: tuple[Any, ...], build: Callable[[], Session]) -> Session:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._limit:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.session is None:
                slot.session = build()
            return slot.session

    def clear(self) -> None:
        with self._lock:
            self._slots.clear()


_CACHE = _Cache(KEPT)


def _load(path: Path, device: str, threads: int, *, one_shape: bool) -> Session:
    runtime = _onnxruntime()
    choice = choose(device, runtime.get_available_providers())
    cause: BaseException | None = None
    for name in choice.devices:
        try:
            engine = _open(runtime, path, name, threads, one_shape=one_shape)
        except _foreign_errors(runtime) as error:
            if name == "cpu" or type(error).__name__ in _FILE_ERRORS:
                message = f"`{path}` must be an ONNX network that runs by itself: {_reason(error)}"
                raise InputError(message, hint="fetch or export the file again") from error
            cause = error
            continue
        # ONNX Runtime falls back to the CPU without a word; what it gives here is what runs.
        if PROVIDERS[name] in engine.get_providers():
            return Session(engine, path=path, device=name, threads=threads)
    message = (
        f"`device` {device} did not load for `{path.name}`"
        f"{f' ({_reason(cause)})' if cause else ''}; "
        f"ONNX Runtime offers {', '.join(device_names(runtime.get_available_providers()))}"
    )
    hint = f"install the driver and libraries that it needs, or {install_line(choice.devices[0])}"
    raise ProviderError(message, hint=hint) from cause


def _open(runtime: Any, path: Path, device: str, threads: int, *, one_shape: bool) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between runs take the cores from decoding and encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Memory patterns are kept for every shape ever seen.
    options.enable_mem_pattern = one_shape
    options.use_deterministic_compute = True
    options.log_severity_level = _SILENT
    return runtime.InferenceSession(
        str(path),
        sess_options=options,
        providers=[PROVIDERS[device]],
        enable_fallback=0,  # else it prints, and answers with another device
    )


def _onnxruntime() -> Any:
    settings.forbid_telemetry()  # before the import: it already sends
    try:
        import onnxruntime
    except ImportError as error:
        message = "`onnxruntime` is needed to run networks and could not be imported"
        raise MissingExtra(message, hint='run: pip install "nukki[cpu]"') from error
    onnxruntime.set_default_logger_severity(_SILENT)
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _foreign_errors(runtime: Any) -> tuple[type[BaseException], ...]:
    state = runtime.capi.onnxruntime_pybind11_state
    own = [getattr(state, name) for name in _FOREIGN_NAMES if hasattr(state, name)]
    return (*own, RuntimeError, ValueError, TypeError, MemoryError)


def _reason(error: BaseException) -> str:
    """ONNX Runtime's message without its code, one line: "[…] : 2 : INVALID : what happened"."""
    text = " ".join(str(error).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    return text if len(text) <= 300 else f"{text[:297]}..."


def _advice(error: BaseException, tensors: Mapping[str, NDArray[Any]]) -> str:
    """What to do about a run that failed: most fail for want of memory or for a wrong size."""
    if isinstance(error, MemoryError) or "alloc" in str(error):
        return "free memory, or give the network less at once"
    given = ", ".join(f"`{name}` {_shape_text(array.shape)}" for name, array in tensors.items())
    return f"compare the card's input size with what the network takes; it was given {given}"


def _shape_text(shape: Sequence[int | str | None]) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"
