"""Bars on terminals, silence elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from nukki.cli.network import _Bar
from nukki.cli.progress import Progress, is_shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def on_terminal(monkeypatch):
    """Puts a terminal in the place of standard error, once the test runs (pytest has its own)."""

    def put():
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return put


def test_a_bar_is_for_terminals_that_are_not_quiet(on_terminal, monkeypatch):
    on_terminal()
    assert is_shown(quiet=False)
    assert not is_shown(quiet=True)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not is_shown(quiet=False)
    monkeypatch.setattr(sys, "stderr", None)
    assert not is_shown(quiet=False)


def test_the_bar_counts_pictures(on_terminal):
    terminal = on_terminal()
    with Progress(3) as progress:
        for _ in range(3):
            progress.advance()
        progress.say("error: one line")
    shown = terminal.getvalue()
    assert "3/3" in shown
    assert "pictures" in shown
    assert "error: one line\n" in shown


@pytest.mark.parametrize(("total", "quiet"), [(1, False), (3, True)])
def test_no_bar_for_one_picture_nor_when_quiet(on_terminal, total, quiet):
    terminal = on_terminal()
    with Progress(total, quiet=quiet) as progress:
        progress.advance()
        progress.say("a line")
    assert terminal.getvalue() == "a line\n"


def test_lines_without_a_terminal(capsys):
    with Progress(3) as progress:
        progress.advance()
        progress.say("a line")
    assert capsys.readouterr() == ("", "a line\n")


def test_the_bar_of_a_download_shows_bytes(on_terminal):
    terminal = on_terminal()
    bar = _Bar("fetching u2net", shown=True)
    bar(0, 2_000_000)
    bar(1_000_000, 2_000_000)
    bar(2_000_000, 2_000_000)
    bar.close()
    assert "fetching u2net" in terminal.getvalue()
    assert "2.00M/2.00M" in terminal.getvalue()


def test_no_bar_of_a_download_where_none_is_shown(on_terminal):
    terminal = on_terminal()
    bar = _Bar("fetching u2net", shown=False)
    bar(1, None)
    bar.close()
    assert terminal.getvalue() == ""
