"""The embedded file says what the network said that it was made from."""

from pathlib import Path

import numpy as np

from nukki import api
from nukki.ops.grid import fit
from nukki.zoo import catalog

HERE = Path(__file__).parent
PHOTOS = HERE.parents[1] / "docs" / "photos"


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
