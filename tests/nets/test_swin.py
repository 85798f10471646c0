from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from net_files import noise, settled  # noqa: E402
from nukki.nets.swin import (  # noqa: E402
    SwinEncoder,
    _apart,
    _Block,
    _Merge,
    places,
    relative_positions,
)

CPU = torch.device("cpu")


def small():
    return settled(SwinEncoder(8, (2, 2, 2, 2), (1, 1, 2, 2), size=4))


def test_windows_are_cut_row_by_row_and_filled_up():
    at = places(2, 3, 2, 0, CPU)
    assert at.source.tolist() == [0, 1, 3, 4, 2, 6, 5, 6]
    assert at.back.tolist() == [0, 1, 4, 2, 3, 6]
    assert at.piece.tolist() == [0] * 8


@pytest.mark.parametrize("size", [(1, 1), (4, 8), (5, 9), (7, 3)])
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_places_are_a_padded_map_rolled_and_cut(size, shift):
    h, w = size
    at, m = places(h, w, 4, shift, CPU), torch.full((h + -h % 4, w + -w % 4), h * w)
    m[:h, :w] = torch.arange(h * w).reshape(h, w)
    m = m.roll((-shift, -shift), (0, 1))
    cut = [m[y : y + 4, x : x + 4] for y in range(0, len(m), 4) for x in range(0, m.shape[1], 4)]
    assert torch.equal(at.source, torch.stack(cut).flatten())
    assert torch.equal(at.source[at.back], torch.arange(h * w))


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
    """Two tokens of a window lie in one cell of the shifted grid, or apart."""
    size, shift, h, w = 4, 2, 8, 12
    cell = (torch.arange(h)[:, None] - shift) // size * 100 + (torch.arange(w) - shift) // size
    at = places(h, w, size, shift, CPU)
    held = cell.flatten()[at.source].reshape(-1, size * size)
    wanted = torch.where(held[:, :, None] == held[:, None], 0.0, -100.0)
    found = _apart(at.piece, 2, size)
    assert torch.equal(found, torch.cat([wanted, wanted])[:, None])


def attended(block, x, shift):
    """The block's attention as one over all tokens of the padded map, most of it masked away."""
    attention, size = block.attn, 4
    n, h, w, c = x.shape
    tall, wide = h + -h % size, w + -w % size
    padded = x.new_zeros(n, tall, wide, c)
    padded[:, :h, :w] = block.norm1(x)
    token = torch.arange(tall * wide)
    down, right = (line[:, None] - line for line in (token // wide, token % wide))
    cell = (token // wide - shift) // size * 1000 + (token % wide - shift) // size
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
    block, x = settled(_Block(6, 2, 4)), noise(2, *size, 6)
    at = places(*size, 4, shift, CPU)
    found = block(x.flatten(1, 2), at, _apart(at.piece, 2, 4) if shift else None)
    found = found.reshape(x.shape)
    assert torch.allclose(found, attended(block, x, shift), atol=1e-5)
    if size != (1, 1):
        assert not torch.allclose(found, attended(block, x, 2 - shift), atol=1e-2)


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (2, 4), (3, 5), (4, 7)])
def test_merging_joins_two_by_two_and_fills_up_with_zeros(size):
    merge, x = settled(_Merge(5)), noise(2, *size, 5)
    h, w = ((side + 1) // 2 for side in size)
    found = merge(x.flatten(1, 2), *size).reshape(2, h, w, 10)
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
