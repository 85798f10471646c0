"""Runs one function over many pictures on this machine: ordered, bounded, interruptible."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from nukki.batch.outcome import Outcome, failure
from nukki.batch.plan import Item

__all__ = ["run"]

Job = TypeVar("Job", bound=Item)

# How often a wait looks up: on Windows Ctrl-C is not seen inside a wait for a lock.
_LOOK_UP_SECONDS = 0.2


def run(
    items: Iterable[Job], work: Callable[[Job], Outcome], *, jobs: int = 1
) -> Iterator[Outcome]:
    """Do `work` on every item, `jobs` at a time, and give the outcomes in the order of the items.

    While one picture is in the network the next is decoded and the last encoded: threads are
    enough, since decoders, networks and encoders let go of the interpreter. The outcomes do not
    depend on `jobs`.

    Args:
        items: Taken as they are needed: at most `2 * jobs` are ahead of the outcome that is given.
        work: Called in a worker thread. What it raises becomes the outcome "failed" of that item
            and stops nothing else.
        jobs: Workers, at least 1.

    Yields:
        One outcome an item.

    Raises:
        KeyboardInterrupt: If the user stops: nothing new is started, what runs is finished.
    """
    pool = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="nukki-batch")
    waiting: deque[tuple[Job, Future[Outcome]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) >= 2 * jobs:
                yield _outcome(*waiting.popleft())
        while waiting:
            yield _outcome(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(item: Item, future: Future[Outcome]) -> Outcome:
    while not wait([future], timeout=_LOOK_UP_SECONDS).done:
        pass
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Exception):
        return failure(item.input, error)
    raise error
