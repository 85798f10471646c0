"""Connections whose clients fall silent are closed: uvicorn waits for them as long as it takes.

uvicorn closes what is idle between two requests. Here a connection is also closed on which no
request comes together, and one whose client does not take its answer; bodies that do not arrive
are refused by `serve.bodies`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["impatient"]


def impatient(patience: float) -> type[asyncio.Protocol]:
    """A protocol of uvicorn with a clock that looks at its connection every now and then.

    Args:
        patience: Seconds between two looks: who has done nothing from one to the next is dropped.
    """

    class Impatient(H11Protocol):
        """One connection."""

        _clock: asyncio.TimerHandle | None = None
        _idle_since = 0.0
        _left = 0  # bytes that the client had not taken at the last look
        _taken = 0  # how often it took so many that more could be written
        _taken_before = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """A client."""
            super().connection_made(transport)
            self._idle_since = self.loop.time()
            self._clock = self.loop.call_later(patience, self._look)

        def connection_lost(self, exc: Exception | None) -> None:
            """The end."""
            if self._clock is not None:
                self._clock.cancel()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            """From here on the next request is waited for."""
            self._idle_since = self.loop.time()
            super().on_response_complete()

        def resume_writing(self) -> None:
            """The client has taken something."""
            self._taken += 1
            super().resume_writing()

        def _look(self) -> None:
            left = self.transport.get_write_buffer_size()
            cycle: RequestResponseCycle | None = self.cycle  # None before the first request
            asked = cycle is not None and not cycle.response_complete
            if left and self._left:
                silent = left >= self._left and self._taken == self._taken_before
            else:
                idle = self.loop.time() - self._idle_since
                silent = not left and not asked and idle >= patience
            self._left, self._taken_before = left, self._taken
            if silent:
                self.transport.abort()
            else:
                self._clock = self.loop.call_later(patience, self._look)

    return Impatient
