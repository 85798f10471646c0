"""The embedded file says what the network said that it was made from."""

import numpy as np

from nukki import api
from nukki.ops.grid import fit
from nukki.runtime.sessions import get_session
from nukki.zoo import catalog


def test_half_precision_weights_hold_the_outputs(shared):
    """Mean absolute difference to the float32 file below 1e-3 on every photo."""
    card = catalog.find("subject")
    small = api.load("subject").session
    trained = get_session(shared / "weights" / "subject-starter.onnx")
    for path in sorted((shared / "photos").glob("*.[jp][pn]g")):
        tensor, _ = fit(api.read(path).rgb8(), card.input)
        one, other = (s.run({"image": tensor})["alpha"] for s in (small, trained))
        assert np.abs(one - other).mean() < 1e-3, path.name
