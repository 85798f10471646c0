"""What a server takes, how much of it at once, and how long it waits: the options of `nukki serve`.

Nothing heavy is imported here, so that `nukki --help` stays quick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

from nukki.errors import InputError
from nukki.pipelines.options import option

__all__ = ["ServeOptions"]


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Where to listen, and the limits of the server."""

    host: str = option("127.0.0.1", "address to listen on; 0.0.0.0 is all of them", metavar="HOST")
    port: int = option(7000, "port to listen on; 0 takes a free one", metavar="PORT")
    workers: int = option(
        1, "pictures that are worked on at a time, each in a process of its own", metavar="N"
    )
    key: str | None = option(
        None, "a file of keys, one a line; requests need one of them", metavar="FILE"
    )
    max_pixels: int = option(
        50_000_000, "refuse larger pictures, before decoding", metavar="PIXELS"
    )
    max_bytes: int = option(50_000_000, "refuse larger requests, while reading", metavar="BYTES")
    queue: int = option(16, "requests that may wait; more get status 429", metavar="N")
    timeout: float = option(
        60.0, "seconds for a request once it has arrived; then it is stopped: 504", metavar="S"
    )
    patience: float = option(
        15.0, "drop clients that send or take nothing for so many seconds", metavar="S"
    )
    cors: str | None = option(
        None, "origins whose pages may use the server, between commas", metavar="ORIGINS"
    )

    def __post_init__(self) -> None:
        _whole("port", self.port, 0, 65535)
        _whole("workers", self.workers, 1, 256)
        _whole("max_pixels", self.max_pixels, 1)
        _whole("max_bytes", self.max_bytes, 1)
        _whole("queue", self.queue, 0, 100_000)
        _seconds("timeout", self.timeout)
        _seconds("patience", self.patience)
        for origin in self.origins:
            if "://" not in origin or origin.endswith("/") or "*" in origin:
                message = f"`cors` must be origins such as https://example.org, got {origin!r}"
                raise InputError(message, hint="write --cors https://example.org, without a path")

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of `cors`."""
        return tuple(word.strip() for word in (self.cors or "").split(",") if word.strip())

    @property
    def budget(self) -> int:
        """Bytes of requests that are in memory at once, at most."""
        return self.max_bytes * (self.workers + self.queue)


def _whole(name: str, value: object, least: int, most: float = math.inf) -> None:
    if not isinstance(value, Integral) or not least <= int(value) <= most:
        words = f"at least {least}" if most == math.inf else f"{least} to {most:g}"
        message = f"`{name}` must be a whole number of {words}, got {value}"
        raise InputError(message, hint=f"leave out --{name.replace('_', '-')} for the usual value")


def _seconds(name: str, value: object) -> None:
    if not isinstance(value, Real) or not 0 < float(value) <= 86_400:
        message = f"`{name}` must be above 0 and at most 86400 seconds, got {value}"
        raise InputError(message, hint=f"leave out --{name} for the usual value")
