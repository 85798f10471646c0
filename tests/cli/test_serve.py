"""`nukki serve` on the command line."""

from __future__ import annotations

import builtins
import socket
import sys

import pytest

from nukki.cli.main import main
from nukki.pipelines.options import RunOptions
from nukki.serve.limits import ServeOptions


@pytest.fixture
def served(monkeypatch):
    """What was to be served instead of serving it."""
    calls = []

    def serve(options, run, **how):
        calls.append((options, run, how))
        how["opened"]("http://127.0.0.1:1")

    monkeypatch.setattr("nukki.serve.run.serve", serve)
    return calls


def test_flags_are_the_table_of_options(served, capsys):
    words = "--port 0 --workers 3 --queue 2 --timeout 5 --max-bytes 99 --max-pixels 7 --threads 1"
    assert main(["serve", *words.split()]) == 0
    ((options, run, how),) = served
    assert options == ServeOptions(
        port=0, workers=3, queue=2, timeout=5.0, max_bytes=99, max_pixels=7
    )
    assert run == RunOptions(threads=1)
    assert not how["quiet"]
    assert "http://127.0.0.1:1/docs" in capsys.readouterr().err
    assert main(["serve", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [["--port", "-1"], ["--workers", "0"], ["--cors", "*"]])
def test_what_makes_no_sense_is_wrong_usage(served, words, capsys):
    assert main(["serve", *words]) == 2
    assert "hint: " in capsys.readouterr().err
    assert served == []


def test_a_port_that_is_taken_and_keys_that_are_missing(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port]) == 2
    assert f"port {port}" in capsys.readouterr().err
    assert main(["serve", "--key", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_without_its_extra_the_line_to_install_it_is_said(monkeypatch, capsys):
    plain = builtins.__import__

    def without(name, *arguments, **options):
        if name == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return plain(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "nukki.serve.run", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["serve"]) == 2
    assert 'pip install "nukki[serve]"' in capsys.readouterr().err
