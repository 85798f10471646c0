"""The example notebook: clean, of names that exist, and (slow) run from start to end."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import nukki

FILE = Path(__file__).resolve().parents[2] / "examples" / "notebook.ipynb"
NOTEBOOK = json.loads(FILE.read_text(encoding="utf-8"))
CODE = [one for one in NOTEBOOK["cells"] if one["cell_type"] == "code"]


def tagged(cell, tag):
    return tag in cell["metadata"].get("tags", ())


def source(cell):
    return "".join(cell["source"])


def test_it_is_kept_without_outputs():
    assert FILE.stat().st_size < 20_000
    for cell in CODE:
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert set(NOTEBOOK["metadata"]) == {"kernelspec", "language_info"}


def test_its_first_code_installs_what_the_rest_needs():
    assert [tagged(cell, "install") for cell in CODE] == [True] + [False] * (len(CODE) - 1)
    (extras,) = re.findall(r'%pip install --quiet "nukki\[([\w,]+)\]"', source(CODE[0]))
    assert extras.split(",") == ["cpu", "notebook"]


def test_its_photo_is_one_of_ours_and_its_terms_are_said():
    (name,) = set(re.findall(r'Path\("\.\./docs/photos/(.+?)"\)', "".join(map(source, CODE))))
    photos = FILE.parents[1] / "docs" / "photos"
    assert (photos / name).is_file()
    assert f"`{name}`" in (photos / "README.md").read_text(encoding="utf-8")
    assert "public domain" in "".join(source(cell) for cell in NOTEBOOK["cells"])


def unknown_names(code, kinds):
    """Attributes of known names in code that these do not have."""
    return [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in kinds
        and not hasattr(kinds[node.value.id], node.attr)
    ]


def test_its_cells_compile_and_name_what_exists():
    pytest.importorskip("anywidget")
    from nukki.notebook import Cutter

    kinds = {"nukki": nukki, "cutter": Cutter, "found": nukki.Segmentation}
    code = "\n".join(source(cell) for cell in CODE if not tagged(cell, "install"))
    assert unknown_names(code, kinds) == []
    used = {node.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute)}
    assert {"check", "brush", "pick", "cut_out", "erase", "result", "preview"} <= used
    wrong = unknown_names("cutter.cut_it(); nukki.remove; nukki.remov", kinds)
    assert sorted(wrong) == ["cutter.cut_it", "nukki.remov"]


@pytest.mark.slow
def test_it_runs(tmp_path):
    """In a kernel of its own, in a copy of the folders that it reads."""
    pytest.importorskip("anywidget")
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    photos = tmp_path / "docs" / "photos"
    photos.parent.mkdir()
    photos.symlink_to(FILE.parents[1] / "docs" / "photos")
    folder = tmp_path / "examples"
    folder.mkdir()
    notebook = nbformat.read(FILE, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not tagged(cell, "install")]
    nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    outputs = {
        cell.id: {
            name: value for out in cell.outputs for name, value in out.get("data", {}).items()
        }
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    assert "application/vnd.jupyter.widget-view+json" in outputs["panel"]
    shown = {name for name, data in outputs.items() if "image/png" in data}
    assert {"photo", "result", "cut", "over", "pick", "erase", "segment", "instance"} <= shown
    assert outputs["cut"]["text/plain"].startswith("Cutout(512 × 512")
    assert all(len(json.dumps(data)) < 900_000 for data in outputs.values())
    erased = nukki.read(folder / "without-flag.png")
    photo = nukki.read(photos / "astronaut.jpg")
    changed = (erased.pixels != photo.pixels).any(axis=2)
    assert 0.02 < changed.mean() < 0.2
    assert changed[:, 200:].sum() == 0
