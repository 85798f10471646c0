"""How fast `nukki serve` is beside the bare pipeline, and whether its memory stays flat.

    python benchmarks/serving.py load --clients 8 --seconds 20 --rounds 3
    python benchmarks/serving.py load --other http://127.0.0.1:7001/api/remove --field file \
        --text model=u2netp
    python benchmarks/serving.py memory --requests 500
    python benchmarks/serving.py peaks

`load`: 1 MP photos (or those that are named), by turns the bare pipeline (one call after the other,
all cores) and the server with so many clients; meanwhile /healthz is asked all the time. `--other`
is another server that takes a photo as a part of a form, in the same run. `memory`: mixed requests,
good and bad. `peaks`: memory by the size of the photo. Everything is sent to this machine only.
Exit code 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from serving_client import FORM, ask, form, peak, percentile, resident, serving
from serving_pictures import encoded, picture

LEAST_SHARE = 0.85  # of the bare pipeline's pictures a second
MOST_HEALTH = 0.1  # seconds, 95 of 100
MOST_GROWTH = 0.05  # of memory, from the 100th request of a run to its last


def main() -> int:
    """Run the trial that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    trials = parser.add_subparsers(dest="trial", required=True)
    load = trials.add_parser("load")
    load.add_argument("photos", nargs="*", type=Path)
    load.add_argument("--clients", type=int, default=8)
    load.add_argument("--seconds", type=float, default=20)
    load.add_argument("--rounds", type=int, default=3)
    load.add_argument("--workers", type=int, default=1)
    load.add_argument("--other", help="address of another server, in the same run")
    load.add_argument("--field", default="image", help="its name for the photo")
    load.add_argument("--text", action="append", default=[], help="NAME=VALUE that it gets as well")
    load.add_argument("--pid", type=int, help="its process, for its memory")
    memory = trials.add_parser("memory")
    memory.add_argument("--requests", type=int, default=500)
    memory.add_argument("--workers", type=int, default=1)
    trials.add_parser("peaks")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        return {"load": _load, "memory": _memory, "peaks": _peaks}[args.trial](args, log)


# --- load


def _load(args: argparse.Namespace, log: Path) -> int:
    photos = [path.read_bytes() for path in args.photos]
    photos = photos or [encoded(picture(816, 1224, seed)) for seed in range(4)]
    words = ["--queue", str(2 * args.clients), "--workers", str(args.workers)]
    bare, served, others, health = [], [], [], []
    with serving(*words, log=log) as server:
        _bare(photos, 2)  # networks loaded, caches warm
        for _ in range(args.rounds):
            bare.append(_bare(photos, args.seconds))
            served.append(_clients(server.port, "/api/remove", ("image", {}), photos, args, health))
            if args.other:
                other = urlsplit(args.other)
                texts = dict(text.split("=", 1) for text in args.text)
                what = args.field, texts
                others.append(_clients(other.port, other.path, what, photos, args, []))
        front, workers = server.memory()
    share = statistics.median(one.rate / alone for one, alone in zip(served, bare, strict=True))
    slow = percentile(health, 0.95)
    errors = sum(one.errors for one in served)
    print(f"bare pipeline    {statistics.median(bare):6.2f} pictures/s")
    _tell("nukki serve", served, front + workers)
    if others:
        _tell(args.other, others, resident(args.pid) if args.pid else 0.0)
    print(f"share of bare    {share:6.2f}  (at least {LEAST_SHARE})")
    slow_ms, most = 1000 * slow, 1000 * MOST_HEALTH
    print(f"/healthz p95     {slow_ms:6.1f} ms of {len(health)} (at most {most:.0f})")
    return int(share < LEAST_SHARE or slow > MOST_HEALTH or errors > 0)


class Seen:
    """What clients saw in a round."""

    def __init__(self, times: list[float], errors: int, seconds: float) -> None:
        self.times, self.errors, self.rate = times, errors, len(times) / seconds


def _tell(name: str, rounds: list[Seen], memory: float) -> None:
    times = [value for one in rounds for value in one.times] or [0.0]
    rate = statistics.median(one.rate for one in rounds)
    errors = sum(one.errors for one in rounds)
    print(
        f"{name:<16} {rate:6.2f} pictures/s, p95 {percentile(times, 0.95):.2f} s, "
        f"{errors} errors, {memory:.0f} MB"
    )


def _bare(photos: list[bytes], seconds: float) -> float:
    """Pictures a second of `nukki.remove`, bytes to PNG bytes."""
    import nukki

    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        nukki.remove(photos[count % len(photos)]).encode("png")
        count += 1
    return count / (time.perf_counter() - started)


def _clients(
    port: int,
    path: str,
    what: tuple[str, dict[str, str]],
    photos: list[bytes],
    args: argparse.Namespace,
    health: list[float],
) -> Seen:
    """So many clients, each sending the next photo when its last one is there."""
    end = time.perf_counter() + args.seconds
    times: list[float] = []
    errors: list[str] = []

    def client(number: int) -> None:
        turn = number
        while time.perf_counter() < end:
            body = form(what[1], {what[0]: photos[turn % len(photos)]})
            reply = ask(port, "POST", path, body, {"Content-Type": FORM})
            if reply.status == 200:
                times.append(reply.seconds)
            else:
                errors.append(str(reply.status))
            turn += 1

    def watch() -> None:
        while time.perf_counter() < end:
            health.append(ask(port, "GET", "/healthz").seconds)
            time.sleep(0.05)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(args.clients)]
    threads += (
        [threading.Thread(target=watch)] if path == "/api/remove" and what[0] == "image" else []
    )
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Seen(times, len(errors), time.perf_counter() - started)


# --- memory


def _memory(args: argparse.Namespace, log: Path) -> int:
    small, large = encoded(picture(600, 800)), encoded(picture(2000, 3000))
    requests = [
        ("/api/remove", {}, {"image": small}),
        ("/api/remove", {"edges": "best", "format": "webp"}, {"image": small}),
        ("/api/remove", {"subject": "people", "format": "json"}, {"image": small}),
        ("/api/replace", {"background": "blur", "format": "jpeg"}, {"image": small}),
        ("/api/segment", {"format": "json"}, {"image": small}),
        ("/api/pick", {"at": "400,420"}, {"image": small}),
        ("/v1.0/removebg", {"size": "full", "format": "zip"}, {"image_file": small}),
        ("/api/remove", {}, {"image": small[: len(small) // 2]}),
        ("/api/remove", {"edges": "nonsense"}, {"image": small}),
        ("/api/remove", {"colours": "keep", "edges": "fast"}, {"image": large}),
        ("/api/remove", {}, {"image": b"no picture"}),
    ]
    answers: dict[int, int] = {}
    held = []
    with serving("--workers", str(args.workers), log=log) as server:
        pids = server.workers
        print("requests  server MB  workers MB")
        print(f"{0:8d}  {server.memory()[0]:9.1f}  {server.memory()[1]:10.1f}")
        for count in range(1, args.requests + 1):
            path, texts, files = requests[count % len(requests)]
            status = server.post(path, texts, files).status
            answers[status] = answers.get(status, 0) + 1
            if count % max(1, args.requests // 20) == 0:
                held.append(sum(server.memory()))
                print(f"{count:8d}  {server.memory()[0]:9.1f}  {server.memory()[1]:10.1f}")
        same = server.workers == pids
    first = statistics.median(held[len(held) // 5 : len(held) // 5 + 3] or held)
    last = statistics.median(held[-3:])
    growth = last / first - 1
    print(f"answers: {dict(sorted(answers.items()))}")
    print(f"growth: {growth:+.1%} (at most {MOST_GROWTH:.0%}); the same processes: {same}")
    return int(growth > MOST_GROWTH or not same or max(answers) >= 500)


def _peaks(_args: argparse.Namespace, log: Path) -> int:
    """The most that a fresh worker and the server held, and what they hold afterwards, in MB."""
    print("    MP  format  status  worker, most  worker, after  server, most")
    for height, width in ((816, 1224), (2832, 4240), (5656, 8480)):
        photo = encoded(picture(height, width))
        for kind in ("png", "webp"):
            with serving(log=log) as server:
                (worker,) = server.workers
                status = server.post("/api/remove", {"format": kind}, {"image": photo}).status
                most, after, front = peak(worker), resident(worker), peak(server.process.pid)
            count = height * width / 1e6
            print(f"{count:6.1f}  {kind:<6}  {status}  {most:12.0f}  {after:13.0f}  {front:12.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
