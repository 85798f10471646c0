"""Worker processes: real ones, and small scripts that hang, end, or speak nonsense."""

from __future__ import annotations

import asyncio
import io
import os
import platform
import sys

import pytest

import nukki
from nukki.serve import worker
from nukki.serve.gate import Gate
from nukki.serve.hands import Lost, WorkerProcess, worker_words
from nukki.serve.memory import give_back, held
from nukki.serve.refusals import Refusal
from nukki.serve.wire import HEAD, Answer, Failure, Order, packed, parts_of
from nukki.serve.work import perform
from nukki.serve.worker import work_on

# A worker without any picture in it: says that it is ready, and then what each test wants.
PLAYING = """
import json, struct, sys, time
def say(head, body=b""):
    said = json.dumps({"head": head, "parts": [["body", len(body)]]}).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(said)) + said + body)
    sys.stdout.buffer.flush()
def read():
    said = json.loads(sys.stdin.buffer.read(struct.unpack(">I", sys.stdin.buffer.read(4))[0]))
    for name, size in said["parts"]:
        sys.stdin.buffer.read(size)
    return said["head"]
"""
READY = "say({'ready': True})\n"


def playing(code, tell=lambda line: None):
    return WorkerProcess([sys.executable, "-S", "-c", PLAYING + code], tell)


def message(head, parts):
    return b"".join(packed(head, parts))


def unpacked(data):
    stream = io.BytesIO(data)
    while length := stream.read(HEAD.size):
        head, sizes = parts_of(stream.read(HEAD.unpack(length)[0]))
        yield head, {name: stream.read(size) for name, size in sizes}


def test_orders_and_answers_come_through_the_wire(photo, networks):
    orders = [
        Order(task="remove", values={"model": "bright", "subject": "salient"},
              files={"image": photo}),
        Order(task="pick", kind="json", shown={"at": ["1,2"]}, max_pixels=5,
              files={"image": photo}),
    ]  # fmt: skip
    sent = io.BytesIO(b"".join(message(one.head(), one.files) for one in orders))
    received = io.BytesIO()
    work_on(sent, received, {"threads": 1})
    ready, *answers = unpacked(received.getvalue())
    assert ready[0]["ready"]
    first, second = (Answer.from_head(head, parts["body"]) for head, parts in answers)
    assert first.body == nukki.remove(photo, model="bright", subject="salient").encode("png")
    assert first.memory > 0
    assert second.failure.code == "too_many_pixels"
    assert second.failure.status == 413


def test_a_worker_that_rests_gives_free_memory_back(monkeypatch):
    order = message(Order(task="remove", values={"edges": "odd"}).head(), {})
    reads, writes = os.pipe()
    held_at = []

    def give():
        held_at.append(len(list(unpacked(received.getvalue()))))  # what was answered by then
        os.close(writes)  # the server goes

    monkeypatch.setattr(worker, "_MOMENT", 0.05)
    monkeypatch.setattr(worker, "give_back", give)
    os.write(writes, order + order)  # two at once: no rest between them
    received = io.BytesIO()
    with os.fdopen(reads, "rb", buffering=0) as orders:
        work_on(orders, received, {})
    assert held_at == [3]
    assert give_back() == (sys.platform == "linux" and platform.libc_ver()[0] == "glibc")


def test_an_order_that_breaks_off_ends_the_work():
    whole = message(Order(task="remove", files={"image": b"x" * 99}).head(), {"image": b"x" * 99})
    for cut in (0, 2, 50, len(whole) - 1):
        received = io.BytesIO()
        try:
            work_on(io.BytesIO(whole[:cut]), received, {})
        except ValueError:
            assert 4 < cut < len(whole) - 99
        assert len(list(unpacked(received.getvalue()))) == 1


def test_failures_come_through_the_wire():
    failure = Failure.of(Refusal("so", "busy", hint="later", headers={"Retry-After": "3"}), "trace")
    answer = Answer(failure=failure, seconds={"work": 1.5})
    ((head, parts),) = unpacked(message(answer.head(), {"body": answer.body}))
    assert Answer.from_head(head, parts["body"]) == answer


def test_a_real_worker_gives_the_bytes_of_the_library_and_fetches_nothing(photo, networks):
    async def scenario():
        said = []
        worker = WorkerProcess(worker_words("cpu", 1), said.append)
        await worker.start()
        wish = {"model": "bright", "subject": "salient"}
        done = await worker.ask(Order(task="remove", values=wish, files={"image": photo}))
        missing = await worker.ask(
            Order(task="remove", values={"model": "u2netp"}, files={"image": photo})
        )
        assert held(worker.pid) > 10_000_000
        await worker.stop()
        return done, missing, said

    done, missing, said = asyncio.run(scenario())
    assert done.body == nukki.remove(photo, model="bright", subject="salient").encode("png")
    assert missing.failure.code == "model_not_here"
    assert said == []


def test_a_worker_that_hangs_is_ended_and_replaced():
    code = READY + "read()\ntime.sleep(600)"

    async def scenario():
        worker = playing(code)
        gate = Gate([worker], queue=1, timeout=0.3)
        await gate.open()
        pid = worker.pid
        with pytest.raises(Refusal) as refused:
            await gate.do(Order(task="remove", files={"image": bytes(300_000)}))
        assert refused.value.code == "deadline"
        async with asyncio.timeout(20):
            while gate.ready < 1:
                await asyncio.sleep(0.01)
        assert worker.pid != pid
        assert held(pid) == 0
        await gate.close()
        assert worker.pid is None

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("sys.stdout.buffer.write(b'nonsense' * 9)\nsys.stdout.buffer.flush()", "ended"),
    ],
)
def test_a_worker_that_does_not_become_ready_is_lost(code, said):
    async def scenario():
        worker = playing(code)
        with pytest.raises(Lost, match=said):
            await worker.start()
        await worker.stop()

    asyncio.run(scenario())


def test_a_worker_that_ends_in_the_work_is_lost_and_its_words_are_in_the_log():
    said = []
    code = READY + "read()\nprint('my last words', file=sys.stderr)\nsys.exit(9)"

    async def scenario():
        worker = playing(code, said.append)
        await worker.start()
        with pytest.raises(Lost, match="exit code 9"):
            await worker.ask(Order(task="remove"))
        with pytest.raises(Lost):
            await worker.ask(Order(task="remove"))
        async with asyncio.timeout(10):
            while not said:
                await asyncio.sleep(0.01)
        await worker.stop()
        with pytest.raises(Lost):
            await worker.ask(Order(task="remove"))

    asyncio.run(scenario())
    assert said == ["my last words"]


def test_a_command_that_is_none_is_told():
    async def scenario():
        with pytest.raises(Lost, match="did not start"):
            await WorkerProcess(["/nowhere/python"], lambda line: None).start()

    asyncio.run(scenario())


def test_whatever_goes_wrong_in_the_work_is_an_answer(monkeypatch, photo):
    def fails(*_arguments, **_options):
        raise MemoryError

    monkeypatch.setattr("nukki.api.remove", fails)
    answer = perform(Order(task="remove", files={"image": photo}), {"threads": 1})
    assert answer.failure.code == "too_many_pixels"
    answer = perform(Order(task="nothing"), {})
    assert answer.failure.code == "internal"
    assert "KeyError" in answer.failure.trace
