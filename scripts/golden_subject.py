"""What the trained network says of the photos in docs/photos, before it is stored in few bytes.

`python scripts/golden_subject.py runs/subject/subject.pt` writes tests/zoo/subject_golden.npz, to
which tests/zoo/test_weights.py holds the embedded file. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from nukki import api
from nukki.nets.subject import SubjectNet
from nukki.ops.grid import fit
from nukki.zoo import catalog

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Load the checkpoint's averaged weights, run them, keep their maps in 16 bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    content = torch.load(parser.parse_args().checkpoint, map_location="cpu", weights_only=True)
    net = SubjectNet()
    net.load_state_dict(content["average"])
    net.eval()
    maps = {}
    for photo in sorted((ROOT / "docs" / "photos").glob("*.jpg")):
        tensor, _ = fit(api.read(photo).rgb8(), catalog.find("subject").input)
        with torch.inference_mode():
            alpha = net(torch.from_numpy(tensor))[0].sigmoid().numpy()[0, 0]
        maps[photo.stem] = np.rint(alpha * 65535).astype(np.uint16)
    target = ROOT / "tests" / "zoo" / "subject_golden.npz"
    np.savez_compressed(target, **maps)
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
