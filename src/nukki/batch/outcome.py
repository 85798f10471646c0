"""What came of one picture, and the count over many."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from nukki.errors import NukkiError

__all__ = ["Outcome", "Tally", "Word", "failure"]

Word = Literal["done", "nothing found", "failed", "skipped", "exists"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one picture.

    Attributes:
        input: The picture's path, "-" for standard input.
        output: The path that was written ("-" for standard output); for "skipped" and "exists" the
            file that is already there; None where nothing was written.
        outcome: "done"; "nothing found" (there is no subject); "failed"; "skipped" (finished
            before); "exists" (a file is in the way).
        confidence: How sure the network is that there is a subject, 0 to 1.
        seconds: From opening the picture to the closed output.
        reason: Why it failed or was not done, one sentence.
        hint: What to do about it, one imperative line.
        notes: What a user should know of how the picture was read.
        road: How the subject was found; see `Cutout.road`.
        why: Why that road was taken.
        advice: What might cut this picture better; None where there is nothing to say.
        error: The exception behind "failed"; not part of the record.
    """

    input: str
    output: str | None
    outcome: Word
    confidence: float | None = None
    seconds: float | None = None
    reason: str | None = None
    hint: str | None = None
    notes: tuple[str, ...] = ()
    road: str | None = None
    why: str | None = None
    advice: str | None = None
    error: BaseException | None = field(default=None, compare=False, repr=False)

    def record(self) -> dict[str, Any]:
        """What a program wants of it, in words and numbers."""
        record = {
            "input": self.input,
            "output": self.output,
            "outcome": self.outcome,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "seconds": None if self.seconds is None else round(self.seconds, 4),
            "reason": self.reason,
        }
        if self.advice is not None:
            record["advice"] = self.advice
        return record if self.road is None else {**record, "road": self.road, "why": self.why}

    def json(self) -> str:
        """The record as one line of JSON, without a line end.

        A name that is not Unicode (a stray byte on Linux) is escaped, so that the line can always
        be written as UTF-8.
        """
        line = json.dumps(self.record(), ensure_ascii=False)
        try:
            line.encode()
        except UnicodeEncodeError:
            return json.dumps(self.record())
        return line


def failure(
    source: str, error: BaseException, *, seconds: float | None = None, output: str | None = None
) -> Outcome:
    """The outcome of a picture on which `error` was raised.

    Args:
        source: The picture's path.
        error: nukki's own errors speak for themselves; any other is named as internal.
        seconds: Time until it was raised.
        output: What was written all the same.
    """
    own = isinstance(error, NukkiError)
    return Outcome(
        input=source,
        output=output,
        outcome="failed",
        seconds=seconds,
        reason=str(error) if own else f"internal: {type(error).__name__}: {error}",
        hint=error.hint if isinstance(error, NukkiError) else None,
        error=error,
    )


class Tally:
    """The count of outcomes, in the words of `Outcome.outcome`."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.counts: Counter[Word] = Counter()
        self.roads: Counter[str] = Counter()
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.counts[outcome.outcome] += 1
        if outcome.outcome == "done" and outcome.road is not None:
            self.roads[outcome.road] += 1

    @property
    def total(self) -> int:
        """How many were counted."""
        return self.counts.total()

    @property
    def failed(self) -> int:
        """How many the user must look at: failed, or a file in the way."""
        return self.counts["failed"] + self.counts["exists"]

    @property
    def empty(self) -> bool:
        """Whether nothing was found in any picture (true without pictures)."""
        return self.counts["nothing found"] == self.total

    def __str__(self) -> str:
        words: tuple[Word, ...] = ("done", "nothing found", "failed", "exists", "skipped")
        parts = [f"{self.counts[word]} {_IN_A_SUM[word]}" for word in words if self.counts[word]]
        if parts and len(self.roads) > 1:
            roads = ", ".join(f"{count} {road}" for road, count in sorted(self.roads.items()))
            parts[0] += f" ({roads})"
        return ", ".join(parts) or "no pictures"


_IN_A_SUM: dict[Word, str] = {
    "done": "done",
    "nothing found": "without a subject",
    "failed": "failed",
    "exists": "in the way of an existing file",
    "skipped": "finished before",
}
