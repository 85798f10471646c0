"""`nukki serve` under everything that clients and systems do to a server; all on this machine.

    python benchmarks/serving_trials.py fuzz --inputs 2000     # broken forms, pictures and options
    python benchmarks/serving_trials.py crowd --clients 50     # all at once
    python benchmarks/serving_trials.py hang --clients 200     # clients that say nothing more
    python benchmarks/serving_trials.py kill                   # workers and servers that are killed
    python benchmarks/serving_trials.py schema --schemathesis VENV/bin/schemathesis --examples 50

Exit code 1 if something is not as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from serving_client import FORM, Reply, Server, ask, form, resident, serving
from serving_pictures import broken_forms, broken_pictures, encoded, picture

# What a bad request may get. 500 is a fault of ours; 503 a worker that ended.
RIGHT = {200, 400, 401, 404, 405, 406, 408, 413, 415, 422, 429}
QUICK = {"subject": "salient", "edges": "fast", "colours": "keep"}


class Wrong(Exception):
    """Something is not as it should be."""


def main() -> int:
    """Run the trial that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    trials = parser.add_subparsers(dest="trial", required=True)
    fuzz = trials.add_parser("fuzz")
    fuzz.add_argument("--inputs", type=int, default=2000)
    fuzz.add_argument("--seed", type=int, default=0)
    for name, usual in (("crowd", 50), ("hang", 200)):
        trials.add_parser(name).add_argument("--clients", type=int, default=usual)
    trials.add_parser("kill")
    schema = trials.add_parser("schema")
    schema.add_argument("--schemathesis", default="schemathesis", help="its command")
    schema.add_argument("--examples", type=int, default=50, help="of each address")
    schema.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    trial = {"fuzz": _fuzz, "crowd": _crowd, "hang": _hang, "kill": _kill, "schema": _schema}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        try:
            trial[args.trial](args, log)
        except Wrong as wrong:
            print(f"WRONG: {wrong}")
            print("".join(log.read_text().splitlines(keepends=True)[-12:]))
            return 1
    return 0


def check(truth: object, said: str) -> None:
    if not truth:
        raise Wrong(said)


# --- fuzz


def _fuzz(args: argparse.Namespace, log: Path) -> None:
    """A third broken pictures, a third broken forms, a third broken options."""
    small = encoded(picture(40, 56))
    answers: Counter[tuple[str, int]] = Counter()
    with serving("--max-pixels", "4000000", log=log) as server:
        server.post("/api/remove", QUICK, {"image": small})
        before, pids = server.memory(), server.workers
        third = args.inputs // 3
        pictures = broken_pictures(args.inputs - 2 * third, args.seed)
        for number, data in enumerate(pictures):
            path = ("/api/remove", "/api/segment", "/v1.0/removebg")[number % 8 // 3]
            name = "image_file" if path.endswith("removebg") else "image"
            texts = QUICK if path == "/api/remove" else {}
            _judge(answers, "picture", server, path, form(texts, {name: data}))
        for data in broken_forms(form(QUICK, {"image": small}), third, args.seed):
            _judge(answers, "form", server, "/api/remove", data)
        for path, texts in _options(third, args.seed):
            files = {"image": small, "image_file": small, "mask": small}
            names = {"/v1.0/removebg": ["image_file"], "/api/erase": ["image", "mask"]}
            sent = {name: files[name] for name in names.get(path, ["image"])}
            _judge(answers, "option", server, path, form(texts, sent))
        reply = server.post("/api/remove", QUICK, {"image": small})
        after, same = server.memory(), server.workers == pids
    for (kind, status), count in sorted(answers.items()):
        print(f"{kind:<8} {status} {count:6d}")
    print(f"memory MB: {before} before, {after} after")
    check(reply.status == 200, "a good request after all that is answered")
    check(same, "a worker ended, or was ended at the deadline")


def _judge(answers: Counter, kind: str, server: Server, path: str, body: bytes) -> None:
    reply = ask(server.port, "POST", path, body, {"Content-Type": FORM})
    answers[kind, reply.status] += 1
    about = f"{kind} {path} {body[:300]!r}: {reply.status} {reply.body[:300]!r}"
    check(reply.status in RIGHT, about)
    if reply.status != 200:
        said = reply.said
        known = {"errors"} if path.startswith("/v1.0") else {"error", "hint", "code"}
        check(set(said) == known, about)
        check(b"Traceback" not in reply.body and b"/src/" not in reply.body, about)


def _options(count: int, seed: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Fields with values that nobody means, and some that somebody might."""
    from nukki.serve.removebg import fields
    from nukki.serve.tasks import TASKS

    chance = random.Random(seed)
    odd = ["-1", "0", "1e309", "nan", "1,2", "2,1", "-0", "9" * 30, "true", "null", "é", "", " "]
    odd += ["../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1/", "100x100", "5%", "1e9"]
    odd += ["all", "person", "1-999999999", "score>0", "at:1,1", "box:0,0,9,9", "12,white", "\0"]
    odd += ["0.5", "white", "default", "best", "3"]
    for _ in range(count):
        name = chance.choice([*TASKS, "removebg"])
        if name == "removebg":
            path, known = "/v1.0/removebg", [one for one in fields() if one != "image_file_b64"]
        else:
            task = TASKS[name]
            path, known = f"/api/{name}", [one.name for one in task.fields] + list(task.shown)
        texts = {} if name in ("segment", "pick", "removebg") else dict(QUICK)
        if name in ("erase", "pick", "segment"):
            texts = {}
        if name == "replace":
            texts["background"] = "white"
        for _ in range(chance.randint(1, 3)):
            noise = "".join(chance.choice(string.printable) for _ in range(chance.randint(0, 12)))
            texts[chance.choice(known)] = chance.choice([*odd, noise])
        yield path, texts


# --- crowd, hang


def _crowd(args: argparse.Namespace, log: Path) -> None:
    """All at once: everyone is answered or told when to come again, and then is answered."""
    photo = encoded(picture(400, 600))
    first: Counter[int] = Counter()
    finished: list[float] = []
    wrong: list[str] = []
    start = threading.Barrier(args.clients)

    def client(server: Server) -> None:
        start.wait()
        started, tries = time.perf_counter(), 0
        while True:
            reply = server.post("/api/remove", QUICK, {"image": photo})
            tries += 1
            if tries == 1:
                first[reply.status] += 1
            if reply.status == 200:
                finished.append(time.perf_counter() - started)
                return
            if reply.status != 429 or "retry-after" not in reply.headers or tries > 100:
                wrong.append(f"{reply.status} {reply.body[:200]!r}")
                return
            time.sleep(int(reply.headers["retry-after"]))

    with serving("--queue", "8", "--timeout", "300", log=log) as server:
        threads = [threading.Thread(target=client, args=(server,)) for _ in range(args.clients)]
        for thread in threads:
            thread.start()
        health = []
        while any(thread.is_alive() for thread in threads):
            health.append(server.get("/healthz").seconds)
            time.sleep(0.05)
        check(server.metric("nukki_upload_bytes") == 0, "uploads are still held")
    print(f"first answers: {dict(first)}; all finished after {max(finished):.1f} s")
    print(f"/healthz: at most {max(health) * 1000:.0f} ms of {len(health)}")
    check(not wrong, f"clients got {wrong[:3]}")
    check(len(finished) == args.clients, "somebody was never answered")


def _hang(args: argparse.Namespace, log: Path) -> None:
    """Clients that connect and say nothing, half a head, or half a body; others are answered."""
    photo = encoded(picture(120, 160))
    head = f"POST /api/remove HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
    said = [b"", b"POST /api/rem", (head + "Content-Length: 9000\r\n\r\n--nuk").encode()]
    with serving("--patience", "2", log=log) as server, contextlib.ExitStack() as stack:
        files = Path(f"/proc/{server.process.pid}/fd")
        before = len(list(files.iterdir()))
        clients = []
        for number in range(args.clients):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(said[number % len(said)])
            clients.append(client)
        reply = server.post("/api/remove", QUICK, {"image": photo})
        print(f"answered meanwhile: {reply.status} in {reply.seconds:.2f} s")
        check(reply.status == 200, "others wait for clients that hang")
        end = time.monotonic() + 20
        while len(list(files.iterdir())) > before + 3 and time.monotonic() < end:
            time.sleep(0.1)
        left = len(list(files.iterdir())) - before
        print(f"{args.clients} clients hung; open files afterwards: {left:+d}")
        check(left <= 3, "connections are kept open")
        check(server.get("/healthz").status == 200, "the server lives")


# --- kill


def _kill(_args: argparse.Namespace, log: Path) -> None:
    """A worker that is killed at work, a server that is told to end, a server that is killed."""
    slow, quick = encoded(picture(3000, 4000)), encoded(picture(120, 160))
    with serving(log=log) as server:
        port, (worker,) = server.port, server.workers
        reply = _during(server, slow, lambda: os.kill(worker, signal.SIGKILL))
        print(f"a worker killed at work: {reply.status} {reply.said['code']}")
        check((reply.status, reply.said["code"]) == (503, "worker_lost"), "its client is told")
        reply = server.post("/api/remove", QUICK, {"image": quick})
        check(reply.status == 200, "the next one is answered")
        print(f"the next request: {reply.status} after {reply.seconds:.1f} s")
        reply = _during(server, slow, lambda: server.process.send_signal(signal.SIGTERM))
        print(f"the server told to end during work: {reply.status}")
        check(reply.status == 200, "what was begun is finished")
        check(server.process.wait(30) == 0, "the exit code is 0")
    with serving(log=log, port=port) as server:
        workers = server.workers
        with contextlib.suppress(OSError):
            _during(server, slow, server.process.kill)
        end = time.monotonic() + 60
        while any(resident(pid) for pid in workers) and time.monotonic() < end:
            time.sleep(0.1)
        check(not any(resident(pid) for pid in workers), "workers outlive a server that was killed")
        print("a server killed at work: its workers ended")
    with serving(log=log, port=port) as server:
        reply = server.post("/api/remove", QUICK, {"image": quick})
        check(reply.status == 200, "the next server takes the same port")
        print("the next server on the same port answers")


def _during(server: Server, photo: bytes, then: Callable[[], object]) -> Reply:
    """Send a photo, do something while it is worked on, and give the answer."""
    replies = []
    errors = []

    def send() -> None:
        try:
            replies.append(server.post("/api/remove", {"edges": "best"}, {"image": photo}))
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    while not server.metric("nukki_workers_busy"):
        time.sleep(0.01)
    time.sleep(0.1)
    then()
    thread.join()
    if errors:
        raise errors[0]
    return replies[0]


# --- schema


def _schema(args: argparse.Namespace, log: Path) -> None:
    """Schemathesis: every address and field by the server's own document."""
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,"
    checks += "response_schema_conformance,response_headers_conformance,unsupported_method"
    with serving("--max-pixels", "4000000", log=log) as server:
        words = [args.schemathesis, "run", f"http://127.0.0.1:{server.port}/openapi.json"]
        words += ["--checks", checks, "--max-examples", str(args.examples), "--workers", "1"]
        words += ["--seed", str(args.seed), "--request-timeout", "120", "--warnings", "off"]
        code = subprocess.run(words, check=False, cwd=log.parent).returncode
        check(server.get("/healthz").status == 200, "the server lives")
    check(code == 0, f"schemathesis ended with {code}")


if __name__ == "__main__":
    sys.exit(main())
