"""The house rules that a program can check: who imports whom, what an import costs, how long."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "nukki"
LONGEST_MODULE = 450
LONGEST_FUNCTION = 60

modules = pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)


def python(code, *arguments, **environment):
    """Run code in a fresh Python in which every warning is an error; gives what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


# --- floors


def lint_imports(folder):
    """The exit code and report of import-linter over the package that `folder`/src holds."""
    code = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the package and its contracts that a test may break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("*.onnx", "__pycache__")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    return tmp_path


def test_floors_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        pytest.param("utils.py", "", "utils", id="a stray module"),
        pytest.param("helpers/__init__.py", "", "helpers", id="a stray folder"),
        pytest.param(
            "ops/stray.py", "import nukki.io\n", "nukki.ops.stray -> nukki.io", id="a room"
        ),
        pytest.param(
            "settings.py", "import nukki.api\n", "nukki.settings -> nukki.api", id="upwards"
        ),
        pytest.param("cli/stray.py", "import onnxruntime\n", "nukki.cli.stray", id="ONNX Runtime"),
        pytest.param("io/stray.py", "import urllib.request\n", "nukki.io.stray", id="the internet"),
        pytest.param("train/stray.py", "import http.client\n", "nukki.train.stray", id="to train"),
        pytest.param("zoo/stray.py", "import torch\n", "nukki.zoo.stray", id="torch"),
    ],
)
def test_a_broken_floor_is_found(copy, file, text, said):
    """The contracts can fail: each of these is what they are there to stop."""
    path = copy / "src" / "nukki" / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as stream:
        stream.write(text)
    done = lint_imports(copy)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


# --- what an import costs

LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
HEAVY = {"numpy", "PIL", "onnxruntime", "tqdm", "isal", "tifffile", "platformdirs", "filelock"}
HEAVY |= {"torch", "onnx", "transformers"}  # of the extras `convert` and `train`


def test_importing_nukki_loads_nothing_heavy_and_warns_of_nothing():
    loaded = set(python(f"import nukki; {LOADED}").split())
    assert "nukki" in loaded
    assert loaded & HEAVY == set()


def test_the_package_is_imported_in_silence():
    assert python("import nukki, nukki.api, nukki.runtime.sessions") == ""


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["remove", "--help"], ["data", "prepare", "--help"]]
)
def test_help_loads_nothing_heavy(words):
    code = f"import sys; from nukki.cli.main import main; main(sys.argv[1:]); print(); {LOADED}"
    loaded = set(python(code, *words).splitlines()[-1].split())
    assert "nukki" in loaded
    assert loaded & HEAVY == set()


def test_every_public_name_is_there():
    import nukki

    for name in nukki.__all__:
        assert getattr(nukki, name).__module__.startswith("nukki.")
    assert set(nukki.__all__) <= set(dir(nukki))
    assert nukki.__all__ == sorted(nukki.__all__)
    with pytest.raises(AttributeError, match="no attribute 'segmint'"):
        nukki.segmint  # noqa: B018


# --- sources


def functions(tree):
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function):
    """Lines from `def` to the end, docstring left out."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


@modules
def test_no_assert(path):
    """`python -O` drops them, so they guard nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)] == []


@modules
def test_modules_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    lengths = {function.name: length(function) for function in functions(ast.parse(text))}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


@modules
def test_only_settings_reads_the_environment(path):
    if path != SOURCE / "settings.py":
        names = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
        }
        assert names & {"environ", "getenv", "environb"} == set()


@modules
def test_nothing_beside_the_checkout_is_named(path):
    assert "../shared" not in path.read_text(encoding="utf-8")


def test_every_folder_says_what_belongs_there():
    for folder in {path.parent for path in SOURCE.rglob("*.py")}:
        tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), folder


def test_the_length_of_a_function_leaves_its_docstring_out():
    tree = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    a = 1\n    return a\n')
    assert [length(function) for function in functions(tree)] == [3]
