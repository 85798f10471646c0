"""The embedded file says what the network said that it was made from."""

import json
from pathlib import Path

import numpy as np

from nukki import api
from nukki.ops.grid import fit
from nukki.train.recipe import read_recipe
from nukki.zoo import catalog

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PHOTOS = ROOT / "docs" / "photos"
CARDS = ROOT / "src" / "nukki" / "zoo" / "cards"


def test_the_stored_weights_hold_the_outputs():
    """Mean absolute difference to the trained network, in PyTorch and float32, below 2e-3.

    The golden maps were made by scripts/golden_subject.py from the checkpoint.
    """
    card = catalog.find("subject")
    session = api.load("subject").session
    with np.load(HERE / "subject_golden.npz") as golden:
        assert len(golden.files) >= 2
        for name in golden.files:
            tensor, _ = fit(api.read(PHOTOS / f"{name}.jpg").rgb8(), card.input)
            found = session.run({"image": tensor})["alpha"][0, 0]
            wanted = golden[name].astype(np.float32) / 65535
            assert found.shape == wanted.shape, name
            assert wanted.max() > 0.9, name
            assert np.abs(found - wanted).mean() < 2e-3, name


def test_the_record_beside_the_card_is_of_the_committed_recipe():
    record = json.loads((CARDS / "subject.json").read_text(encoding="utf-8"))
    recipe = read_recipe(ROOT / "recipes" / "subject.toml")
    assert record["recipe_digest"] == recipe.digest
    assert record["validations"][-1]["step"] == recipe.steps
    assert recipe.grid == catalog.find("subject").input.size


def test_the_scores_on_the_card_are_those_of_the_quality_page():
    scores = dict(catalog.find("subject").our_scores)
    page = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
    for name in ("max F-beta", "MAE", "S-alpha", "IoU"):
        value = scores[f"DUTS-TR validation part, {name}"]
        assert f"| {value} |" in page, name


def test_the_wheel_stays_small():
    assert catalog.find("subject").size_bytes <= 6_000_000
