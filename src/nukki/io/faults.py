"""The sentences that more than one reader needs for a file that is not whole."""

from __future__ import annotations

from nukki.errors import InputError, LimitExceeded

__all__ = ["check_size", "damaged", "truncated"]

DEFAULT_MAX_PIXELS = 200_000_000


def truncated(name: str, kind: str, *, hopeless: bool = False) -> InputError:
    """The file ends early; `hopeless` where nothing of the picture is there."""
    message = f"`{name}` is truncated: the {kind} file ends before its picture does"
    if hopeless:
        return InputError(f"{message}, and nothing of it can be shown", hint="fetch the file again")
    return InputError(message, hint="add --allow-truncated to take what is there")


def damaged(name: str, kind: str, reason: str) -> InputError:
    """The file is of this kind and cannot be decoded."""
    message = f"`{name}` is a damaged {kind} file: {reason}"
    return InputError(message, hint="fetch or export the file again")


def check_size(name: str, width: int, height: int, max_pixels: int | None) -> None:
    """Refuse a picture by its header, before anything is decoded.

    Raises:
        InputError: If it has no pixels.
        LimitExceeded: If it has more than `max_pixels` (None: 200 million).
    """
    if width < 1 or height < 1:
        message = f"`{name}` has no pixels: its header says {width} × {height}"
        raise InputError(message, hint="fetch or export the file again")
    limit = DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels
    if width * height > limit:
        message = (
            f"`{name}` has {width} × {height} = {width * height:,} pixels, "
            f"expected at most {limit:,}"
        )
        hint = f"raise it with --max-pixels {width * height} or max_pixels={width * height}"
        raise LimitExceeded(message, hint=hint)
