"""The command `nukki`: help at once, errors in one line, exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nukki as package
from nukki.cli import main as entry
from nukki.errors import InputError


@pytest.fixture
def handled(monkeypatch):
    """Makes `nukki remove x` do what the test says."""

    def put(function):
        monkeypatch.setattr(entry.remove, "handle", function)

    return put


def raising(error):
    def handle(args):
        raise error

    return handle


def test_help_names_commands_and_exit_codes(nukki, capsys):
    assert nukki("--help") == 0
    told = capsys.readouterr().out
    for word in ("remove", "compare", "bench", "models", "doctor", "exit codes", "130"):
        assert word in told


@pytest.mark.parametrize("command", ["remove", "erase", "compare", "bench", "models", "doctor"])
def test_every_command_has_help_and_the_common_flags(nukki, command, capsys):
    assert nukki(command, "--help") == 0
    told = capsys.readouterr().out
    assert "--quiet" in told
    assert "--traceback" in told


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from nukki.cli.main import main\n"
        "code = main(['remove', '--help'])\n"
        "heavy = {'numpy', 'PIL', 'onnxruntime', 'tqdm', 'tifffile'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("usage: nukki remove")


def test_the_version(nukki, capsys):
    assert nukki("--version") == 0
    assert capsys.readouterr().out == f"nukki {package.__version__}\n"


def test_without_a_command_help_goes_to_standard_error(nukki, capsys):
    assert nukki() == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "usage: nukki" in told.err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["remov", "a.jpg"], "unknown command `remov`", "did you mean `remove`?"),
        (["cat.jpg"], "unknown command `cat.jpg`", "nukki remove cat.jpg"),
        (["qqq"], "unknown command `qqq`", "choose one of remove, replace, segment, pick, erase"),
        (["remove"], "arguments are required: INPUT", "nukki remove --help"),
        (["remove", "a", "--bakground", "x"], "unknown option `--bakground`", "--background"),
        (["remove", "a", "--overwrit"], "unknown option `--overwrit`", "--overwrite"),
        (["remove", "a", "--jobs", "0"], "must be at least 1", "nukki remove --help"),
        (["--quite", "remove", "a"], "unknown option `--quite`", "--quiet"),
    ],
)
def test_wrong_words_exit_with_2_and_the_nearest_right_one(nukki, words, message, hint, capsys):
    assert nukki(*words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert hint in told.err


def test_an_error_of_ours_is_one_line_and_a_hint(nukki, handled, capsys):
    handled(raising(InputError("`x` is wrong", hint="make it right")))
    assert nukki("remove", "x") == 2
    assert capsys.readouterr().err == "error: `x` is wrong\nhint: make it right\n"


def test_a_fault_is_one_line_too_unless_the_traceback_is_wanted(nukki, handled, capsys):
    handled(raising(KeyError("deep")))
    assert nukki("remove", "x") == 1
    told = capsys.readouterr().err
    assert told.startswith("error: internal: KeyError: 'deep'\nhint: ")
    for words in (("remove", "x", "--traceback"), ("--traceback", "remove", "x")):
        assert nukki(*words) == 1
        assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_no_traceback(nukki, handled, capsys):
    handled(raising(KeyboardInterrupt()))
    assert nukki("remove", "x") == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_common_flags_work_before_and_after_the_command(nukki, handled):
    seen = []
    handled(lambda args: seen.append(args.quiet) or 0)
    assert nukki("remove", "x") == 0
    assert nukki("--quiet", "remove", "x") == 0
    assert nukki("remove", "x", "--quiet") == 0
    assert seen == [False, True, True]


def test_names_that_the_terminal_lacks_are_escaped():
    code = (
        "import sys; from nukki.cli.main import main\n"
        "sys.exit(main(['remove', '누끼.jpg', '--dry-run']))\n"
    )
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("ascii").strip() == "\\ub204\\ub07c.jpg -> \\ub204\\ub07c.png"


def test_run_ends_the_process_with_the_code(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["nukki", "--version"])
    with pytest.raises(SystemExit) as end:
        entry.run()
    assert end.value.code == 0
