"""Bodies of requests, read into memory piece by piece, never to a disk, and refused when too much.

What is counted are the bytes that arrive, not those that a header promises.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from nukki.serve.limits import ServeOptions
from nukki.serve.refusals import Refusal

__all__ = ["Body", "Form", "Ledger", "Receive", "read_form", "read_query"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_MOST_PARTS = 200
_LONGEST_TEXT = 65_536  # characters of a field that is no picture
_DRAIN = 2.0  # seconds that a client is read on which sends more than is taken


class Body:
    """The stream of a request's body, which knows whether it has come to its end.

    Args:
        receive: ASGI's.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.read = False

    async def receive(self) -> Message:
        """The next message."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self.read = True
        return message

    async def left(self) -> None:
        """Wait until the client goes; for a body that was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drain(self) -> None:
        """Read on for a moment what nobody wants, so that the client gets to read why.

        A connection that is closed while bytes are on their way is reset, and the answer is lost.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN):
                while not self.read:
                    await self.receive()


@dataclass
class Form:
    """What a request holds.

    Attributes:
        texts: Fields, in their order; a name may come more than once.
        files: Uploaded files by name.
        size: Bytes of the body.
    """

    texts: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    size: int = 0


class Ledger:
    """How many bytes of requests are in memory, of all clients together."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.held = 0

    @contextlib.contextmanager
    def account(self) -> Iterator[Account]:
        """An account of one request, given back at the end."""
        account = Account(self)
        try:
            yield account
        finally:
            self.held -= account.held


@dataclass
class Account:
    """Bytes of one request."""

    ledger: Ledger
    held: int = 0

    def add(self, count: int) -> None:
        """Take more.

        Raises:
            Refusal: If all requests together would be more than the budget.
        """
        if self.ledger.held + count > self.ledger.budget:
            message = "the server holds as many uploads as it can"
            hint = "try again in a moment"
            raise Refusal(message, "busy", hint=hint, headers={"Retry-After": "2"})
        self.ledger.held += count
        self.held += count


async def read_form(
    headers: Mapping[str, str],
    receive: Receive,
    limits: ServeOptions,
    account: Account,
    *,
    more_kinds: bool = False,
) -> Form:
    """The body of a request as a form.

    Args:
        headers: Of the request, names in lower case.
        receive: ASGI's.
        limits: What is taken at most, and how long is waited.
        account: Where the bytes are counted.
        more_kinds: Take an urlencoded form and a JSON object, too.

    Raises:
        Refusal: If it is none, too large, too slow, or gone.
    """
    kind, options = parse_options_header(headers.get("content-type", ""))
    reader: _Multipart | _Plain | None = None
    if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        reason = "a compressed body is not taken"
    elif kind == b"multipart/form-data" and options.get(b"boundary"):
        reason, reader = "", _multipart(options[b"boundary"])
    elif more_kinds and kind in (b"application/x-www-form-urlencoded", b"application/json"):
        reason, reader = "", _Plain(is_json=kind == b"application/json")
    else:
        reason = f"the body must be multipart/form-data, got {kind.decode('latin-1')[:80]!r}"
    if reader is None:
        hint = "send the picture as the part `image`: curl -F image=@cat.jpg"
        raise Refusal(reason, "not_a_form", hint=hint, headers={"Connection": "close"})
    _check_length(headers.get("content-length"), limits)
    form = Form()
    try:
        async with asyncio.timeout(limits.timeout):
            async for piece in _pieces(receive, limits.patience):
                form.size += len(piece)
                if form.size > limits.max_bytes:
                    raise _too_many(limits)
                account.add(len(piece))
                reader.write(piece)
    except TimeoutError as error:
        message = "the request did not arrive in time"
        hint = "send it again over a faster connection, or send a smaller picture"
        raise Refusal(message, "slow_client", hint=hint, headers=_CLOSE) from error
    reader.finish(form)
    return form


def read_query(query: bytes) -> list[tuple[str, str]]:
    """The fields of a query string.

    Raises:
        Refusal: If it is too long or not UTF-8.
    """
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_PARTS,
        )
    except (UnicodeDecodeError, ValueError) as error:
        message = f"the query string cannot be read: {error}"
        raise Refusal(message, "bad_request", hint="encode it as UTF-8 and per cent") from error


_CLOSE = {"Connection": "close"}


def _broken(*, reason: str) -> Refusal:
    hint = "let a library make the form: curl -F image=@cat.jpg"
    return Refusal(
        message=f"the form cannot be read: {reason}", code="bad_request", hint=hint, headers=_CLOSE
    )


def _too_many(limits: ServeOptions) -> Refusal:
    message = f"the request must have at most {limits.max_bytes:,} bytes"
    hint = "send a smaller or a more compressed picture"
    return Refusal(message, "too_many_bytes", hint=hint, headers=_CLOSE)


def _check_length(said: str | None, limits: ServeOptions) -> None:
    if said is None:
        return
    if not said.isascii() or not said.isdigit():
        raise _broken(reason="Content-Length is no number")
    if len(said) > 18 or int(said) > limits.max_bytes:
        raise _too_many(limits)


async def _pieces(receive: Receive, patience: float) -> AsyncIterator[bytes]:
    """The pieces of a body; one that does not come in time is a TimeoutError."""
    more = True
    while more:
        message = await asyncio.wait_for(receive(), patience)
        if message["type"] == "http.disconnect":
            raise Refusal(message="the client went away", code="slow_client", headers=_CLOSE)
        more = message.get("more_body", False)
        piece = message.get("body", b"")
        if piece:
            yield piece


class _Multipart:
    """Collects the parts of multipart/form-data (RFC 7578)."""

    def __init__(self, boundary: bytes) -> None:
        self._parts: list[tuple[dict[bytes, bytes], bytearray]] = []
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_part_data": self._part_data,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_end": self._end,
            },
        )

    def write(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _broken(reason=str(error)[:200]) from error

    def finish(self, form: Form) -> None:
        if not self._ended:
            raise _broken(reason="it ends before its last boundary")
        for options, data in self._parts:
            name = _decoded(options.get(b"name", b""))
            if not name:
                raise _broken(reason="a part has no name")
            if b"filename" not in options:
                if len(data) > _LONGEST_TEXT and name != "image_file_b64":
                    message = f"`{name[:80]}` must be a file, or a text of {_LONGEST_TEXT} bytes"
                    raise Refusal(message, "bad_option", hint="send a file with a file name")
                form.texts.append((name, _decoded(bytes(data))))
            elif name in form.files:
                message = f"`{name[:80]}` must come once"
                raise Refusal(message, "bad_option", hint="send one picture a request")
            else:
                form.files[name] = bytes(data)

    def _part_begin(self) -> None:
        if len(self._parts) >= _MOST_PARTS:
            raise _broken(reason=f"it has more than {_MOST_PARTS} parts")
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        said = self._headers.get(b"content-disposition", b"").decode("latin-1")
        self._parts.append((parse_options_header(said)[1], bytearray()))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1][1].extend(memoryview(data)[start:end])

    def _end(self) -> None:
        self._ended = True


def _multipart(boundary: bytes) -> _Multipart:
    try:
        return _Multipart(boundary)
    except FormParserError as error:
        raise _broken(reason=str(error)) from error


class _Plain:
    """Collects a form that is urlencoded or a JSON object of texts."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self._data = bytearray()

    def write(self, piece: bytes) -> None:
        self._data += piece

    def finish(self, form: Form) -> None:
        text = _decoded(bytes(self._data))
        if not self._is_json:
            try:
                form.texts = parse_qsl(
                    text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARTS
                )
            except ValueError as error:
                raise _broken(reason=str(error)) from error
            return
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _broken(reason="it is no JSON") from error
        if not isinstance(said, dict):
            raise _broken(reason="the JSON must be an object")
        for name, value in said.items():
            if isinstance(value, bool | int | float | str):
                text = str(value)
                form.texts.append((name, text.lower() if isinstance(value, bool) else text))
            elif value is not None:
                raise _broken(reason=f"`{name[:80]}` must be a text, a number, or true or false")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = "a text of the form is not UTF-8"
        hint = "send a picture as a file, with a file name"
        raise Refusal(message, "bad_request", hint=hint, headers=_CLOSE) from error
