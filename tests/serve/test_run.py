"""A server on a real port of this machine: connections, keys in files, addresses, options."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
import time

import pytest
import uvicorn

from nukki.errors import InputError
from nukki.pipelines.options import RunOptions
from nukki.serve import logs, run
from nukki.serve.connection import impatient
from nukki.serve.gate import Gate
from nukki.serve.keys import Keys
from nukki.serve.limits import ServeOptions
from nukki.serve.refusals import Refusal
from nukki.serve.wire import Answer
from serve_client import FORM, Hands, form


class Running:
    """`nukki serve` in a thread, its workers too; talks HTTP over plain sockets."""

    def __init__(self, monkeypatch, function, **options):
        self.server = None
        self.options = ServeOptions(port=0, **options)
        keep = uvicorn.Server.__init__

        def remembered(server, config):
            keep(server, config)
            self.server = server

        def gate(options, _run):
            hands = [Hands(function)]
            return Gate(hands, queue=options.queue, timeout=options.timeout)

        monkeypatch.setattr(uvicorn.Server, "__init__", remembered)
        monkeypatch.setattr(run, "make_gate", gate)
        opened = threading.Event()

        def tell(address):
            self.address = address
            opened.set()

        words = {"quiet": True, "opened": tell}
        self.thread = threading.Thread(
            target=run.serve, args=(self.options, RunOptions()), kwargs=words
        )
        self.thread.start()
        assert opened.wait(20)
        self.port = int(self.address.rpartition(":")[2])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def post(self, path, body):
        with self.connect() as client:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            head += f"Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            return everything(client)

    def close(self):
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()


def everything(client):
    """All that comes until the server closes the connection."""
    data = b""
    while piece := client.recv(1 << 16):
        data += piece
    return data


@pytest.fixture
def running(monkeypatch):
    made = []

    def make(function=lambda order: Answer(body=b"done"), **options):
        made.append(Running(monkeypatch, function, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ends_within(client, seconds):
    """Whether the server closes the connection in that time."""
    client.settimeout(seconds)
    try:
        while client.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True


def test_silent_clients_are_dropped_and_others_answered(running):
    server = running(patience=0.2)
    silent, half, slow = server.connect(), server.connect(), server.connect()
    half.sendall(b"POST /api/remove HTTP/1.1\r\nHost:")
    slow.sendall(
        b"POST /api/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n"
        b"Content-Type: " + FORM.encode() + b"\r\n\r\n--a-bound"
    )
    answer = server.post("/api/remove", form(files={"image": b"x" * 200}))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"done")
    said = everything(slow)
    assert said.startswith(b"HTTP/1.1 408")
    assert b'"code":"slow_client"' in said
    for client in (silent, half):
        assert ends_within(client, 10)
        client.close()
    slow.close()


def test_a_client_that_does_not_take_its_answer_is_dropped(running):
    server = running(lambda order: Answer(body=bytes(8_000_000)), patience=0.2)
    body = form(files={"image": b"x"})
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        head = f"POST /api/remove HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        connections = server.server.server_state.connections
        end = time.monotonic() + 10
        while not connections and time.monotonic() < end:
            time.sleep(0.01)
        while connections and time.monotonic() < end:
            time.sleep(0.01)
        assert not connections
    assert b"200" in server.post("/api/remove", body)[:15]  # one that takes it gets it all
    assert len(server.post("/api/remove", body)) > 8_000_000


def test_what_is_refused_is_said_though_the_body_is_still_on_its_way(running):
    server = running(max_bytes=1000)
    answer = server.post("/api/remove", form(files={"image": bytes(3_000_000)}))
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too_many_bytes"


def test_a_client_that_asks_first_need_not_send(running):
    server = running(max_bytes=1000)
    with server.connect() as client:
        client.sendall(
            f"POST /api/remove HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            f"Content-Type: {FORM}\r\nContent-Length: 99999\r\n\r\n".encode()
        )
        assert everything(client).startswith(b"HTTP/1.1 413")


def test_the_clock_looks_at_progress():
    """A connection on which something moves from look to look stays."""

    class Transport:
        def __init__(self):
            self.left, self.aborted = 0, False

        def get_write_buffer_size(self):
            return self.left

        def abort(self):
            self.aborted = True

    async def scenario():
        kind = impatient(1000)
        one = kind.__new__(kind)
        one.loop, one.cycle, one.transport = asyncio.get_running_loop(), None, Transport()
        one._idle_since = one.loop.time()
        for left, taken in ((0, 0), (500, 0), (400, 0), (400, 1), (900, 2)):
            one.transport.left, one._taken = left, taken
            one._look()
            assert not one.transport.aborted, (left, taken)
            one._clock.cancel()
        one._look()
        assert one.transport.aborted
        one.transport.aborted, one.transport.left, one._left = False, 0, 0
        one._idle_since -= 1001
        one._look()
        assert one.transport.aborted

    asyncio.run(scenario())


# --- addresses, keys, options, the log


def test_an_address_that_is_taken_or_none_is_an_error():
    with run.listen(ServeOptions(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} cannot be listened on"):
            run.listen(ServeOptions(port=port))
    with pytest.raises(InputError, match="cannot be listened on"):
        run.listen(ServeOptions(host="256.1.1.1", port=0))


def test_cores_are_shared_out_among_the_workers(monkeypatch):
    monkeypatch.setattr("nukki.settings.threads", lambda: 8)
    for workers, threads, each in ((1, None, 8), (2, None, 4), (3, None, 3), (2, 7, 7)):
        gate = run.make_gate(ServeOptions(workers=workers), RunOptions(threads=threads))
        words = [hand._words for hand in gate._hands]
        assert len(words) == workers
        assert all(one[-2:] == ["--threads", str(each)] for one in words)


def test_keys_come_from_a_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# ours\n\n  a-key-of-enough-letters  \nübungsschlüssel-mit-umlaut\n")
    keys = Keys.from_file(str(path))
    assert keys.needed
    keys.check({"x-api-key": "a-key-of-enough-letters"})
    keys.check({"x-api-key": "übungsschlüssel-mit-umlaut"})
    for wrong in ("", "# ours", "a-key-of-enough-letter", "ü", "\udc80"):
        with pytest.raises(Refusal):
            keys.check({"x-api-key": wrong})
    assert not Keys.from_file(None).needed
    for text in ("", "# none\n", "short\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="at least 16"):
            Keys.from_file(str(path))
    path.write_bytes(b"\xff\xfe" * 20)
    for wrong in (path, tmp_path / "missing", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            Keys.from_file(str(wrong))


def test_every_key_is_compared(monkeypatch):
    import hmac

    compared = []
    plain = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(b) or plain(a, b))
    Keys(("first-key-of-letters", "second-key-of-letters")).check(
        {"x-api-key": "first-key-of-letters"}
    )
    assert len(compared) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"port": 70_000}, {"workers": 0}, {"queue": -1}, {"max_bytes": 0}, {"timeout": 0},
        {"timeout": float("nan")}, {"patience": -1}, {"cors": "*"}, {"cors": "example.org"},
        {"cors": "https://a.example/"}, {"port": 1.5},
    ],
)  # fmt: skip
def test_limits_that_make_no_sense(options):
    with pytest.raises(InputError):
        ServeOptions(**options)
    assert ServeOptions(cors="https://a.example, http://b").origins == (
        "https://a.example", "http://b"
    )  # fmt: skip


def said_by(capfd):
    logs.LOGGER.handlers[0].flush()
    return capfd.readouterr().err


def test_the_log_of_a_fault_is_one_line(capfd):
    try:
        logs.set_up()
        try:
            raise ValueError("two\nlines")
        except ValueError as error:
            logs.failure("fault", error)
        logging.getLogger("uvicorn.error").error("x", exc_info=ValueError("y"))
        first, second = said_by(capfd).splitlines()
        assert "two\nlines" in json.loads(first)["trace"]
        assert json.loads(second)["event"] == "x"
        assert "ValueError: y" in json.loads(second)["trace"]
        logs.set_up(quiet=True)
        logs.event("quiet")
        assert said_by(capfd) == ""
    finally:
        logs.LOGGER.handlers[0].close()
        for name in ("nukki.serve", "uvicorn.error", "asyncio"):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [], True
            logger.setLevel(logging.NOTSET)


def test_a_log_that_nobody_reads_holds_nobody_up():
    reads, writes = os.pipe()
    handler = logs.Unhurried(writes, most=50)
    handler.setFormatter(logs.JsonLines())
    started = time.monotonic()
    for number in range(400):  # more than the pipe and the queue hold
        handler.handle(logging.LogRecord("x", 20, "", 0, f"{number} {'x' * 1000}", (), None))
    assert time.monotonic() - started < 5
    with os.fdopen(reads, "rb") as file:  # it is read again: what waits comes, and the counts
        said = []
        reading = threading.Thread(target=lambda: said.extend(map(json.loads, file)))
        reading.start()
        handler.flush()
        handler.handle(logging.LogRecord("x", 20, "", 0, "after", (), None))
        handler.close()
        os.close(writes)
        reading.join(20)
    numbers = [int(line["event"].split()[0]) for line in said if line["event"].endswith("xx")]
    assert numbers == sorted(numbers)
    assert numbers[:50] == list(range(50))
    assert sum(line.get("count", 0) for line in said) == 400 - len(numbers) > 0
    assert said[-1]["event"] == "after"
