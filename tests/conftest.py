"""What every test stands on: no network, no user folders, pictures that nobody may write to."""

from __future__ import annotations

import itertools
import shutil
import socket
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from nukki import settings

# Some tests import ONNX Runtime themselves.
settings.forbid_telemetry()

# Where a test does not say how many examples it needs: --hypothesis-profile=thorough has more.
hypothesis.settings.register_profile("quick", max_examples=40)
hypothesis.settings.register_profile("thorough", max_examples=400)
hypothesis.settings.load_profile("quick")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
NUMBERS = itertools.count()  # pytest's own would list the folder for every test


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Only this machine may be reached; any other address is an error in the test."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path_factory):
    """No variable of the user's and no folder of the user's changes a result."""
    for name in ("NUKKI_OFFLINE", "NUKKI_THREADS", "NUKKI_DEVICE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp(f"nukki-home{next(NUMBERS)}", numbered=False)
    monkeypatch.setenv("NUKKI_HOME", str(home))


@pytest.fixture(scope="session")
def shared():
    """The folder of photos and networks beside the checkout; its tests skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "photos").is_dir():
        pytest.skip("the folder `shared` with real photos and networks is not beside the checkout")
    return folder


def _frozen(array):
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


@pytest.fixture(scope="session")
def astronaut():
    """(512, 512, 3) uint8: a portrait before a busy background (public domain, NASA)."""
    from skimage import data

    return _frozen(data.astronaut())


@pytest.fixture(scope="session")
def cat():
    """(300, 451, 3) uint8: a cat that fills the frame (CC0, Stefan van der Walt)."""
    from skimage import data

    return _frozen(data.chelsea())


@pytest.fixture(scope="module")
def browser():
    """A Chromium, or the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("there is no chromium on the path")
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield one
        one.close()
