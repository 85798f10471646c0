"""MobileNetV2's block and encoder: sizes, where zeros are padded, when the input is added."""

from __future__ import annotations

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")

from nukki.nets.mobilenetv2 import STAGES, InvertedResidual, MobileNetV2, conv_norm  # noqa: E402


def block(*arguments, shift=0.0, **options):
    """A block in evaluation mode whose norms add `shift`."""
    torch.manual_seed(4)
    result = InvertedResidual(*arguments, **options).eval()
    for name, tensor in result.named_parameters():
        if tensor.ndim == 1 and name.endswith("bias"):
            torch.nn.init.constant_(tensor, shift)
    return result


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (33, 47)])
def test_encoder_sees_five_sizes(size):
    with torch.no_grad():
        seen = MobileNetV2().eval()(torch.zeros(1, 3, *size))
    rounded_up = [[-(-side // 2**level) for side in size] for level in range(1, 6)]
    wanted = [(1, c, *sides) for c, sides in zip((16, 24, 32, 96, 1280), rounded_up, strict=True)]
    assert [tuple(tensor.shape) for tensor in seen] == wanted


def test_stages_follow_each_other_as_in_the_paper():
    assert sum(stage.repeats for stage in STAGES) == 17
    for before, after in pairwise(STAGES):
        assert before.outer == after.inner


def test_a_kernel_of_any_dilation_keeps_the_size():
    x = torch.zeros(1, 2, 11, 9)
    for size, dilation in [(1, 1), (3, 1), (5, 1), (3, 4), (3, 8)]:
        assert conv_norm(2, 2, size, dilation=dilation).eval()(x).shape == x.shape


def test_zeros_padded_first_matter_at_the_rim_only_and_only_through_the_norm():
    x = torch.rand(1, 8, 9, 7, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        late = block(8, 8, 6, 1, shift=0.5)(x)
        early = block(8, 8, 6, 1, shift=0.5, pad_first=True)(x)
        inner = (..., slice(1, -1), slice(1, -1))
        assert torch.allclose(early[inner], late[inner], atol=1e-5)
        rim = torch.ones(9, 7, dtype=torch.bool)
        rim[inner] = False
        assert bool(((early - late).abs().amax(dim=(0, 1)) > 1e-4)[rim].all())
        # Without a shift, norm and ReLU6 make zero of zero.
        silent = block(8, 8, 6, 1, pad_first=True)(x)
        assert torch.allclose(silent, block(8, 8, 6, 1)(x), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "adds"), [((8, 8, 6, 1), True), ((8, 8, 6, 2), False), ((8, 12, 6, 1), False)]
)
def test_the_input_is_added_where_it_fits(arguments, adds):
    silent = block(*arguments)
    torch.nn.init.zeros_(silent.conv[-1].weight)
    x = torch.rand(1, 8, 6, 6, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        y = silent(x)
    assert torch.equal(y, x if adds else torch.zeros_like(y))
