"""Cold start and memory of the function under a runtime's limits, emulated on this machine.

    pip install --target RIC awslambdaric
    python examples/lambda/measure.py --layer OUT/layer --ric RIC --memory 512 photo.jpg ...

AWS's own runtime client runs the handler from the layer; what it asks is answered here (the runtime
API is three addresses). As in Lambda the file system cannot be written to but /tmp, the user is
nobody, there is no home, no /dev/shm and no network, and the memory is bounded by a control group,
swap included. `--cpu 0.29` bounds the processor, too, after the start: Lambda gives a function of
512 MB that share of a core, and a starting one more. Needs Linux, root, and a Python of the layer's
version.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GROUPS = Path("/sys/fs/cgroup")
API = "/2018-06-01/runtime/"
USER = 993  # Lambda's own is sbx_user1051, with this number
PORT = 9001


@dataclass
class Runtime:
    """What the runtime client is told and what it says."""

    events: list[tuple[str, Any]]
    seconds: float
    answers: list[dict[str, Any]] = field(default_factory=list)
    asked: float = 0.0  # when the first event was asked for: the start is over
    handed: float = 0.0
    error: str = ""


def answering(runtime: Runtime, started: Any) -> type[BaseHTTPRequestHandler]:
    """The runtime API: gives events one after the other, and takes their answers."""

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not runtime.asked:
                runtime.asked = time.perf_counter()
                started()
            name, event = runtime.events[len(runtime.answers)]
            body = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", name)
            self.send_header(
                "Lambda-Runtime-Deadline-Ms", str(int(1000 * (time.time() + runtime.seconds)))
            )
            self.send_header("Content-Type", "application/json")
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-0-0")
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x:0:function:n")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            runtime.handed = time.perf_counter()
            self.wfile.write(body)

        def do_POST(self) -> None:
            took = time.perf_counter() - runtime.handed
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if self.path.endswith("/response"):
                said = json.loads(body)
                size = len(said["body"]) * (3 if said["isBase64Encoded"] else 4) // 4
                error = "" if said["statusCode"] == 200 else said["body"]
                runtime.answers.append(
                    {"status": said["statusCode"], "seconds": took, "bytes": size, "error": error}
                )
            else:
                runtime.error = body.decode()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the client's own lines are enough."""

    return Api


@dataclass(frozen=True)
class Group:
    """A control group of version 1 or 2."""

    memory: Path
    cpu: Path

    @property
    def old(self) -> bool:
        """Whether it is of version 1."""
        return self.memory != self.cpu

    def bound(self, megabytes: int) -> None:
        """Bound the memory."""
        size = str(megabytes * 1_048_576)
        names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes") if self.old else ()
        for name in names or ("memory.max",):
            if (self.memory / name).exists():
                (self.memory / name).write_text(size)

    def slow(self, share: float) -> None:
        """Bound the processor: a share of one core."""
        quota = int(share * 100_000)
        if self.old:
            (self.cpu / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self.cpu / "cpu.max").write_text(f"{quota} 100000")

    def peak(self) -> float:
        """The most memory that it held, in MB, files that were read included."""
        name = "memory.max_usage_in_bytes" if self.old else "memory.peak"
        return int((self.memory / name).read_text()) / 1e6


@contextlib.contextmanager
def control_group() -> Iterator[Group]:
    """A control group of our own."""
    name = f"nukki-{os.getpid()}"
    old = (GROUPS / "memory").is_dir()
    roots = (GROUPS / "memory", GROUPS / "cpu") if old else (GROUPS, GROUPS)
    group = Group(*(root / name for root in roots))
    for folder in {group.memory, group.cpu}:
        folder.mkdir()
    try:
        yield group
    finally:
        for folder in {group.memory, group.cpu}:
            folder.rmdir()


# In a mount and a network namespace of its own: the interpreter's folders stay, unwritable.
_ROOM = """
set -e
ip link set lo up 2>/dev/null || python3 -c "
import fcntl, socket, struct
with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, struct.pack('16sh14x', b'lo', 0x1 | 0x40))"
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/layer /mnt/ric /mnt/task
mount --bind "$1" /mnt/layer; mount --bind "$2" /mnt/ric; mount --bind "$3" /mnt/task
for one in layer ric task; do mount -o remount,bind,ro /mnt/$one; done
mount -t tmpfs -o size=512m,mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=000,ro tmpfs /dev/shm
mount -o remount,bind,ro /mnt
mount -o remount,bind,ro / 2>/dev/null || mount -o remount,ro /
exec "$4" "$5" inside
"""


def inside() -> None:
    """Answer the runtime client, which runs in the group; write what came of it."""
    plan = json.load(sys.stdin)
    group = Group(Path(plan["memory_group"]), Path(plan["cpu_group"]))
    runtime = Runtime([(f"n{n}", event) for n, event in enumerate(plan["events"])], plan["timeout"])
    started = (lambda: group.slow(plan["cpu"])) if plan["cpu"] else (lambda: None)
    server = HTTPServer(("127.0.0.1", PORT), answering(runtime, started))
    server.timeout = 0.2

    def enter() -> None:
        for folder in {group.memory, group.cpu}:
            (folder / "cgroup.procs").write_text(str(os.getpid()))
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)

    words = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{PORT}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(plan["memory"]),
        "AWS_LAMBDA_FUNCTION_NAME": "nukki",
        "LAMBDA_TASK_ROOT": "/mnt/task",
        "PYTHONPATH": "/mnt/task:/mnt/layer/python:/mnt/ric",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        **plan["environment"],
    }
    begun = time.perf_counter()
    log = os.open("/tmp/log", os.O_WRONLY | os.O_CREAT, 0o644)
    child = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "handler.handler"],
        env=words, cwd="/mnt/task", preexec_fn=enter, stdout=log, stderr=log,
    )  # fmt: skip
    while len(runtime.answers) < len(runtime.events) and child.poll() is None and not runtime.error:
        server.handle_request()
    memory = _resident(child.pid) if child.poll() is None else {}
    ended = child.poll()
    child.kill()
    child.wait()
    said = {
        "start": runtime.asked - begun if runtime.asked else None,
        "answers": runtime.answers,
        "memory": memory,
        "group": group.peak(),
        "ended": ended,
        "error": runtime.error,
        "log": Path("/tmp/log").read_text(errors="replace")[-2000:],
    }
    print(json.dumps(said))


def _resident(pid: int) -> dict[str, float]:
    """Memory of a process in MB: the most, and what it holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return {name: int(found[name].split()[0]) / 1e3 for name in ("VmHWM", "VmRSS")}


def measured(args: argparse.Namespace, events: list[Any]) -> dict[str, Any]:
    """One environment, from its start through some events."""
    with control_group() as group:
        group.bound(args.memory)
        plan = {
            "events": events, "timeout": args.timeout, "memory": args.memory, "cpu": args.cpu,
            "memory_group": str(group.memory), "cpu_group": str(group.cpu),
            "environment": dict(word.split("=", 1) for word in args.env),
        }  # fmt: skip
        folders = [str(Path(folder).resolve()) for folder in (args.layer, args.ric, HERE)]
        words = ["unshare", "--mount", "--net", "sh", "-c", _ROOM, "room", *folders]
        done = subprocess.run(
            [*words, args.python, f"/mnt/task/{Path(__file__).name}"],
            input=json.dumps(plan), capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def event_of(photo: Path, options: str) -> Any:
    """An event of a function URL."""
    from make_events import BOUNDARY, multipart, second

    form = f"multipart/form-data; boundary={BOUNDARY}"
    task, _, query = options.partition("?")
    return second("POST", f"/api/{task}", form, multipart(photo.read_bytes()), query)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--layer", required=True, help="unpacked, by build_layer.sh")
    parser.add_argument("--ric", required=True, help="folder with awslambdaric")
    parser.add_argument("--python", default="/usr/bin/python3", help="one that everyone may run")
    parser.add_argument("--memory", type=int, default=512, help="MB")
    parser.add_argument("--cpu", type=float, help="share of a core after the start")
    parser.add_argument("--timeout", type=float, default=60.0, help="of the function, in seconds")
    parser.add_argument("--options", default="remove?format=webp", help="task?query")
    parser.add_argument("--repeat", type=int, default=2, help="requests in each environment")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE of the function")
    args = parser.parse_args()
    print("photo          start s  first s  later s  process MB  group MB  answer MB  status")
    for photo in args.photos:
        said = measured(args, [event_of(photo, args.options)] * args.repeat)
        answers = said["answers"]
        if len(answers) < args.repeat:
            print(f"{photo.name:14.14} ended: {said['ended']} {said['error']}\n{said['log']}")
            continue
        first, last = answers[0], answers[-1]
        print(
            f"{photo.name:14.14} {said['start']:7.2f} {first['seconds']:8.2f} "
            f"{last['seconds']:8.2f} {said['memory']['VmHWM']:11.0f} {said['group']:9.0f} "
            f"{last['bytes'] / 1e6:10.2f}  {last['status']} {last['error']}"
        )


if __name__ == "__main__":
    inside() if sys.argv[1:] == ["inside"] else main()
