"""Every error that nukki raises, one tree.

NukkiError                      .hint: one imperative line
├── InputError(ValueError)      not a picture, too large, wrong shape ── NothingFound
├── UnknownModel(LookupError)   near matches in the hint
├── FetchError(OSError) ── ChecksumMismatch · Offline
├── ProviderError(RuntimeError) asked for a device that did not load: never a silent CPU
├── ModelOutputError            NaN, wrong shape: the card and the file named
├── MissingExtra(ImportError)   the exact pip line
├── OutputError(OSError)        the result could not be written: nothing half-written stays
└── LimitExceeded               the limit and how to raise it

A message names the subject in backticks, what was expected and what was found. Foreign exceptions
(Pillow's, ONNX Runtime's, the system's) are mapped to these where they enter, with `from` kept.
"""

from __future__ import annotations

__all__ = [
    "CardError",
    "ChecksumMismatch",
    "FetchError",
    "InputError",
    "LimitExceeded",
    "MissingExtra",
    "ModelOutputError",
    "NothingFound",
    "NukkiError",
    "Offline",
    "OutputError",
    "ProviderError",
    "UnknownModel",
    "pip_line",
]


class NukkiError(Exception):
    """Whatever goes wrong in nukki.

    Attributes:
        message: What was expected and what was found, one sentence.
        hint: What to do about it, one imperative line; None where there is nothing to do.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class InputError(NukkiError, ValueError):
    """A picture, an array or an option is not what the function takes."""


class NothingFound(InputError):
    """There is nothing in the photo that the wish speaks of."""


class UnknownModel(NukkiError, LookupError):
    """No model of that name; near matches are in the hint."""


class CardError(InputError):
    """A model card is not what the schema says."""


class FetchError(NukkiError, OSError):
    """A model's file could not be had."""


class ChecksumMismatch(FetchError):
    """A file is not the one that its card names."""


class Offline(FetchError):
    """A file is missing and the network is switched off."""


class ProviderError(NukkiError, RuntimeError):
    """The device that was asked for did not load."""


class ModelOutputError(NukkiError, RuntimeError):
    """A network gave NaN, or a shape that its card does not promise."""


class MissingExtra(NukkiError, ImportError):
    """An optional package is needed; the hint is the exact pip line."""


class OutputError(NukkiError, OSError):
    """The result could not be written."""


class LimitExceeded(NukkiError):
    """A limit was reached; the hint says how to raise it."""


def pip_line(extra: str) -> str:
    """What installs the packages of an extra: the hint of `MissingExtra`."""
    return f'pip install "nukki[{extra}]"'
