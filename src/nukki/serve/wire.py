"""What goes between the server and its workers: orders there, answers back.

A message is the length of its head (four bytes, the highest first), the head (JSON), and then its
parts, one after the other. Nothing in it is ever run: no pickle.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nukki.serve.refusals import CODES, Refusal

__all__ = ["HEAD", "Answer", "Failure", "Order", "packed", "parts_of"]

HEAD = struct.Struct(">I")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a worker is asked to do.

    Attributes:
        task: "remove", "replace", "segment", "pick", "erase" or "removebg".
        values: Options as the client wrote them; checked.
        kind: What the answer shall be: a format ("png", …), "json", or one of the task's own.
        shown: Clicks and boxes of `pick`.
        max_pixels: Of each picture.
        files: Uploaded pictures by name.
    """

    task: str
    values: Mapping[str, str] = field(default_factory=dict)
    kind: str = "png"
    shown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    max_pixels: int = 50_000_000
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def head(self) -> dict[str, Any]:
        """All but the files."""
        return {name: value for name, value in self.__dict__.items() if name != "files"}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no result."""

    code: str
    error: str
    hint: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    trace: str | None = None

    @classmethod
    def of(cls, refusal: Refusal, trace: str | None = None) -> Failure:
        """The same as a refusal."""
        return cls(
            code=refusal.code,
            error=refusal.message,
            hint=refusal.hint,
            headers=refusal.headers,
            trace=trace,
        )

    @property
    def status(self) -> int:
        """Of the answer."""
        return CODES[self.code][0]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a worker gives back.

    Attributes:
        media_type: Of the body.
        body: The bytes of a picture, or JSON.
        headers: What is said besides: X-Found, X-Confidence, …
        seconds: Time of each step.
        failure: Why there is no body.
        memory: Bytes that the worker's process holds.
    """

    media_type: str = "application/json"
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    memory: int = 0

    def head(self) -> dict[str, Any]:
        """All but the body."""
        said = {name: value for name, value in self.__dict__.items() if name != "body"}
        return {**said, "failure": self.failure and asdict(self.failure)}

    @classmethod
    def from_head(cls, head: Mapping[str, Any], body: bytes) -> Answer:
        """The answer of a message."""
        failure = head.get("failure")
        return cls(**{**head, "failure": failure and Failure(**failure)}, body=body)


def packed(head: Mapping[str, Any], parts: Mapping[str, bytes]) -> list[bytes]:
    """A message, in pieces to be written one after the other."""
    sizes = [[name, len(data)] for name, data in parts.items()]
    said = json.dumps({"head": head, "parts": sizes}).encode()
    return [HEAD.pack(len(said)) + said, *parts.values()]


def parts_of(said: bytes) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """The head of a message, and the names and lengths of the parts that follow."""
    message = json.loads(said)
    sizes: Iterable[Sequence[Any]] = message["parts"]
    return message["head"], [(str(name), int(length)) for name, length in sizes]
