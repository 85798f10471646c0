"""A web server on this machine that misbehaves on demand, and cards that point to it."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nukki.zoo import download
from nukki.zoo.cards import parse_card

DATA = bytes(range(256)) * 2048  # 512 kB: several chunks


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Behaviour:
    """What the server does at one address."""

    data: bytes = DATA
    status: int = 200
    breaks: list[int] = field(default_factory=list)  # bytes of the body before each break-off
    ranges: bool = True
    etag: str | None = '"one"'
    length: int | None = None  # a Content-Length that lies
    chunked: bool = False
    location: str | None = None
    content_range: str | None = None
    failures: int = 0  # answers of 503 first
    encoding: str | None = None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        site = self.server.site
        site.requests.append((self.path, dict(self.headers)))
        behaviour = site.addresses.get(self.path)
        if behaviour is None:
            return self._plain(404)
        if behaviour.failures:
            behaviour.failures -= 1
            return self._plain(503)
        if behaviour.location is not None:
            return self._plain(302, Location=behaviour.location)
        if behaviour.status != 200:
            return self._plain(behaviour.status)
        return self._file(behaviour)

    def _plain(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, behaviour):
        data, start = behaviour.data, 0
        wanted = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        if wanted and behaviour.ranges and condition in (None, behaviour.etag):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return self._plain(416, **{"Content-Range": f"bytes */{len(data)}"})
            self.send_response(206)
            default = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.send_header("Content-Range", behaviour.content_range or default)
        else:
            self.send_response(200)
        body = data[start:]
        if behaviour.etag:
            self.send_header("ETag", behaviour.etag)
        if behaviour.encoding:
            self.send_header("Content-Encoding", behaviour.encoding)
        self.close_connection = True
        self.send_header("Connection", "close")
        if behaviour.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            length = len(body) if behaviour.length is None else behaviour.length
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if behaviour.breaks:
            body = body[: behaviour.breaks.pop(0)]
        with contextlib.suppress(OSError):
            if behaviour.chunked:
                self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            else:
                self.wfile.write(body)
        return None


class Site:
    """Addresses, what they do, and what was asked."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.addresses: dict[str, Behaviour] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def serve(self, path: str = "/net.onnx", **behaviour) -> str:
        self.addresses[path] = Behaviour(**behaviour)
        return self.base + path

    def asked(self, path: str = "/net.onnx") -> list[dict[str, str]]:
        return [headers for asked, headers in self.requests if asked == path]


@pytest.fixture
def site(monkeypatch):
    """A server on a free port; waits between attempts are cut to nothing, proxies are off."""
    monkeypatch.setattr(download, "BACK_OFF", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.site
    server.shutdown()
    server.server_close()
    thread.join()


def card_text(
    *urls: str,
    name: str = "net",
    digest: str | None = sha256(DATA),
    size: int | None = None,
    use: str = "yes",
) -> str:
    lines = [f"name = '{name}'", "title = 'A net'", "task = 'saliency'"]
    lines += [f"commercial_use = '{use}'", "origin = 'https://example.org/net'"]
    lines += ["[licence]", "code = 'MIT'", "weights = 'MIT'", "data = 'made up'"]
    lines += ["[[files]]", "name = 'net.onnx'", f"urls = {list(urls)}"]
    if digest:
        lines.append(f"digest = '{digest}'")
    if size is not None:
        lines.append(f"size_bytes = {size}")
    lines += ["[input]", "size = [64, 64]", "[output]"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def make_card():
    """Builds a card; `make_card.text` gives its TOML."""

    def make(*urls, **changes):
        return parse_card(card_text(*urls, **changes), source="net.toml")

    make.text = card_text
    make.data = DATA
    make.sha256 = sha256
    return make
