"""The whole script of a report: a team is cut out by a network of the field, in one line.

The network is converted at full size with made-up weights, so that what it takes for people is made
up too; the cut-out is compared with that of the same steps over the same network.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nukki import api
from nukki.loading import load_finder
from nukki.pipelines.holding import holders
from nukki.pipelines.segment import segment
from nukki.runtime import sessions

PARITY = Path(__file__).parents[1] / "nets" / "parity"
CLASSES = "roi_heads.box_predictor.cls_score"


def weights():
    """Made-up values of Mask R-CNN's state dict; it is sure of people with them."""
    torch = pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("parity_weights", PARITY / "weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    state = module.state_dict(str(PARITY / "detectron2_maskrcnn"))
    state[f"{CLASSES}.bias"] = state[f"{CLASSES}.bias"].copy()
    state[f"{CLASSES}.bias"][0] += 4  # COCO's first class
    return {key: torch.from_numpy(np.asarray(array)) for key, array in state.items()}


@pytest.fixture
def maskrcnn(place, nukki):
    """Mask R-CNN under the name that its card has, converted and taken in."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.save(weights(), "model.pth")
    words = ["convert", "model.pth", "--as", "detectron2_maskrcnn", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "nukki", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert nukki("models", "import", "model.onnx", "--as", "maskrcnn-r50") == 0
    Path("model.onnx").unlink()
    yield "maskrcnn-r50"
    sessions.clear()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_team_is_cut_out_with_a_soft_edge(nukki, maskrcnn, astronaut, capsys):
    Image.fromarray(astronaut).save("team.jpg", quality=95)
    words = [
        "remove",
        "team.jpg",
        "--subject",
        "people",
        "--instances",
        maskrcnn,
        "--feather",
        "15",
    ]
    capsys.readouterr()
    assert nukki(*words, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["outcome"], record["road"]) == ("done", "chosen")
    assert re.fullmatch(r"\d+ people and \d+ things chosen by people", record["why"])
    alpha = np.asarray(Image.open("team.png").getchannel("A")).astype(np.float32) / 255
    photo = api.read("team.jpg")
    found = [one.segment for one in segment(photo, load_finder(maskrcnn)).everything]
    people = {place for place, one in enumerate(found) if one.label == "person"}
    things = {thing for thing, one in holders(found).items() if one in people}
    assert record["why"].startswith(f"{len(people)} people and {len(things)} things ")
    union = np.any([found[place].mask for place in people | things], axis=0)
    assert 0.01 < union.mean() < 0.99
    assert (alpha >= 0.5)[union].mean() > (alpha >= 0.5)[~union].mean() + 0.5
    # Feathered by 15 pixels: no step from one pixel to the next is steep.
    steps = np.abs(np.diff(alpha, axis=0)).max()
    assert 0 < steps < 0.1
    assert nukki(*words, "-o", "again.png") == 0
    assert Path("again.png").read_bytes() == Path("team.png").read_bytes()
