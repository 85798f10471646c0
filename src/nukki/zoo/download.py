"""One file over HTTP: resumed, bounded, and never more trusted than its digest.

The bytes go to `FILE.part`. When a connection breaks off, the part stays, with a note of the
address and of the server's validator (RFC 9110, 8.8), and the next attempt asks for the rest
(`Range` with `If-Range`, RFC 9110, 14.2 and 13.1.5). A server that does not know ranges answers 200
and the part begins again. Addresses that give the wrong thing are not asked again; those that fail
are.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any

from nukki.errors import ChecksumMismatch, FetchError
from nukki.zoo.cards import ModelFile, is_web_address
from nukki.zoo.store import FREE_FOLDER, Hashes, Progress, hash_file

__all__ = ["download", "drop"]

CHUNK = 1 << 18
TIMEOUT = 30.0  # seconds for a connection, and for each read
BACK_OFF = (0.5, 2.0)  # seconds before the second and the third round over the addresses
HEADWAY = 1 << 20  # bytes beyond the last break that make a round count as a first one
LARGEST = 20 * 10**9  # bytes; no card's file is larger
RESERVE = 16 * 10**6  # bytes of the disk that are left to others
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class _Failed(Exception):
    """An address did not give the file; `final` where asking again is of no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http(s) only, and never from https down to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not is_web_address(newurl) or (req.type == "https" and not newurl.startswith("https:")):
            reason = f"it redirects to `{newurl}`, which is not followed"
            raise _Failed(reason, final=True)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Proxies and certificates as the system has them; no scheme but http and https."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def download(file: ModelFile, part: Path, *, progress: Progress | None = None) -> Hashes:
    """Fetch a file to `part` and verify it against its card.

    Args:
        file: The file, with at least one address.
        part: Where the bytes go; what an earlier attempt left there is used.
        progress: Called with (bytes so far, bytes in all or None).

    Returns:
        The digests of the whole file, which match the card.

    Raises:
        ChecksumMismatch: If every address gave another file; the last one's digest is named.
        FetchError: If no address gave it, or the disk does not take it.
    """
    reasons: dict[str, str] = {}
    addresses = list(file.urls)
    mismatch: ChecksumMismatch | None = None
    best, rounds = 0, 0
    while addresses:
        for url in list(addresses):
            try:
                return _Attempt(file, part, url, progress).run()
            except ChecksumMismatch as error:
                mismatch = error
                reasons[url] = str(error)
                addresses.remove(url)
            except _Failed as failure:
                reasons[url] = str(failure)
                if failure.final:
                    addresses.remove(url)
        size = part.stat().st_size if part.exists() else 0
        rounds = 0 if size >= best + HEADWAY else rounds + 1
        best = max(best, size)
        if rounds > len(BACK_OFF):
            break
        if addresses:
            time.sleep(BACK_OFF[max(0, rounds - 1)])
    if mismatch is not None:
        raise mismatch
    listed = "; ".join(f"{url}: {reason}" for url, reason in reasons.items())
    message = f"`{file.name}` could not be fetched: {listed}"
    raise FetchError(message, hint="try again later: what has arrived is kept and resumed")


@dataclass
class _Attempt:
    """One address asked once (twice where a resumption turned out wrong)."""

    file: ModelFile
    part: Path
    url: str
    progress: Progress | None = None

    def run(self) -> Hashes:
        """The digests of the whole file, which match; or `_Failed`."""
        offset, validator = self._resumable()
        headers = {"Accept-Encoding": "identity", "User-Agent": "nukki"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator:
                headers["If-Range"] = validator
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310  # http(s) by the card
        try:
            with _opener().open(request, timeout=TIMEOUT) as response:
                hashes = self._receive(response, offset)
        except urllib.error.HTTPError as error:
            with error:
                hashes = self._refused(error, offset)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, FetchError):
                raise
            reason = str(getattr(error, "reason", None) or error) or type(error).__name__
            raise _Failed(reason) from error
        return self._verified(hashes, resumed=bool(offset))

    def _resumable(self) -> tuple[int, str | None]:
        """How many bytes of the part are of use, and what proves that the file is the same.

        Without a digest only the server's validator does; with one, the digest will tell.
        """
        try:
            size = self.part.stat().st_size
        except OSError:
            return 0, None
        note = _read_note(self.part)
        validator = note.get("validator") if note.get("url") == self.url else None
        limit = self.file.size_bytes or LARGEST
        if not 0 < size <= limit or (validator is None and self.file.digest is None):
            return 0, None
        return size, validator

    def _refused(self, error: urllib.error.HTTPError, offset: int) -> Hashes:
        if error.code == 416 and offset:
            total = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", "").strip())
            if total and int(total[1]) == offset:  # the part was the whole file already
                return hash_file(self.part, self.file.digest)
            return self._afresh()
        final = error.code not in _TRANSIENT
        reason = f"HTTP {error.code} {error.reason}"
        raise _Failed(reason, final=final) from error

    def _afresh(self) -> Hashes:
        """Begin again without the part."""
        drop(self.part)
        return self.run()

    def _receive(self, response: Any, offset: int) -> Hashes:
        status, headers = response.status, response.headers
        if status == 206 and offset:
            total = _resumed_total(headers, offset)
            if total is None:  # another part than the one asked for
                return self._afresh()
            hashes = self._rehashed(offset)
        elif status == 200:
            offset, total, hashes = 0, _length(headers), Hashes(self.file.digest)
        else:
            reason = f"HTTP {status}, which is no answer to this request"
            raise _Failed(reason, final=True)
        self._acceptable(headers, total, offset)
        wanted = self.file.size_bytes or total
        done = self._store(response, hashes, offset, wanted)
        if wanted is not None and done < wanted:
            reason = f"the connection broke off at {done} of {wanted} bytes"
            raise _Failed(reason)
        return hashes

    def _rehashed(self, offset: int) -> Hashes:
        hashes = hash_file(self.part, self.file.digest)
        if self.part.stat().st_size != offset:
            reason = "the part was changed meanwhile"
            raise _Failed(reason)
        return hashes

    def _acceptable(self, headers: Message, total: int | None, offset: int) -> None:
        """Refuse what cannot be the file before a byte of it is written."""
        if headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            reason = f"the answer is encoded ({headers['Content-Encoding']})"
            raise _Failed(reason, final=True)
        size = self.file.size_bytes
        if size is not None and total is not None and total != size:
            reason = f"the file must have {size} bytes, got {total}"
            raise _Failed(reason, final=True)
        if (total or 0) > LARGEST:
            reason = f"the file must have at most {LARGEST} bytes, got {total}"
            raise _Failed(reason, final=True)
        needed = (size or total or 0) - offset + RESERVE
        free = shutil.disk_usage(self.part.parent).free
        if free < needed:
            message = f"`{self.part.parent}` needs {needed} bytes of free disk, got {free}"
            raise FetchError(message, hint="free some space, or set NUKKI_HOME to another disk")

    def _store(self, response: Any, hashes: Hashes, offset: int, wanted: int | None) -> int:
        """Append the body to the part, never beyond what is wanted; the part's size afterwards."""
        done, limit = offset, wanted or LARGEST
        with self._disk():
            stream = self.part.open("ab" if offset else "wb")
            _write_note(self.part, self.url, response.headers)
        try:
            while done <= limit and (chunk := response.read(CHUNK)):
                done += len(chunk)
                if done > limit:
                    break
                with self._disk():
                    stream.write(chunk)
                hashes.update(chunk)
                if self.progress is not None:
                    self.progress(done, wanted)
        finally:
            with self._disk():
                stream.close()
        if done > limit:
            drop(self.part)
            reason = f"it sent more than {limit} bytes"
            raise _Failed(reason, final=True)
        return done

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """A disk that takes no more is told from a network that gives no more: no part stays."""
        try:
            yield
        except OSError as error:
            drop(self.part)
            message = f"`{self.part}` cannot be written: {error.strerror or error}"
            raise FetchError(message, hint=FREE_FOLDER) from error

    def _verified(self, hashes: Hashes, *, resumed: bool) -> Hashes:
        if hashes.match:
            return hashes
        drop(self.part)
        if resumed:  # the beginning may have been another file's
            return self.run()
        message = (
            f"`{self.file.name}` from {self.url} must have {self.file.digest}, got {hashes.got}; "
            "what arrived was deleted"
        )
        raise ChecksumMismatch(message, hint="try again later, or place the file by hand")


def drop(part: Path) -> None:
    """Delete a part and its note; what is not there is no matter."""
    for path in (part, _note_path(part)):
        with contextlib.suppress(OSError):
            path.unlink()


def _note_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.stamp")


def _read_note(part: Path) -> dict[str, str]:
    try:
        note = json.loads(_note_path(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_note(part: Path, url: str, headers: Message) -> None:
    """Whence the part comes; a weak ETag proves nothing about bytes (RFC 9110, 8.8.1)."""
    etag = headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
    note = {"url": url, "validator": validator}
    _note_path(part).write_text(json.dumps(note), encoding="utf-8")


def _length(headers: Message) -> int | None:
    value = headers.get("Content-Length", "")
    return int(value) if value.isdecimal() else None


def _resumed_total(headers: Message, offset: int) -> int | None:
    """Bytes of the whole file, where the answer is its end from `offset` on; else None."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", headers.get("Content-Range", "").strip())
    if not found or int(found[1]) != offset:
        return None
    total = int(found[2]) + 1
    return total if found[3] in ("*", str(total)) else None
