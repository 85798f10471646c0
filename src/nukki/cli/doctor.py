"""`nukki doctor`: what nukki runs on here, and whether it runs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nukki
from nukki import settings
from nukki.cli.report import DONE, FAILED, complaint, say
from nukki.errors import NukkiError
from nukki.pipelines.options import RemoveOptions

if TYPE_CHECKING:
    from nukki.zoo.cards import ModelCard

__all__ = ["add", "handle", "report"]

_PACKAGES = ("numpy", "pillow", "onnxruntime", "isal", "tifffile", "pillow-heif")
# The same module comes in one of these packages.
_ENGINES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-migraphx",
    "onnxruntime-rocm",
)
_RUNS = 7


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "doctor",
        help="what nukki runs on here, and whether it runs",
        description="Print versions, devices, threads, folders and formats, and time the network.",
        epilog="Exit code 0: a network ran. 1: it did not; the last lines say why and what to do.",
    )
    command.set_defaults(handler=handle)
    command.add_argument("--json", action="store_true", help="print one JSON object")


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    found, problem = report()
    if args.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(found)))
    if problem is not None:
        say(complaint(problem, trace=args.traceback))
        return FAILED
    return DONE


def report() -> tuple[dict[str, Any], NukkiError | None]:
    """What there is, ready for JSON, and the error that keeps a network from running, if any."""
    found: dict[str, Any] = {
        "nukki": nukki.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "formats": _formats(),
        "devices": None,
        "threads": None,
        "models": None,
        "network": None,
        "problem": None,
    }
    try:
        found["models"] = _models()
        found["threads"] = _threads()
        found["devices"] = _devices()
        found["network"] = _network(found["threads"]["count"])
    except NukkiError as error:
        found["problem"] = {"error": error.message, "hint": error.hint}
        return found, error
    return found, None


def _version(package: str) -> str | None:
    from importlib import metadata

    for name in _ENGINES if package == "onnxruntime" else (package,):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        return version if name == package else f"{version} ({name})"
    return None


def _formats() -> dict[str, bool]:
    from PIL import features

    heif = _version("pillow-heif") is not None
    return {
        "avif": bool(features.check("avif")),
        "webp": bool(features.check("webp")),
        "heic": heif,
    }


def _models() -> dict[str, Any]:
    folder = settings.models_folder()
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return {
        "folder": str(folder),
        "writable": nearest.is_dir() and os.access(nearest, os.W_OK),
        "offline": settings.offline(),
    }


def _threads() -> dict[str, Any]:
    count, cores = settings.threads(), settings.available_cores()
    if count == cores:
        source = f"cores this process may use, of {os.cpu_count()} in the machine"
    else:
        source = f"NUKKI_THREADS; this process may use {cores} cores"
    return {"count": count, "source": source}


def _devices() -> dict[str, Any]:
    from nukki.runtime.devices import PROVIDERS, choose
    from nukki.runtime.sessions import available_devices

    available = available_devices()
    wish = settings.device()
    choice = choose(wish, [PROVIDERS[name] for name in available])
    return {"available": list(available), "wish": wish, "reason": choice.reason}


def _network(threads: int) -> dict[str, Any]:
    from nukki.runtime.sessions import get_session
    from nukki.zoo import catalog, fetch

    card = catalog.find(RemoveOptions().model)
    path = fetch.ensure(card, offline=True)
    counts = sorted({1, threads})
    return {
        "name": card.name,
        "size": list(card.input.size),
        "device": get_session(path, threads=threads).device,
        "milliseconds": {str(count): _milliseconds(path, card, count) for count in counts},
    }


def _milliseconds(path: Path, card: ModelCard, threads: int) -> float:
    """Median time of one run on a made-up picture, after one run that is not counted."""
    import numpy as np

    from nukki.runtime.sessions import get_session

    session = get_session(path, threads=threads)
    name = card.input.name or next(iter(session.inputs))
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 3, *card.input.size))
    inputs = {name: picture.astype(np.float32)}
    session.run(inputs)
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        session.run(inputs)
        times.append(time.perf_counter() - start)
    return round(statistics.median(times) * 1000, 1)


def _lines(found: dict[str, Any]) -> list[str]:
    """The report for people: a word and what there is, one a line."""
    rows = [
        ("nukki", found["nukki"]),
        ("python", f"{found['python']} ({sys.executable})"),
        ("platform", found["platform"]),
        *((name, version or "not installed") for name, version in found["packages"].items()),
        *((name, "yes" if there else "no") for name, there in found["formats"].items()),
    ]
    if found["models"]:
        writable = "writable" if found["models"]["writable"] else "not writable"
        rows.append(("models", f"{found['models']['folder']} ({writable})"))
        rows.append(("offline", "yes: NUKKI_OFFLINE" if found["models"]["offline"] else "no"))
    if found["threads"]:
        rows.append(("threads", f"{found['threads']['count']} ({found['threads']['source']})"))
    if found["devices"]:
        rows.append(("devices", ", ".join(found["devices"]["available"])))
    if network := found["network"]:
        rows.append(("device", f"{network['device']} ({found['devices']['reason']})"))
        height, width = network["size"]
        times = ", ".join(
            f"{value} ms on {count} thread{'' if count == '1' else 's'}"
            for count, value in network["milliseconds"].items()
        )
        rows.append((network["name"], f"{times}, at {width} x {height}"))
    return [f"{name:<12} {value}" for name, value in rows]
