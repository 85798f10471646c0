from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from net_files import noise, settled  # noqa: E402
from nukki.nets.fpn import FeaturePyramid  # noqa: E402


def stages(count=1):
    return [noise(count, width, 16 >> n, 24 >> n, seed=n) for n, width in enumerate((4, 6, 8, 10))]


@torch.no_grad()
def test_there_are_five_levels_of_one_width():
    levels = settled(FeaturePyramid((4, 6, 8, 10), 5))(stages(2))
    shapes = [(2, 5, 16, 24), (2, 5, 8, 12), (2, 5, 4, 6), (2, 5, 2, 3), (2, 5, 1, 2)]
    assert [tuple(level.shape) for level in levels] == shapes
    assert torch.equal(levels[4], levels[3][..., ::2, ::2])


@torch.no_grad()
@pytest.mark.parametrize("changed", range(4))
def test_a_stage_is_seen_on_its_own_level_and_on_finer_ones(changed):
    pyramid = settled(FeaturePyramid((4, 6, 8, 10), 5))
    before = pyramid(stages())
    others = stages()
    others[changed] += 1
    same = [torch.equal(a, b) for a, b in zip(before, pyramid(others), strict=True)]
    assert same == [False] * (changed + 1) + [True] * (3 - changed) + [changed < 3]


@torch.no_grad()
def test_coarser_levels_are_repeated_not_smoothed():
    pyramid = settled(FeaturePyramid((1, 1, 1, 1), 1))
    for conv in pyramid.layer_blocks:
        conv.weight.zero_()
        conv.weight[:, :, 1, 1] = 1
        conv.bias.zero_()
    for conv in pyramid.inner_blocks:
        conv.weight.fill_(1)
        conv.bias.zero_()
    empty = [torch.zeros(1, 1, 16 >> n, 16 >> n) for n in range(3)]
    last = noise(1, 1, 2, 2)
    finest = pyramid([*empty, last])[0]
    assert torch.equal(finest, last.repeat_interleave(8, 2).repeat_interleave(8, 3))
