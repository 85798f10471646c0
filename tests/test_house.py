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


@pytest.fixture(scope="module")
def sources():
    """(text, tree) of each module, by its path in the package."""
    texts = {
        path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(SOURCE.rglob("*.py"))
    }
    return {name: (text, ast.parse(text)) for name, text in texts.items()}


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


def test_floors_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


# What the contracts are there to stop: file, what is added to it, how the report names it.
STRAYS = [
    ("utils.py", "", "- nukki.utils"),
    ("helpers/__init__.py", "", "- nukki.helpers"),
    ("ops/stray.py", "import nukki.io\n", "nukki.ops.stray -> nukki.io"),
    ("settings.py", "import nukki.api\n", "nukki.settings -> nukki.api"),
    ("cli/stray.py", "import onnxruntime\n", "nukki.cli.stray -> onnxruntime"),
    ("io/stray.py", "import urllib.request\n", "nukki.io.stray -> urllib"),
    ("train/stray.py", "import http.client\n", "nukki.train.stray -> http"),
    ("zoo/stray.py", "import torch\n", "nukki.zoo.stray -> torch"),
    ("batch/stray.py", "import cv2\n", "nukki.batch.stray -> cv2"),
]


def test_broken_floors_are_found(tmp_path):
    """The contracts can fail: in a copy of the package all of them do."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("*.onnx", "__pycache__")
    package = shutil.copytree(SOURCE, tmp_path / "src" / "nukki", ignore=ignored)
    for file, text, _ in STRAYS:
        (package / file).parent.mkdir(exist_ok=True)
        with (package / file).open("a") as stream:
            stream.write(text)
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    report = done.stdout + done.stderr
    assert [said for _, _, said in STRAYS if said not in report] == []


# --- what an import costs

LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
HEAVY = {"numpy", "PIL", "onnxruntime", "tqdm", "isal", "tifffile", "platformdirs", "filelock"}
HEAVY |= {"torch", "onnx", "transformers"}  # of the extras `convert` and `train`
HEAVY |= {"anywidget", "ipywidgets", "traitlets", "IPython"}  # of the extra `notebook`


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


def test_no_assert(sources):
    """`python -O` drops them, so they guard nothing."""
    found = [
        f"{name}:{node.lineno}"
        for name, (_, tree) in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_modules_and_functions_stay_short(sources):
    lengths = {name: len(text.splitlines()) for name, (text, _) in sources.items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}
    lengths = {
        f"{name}: {function.name}": length(function)
        for name, (_, tree) in sources.items()
        for function in functions(tree)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_only_settings_reads_the_environment(sources):
    reading = {
        name
        for name, (_, tree) in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    }
    assert reading == {"settings.py"}


def test_nothing_beside_the_checkout_is_named(sources):
    assert [name for name, (text, _) in sources.items() if "../shared" in text] == []


def test_every_folder_says_what_belongs_there(sources):
    folders = {Path(name).parent for name in sources}
    assert [
        str(folder)
        for folder in folders
        if not ast.get_docstring(sources[(folder / "__init__.py").as_posix()][1])
    ] == []


def test_the_length_of_a_function_leaves_its_docstring_out():
    tree = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    a = 1\n    return a\n')
    assert [length(function) for function in functions(tree)] == [3]
