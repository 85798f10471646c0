"""Talks to an ASGI application as a server does, and works on orders in a thread."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass, field

from PIL import Image

from nukki.serve.app import Site, make_app
from nukki.serve.gate import Gate
from nukki.serve.limits import ServeOptions
from nukki.serve.work import perform

BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


class Hands:
    """A worker in a thread of this process; `function` may take the place of the real work."""

    def __init__(self, function=None):
        self.function = function or (lambda order: perform(order, {"threads": 1}))
        self.log = []

    async def start(self):
        self.log.append("start")

    async def ask(self, order):
        self.log.append(order.task)
        return await asyncio.to_thread(self.function, order)

    async def stop(self):
        self.log.append("stop")


@dataclass
class Reply:
    """What came back."""

    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]


def encoded(pixels, kind="PNG", **options):
    """The bytes of a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


async def until(what):
    """Wait until something is true, not for ever."""
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.001)


def form(texts=(), files=()):
    """The body of a multipart form; texts and files are pairs, or mappings."""
    texts = texts.items() if isinstance(texts, dict) else texts
    files = files.items() if isinstance(files, dict) else files
    parts = []
    for name, text in texts:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(head.encode() + str(text).encode() + b"\r\n")
    for name, data in files:
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a b.jpg"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts.append(head.encode() + data + b"\r\n")
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


async def call(app, method, path, *, headers=(), pieces=(b"",), stay=True):
    """One request. `pieces` are bytes, seconds to wait, or None, at which the client goes."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in dict(headers).items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 7000),
        "scheme": "http",
    }
    rest, reply, done = list(pieces), Reply(), asyncio.Event()

    async def receive():
        while rest and isinstance(rest[0], int | float):
            await asyncio.sleep(rest.pop(0))
        if not rest:
            await (done.wait() if stay else asyncio.sleep(0))
            return {"type": "http.disconnect"}
        piece = rest.pop(0)
        if piece is None:
            rest.clear()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(rest)}

    async def send(message):
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        else:
            reply.body += message.get("body", b"")

    try:
        await app(scope, receive, send)
    finally:
        done.set()
    return reply


class Client:
    """A server without sockets: its application, its gate, its workers in threads."""

    def __init__(self, hands=None, keys=None, **options):
        self.loop = asyncio.new_event_loop()
        self.options = ServeOptions(**{"workers": 1, **options})
        self.hands = hands or [Hands() for _ in range(self.options.workers)]
        gate = Gate(self.hands, queue=self.options.queue, timeout=self.options.timeout)
        self.site = Site.of(self.options, gate, keys)
        self.app = make_app(self.site)
        self.run(gate.open())

    def run(self, work):
        return self.loop.run_until_complete(work)

    def close(self):
        self.run(self.site.gate.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()

    def call(self, method, path, **how):
        return call(self.app, method, path, **how)

    def get(self, path, **headers):
        return self.run(self.call("GET", path, headers=headers))

    def sending(self, path, body, **headers):
        """The coroutine of a POST."""
        headers = {"content-type": FORM, "content-length": str(len(body)), **headers}
        return self.call("POST", path, headers=headers, pieces=[body])

    def post(self, path, texts=(), files=(), **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.run(self.sending(path, form(texts, files), **names))
