"""A client of nukki's HTTP API in one file, on the standard library alone: copy it.

    python client.py remove cat.jpg -o cat.png
    python client.py remove team.jpg -o team.webp subject=people format=webp
    python client.py replace chair.jpg -o chair.png background=@room.jpg shadow=contact
    python client.py pick beach.jpg -o thing.png at=640,360 not=700,100
    python client.py segment beach.jpg what=people

or in a program:

    client = Client("http://127.0.0.1:7000", key="…")
    cut = client.remove(Path("cat.jpg"), format="webp")
    if cut.found:
        Path("cat.webp").write_bytes(cut.body)
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Client", "Refused", "Result"]

_TRIES = 4  # of a request that the server is too busy for
_LONGEST_WAIT = 60.0  # seconds between two of them
TASKS = ("remove", "replace", "segment", "pick", "erase")

Value = str | int | float | bool | bytes | Path | Sequence[str]


class Refused(Exception):
    """The server did not do it.

    Attributes:
        status: Of HTTP; 0 where the server could not be reached.
        code: A word that stays the same from version to version.
        error: What is wrong, in a sentence.
        hint: What to do, where the server has advice.
    """

    def __init__(self, status: int, code: str, error: str, hint: str | None) -> None:
        super().__init__(f"{error} (hint: {hint})" if hint else error)
        self.status, self.code, self.error, self.hint = status, code, error, hint


@dataclass(frozen=True)
class Result:
    """What came back.

    Attributes:
        body: The bytes of a picture, or JSON.
        headers: Names in lower case.
    """

    body: bytes
    headers: Mapping[str, str]

    @property
    def found(self) -> bool:
        """Whether there is a subject at all; a picture comes in either case."""
        return self.headers.get("x-found", "true") == "true"

    @property
    def confidence(self) -> float:
        """0 to 1: how sure the network is. Look at what is low."""
        return float(self.headers.get("x-confidence", "1"))

    @property
    def json(self) -> Any:
        """The answer of format="json"."""
        return json.loads(self.body)


class Client:
    """One server.

    Args:
        address: With the prefix of a proxy, where there is one: "https://example.org/cut".
        key: One of the server's keys, where it wants one.
        timeout: Seconds without a byte from the server.
    """

    def __init__(self, address: str, key: str | None = None, timeout: float = 90.0) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            message = f"an address begins with http:// or https://, got {address!r}"
            raise ValueError(message)
        secure = parts.scheme == "https"
        self._kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._where = (parts.hostname, parts.port)
        self._timeout = timeout
        self._prefix = parts.path.rstrip("/")
        self._headers = {"X-Api-Key": key} if key else {}

    def remove(self, image: bytes | Path, **options: Value) -> Result:
        """Cut the subject out. Options are those of `nukki remove`, `drop_specks=True` say."""
        return self.task("remove", image, **options)

    def replace(self, image: bytes | Path, **options: Value) -> Result:
        """Put another background behind the subject: `background="white"`, or a `Path`."""
        return self.task("replace", image, **options)

    def segment(self, image: bytes | Path, **options: Value) -> Result:
        """Tell people and objects apart; JSON unless `format` says otherwise."""
        return self.task("segment", image, **options)

    def pick(self, image: bytes | Path, **options: Value) -> Result:
        """Cut out the thing at points, `at=["640,360"]`, `**{"not": ["70,10"]}`, or in a `box`."""
        return self.task("pick", image, **options)

    def erase(self, image: bytes | Path, **options: Value) -> Result:
        """Take things out of the photo: `what="people"`, or `mask=Path(…)`."""
        return self.task("erase", image, **options)

    def task(self, name: str, image: bytes | Path, **options: Value) -> Result:
        """Ask for one of `TASKS`.

        Args:
            name: Which.
            image: The photo.
            options: Paths and bytes are sent as files, a sequence as a field that comes often.

        Raises:
            Refused: If the server does not do it, or cannot be reached.
        """
        boundary = secrets.token_hex(16)
        body = b"".join(_form(boundary, {"image": image, **options}))
        kind = f"multipart/form-data; boundary={boundary}"
        return self._asked("POST", f"/api/{name}", body, {"Content-Type": kind})

    def models(self) -> list[dict[str, Any]]:
        """The networks, and whether they are on the server."""
        said: list[dict[str, Any]] = self._asked("GET", "/api/models").json["models"]
        return said

    def _asked(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Result:
        """Ask again while the server is busy, after the seconds that it says."""
        for again in reversed(range(_TRIES)):
            try:
                status, result = self._once(method, path, body, headers or {})
            except (OSError, http.client.HTTPException) as error:
                hint = "is the address right, and does the server run?"
                raise Refused(0, "unreachable", f"no answer: {error}", hint) from error
            if status != 429 or not again:
                break
            wait = result.headers.get("retry-after", "1")
            time.sleep(min(float(wait) if wait.isdecimal() else 1.0, _LONGEST_WAIT))
        if status >= 400:
            raise _refusal(status, result.body)
        return result

    def _once(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Result]:
        """Status and answer of one request, over a connection of its own."""
        host, port = self._where
        with contextlib.closing(self._kind(host, port, timeout=self._timeout)) as connection:
            sent = {**self._headers, **headers}
            connection.request(method, self._prefix + path, body or None, sent)
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, Result(answer.read(), said)


def _form(boundary: str, options: Mapping[str, Value]) -> Iterator[bytes]:
    """A body of multipart/form-data (RFC 7578)."""
    for name, value in options.items():
        every = value if isinstance(value, list | tuple) else [value]
        for one in every:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
            if isinstance(one, bytes | Path):
                yield f'{head}; filename="{name}"\r\n\r\n'.encode()
                yield one if isinstance(one, bytes) else one.read_bytes()
            else:
                yield f"{head}\r\n\r\n{str(one).lower() if isinstance(one, bool) else one}".encode()
            yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _refusal(status: int, body: bytes) -> Refused:
    try:
        said = json.loads(body)
        return Refused(status, said["code"], said["error"], said.get("hint"))
    except (ValueError, KeyError, TypeError):  # of a proxy before the server, say
        text = body[:200].decode("utf-8", "replace")
        return Refused(status, "unknown", f"status {status}: {text}", None)


def _options(words: Sequence[str]) -> dict[str, Value]:
    """`name=value` and `name=@file` of the command line; a name may come more than once."""
    found: dict[str, Value] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            message = f"options are name=value or name=@file, got {word!r}"
            raise ValueError(message)
        if text.startswith("@"):
            found[name] = Path(text[1:])
        else:
            before = found.get(name, [])
            found[name] = [*before, text] if isinstance(before, list) else text
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; gives its exit code: 0 done, 1 refused, 2 wrong usage, 3 no subject."""
    parser = argparse.ArgumentParser(description="Ask a nukki server to work on a photo.")
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("photo", type=Path)
    parser.add_argument("options", nargs="*", help="name=value, name=@file: see GET /docs")
    parser.add_argument("-o", "--output", type=Path, help="a file; otherwise standard output")
    parser.add_argument("--server", default=os.environ.get("NUKKI_SERVER", "http://127.0.0.1:7000"))
    parser.add_argument("--key", default=os.environ.get("NUKKI_KEY"), help="or NUKKI_KEY")
    args = parser.parse_intermixed_args(argv)
    try:
        result = Client(args.server, args.key).task(args.task, args.photo, **_options(args.options))
    except Refused as refused:
        print(f"error: {refused.error}", file=sys.stderr)
        if refused.hint:
            print(f"hint: {refused.hint}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if args.output:
        args.output.write_bytes(result.body)
    else:
        sys.stdout.buffer.write(result.body)
    if not result.found:
        print("there is no subject in the photo", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
