from __future__ import annotations

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from net_files import noise, settled  # noqa: E402
from nukki.nets.maskrcnn import DETECTRON2, TORCHVISION  # noqa: E402
from nukki.nets.roi import RoIHeads  # noqa: E402

FORMS = {"detectron2": DETECTRON2.regions, "torchvision": TORCHVISION.regions}
SIZE = torch.tensor([100, 200])


@pytest.fixture(params=FORMS)
def heads(request):
    return settled(RoIHeads(replace(FORMS[request.param], classes=3), 4, 8))


def boxes_of(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def squares(*sides):
    return boxes_of(*([5, 7, 5 + side, 7 + side] for side in sides))


def answers(heads, *rows):
    """Logits of given probabilities (thing 0, 1, 2), and deltas that leave boxes as they are."""
    things = torch.tensor(rows)
    nothing = 1 - things.sum(dim=1, keepdim=True)
    first = heads.regions.background_first
    logits = torch.cat([nothing, things] if first else [things, nothing], dim=1).log()
    return logits, torch.zeros(len(rows), 4 * (3 + first))


def test_a_box_is_cut_from_the_map_of_its_area(heads):
    levels = heads.levels(squares(0, 1, 111.9, 112, 223.9, 224, 447.9, 448, 5000))
    assert levels.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert heads.levels(boxes_of([0, 0, 448, 112], [0, 0, 3000, 4])).tolist() == [2, 0]


@torch.no_grad()
@pytest.mark.parametrize("side", [7, 14])
def test_boxes_of_all_levels_keep_their_order(heads, side):
    features = [noise(1, 4, 64 >> n, 80 >> n, seed=n) for n in range(5)]
    boxes = boxes_of([0, 0, 250, 250], [9, 9, 50, 40], [0, 0, 300, 120], [30, 2, 90, 99])
    assert heads.levels(boxes).unique().tolist() == [0, 1, 2]
    pooled = heads.pool(features, boxes, side)
    assert pooled.shape == (4, 4, side, side)
    for row in range(4):
        assert torch.equal(pooled[row], heads.pool(features, boxes[row, None], side)[0])
    assert heads.pool(features, boxes[:0], side).shape == (0, 4, side, side)


@torch.no_grad()
def test_the_heads_take_any_number_of_boxes(heads):
    things = 3 + heads.regions.background_first
    for count in (0, 1, 5):
        logits, deltas = heads.classify(noise(count, 4, 7, 7))
        assert (logits.shape, deltas.shape) == ((count, 4), (count, 4 * things))
        assert heads.outline(noise(count, 4, 14, 14)).shape == (count, things, 28, 28)
    pooled = noise(2, 4, 14, 14)
    both = torch.cat([heads.outline(pooled[:1]), heads.outline(pooled[1:])])
    assert torch.allclose(heads.outline(pooled), both, atol=1e-5)


def test_the_best_box_of_a_class_strikes_out_its_like(heads):
    boxes = boxes_of([10, 10, 50, 50], [12, 10, 52, 50], [100, 10, 150, 60])
    said = answers(heads, [0.7, 0.2, 0.01], [0.6, 0.3, 0.04], [0.01, 0.02, 0.9])
    found, scores, classes = heads.detections(boxes, *said, SIZE)
    first = int(heads.regions.background_first)
    assert [c - first for c in classes.tolist()] == [2, 0, 1]
    assert torch.allclose(scores, torch.tensor([0.9, 0.7, 0.3]))
    assert torch.equal(found, boxes[[2, 0, 1]])


def test_a_score_of_a_twentieth_is_too_little(heads):
    said = answers(heads, [0.0499, 0.0501, 0.01])
    _, scores, classes = heads.detections(boxes_of([0, 0, 20, 20]), *said, SIZE)
    assert classes.tolist() == [1 + heads.regions.background_first]
    assert torch.allclose(scores, torch.tensor([0.0501]))


def test_each_class_has_its_own_box(heads):
    boxes = boxes_of([50, 40, 70, 60])
    logits, deltas = answers(heads, [0.1, 0.6, 0.2])
    second = 1 + heads.regions.background_first
    deltas[0, 4 * second] = 10  # its own width to the right
    deltas[0, 4 * second + 3] = 5 * math.log(2)  # twice as high
    found, _, classes = heads.detections(boxes, logits, deltas, SIZE)
    assert classes[0] == second
    assert torch.allclose(found[0], boxes_of([70, 30, 90, 70])[0], atol=1e-4)
    assert torch.equal(found[1], boxes[0])


def test_boxes_are_held_within_the_picture_and_slivers_are_torchvision_s_to_drop(heads):
    boxes = boxes_of([-20, -20, 50, 50], [199.995, 10, 230, 60])
    said = answers(heads, [0.9, 0.01, 0.01], [0.8, 0.01, 0.01])
    found, _, _ = heads.detections(boxes, *said, SIZE)
    assert found[0].tolist() == [0, 0, 50, 50]
    assert len(found) == (1 if heads.regions.background_first else 2)


def test_a_hundred_are_kept(heads):
    places = torch.arange(150.0)
    boxes = torch.stack([places, 0 * places, places + 0.5, 0 * places + 9], dim=1)
    said = answers(heads, *([0.3 + i / 1000, 0.2, 0.1] for i in range(150)))
    found, scores, _ = heads.detections(boxes, *said, SIZE)
    assert found[:, 0].tolist() == [149.0 - i for i in range(100)]
    assert scores[0].item() == pytest.approx(0.449)


def test_a_mask_is_that_of_its_class(heads):
    logits = noise(3, 4, 2, 2)
    masks = heads.masks(logits, torch.tensor([2, 0, 3]))
    assert torch.equal(masks, torch.stack([logits[0, 2], logits[1, 0], logits[2, 3]]).sigmoid())
