from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from net_files import noise, settled  # noqa: E402
from nukki.nets.swin import (  # noqa: E402
    SwinEncoder,
    _Block,
    _Merge,
    relative_positions,
    shift_mask,
    windows,
)


def small():
    return settled(SwinEncoder(8, (2, 2, 2, 2), (1, 1, 2, 2), size=4))


def test_windows_are_cut_row_by_row():
    x = torch.arange(2 * 4 * 6).reshape(2, 4, 6, 1)
    cut = windows(x, 2)
    assert cut.shape == (12, 4, 1)
    assert cut[1].flatten().tolist() == [2, 3, 8, 9]
    assert cut[3].flatten().tolist() == [12, 13, 18, 19]
    assert cut[6].flatten().tolist() == [24, 25, 30, 31]


def test_relative_positions_are_alike_where_the_way_is_alike():
    found, ways = relative_positions(3), {}
    for a in range(9):
        for b in range(9):
            way = (a // 3 - b // 3, a % 3 - b % 3)
            assert ways.setdefault(way, int(found[a, b])) == found[a, b]
    assert sorted(ways.values()) == list(range(25))
    # The authors' table begins with the looks from the top left to the bottom right.
    assert ways[-2, -2] == 0
    assert ways[-2, -1] == 1
    assert ways[-1, -2] == 5


def test_only_neighbours_by_wrapping_are_kept_apart():
    """Rolled back, two tokens of a window lie in one cell of the shifted grid, or apart."""
    size, shift, h, w = 4, 2, 8, 12
    cell = (torch.arange(h)[:, None] - shift) // size * 100 + (torch.arange(w) - shift) // size
    rolled = windows(cell.roll((-shift, -shift), (0, 1))[None, :, :, None], size)
    wanted = torch.where(rolled == rolled.transpose(1, 2), 0.0, -100.0)
    assert torch.equal(shift_mask(h, w, size, shift, wanted), wanted)


def attended(block, x, shift):
    """The block's attention as one over all tokens of the padded map, most of it masked away."""
    size, attention = block.size, block.attn
    n, h, w, c = x.shape
    tall, wide = h + -h % size, w + -w % size
    padded = x.new_zeros(n, tall, wide, c)
    padded[:, :h, :w] = block.norm1(x)
    y, x_ = (part.flatten() for part in torch.meshgrid(
        torch.arange(tall), torch.arange(wide), indexing="ij"
    ))  # fmt: skip
    down, right = y[:, None] - y, x_[:, None] - x_
    cell = (y - shift) // size * 1000 + (x_ - shift) // size
    row = ((down + size - 1) * (2 * size - 1) + right + size - 1).clamp(0, (2 * size - 1) ** 2 - 1)
    outputs = []
    query, key, value = attention.qkv(padded.reshape(n, -1, c)).chunk(3, dim=-1)
    deep = c // attention.heads
    for head in range(attention.heads):
        mine = slice(head * deep, (head + 1) * deep)
        logits = query[..., mine] @ key[..., mine].transpose(1, 2) / deep**0.5
        logits = logits + attention.relative_position_bias_table[row, head]
        logits = logits.masked_fill(cell[:, None] != cell, float("-inf"))
        outputs.append(logits.softmax(-1) @ value[..., mine])
    answer = attention.proj(torch.cat(outputs, -1)).reshape(n, tall, wide, c)[:, :h, :w]
    x = x + answer
    return x + block.mlp(block.norm2(x))


@torch.no_grad()
@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 9), (8, 11), (3, 13)])
def test_a_block_is_attention_over_the_cells_of_its_grid(size, shift):
    block, x = settled(_Block(6, 2, 4, shift)), noise(2, *size, 6)
    tall, wide = (side + -side % 4 for side in size)
    found = block(x, shift_mask(tall, wide, 4, 2, x))
    assert torch.allclose(found, attended(block, x, shift), atol=1e-5)
    if size != (1, 1):
        assert not torch.allclose(found, attended(block, x, 2 - shift), atol=1e-2)


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (2, 4), (3, 5), (4, 7)])
def test_merging_joins_two_by_two_and_fills_up_with_zeros(size):
    merge, x = settled(_Merge(5)), noise(2, *size, 5)
    h, w = ((side + 1) // 2 for side in size)
    found = merge(x)
    assert found.shape == (2, h, w, 10)
    for row in range(h):
        for column in range(w):
            four = torch.zeros(2, 4, 5)
            for turn, (down, right) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
                y, z = 2 * row + down, 2 * column + right
                if y < size[0] and z < size[1]:
                    four[:, turn] = x[:, y, z]
            wanted = merge.reduction(merge.norm(four.flatten(1)))
            assert torch.allclose(found[:, row, column], wanted, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("size", [(4, 4), (32, 64), (36, 100)])
def test_four_maps_are_each_half_as_large_rounded_up(size):
    for stage, found in enumerate(small()(noise(1, 3, *size))):
        step = 4 * 2**stage
        assert found.shape == (1, 8 * 2**stage, -(-size[0] // step), -(-size[1] // step))
        assert bool(found.isfinite().all())


@torch.no_grad()
def test_a_batch_of_two_is_two_batches():
    net, x = small(), noise(2, 3, 52, 40)
    for both, first, second in zip(net(x), net(x[:1]), net(x[1:]), strict=True):
        assert torch.allclose(both, torch.cat([first, second]), atol=1e-5)
        assert not torch.allclose(first, second, atol=1e-2)


def test_three_channels_are_needed():
    with pytest.raises(RuntimeError, match="channels"):
        small()(noise(1, 4, 32, 32))
