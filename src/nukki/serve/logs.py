"""The log: one JSON object a line on standard error, for programs that read it."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import traceback
from queue import SimpleQueue
from typing import Any

__all__ = ["LOGGER", "JsonLines", "Unhurried", "event", "failure", "set_up"]

LOGGER = logging.getLogger("nukki.serve")
_STANDARD_ERROR = 2
_MOST_LINES = 10_000  # that wait to be written
_LAST = 1.0  # seconds in which the last lines are written when the process ends


class JsonLines(logging.Formatter):
    """A record as one line of JSON; `extra={"fields": {...}}` adds its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            said["trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(said)


class Unhurried(logging.Handler):
    """Lets a thread of its own write the lines: a pipe that nobody reads holds up no request.

    Of more lines than may wait the later ones are dropped; once lines are written again, one says
    how many.

    Args:
        descriptor: The file's number.
        most: Lines that may wait.
    """

    def __init__(self, descriptor: int = _STANDARD_ERROR, *, most: int = _MOST_LINES) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._most = most
        self._lines: SimpleQueue[str | threading.Event | None] = SimpleQueue()
        self._dropped = 0
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="nukki-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Put the line where the thread takes it from; never waits."""
        line = self.format(record)
        if self._lines.qsize() < self._most:
            self._lines.put(line)
        else:
            with self._counting:
                self._dropped += 1

    def flush(self) -> None:
        """Wait for the lines so far, but not for ever."""
        done = threading.Event()
        self._lines.put(done)
        done.wait(_LAST)

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self._lines.put(None)
        self._thread.join(_LAST)
        super().close()

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            if isinstance(line, threading.Event):
                line.set()
                continue
            with self._counting:
                dropped, self._dropped = self._dropped, 0
            try:
                if dropped:
                    self._write(json.dumps({"event": "lines were dropped", "count": dropped}))
                self._write(line)
            except OSError:  # whoever read them has gone
                with self._counting:
                    self._dropped += dropped + 1

    def _write(self, line: str) -> None:
        left = memoryview(f"{line}\n".encode())
        while left:
            left = left[os.write(self._descriptor, left) :]


def event(said: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write a line."""
    LOGGER.log(level, said, extra={"fields": fields})


def failure(said: str, cause: BaseException | str) -> None:
    """Write a line about a fault of ours, with its traceback."""
    trace = cause if isinstance(cause, str) else "".join(traceback.format_exception(cause))
    event(said, level=logging.ERROR, trace=trace)


def set_up(*, quiet: bool = False) -> None:
    """Send our lines and those of uvicorn and asyncio to standard error.

    Args:
        quiet: Write warnings and errors only.
    """
    handler = Unhurried()
    handler.setFormatter(JsonLines())
    for old in LOGGER.handlers:
        old.close()
    for name in (LOGGER.name, "uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.WARNING if quiet or logger is not LOGGER else logging.INFO)
        logger.propagate = False
