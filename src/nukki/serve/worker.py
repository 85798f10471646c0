"""`python -m nukki.serve.worker`: a process that works on one picture at a time.

Orders come on standard input, answers go to standard output (see `serve.wire`). The server ends a
worker whose work takes too long, for nothing else stops a network in the middle of a run; the
system then takes all of its memory back. It ends by itself when its input does.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from nukki import settings
from nukki.serve.memory import give_back, held
from nukki.serve.wire import HEAD, Order, packed, parts_of

__all__ = ["main", "warm", "work_on"]

_MOMENT = 0.5  # seconds without an order after which memory that is free is given back


def main(argv: Sequence[str] | None = None) -> int:
    """Load the networks, say so, and work until the input ends.

    Args:
        argv: `--device NAME --threads N`; None takes the words of the process.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="nukki.serve.worker")
    parser.add_argument("--device")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args(argv)
    orders, answers = _channels()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the server ends its workers
    settings.forbid_fetching()  # a request must not make the server fetch anything
    call = {"device": args.device, "threads": args.threads}
    warm(call)
    work_on(orders, answers, call)
    return 0


def work_on(orders: BinaryIO, answers: BinaryIO, call: Mapping[str, Any]) -> None:
    """Say that the worker is ready, then answer order after order until there are none.

    Args:
        orders: Where they come from.
        answers: Where they go.
        call: `device` and `threads` of the library's functions.
    """
    from nukki.serve.work import perform

    _send(answers, {"ready": True, "memory": held()}, b"")
    while (order := _next(orders)) is not None:
        answer = perform(order, call)
        del order  # the pictures are not kept until the next one comes
        _send(answers, answer.head(), answer.body)
        del answer
        if _rests(orders):
            give_back()


def _rests(orders: BinaryIO) -> bool:
    """Whether no order comes for a moment; where that cannot be told, one is as good as there."""
    try:
        return not select.select([orders], [], [], _MOMENT)[0]
    except (OSError, ValueError):  # no file of the system, or a pipe on Windows
        return False


def _channels() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for messages alone: what a library prints goes to the log."""
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return orders, answers


def warm(call: Mapping[str, Any]) -> None:
    """Load the networks that are used unless a request names others."""
    from nukki.loading import load_as, load_finder
    from nukki.tasks.saliency import Saliency

    load_as(Saliency, "subject", **call)
    load_finder("default", **call)


def _next(orders: BinaryIO) -> Order | None:
    length = orders.read(HEAD.size)
    if len(length) < HEAD.size:
        return None
    said = orders.read(HEAD.unpack(length)[0])
    head, sizes = parts_of(said)
    files = {name: orders.read(size) for name, size in sizes}
    if any(len(files[name]) < size for name, size in sizes):
        return None  # the server has gone
    return Order(**head, files=files)


def _send(answers: BinaryIO, head: Mapping[str, Any], body: bytes) -> None:
    answers.writelines(packed(head, {"body": body}))
    answers.flush()


if __name__ == "__main__":
    try:
        code = main()
    except BrokenPipeError:  # the server has gone
        code = 0
    except Exception as error:  # noqa: BLE001 told in the log of the server, in one line
        sys.stderr.write(json.dumps({"event": "worker failed", "error": str(error)}) + "\n")
        code = 1
    sys.exit(code)
