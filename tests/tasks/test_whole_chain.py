"""From photo to pasted masks as Detectron2 and torchvision do it, with their networks in PyTorch.

The weights are pseudo-random; the results are those of the official code with the same weights.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import frozen
from nukki.tasks.instances import Instances
from nukki.zoo import catalog

CARDS = {
    "detectron2_maskrcnn": "maskrcnn-r50",
    "torchvision_maskrcnn": "maskrcnn-r50-torchvision",
}
SIDES = (256, 480)  # what the golden data were made with instead of 800 and 1333


class TorchSession:
    """Runs a network of PyTorch as `runtime.sessions.Session` runs a file."""

    def __init__(self, torch, net):
        self.path = Path("in-torch.onnx")
        self.inputs = {"image": (1, 3, "h", "w"), "size": (2,)}
        self._torch, self._net = torch, net

    def run(self, inputs):
        with self._torch.no_grad():
            answers = self._net(*(self._torch.from_numpy(inputs[name]) for name in self.inputs))
        names = ("boxes", "scores", "classes", "masks")
        return {
            name: answer.numpy().astype(np.float32)
            for name, answer in zip(names, answers, strict=True)
        }


@pytest.fixture
def task(shared):
    """A function that gives the task of a published network and its golden data."""
    torch = pytest.importorskip("torch")
    from nukki.nets import build, convert

    path = Path(__file__).parents[1] / "nets" / "parity" / "weights.py"
    spec = importlib.util.spec_from_file_location("parity_weights", path)
    weights = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = weights
    spec.loader.exec_module(weights)

    def make(name):
        folder = shared / "parity" / name
        state = weights.state_dict(str(folder))
        net = build(name)
        state = {key: torch.from_numpy(np.array(value)) for key, value in state.items()}
        net.load_state_dict(convert(name, state), strict=True)
        card = catalog.find(CARDS[name])
        card = replace(card, input=replace(card.input, size=SIDES))
        calls = json.loads((folder / "manifest.json").read_text())["calls"]
        (said,) = (call for call in calls if call["name"] == "full")
        golden = np.load(folder / "golden_open.npz")
        return Instances(card, TorchSession(torch, net.eval())), golden, said

    return make


def the_masks(golden, said):
    """The official masks as far as they are stored: row → (values, rows, columns of the photo)."""
    output = next(each for each in said["outputs"] if each["name"] == "masks")
    stored = golden["full/masks"]
    if output["packbits"]:
        shape = output["stored_shape"]
        stored = np.unpackbits(stored, count=int(np.prod(shape))).reshape(shape)
        return {row: (mask, slice(None), slice(None)) for row, mask in enumerate(stored)}
    step, _, down, across = output["stored_stride"]
    return {
        row * step: (mask[0], slice(None, None, down), slice(None, None, across))
        for row, mask in enumerate(stored)
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CARDS)
def test_photo_to_masks_is_the_official_result(task, name):
    network, golden, said = task(name)
    found = network.predict(frozen(golden["in/img0"]))
    numbers = golden["full/classes" if name.startswith("detectron2") else "full/labels"]
    missing = compared = wrong = 0
    for row, (mask, down, across) in the_masks(golden, said).items():
        label = network.labels[numbers[row]]
        inside = mask > 0.5
        if not label or not inside.any():
            continue  # numbers that COCO left out; nothing to see of it
        near = [
            one
            for one in found
            if one.label == label
            and np.abs(np.array(one.corners) - golden["full/boxes"][row]).max() < 0.05
            and abs(one.score - golden["full/scores"][row]) < 1e-3
        ]
        if not near:
            missing += 1
            continue
        compared += 1
        wrong += min(np.count_nonzero(one.mask[down, across] != inside) for one in near)
    assert compared >= 5
    assert missing <= said["match"]["may_miss"]
    assert wrong <= 100  # of a hundred photos' pixels, as the manifest allows
