"""Errors, exit codes and the report file."""

from __future__ import annotations

import json

import pytest

from nukki import errors
from nukki.batch.outcome import Outcome, Tally
from nukki.cli.report import ReportFile, complaint, exit_code, exit_code_of


def outcome(word, name="a.jpg"):
    return Outcome(input=name, output=None, outcome=word)


def test_an_error_is_one_line_and_its_hint():
    error = errors.InputError("`x` is wrong", hint="make it right")
    assert complaint(error) == "error: `x` is wrong\nhint: make it right"
    assert complaint(errors.InputError("`x` is wrong")) == "error: `x` is wrong"


def test_the_picture_is_named_once():
    error = errors.InputError("`a.jpg` is no picture")
    assert complaint(error, subject="a.jpg") == "error: `a.jpg` is no picture"
    assert complaint(error, subject="b.jpg") == "error: `b.jpg`: `a.jpg` is no picture"


def test_a_fault_of_ours_says_how_to_report_it():
    told = complaint(KeyError("x"))
    assert told.startswith("error: internal: KeyError: 'x'\nhint: ")
    assert "--traceback" in told


def raised():
    try:
        raise ValueError("deep")
    except ValueError as error:
        return error


def test_the_traceback_is_shown_on_request():
    told = complaint(raised(), trace=True)
    assert "Traceback" in told
    assert 'raise ValueError("deep")' in told
    assert told.splitlines()[-1] == "error: internal: ValueError: deep"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InputError("x"), 2),
        (errors.CardError("x"), 2),
        (errors.UnknownModel("x"), 2),
        (errors.ProviderError("x"), 2),
        (errors.MissingExtra("x"), 2),
        (errors.NothingFound("x"), 3),
        (errors.Offline("x"), 1),
        (errors.OutputError("x"), 1),
        (errors.ModelOutputError("x"), 1),
        (errors.LimitExceeded("x"), 1),
        (KeyError("x"), 1),
    ],
)
def test_exit_codes_of_errors(error, code):
    assert exit_code(error) == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 3),
        (["done"], 0),
        (["done", "nothing found", "skipped"], 0),
        (["nothing found", "nothing found"], 3),
        (["nothing found", "skipped"], 0),
        (["nothing found", "failed"], 1),
        (["done", "exists"], 1),
    ],
)
def test_exit_codes_of_many_pictures(words, code):
    assert exit_code_of(Tally(map(outcome, words))) == code


def test_empty_results_that_were_asked_for_are_no_failure():
    assert exit_code_of(Tally([outcome("nothing found")]), allow_empty=True) == 0
    assert exit_code_of(Tally(), allow_empty=True) == 3


def test_every_line_is_on_disk_when_it_is_written(tmp_path):
    path = tmp_path / "report.jsonl"
    report = ReportFile(path)
    for count, name in enumerate(["a.jpg", "사진.jpg", "c\nd.jpg"], start=1):
        report.write(outcome("done", name))
        lines = path.read_bytes().decode().splitlines()
        assert len(lines) == count
        assert json.loads(lines[-1])["input"] == name
    report.close()


def test_a_report_is_not_replaced_unless_asked(tmp_path):
    path = tmp_path / "report.jsonl"
    path.write_text("old\n", encoding="utf-8")
    with pytest.raises(errors.InputError, match="exists"):
        ReportFile(path)
    report = ReportFile(path, append=True)
    report.write(outcome("done"))
    report.close()
    assert path.read_text(encoding="utf-8").startswith('old\n{"input"')
    ReportFile(path, overwrite=True).close()
    assert path.read_bytes() == b""


def test_a_report_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.OutputError, match="cannot be written"):
        ReportFile(tmp_path / "file" / "report.jsonl")
