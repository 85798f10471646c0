"""One function over many pictures: ordered, bounded, interruptible."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from nukki.batch.local import run
from nukki.batch.outcome import Outcome
from nukki.batch.plan import Item
from nukki.errors import InputError


def items(count):
    return [Item(Path(f"{number}.jpg"), Path(f"{number}.png")) for number in range(count)]


def done(item):
    return Outcome(input=item.input, output=item.output, outcome="done")


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_outcomes_come_in_order_and_do_not_depend_on_jobs(jobs):
    def work(item):
        time.sleep(0.02 if item.input in {"0.jpg", "3.jpg"} else 0.001)
        return done(item)

    assert list(run(items(8), work, jobs=jobs)) == [done(item) for item in items(8)]


def test_no_pictures_give_no_outcomes():
    assert list(run([], done, jobs=2)) == []


def test_one_bad_picture_stops_nothing():
    def work(item):
        if item.input == "1.jpg":
            raise InputError("no picture", hint="look at it")
        if item.input == "2.jpg":
            raise ZeroDivisionError("a fault")
        return done(item)

    words = [one.outcome for one in run(items(4), work, jobs=2)]
    assert words == ["done", "failed", "failed", "done"]


def test_never_more_at_a_time_than_jobs_nor_far_ahead():
    lock = threading.Lock()
    active = most = taken = 0

    def work(item):
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        time.sleep(0.005)
        with lock:
            active -= 1
        return done(item)

    def one_by_one():
        nonlocal taken
        for item in items(30):
            taken += 1
            yield item

    for given, _ in enumerate(run(one_by_one(), work, jobs=3)):
        assert taken <= given + 6
    assert (most, taken) == (3, 30)


def test_an_interrupt_starts_nothing_new_and_finishes_what_runs():
    started, ended = [], []
    release = threading.Event()

    def work(item):
        started.append(item.input)
        if item.input != "0.jpg":
            release.wait(10)
        ended.append(item.input)
        return done(item)

    def interrupted():
        for one in run(items(50), work, jobs=2):
            assert one.input == "0.jpg"
            while len(started) < 3:
                time.sleep(0.001)
            threading.Timer(0.2, release.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    release.wait(10)
    deadline = time.monotonic() + 5
    while workers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not workers()
    assert sorted(started) == sorted(ended) == ["0.jpg", "1.jpg", "2.jpg"]


def workers():
    return [one for one in threading.enumerate() if one.name.startswith("nukki-batch")]


def test_an_interrupt_inside_a_worker_is_no_failed_picture():
    def work(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run(items(2), work))
