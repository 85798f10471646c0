"""Who waits, who is refused, and what becomes of workers that take too long or end."""

from __future__ import annotations

import asyncio

import pytest

from nukki.serve.gate import Gate
from nukki.serve.hands import Lost
from nukki.serve.refusals import Refusal
from nukki.serve.wire import Answer, Order
from serve_client import until


class Scripted:
    """A worker that answers when it is told to."""

    def __init__(self, starts=()):
        self.starts = list(starts)
        self.stops = 0
        self.asked = []
        self.futures = []

    async def start(self):
        if self.starts and self.starts.pop(0) == "fails":
            raise Lost("no luck")

    async def ask(self, order):
        self.asked.append(order.task)
        self.futures.append(asyncio.get_running_loop().create_future())
        return await self.futures[-1]

    async def stop(self):
        self.stops += 1

    def answer(self, what=b""):
        future = self.futures[-1]
        future.set_exception(what) if isinstance(what, Exception) else future.set_result(
            Answer(body=what, memory=7)
        )


def order(task):
    return Order(task=task)


async def opened(*hands, queue=10, timeout=10.0):
    said = []
    gate = Gate(hands, queue=queue, timeout=timeout, tell=said.append)
    gate.said = said
    await gate.open()
    return gate


def test_orders_are_done_one_at_a_time_in_their_order():
    async def scenario():
        hand = Scripted()
        gate = await opened(hand)
        tasks = [asyncio.create_task(gate.do(order(name))) for name in "abc"]
        for name in "abc":
            await until(lambda name=name: hand.asked[-1:] == [name])
            assert (gate.working, gate.waiting) == (1, "cba".index(name))
            hand.answer(name.encode())
        done = await asyncio.gather(*tasks)
        assert [one.answer.body for one in done] == [b"a", b"b", b"c"]
        assert done[2].waited >= done[1].waited >= done[0].waited >= 0
        assert gate.counts.memory == {0: 7}
        assert (gate.working, gate.waiting) == (0, 0)
        await gate.close()

    asyncio.run(scenario())


def test_two_workers_work_side_by_side():
    async def scenario():
        one, two = Scripted(), Scripted()
        gate = await opened(one, two)
        tasks = [asyncio.create_task(gate.do(order(name))) for name in "ab"]
        await until(lambda: len(one.asked) == len(two.asked) == 1)
        one.answer()
        two.answer()
        await asyncio.gather(*tasks)
        await gate.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("queue", [0, 2])
def test_more_than_the_queue_holds_is_refused_with_a_time(queue):
    async def scenario():
        hand = Scripted()
        gate = await opened(hand, queue=queue)
        tasks = [asyncio.create_task(gate.do(order("x"))) for _ in range(1 + queue)]
        await until(lambda: gate.working == 1 and gate.waiting == queue)
        with pytest.raises(Refusal) as refused:
            await gate.do(order("y"))
        assert refused.value.status == 429
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
        for _ in tasks:
            await until(lambda: hand.futures and not hand.futures[-1].done())
            hand.answer()
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        gate.admit()
        await gate.close()

    asyncio.run(scenario())


def test_the_time_to_wait_is_learnt():
    async def scenario():
        gate = await opened(Scripted(), queue=0)
        gate.counts.mean = 7.3
        assert gate._busy().headers["Retry-After"] == "8"
        gate.counts.mean = 1e9
        assert gate._busy().headers["Retry-After"] == "60"
        await gate.close()

    asyncio.run(scenario())


def test_a_deadline_ends_waiting_and_working():
    async def scenario():
        hand = Scripted()
        gate = await opened(hand, timeout=0.05)
        tasks = [asyncio.create_task(gate.do(order(name))) for name in "ab"]
        for task in tasks:
            with pytest.raises(Refusal) as refused:
                await task
            assert refused.value.code == "deadline"
        assert hand.asked == ["a"]
        await until(lambda: gate.ready == 1)
        assert (hand.stops, gate.counts.restarts, gate.counts.deadlines) == (1, 1, 2)
        third = asyncio.create_task(gate.do(order("c")))
        await until(lambda: hand.asked == ["a", "c"])
        hand.answer(b"done")
        assert (await third).answer.body == b"done"
        await gate.close()

    asyncio.run(scenario())


def test_a_worker_that_ends_is_replaced_and_tried_again(monkeypatch):
    monkeypatch.setattr("nukki.serve.gate._PAUSES", (0.0, 0.05))

    async def scenario():
        hand = Scripted(["works", "fails", "works"])
        gate = await opened(hand)
        task = asyncio.create_task(gate.do(order("a")))
        await until(lambda: hand.asked)
        hand.answer(Lost("the worker ended (exit code -11)"))
        with pytest.raises(Refusal) as refused:
            await task
        assert (refused.value.status, refused.value.code) == (503, "worker_lost")
        await until(lambda: gate._failing)
        with pytest.raises(Refusal, match="no worker runs"):
            gate.admit()
        await until(lambda: gate.ready == 1)
        gate.admit()
        assert (gate.counts.lost, gate.counts.restarts, hand.stops) == (1, 1, 2)
        assert gate.said == ["worker 0 the worker ended (exit code -11)", "no luck"]
        await gate.close()

    asyncio.run(scenario())


def test_who_leaves_the_queue_is_not_worked_for():
    async def scenario():
        hand = Scripted()
        gate = await opened(hand)
        tasks = [asyncio.create_task(gate.do(order(name))) for name in "abc"]
        await until(lambda: gate.waiting == 2)
        tasks[1].cancel()
        await until(lambda: gate.waiting == 1)
        hand.answer()
        await until(lambda: hand.asked == ["a", "c"])
        hand.answer()
        await asyncio.gather(tasks[0], tasks[2])
        await gate.close()

    asyncio.run(scenario())


def test_who_leaves_during_the_work_leaves_the_worker_whole():
    async def scenario():
        hand = Scripted()
        gate = await opened(hand)
        task = asyncio.create_task(gate.do(order("a")))
        await until(lambda: hand.asked)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert gate.working == 1
        hand.answer()
        await until(lambda: gate.working == 0)
        assert hand.stops == 0
        await gate.close()

    asyncio.run(scenario())


def test_a_worker_that_came_free_as_its_client_left_goes_to_the_next():
    async def scenario():
        hand = Scripted()
        gate = await opened(hand)
        tasks = [asyncio.create_task(gate.do(order(name))) for name in "abc"]
        await until(lambda: gate.waiting == 2)
        future = gate._waiting[0]
        gate._waiting.popleft()
        future.set_result(hand)  # handed over, but the waiter has not run yet
        tasks[1].cancel()
        await until(lambda: hand.asked == ["a", "c"])
        for made in hand.futures:
            made.set_result(Answer())
        await asyncio.gather(tasks[0], tasks[2])
        await gate.close()

    asyncio.run(scenario())


def test_closing_ends_what_waits_and_what_runs():
    async def scenario():
        hand = Scripted()
        gate = await opened(hand)
        tasks = [asyncio.create_task(gate.do(order(name))) for name in "ab"]
        await until(lambda: gate.waiting == 1)
        await gate.close()
        first, second = await asyncio.gather(*tasks, return_exceptions=True)
        assert (first.code, second.code) == ("not_ready", "not_ready")
        assert hand.stops == 1
        with pytest.raises(Refusal):
            gate.admit()

    asyncio.run(scenario())


def test_a_worker_that_never_starts_ends_the_opening():
    async def scenario():
        good, bad = Scripted(), Scripted(["fails"])
        with pytest.raises(Lost, match="no luck"):
            await opened(good, bad)
        assert good.stops == bad.stops == 1

    asyncio.run(scenario())
