"""A network made ready before the first picture."""

from __future__ import annotations

import pytest

from nukki import api
from nukki.cli.network import loading, ready
from nukki.errors import InputError, UnknownModel
from nukki.pipelines.options import RunOptions
from nukki.zoo import fetch


def test_the_embedded_network_is_ready_offline():
    ready("subject", run=RunOptions(), offline=True)


def test_an_unknown_name_and_a_missing_file_are_told():
    with pytest.raises(UnknownModel):
        ready("subjct", run=RunOptions())
    with pytest.raises(InputError):
        ready("gone.onnx", run=RunOptions())


def test_a_file_of_the_users_own_is_never_fetched(red, monkeypatch):
    def ensure(*words, **options):
        pytest.fail("something was fetched")

    monkeypatch.setattr(fetch, "ensure", ensure)
    ready(red[1], card=red[3], run=RunOptions())


@pytest.mark.parametrize("offline", [True, False])
def test_wishes_reach_the_fetching(monkeypatch, offline):
    seen = {}
    real = fetch.ensure

    def ensure(card, **options):
        seen.update(options)
        return real(card)

    monkeypatch.setattr(fetch, "ensure", ensure)
    ready("subject", run=RunOptions(), offline=offline, accept_licence=True)
    assert seen["accept_licence"] is True
    assert seen["offline"] is (True if offline else None)
    assert callable(seen["progress"])


def test_auto_leaves_the_device_to_the_environment(monkeypatch):
    assert loading(RunOptions(threads=1)) == {"device": None, "threads": 1}
    assert loading(RunOptions(device="cuda")) == {"device": "cuda", "threads": None}
    seen = []
    monkeypatch.setattr(
        "nukki.loading.get_session", lambda path, *, device, **_: seen.append(device)
    )
    monkeypatch.setenv("NUKKI_DEVICE", "cuda")
    api.load("subject", **loading(RunOptions()))
    assert seen == ["cuda"]
