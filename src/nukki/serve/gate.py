"""The gate before the workers: who waits, for how long, and what happens to work without end.

Each worker has one order at a time, so a network never runs twice at once in a process. Requests
wait in the order in which they came, at most so many, at most until their deadline. Work that goes
beyond it is ended with its process, and another process takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nukki.serve.hands import Hand, Lost
from nukki.serve.refusals import Refusal
from nukki.serve.wire import Answer, Order

__all__ = ["Counts", "Gate", "Timed"]

_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before a worker is tried again
_LONGEST_RETRY = 60
_USUAL = 1.0  # seconds of an order, until one was seen


@dataclass
class Counts:
    """What the gate has seen."""

    restarts: int = 0
    deadlines: int = 0
    lost: int = 0
    mean: float = _USUAL
    memory: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Timed:
    """An answer, and how long the order waited and was worked on."""

    answer: Answer
    waited: float
    worked: float


class Gate:
    """Hands orders to workers.

    Args:
        hands: The workers, not started.
        queue: How many orders may wait.
        timeout: Seconds from an order's arrival to its answer.
        tell: Gets a sentence about each worker that is lost or replaced.
    """

    def __init__(
        self,
        hands: Sequence[Hand],
        *,
        queue: int,
        timeout: float,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.counts = Counts()
        self._hands = list(hands)
        self._queue = queue
        self._timeout = timeout
        self._tell = tell
        self._free: list[Hand] = []
        self._waiting: deque[asyncio.Future[Hand]] = deque()
        self._tasks: set[asyncio.Task[object]] = set()
        self._ready = 0
        self._failing: set[int] = set()  # workers whose last start came to nothing
        self._closed = True

    @property
    def workers(self) -> int:
        """How many there are when all run."""
        return len(self._hands)

    @property
    def ready(self) -> int:
        """Workers that run."""
        return self._ready

    @property
    def working(self) -> int:
        """Workers that are at work."""
        return self._ready - len(self._free)

    @property
    def waiting(self) -> int:
        """Orders that wait."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether one more order would be refused."""
        return not self._free and len(self._waiting) >= self._queue

    async def open(self) -> None:
        """Start every worker.

        Raises:
            Lost: If one does not start; none runs then.
        """
        started = await asyncio.gather(
            *(hand.start() for hand in self._hands), return_exceptions=True
        )
        failed = [error for error in started if isinstance(error, BaseException)]
        if failed:
            await asyncio.gather(*(hand.stop() for hand in self._hands))
            raise failed[0]
        self._closed = False
        self._ready = len(self._hands)
        for hand in self._hands:
            self._release(hand)

    async def close(self) -> None:
        """End every worker, and whatever waits."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiting in self._waiting:
            waiting.cancel()
        self._free.clear()
        self._ready = 0
        await asyncio.gather(*(hand.stop() for hand in self._hands))

    def admit(self) -> None:
        """Refuse, before its body is read, a request that would only be refused afterwards.

        Raises:
            Refusal: "busy" or "not_ready".
        """
        if self._closed or len(self._failing) == len(self._hands):
            raise Refusal(message="no worker runs", code="not_ready", hint="try again in a moment")
        if self.full:
            raise self._busy()

    async def do(self, order: Order) -> Timed:
        """Have an order done.

        Whoever waits may be cancelled: an order that waits goes; one that is worked on is finished
        for nobody, as the worker cannot be had before.

        Raises:
            Refusal: "busy", "deadline", "worker_lost" or "not_ready".
        """
        self.admit()
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        hand = await self._hand(arrived + self._timeout)
        taken = loop.time()
        task = asyncio.create_task(self._ask(hand, order, arrived + self._timeout))
        self._keep(task)
        try:
            answer = await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._closed and task.cancelled():
                raise self._ended() from None
            raise
        return Timed(answer, taken - arrived, loop.time() - taken)

    async def _hand(self, deadline: float) -> Hand:
        """The next free worker."""
        if self._free:
            return self._free.pop()
        future: asyncio.Future[Hand] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout_at(deadline):
                return await future
        except TimeoutError as error:
            self._forget(future)
            self.counts.deadlines += 1
            raise self._late(what="waited for its turn") from error
        except asyncio.CancelledError:
            self._forget(future)
            if self._closed:
                raise self._ended() from None
            raise

    def _forget(self, future: asyncio.Future[Hand]) -> None:
        """Leave the queue; a worker that was just handed over goes to the next one."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(future)
        if future.done() and not future.cancelled():
            self._release(future.result())

    async def _ask(self, hand: Hand, order: Order, deadline: float) -> Answer:
        """Let a worker do it; whatever comes of it, the worker is free or replaced afterwards."""
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(deadline):
                answer = await hand.ask(order)
        except TimeoutError as error:
            self.counts.deadlines += 1
            self._replace(hand, "stopped at its deadline")
            raise self._late(what="was worked on") from error
        except Lost as error:
            self.counts.lost += 1
            self._replace(hand, str(error))
            message = "the worker ended without an answer"
            hint = "try a smaller picture, or tell whoever runs the server"
            raise Refusal(message, "worker_lost", hint=hint) from error
        except BaseException:
            self._replace(hand, "interrupted")
            raise
        self._learn(asyncio.get_running_loop().time() - started)
        self.counts.memory[self._hands.index(hand)] = answer.memory
        self._release(hand)
        return answer

    def _release(self, hand: Hand) -> None:
        """Give a worker to whoever has waited longest."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(hand)
                return
        self._free.append(hand)

    def _replace(self, hand: Hand, reason: str) -> None:
        """End a worker, and start it anew beside whatever else goes on."""
        self._ready -= 1
        if not self._closed:
            self._tell(f"worker {self._hands.index(hand)} {reason}")
            self._keep(asyncio.create_task(self._start_again(hand)))

    async def _start_again(self, hand: Hand) -> None:
        tries = 0
        while not self._closed:
            await hand.stop()
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1
            try:
                await hand.start()
            except Lost as error:
                self._failing.add(id(hand))
                self._tell(str(error))
                continue
            self._failing.discard(id(hand))
            self.counts.restarts += 1
            self._ready += 1
            self._release(hand)
            return

    def _keep(self, task: asyncio.Task[object]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever waited has got it, or has gone

    def _learn(self, seconds: float) -> None:
        self.counts.mean += (seconds - self.counts.mean) / 8

    def _ended(self) -> Refusal:
        message = "the server ends"
        return Refusal(message, "not_ready", hint="try again in a moment")

    def _busy(self) -> Refusal:
        ahead = len(self._waiting) + 1
        wait = math.ceil(ahead * self.counts.mean / max(1, self.workers))
        headers = {"Retry-After": str(min(max(1, wait), _LONGEST_RETRY))}
        message = f"all workers are at work, and {len(self._waiting)} requests wait"
        return Refusal(message, "busy", hint="try again after Retry-After", headers=headers)

    def _late(self, *, what: str) -> Refusal:
        message = f"the request {what} longer than {self._timeout:g} s, and was stopped"
        return Refusal(message, "deadline", hint="send a smaller picture, or ask for less")
