"""What came of one picture, as programs and sums see it."""

from __future__ import annotations

import json

from nukki.batch.outcome import Outcome, Tally, failure
from nukki.errors import InputError


def outcome(word):
    return Outcome(input="a", output=None, outcome=word)


def test_the_record_is_one_line_of_plain_words():
    one = Outcome(
        input="é\n.jpg", output="b.png", outcome="done", confidence=0.98765, seconds=0.123456
    )
    assert "\n" not in one.json()
    assert json.loads(one.json()) == {
        "input": "é\n.jpg",
        "output": "b.png",
        "outcome": "done",
        "confidence": 0.9877,
        "seconds": 0.1235,
        "reason": None,
    }
    assert "é" in one.json()


def test_a_name_that_is_not_unicode_can_be_written():
    one = Outcome(input="\udcff.jpg", output=None, outcome="done")
    assert json.loads(one.json().encode())["input"] == "\udcff.jpg"


def test_a_failure_tells_our_errors_from_faults_of_ours():
    ours = failure("a.jpg", InputError("`a.jpg` is no picture", hint="give another"), seconds=1.0)
    assert (ours.outcome, ours.reason, ours.hint) == (
        "failed",
        "`a.jpg` is no picture",
        "give another",
    )
    fault = failure("a.jpg", KeyError("x"))
    assert fault.reason == "internal: KeyError: 'x'"
    assert isinstance(fault.error, KeyError)
    assert "error" not in fault.record()


def test_the_sum_counts_in_words():
    tally = Tally(map(outcome, ["done", "done", "failed", "exists", "skipped"]))
    assert (tally.total, tally.failed, tally.empty) == (5, 2, False)
    expected = "2 done, 1 failed, 1 in the way of an existing file, 1 finished before"
    assert str(tally) == expected


def test_a_sum_is_empty_where_nothing_was_found_in_any():
    assert Tally().empty
    assert str(Tally()) == "no pictures"
    assert Tally([outcome("nothing found")] * 2).empty
    assert not Tally([outcome("nothing found"), outcome("skipped")]).empty
