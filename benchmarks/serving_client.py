"""A server of this checkout on this machine, and what its trials share: starting it, asking it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Fields = Any  # a mapping, or pairs
BOUNDARY = "nukki-trial-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass
class Reply:
    """What came back, and how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def said(self) -> dict[str, Any]:
        """The JSON of the body."""
        return json.loads(self.body)


@dataclass
class Server:
    """A running `nukki serve`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def workers(self) -> list[int]:
        """The processes that do the work."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in path.read_text().split()]

    def memory(self) -> tuple[float, float]:
        """Resident MB of the server and of its workers."""
        return resident(self.process.pid), sum(resident(pid) for pid in self.workers)

    def post(self, path: str, texts: Fields = (), files: Fields = ()) -> Reply:
        """Send a form."""
        return ask(self.port, "POST", path, form(texts, files), {"Content-Type": FORM})

    def get(self, path: str) -> Reply:
        """Ask for an address."""
        return ask(self.port, "GET", path)

    def metric(self, name: str) -> float:
        """A number of /metrics."""
        text = self.get("/metrics").body.decode()
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name))


def resident(pid: int) -> float:
    """MB that a process holds; 0 once it is gone."""
    try:
        return (
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
        )
    except (OSError, IndexError):
        return 0.0


def peak(pid: int) -> float:
    """MB that a process held at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


@contextlib.contextmanager
def serving(*words: str, log: Path, port: int = 0) -> Iterator[Server]:
    """A server from its start to its end; `words` are more options of `nukki serve`."""
    command = [sys.executable, "-m", "nukki", "serve", "--port", str(port), *words]
    with log.open("wb") as said:
        process = subprocess.Popen(command, stderr=said)
    try:
        yield Server(process, _port(process, log), log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server says it listens on, once it does."""
    for _ in range(1200):
        first = log.read_text().partition("\n")
        if first[1] and first[0].startswith("http://"):
            return int(first[0].split()[0].rpartition(":")[2])
        if process.poll() is not None:
            raise SystemExit(f"the server ended: {log.read_text()}")
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def form(texts: Fields = (), files: Fields = ()) -> bytes:
    """A multipart form of pairs."""
    parts = []
    for name, text in dict(texts).items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(head.encode() + str(text).encode() + b"\r\n")
    for name, data in dict(files).items():
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'
        )
        parts.append(head.encode() + data + b"\r\n")
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float = 120,
) -> Reply:
    """One request on a connection of its own; to this machine only."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        data = answer.read()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, said, data, time.perf_counter() - started)
    finally:
        connection.close()


def percentile(values: list[float], share: float) -> float:
    """The value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
