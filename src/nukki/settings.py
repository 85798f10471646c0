"""The only place that touches the environment.

NUKKI_HOME      folder for models and cards (default: the user's cache and config folders)
NUKKI_OFFLINE   1 forbids the network
NUKKI_THREADS   how many threads one call may use
NUKKI_DEVICE    cpu, cuda, …
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from nukki.errors import InputError

__all__ = [
    "available_cores",
    "cards_folder",
    "device",
    "forbid_fetching",
    "forbid_telemetry",
    "models_folder",
    "offline",
    "threads",
]

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


def offline() -> bool:
    """Whether NUKKI_OFFLINE forbids the network.

    Raises:
        InputError: If the variable is neither yes nor no.
    """
    value = os.environ.get("NUKKI_OFFLINE", "").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    message = f"`NUKKI_OFFLINE` must be 1 or 0, got {value!r}"
    raise InputError(message, hint="set NUKKI_OFFLINE=1 to forbid the network")


def forbid_fetching() -> None:
    """Forbid the network to this process, whatever NUKKI_OFFLINE says."""
    os.environ["NUKKI_OFFLINE"] = "1"


def forbid_telemetry() -> None:
    """Tell ONNX Runtime, before it is first imported, to collect and send nothing.

    From 1.29 on its official builds write a device id to the user's cache folder and send events
    over the network as soon as they are imported, unless one of these variables is set (its pull
    requests 27379 and 29843 name them). A value that the user has set stands.
    """
    for name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):
        os.environ.setdefault(name, "1")


def device() -> str:
    """The device that NUKKI_DEVICE names, else "auto"."""
    return os.environ.get("NUKKI_DEVICE", "").strip().lower() or "auto"


def threads() -> int:
    """How many threads one call may use: NUKKI_THREADS, else the cores this process may use.

    Raises:
        InputError: If NUKKI_THREADS is not a whole number of at least 1.
    """
    value = os.environ.get("NUKKI_THREADS", "").strip()
    if not value:
        return available_cores()
    if not value.isdecimal() or int(value) < 1:
        message = f"`NUKKI_THREADS` must be a whole number of at least 1, got {value!r}"
        raise InputError(message, hint="set NUKKI_THREADS=2, or unset it")
    return int(value)


@lru_cache(maxsize=1)
def available_cores() -> int:
    """Cores that this process may really use: affinity and the container's quota, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_cores(Path("/sys/fs/cgroup"))
    return max(1, min(cores, quota) if quota else cores)


def _cgroup_cores(root: Path) -> int | None:
    """Cores of a Linux control group's CPU quota (version 2, then 1); None where unlimited."""
    try:
        quota, period = (root / "cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max": no quota
        return None
    return max(1, round(share)) if share > 0 else None


def models_folder() -> Path:
    """Where fetched models lie: NUKKI_HOME/models, else the user's cache folder."""
    home = os.environ.get("NUKKI_HOME")
    if home:
        return Path(home).expanduser() / "models"
    from platformdirs import user_cache_path

    return _own(user_cache_path) / "models"


def cards_folder() -> Path:
    """Where the user's own model cards lie: NUKKI_HOME/cards, else the user's config folder."""
    home = os.environ.get("NUKKI_HOME")
    if home:
        return Path(home).expanduser() / "cards"
    from platformdirs import user_config_path

    return _own(user_config_path) / "cards"


def _own(folder: Callable[[str], Path]) -> Path:
    """Our folder among the user's own; in a container there may be no user to have one."""
    try:
        return folder("nukki")
    except RuntimeError as error:
        message = "the user has no home folder for networks and cards"
        raise InputError(message, hint="set NUKKI_HOME to a folder") from error
