"""The processes that do the work, seen from the server."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nukki.serve.wire import HEAD, Answer, Order, packed, parts_of

__all__ = ["Hand", "Lost", "WorkerProcess", "worker_words"]

_STARTING = 120.0  # seconds until a worker has to be ready
_PIPE = 1 << 20  # bytes of an answer that are read before the pipe is stopped


class Lost(Exception):
    """A worker ended without an answer."""


class Hand(Protocol):
    """What works on one order at a time: `WorkerProcess`, or anything that gives answers."""

    async def start(self) -> None:
        """Be ready for orders. Raises `Lost` where that cannot be."""
        ...

    async def ask(self, order: Order) -> Answer:
        """Do what is asked for. Raises `Lost` if no answer comes."""
        ...

    async def stop(self) -> None:
        """End at once, whatever is being done; `start` may follow."""
        ...


def worker_words(device: str | None, threads: int | None) -> list[str]:
    """The command of a worker."""
    words = [sys.executable, "-m", "nukki.serve.worker"]
    if device is not None:
        words += ["--device", device]
    if threads is not None:
        words += ["--threads", str(threads)]
    return words


class WorkerProcess:
    """One worker process, started again as often as it is needed.

    Args:
        words: Its command.
        tell: Gets every line that it writes to its standard error.
    """

    def __init__(self, words: Sequence[str], tell: Callable[[str], None]) -> None:
        self._words = list(words)
        self._tell = tell
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """See `Hand`."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._words, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_PIPE
            )
            self._listening = asyncio.create_task(self._listen(self._process))
            async with asyncio.timeout(_STARTING):
                await self._message()
        except (OSError, TimeoutError) as error:
            await self.stop()
            message = f"a worker did not start: {str(error) or 'it took too long'}"
            raise Lost(message) from error

    async def ask(self, order: Order) -> Answer:
        """See `Hand`."""
        process = self._process
        if process is None or process.stdin is None:
            message = "the worker does not run"
            raise Lost(message)
        try:
            for piece in packed(order.head(), order.files):
                process.stdin.write(piece)
                await process.stdin.drain()
        except OSError as error:
            message = "the worker does not listen"
            raise Lost(message) from error
        head, body = await self._message()
        return Answer.from_head(head, body)

    async def stop(self) -> None:
        """See `Hand`."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _message(self) -> tuple[dict[str, Any], bytes]:
        process = self._process
        if process is None or process.stdout is None:
            message = "the worker does not run"
            raise Lost(message)
        try:
            length = await process.stdout.readexactly(HEAD.size)
            said = await process.stdout.readexactly(HEAD.unpack(length)[0])
            head, sizes = parts_of(said)
            return head, await process.stdout.readexactly(sum(size for _, size in sizes))
        except (asyncio.IncompleteReadError, OSError, ValueError) as error:
            if isinstance(error, asyncio.IncompleteReadError):
                await process.wait()  # its output ends when it does
            message = f"the worker ended (exit code {process.returncode})"
            raise Lost(message) from error

    async def _listen(self, process: Process) -> None:
        """Pass on what the worker says about itself."""
        if process.stderr is None:
            return
        while line := await _line(process.stderr):
            self._tell(line.decode("utf-8", "replace").rstrip())


async def _line(stream: asyncio.StreamReader) -> bytes:
    """A line, or a piece of one that is too long to be a line; empty at the end."""
    try:
        return await stream.readline()
    except ValueError:  # longer than the reader's limit
        return b"(a line that is too long)"
