"""The log: one JSON object a line on standard error, for programs that read it."""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import Any

__all__ = ["LOGGER", "JsonLines", "event", "failure", "set_up"]

LOGGER = logging.getLogger("nukki.serve")


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


def event(said: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write a line."""
    LOGGER.log(level, said, extra={"fields": fields})


def failure(said: str, cause: BaseException | str) -> None:
    """Write a line about a fault of ours, with its traceback."""
    trace = cause if isinstance(cause, str) else "".join(traceback.format_exception(cause))
    event(said, level=logging.ERROR, trace=trace)


def set_up(*, quiet: bool = False) -> None:
    """Send our lines and those of uvicorn to standard error.

    Args:
        quiet: Write warnings and errors only.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name in ("nukki.serve", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.WARNING if quiet or name != "nukki.serve" else logging.INFO)
        logger.propagate = False
