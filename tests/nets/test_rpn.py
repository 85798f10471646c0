from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from net_files import noise, settled  # noqa: E402
from nukki.nets.rpn import ProposalHead, ProposalNetwork, clipped, decoded  # noqa: E402

GRID = (64, 96)
CELLS = ((16, 24), (8, 12), (4, 6), (2, 3), (1, 2))


def answers(low=-9.0):
    """Logits and deltas that propose nothing but anchors."""
    logits = [torch.full((1, 3, *cells), low) for cells in CELLS]
    return logits, [torch.zeros(1, 12, *cells) for cells in CELLS]


def network(whole=False, least=1e-3):
    return ProposalNetwork(8, whole=whole, least=least)


def test_deltas_move_by_sides_and_stretch_by_logarithms():
    box = torch.tensor([10.0, 20.0, 30.0, 60.0])
    assert decoded(torch.zeros(4), box).tolist() == [10, 20, 30, 60]
    moved = decoded(torch.tensor([1.0, -0.5, 0.0, 0.0]), box)
    assert moved.tolist() == [30, 0, 50, 40]
    grown = decoded(torch.tensor([0.0, 0.0, math.log(2), math.log(0.5)]), box)
    assert torch.allclose(grown, torch.tensor([0.0, 30.0, 40.0, 50.0]), atol=1e-5)
    weighted = decoded(torch.tensor([10.0, 0.0, 5 * math.log(2), 0.0]), box, (10, 10, 5, 5))
    assert torch.allclose(weighted, torch.tensor([20.0, 20.0, 60.0, 60.0]), atol=1e-5)


def test_no_box_grows_by_more_than_a_thousand_sixteenths():
    box = decoded(torch.tensor([0.0, 0.0, 99.0, 99.0]), torch.tensor([0.0, 0.0, 16.0, 32.0]))
    assert torch.allclose(box[2:] - box[:2], torch.tensor([1000.0, 2000.0]), rtol=1e-5)


def test_boxes_are_held_within_the_picture():
    boxes = torch.tensor([[-5.0, -1.0, 200.0, 20.0], [10.0, 70.0, 20.0, 80.0]])
    held = clipped(boxes, torch.tensor([64, 96]))
    assert held.tolist() == [[0, 0, 96, 20], [10, 64, 20, 64]]


def test_anchors_of_torchvision_are_whole():
    anchors = network(whole=True).anchors(0, (2, 3), (8, 12))
    assert anchors.shape == (18, 4)
    first = [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]
    assert anchors[:3].tolist() == first
    assert (anchors[3:6] - anchors[:3]).tolist() == [[4, 0, 4, 0]] * 3  # then along the row
    assert (anchors[9:12] - anchors[:3]).tolist() == [[0, 4, 0, 4]] * 3


def test_anchors_of_detectron2_keep_their_area():
    anchors = network().anchors(2, (1, 1), (64, 64))
    width, height = (anchors[:, 2:] - anchors[:, :2]).unbind(1)
    assert torch.allclose(width * height, torch.full((3,), 128.0**2))
    assert torch.allclose(height / width, torch.tensor([0.5, 1.0, 2.0]))


def test_the_coarsest_cells_of_torchvision_share_the_picture_evenly():
    # 288 / 32 is odd: the level of stride 64 has 5 cells, which cover 320 pixels.
    ours = network(whole=True).anchors(4, (5, 5), (288, 288))
    theirs = network().anchors(4, (5, 5), (288, 288))
    assert (ours[3, 0] - ours[0, 0]).item() == 57
    assert (theirs[3, 0] - theirs[0, 0]).item() == 64


def test_the_likeliest_anchor_comes_first():
    logits, deltas = answers()
    logits[1][0, 1, 3, 5] = 5  # the square anchor at column 5, row 3: 64 pixels around (40, 24)
    deltas[1][0, 4 + 1, 3, 5] = 0.25  # a quarter of its height further down
    logits[0][0, 0, 8, 10] = 4
    boxes, scores = network()(logits, deltas, GRID, torch.tensor([60, 90]))
    assert scores[:2].tolist() == [5, 4]
    assert boxes[0].tolist() == [8, 8, 72, 60]
    assert torch.allclose(boxes[1], torch.tensor([17.3726, 20.6863, 62.6274, 43.3137]), atol=1e-3)
    assert bool((scores[1:] <= scores[:-1]).all())


def test_nothing_lies_outside_the_picture_and_nothing_is_empty():
    logits, deltas = answers()
    size = torch.tensor([33, 40])
    boxes, _ = network()(logits, deltas, GRID, size)
    assert bool((boxes >= 0).all())
    assert bool((boxes <= size.flip(0).repeat(2)).all())
    assert bool((boxes[:, 2:] - boxes[:, :2] >= 1e-3).all())
    narrow, _ = network(least=30.0)(logits, deltas, GRID, size)
    assert 0 < len(narrow) < len(boxes)
    assert bool((narrow[:, 2:] - narrow[:, :2] >= 30).all())


def test_at_most_a_thousand_are_proposed():
    cells = ((64, 64), (32, 32), (16, 16), (8, 8), (4, 4))
    logits = [noise(1, 3, *side, seed=n) for n, side in enumerate(cells)]
    deltas = [noise(1, 12, *side, seed=n) - 1.5 for n, side in enumerate(cells)]  # small boxes
    boxes, scores = network()(logits, deltas, (256, 256), torch.tensor([256, 256]))
    assert boxes.shape == (1000, 4)
    assert scores.shape == (1000,)


@torch.no_grad()
def test_the_head_is_the_same_on_each_level():
    head = settled(ProposalHead(6))
    levels = [noise(2, 6, 8, 10), noise(2, 6, 4, 5, seed=2)]
    logits, deltas = head(levels)
    assert [tuple(x.shape) for x in logits] == [(2, 3, 8, 10), (2, 3, 4, 5)]
    assert [tuple(x.shape) for x in deltas] == [(2, 12, 8, 10), (2, 12, 4, 5)]
    alone, _ = head(levels[1:])
    assert torch.equal(alone[0], logits[1])
