"""`nukki doctor`: what is there, and 1 with a hint where no network runs."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import metadata

import numpy
import pytest

import nukki
from nukki import settings
from nukki.cli import doctor
from nukki.runtime import sessions


@pytest.fixture
def run(capsys):
    """A function: run the command; gives its exit code, standard output and standard error."""
    parser = argparse.ArgumentParser()
    doctor.add(parser.add_subparsers())

    def call(*words):
        args = parser.parse_args(["doctor", *words])
        args.traceback = False
        code = args.handler(args)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def timed():
    """Times are measured."""


@pytest.fixture(autouse=True)
def _untimed(request, monkeypatch):
    """Times are made up, unless a test asks for `timed`: they are most of the work."""
    if "timed" not in request.fixturenames:
        monkeypatch.setattr(doctor, "_milliseconds", lambda path, card, threads: 40.0 / threads)


def test_the_report_for_programs(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "new" / "home"))
    code, out, err = run("--json")
    found = json.loads(out)
    assert (code, err, found["problem"]) == (0, "", None)
    assert found["nukki"] == nukki.__version__
    assert found["packages"]["numpy"] == numpy.__version__
    assert set(found["formats"]) == {"avif", "webp", "heic"}
    assert found["threads"]["count"] == settings.available_cores()
    assert found["devices"]["available"] == list(sessions.available_devices())
    assert found["network"]["device"] in found["devices"]["available"]
    assert found["models"]["writable"] is True
    assert not (tmp_path / "new").exists()  # it looks, and leaves nothing behind


@pytest.mark.usefixtures("timed")
def test_the_network_was_really_timed(run, monkeypatch):
    monkeypatch.setenv("NUKKI_THREADS", "2")
    times = json.loads(run("--json")[1])["network"]["milliseconds"]
    assert set(times) == {"1", "2"}
    assert all(0.1 < time < 10_000 for time in times.values())


def test_the_report_for_people_has_a_line_each(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["nukki"] == nukki.__version__
    assert lines["onnxruntime"]
    assert lines["device"].startswith("cpu (auto: ")
    assert "ms on 1 thread" in lines["subject"]


def test_where_the_threads_come_from(run, monkeypatch):
    assert "cores this process may use" in json.loads(run("--json")[1])["threads"]["source"]
    monkeypatch.setenv("NUKKI_THREADS", str(settings.available_cores() + 1))
    assert "NUKKI_THREADS" in json.loads(run("--json")[1])["threads"]["source"]


@pytest.mark.parametrize(
    ("variable", "value", "said", "hint"),
    [
        ("NUKKI_DEVICE", "openvino", "`device` openvino", "pip install onnxruntime-openvino"),
        ("NUKKI_DEVICE", "gpu", "`device` must be auto", "choose one of"),
        ("NUKKI_THREADS", "many", "`NUKKI_THREADS`", "NUKKI_THREADS=2"),
        ("NUKKI_OFFLINE", "perhaps", "`NUKKI_OFFLINE`", "NUKKI_OFFLINE=1"),
    ],
)
def test_what_keeps_a_network_from_running_ends_the_report(
    run, monkeypatch, variable, value, said, hint
):
    monkeypatch.setenv(variable, value)
    code, out, err = run()
    assert code == 1
    assert out.startswith("nukki ")
    assert f"error: {said}" in err
    assert hint in err.splitlines()[-1]
    found = json.loads(run("--json")[1])
    assert said in found["problem"]["error"]
    assert hint in found["problem"]["hint"]


def test_without_the_engine(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = run()
    assert code == 1
    assert err.endswith('hint: run: pip install "nukki[cpu]"\n')


def test_packages_that_are_not_there(run, monkeypatch):
    """The engine comes in one of several packages; the report says in which."""
    version = metadata.version

    def other(name):
        if name in {"onnxruntime", "pillow-heif"}:
            raise metadata.PackageNotFoundError(name)
        return "9.9" if name == "onnxruntime-gpu" else version(name)

    monkeypatch.setattr(metadata, "version", other)
    found = json.loads(run("--json")[1])
    assert found["packages"]["onnxruntime"] == "9.9 (onnxruntime-gpu)"
    assert found["packages"]["pillow-heif"] is None
    assert found["formats"]["heic"] is False
    lines = dict(line.split(maxsplit=1) for line in run()[1].splitlines())
    assert (lines["pillow-heif"], lines["heic"]) == ("not installed", "no")


def test_a_folder_that_cannot_be_written(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path / "file"))
    code, out, _ = run()
    assert code == 0
    assert "(not writable)" in out
