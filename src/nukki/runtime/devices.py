"""Which device a network runs on: the words a user says, and what ONNX Runtime calls them.

Choosing is pure and gives its reason; whether the choice really loads is asked of the session
(`sessions`), because a provider that is compiled in may still lack its driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nukki.errors import InputError, ProviderError

__all__ = ["AUTOMATIC", "PROVIDERS", "Choice", "choose", "device_names"]

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}

# What "auto" tries, best first. Core ML, OpenVINO and TensorRT compile the network anew or compute
# in half precision, so the answer changes: they run when they are asked for.
AUTOMATIC = ("cuda", "migraphx", "rocm", "dml", "cpu")

_INSTALL = {
    "cpu": 'pip install "nukki[cpu]"',
    "cuda": 'pip install "nukki[gpu]"',
    "tensorrt": 'pip install "nukki[gpu]"',
    "dml": "pip install onnxruntime-directml",
    "migraphx": "pip install onnxruntime-migraphx",
    "rocm": "pip install onnxruntime-rocm",
    "openvino": "pip install onnxruntime-openvino",
    "coreml": 'pip install "nukki[cpu]" on macOS',
}


@dataclass(frozen=True)
class Choice:
    """Devices to try in this order, and why.

    Attributes:
        devices: Names, best first; the first that loads is taken.
        reason: One clause for a person.
    """

    devices: tuple[str, ...]
    reason: str


def device_names(providers: Sequence[str]) -> tuple[str, ...]:
    """The devices among ONNX Runtime's `providers`, in the order of `PROVIDERS`."""
    return tuple(name for name, provider in PROVIDERS.items() if provider in providers)


def choose(device: str, providers: Sequence[str]) -> Choice:
    """What to try for `device`, where ONNX Runtime was built with `providers`.

    Args:
        device: "auto", or a key of `PROVIDERS`.
        providers: As `onnxruntime.get_available_providers()` gives them.

    Raises:
        InputError: If there is no device of that name.
        ProviderError: If the installed ONNX Runtime was built without it.
    """
    available = device_names(providers)
    if device == "auto":
        tried = tuple(name for name in AUTOMATIC if name in available)
        if not tried:
            message = "`device` auto: the installed ONNX Runtime has no device that nukki knows"
            raise ProviderError(message, hint=install_line("cpu"))
        better = [name for name in tried if name != "cpu"]
        reason = (
            f"auto: the best of {', '.join(tried)} that loads"
            if better
            else "auto: the installed ONNX Runtime has no graphics provider"
        )
        return Choice(tried, reason)
    if device not in PROVIDERS:
        message = f"`device` must be auto, {', '.join(PROVIDERS)}, got {device!r}"
        raise InputError(message, hint=f"choose one of {', '.join(('auto', *available))}")
    if device not in available:
        message = (
            f"`device` {device} is not in the installed ONNX Runtime, "
            f"which has {', '.join(available) or 'none'}"
        )
        raise ProviderError(message, hint=install_line(device))
    return Choice((device,), "asked for")


def install_line(device: str) -> str:
    """The hint for a device that is not there: the pip line that brings it."""
    return f"run: {_INSTALL[device]}"
