"""ViTMatte, small and base.

Yao, Wang, Yang, Wang, "ViTMatte: boosting image matting with pre-trained plain vision
transformers", Information Fusion 103, 2024; as the library transformers defines it. Sizes: the
authors' configs, vitmatte_s.py and vitmatte_b.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nukki.nets.hub import library, named_as_now
from nukki.nets.published import Published

__all__ = ["PUBLISHED", "ViTMatte"]

_PATCH = 16  # pixels of a token's side


class ViTMatte(nn.Module):
    """A picture with its trimap to alpha.

    Args:
        channels: Of a token.
        heads: Of an attention.
        blocks: Layers; of each three the last looks everywhere, the others into windows.
        window: Tokens of a window's side.
        others: Of the library's configuration of the decoder.
    """

    def __init__(
        self, channels: int, heads: int, blocks: int = 12, window: int = 14, **others: Any
    ) -> None:
        super().__init__()
        transformers = library()
        everywhere = list(range(2, blocks, 3))
        backbone = transformers.VitDetConfig(
            num_channels=4,
            image_size=512,
            pretrain_image_size=224,
            patch_size=_PATCH,
            hidden_size=channels,
            num_attention_heads=heads,
            num_hidden_layers=blocks,
            use_absolute_position_embeddings=True,
            use_relative_position_embeddings=True,
            window_size=window,
            window_block_indices=[block for block in range(blocks) if block not in everywhere],
            residual_block_indices=everywhere,
            out_features=[f"stage{blocks}"],
        )
        decoder = {
            "convstream_hidden_sizes": [48, 96, 192],
            "fusion_hidden_sizes": [256, 128, 64, 32],
            **others,
        }
        config = transformers.VitMatteConfig(
            backbone_config=backbone, hidden_size=channels, **decoder
        )
        self.net = transformers.VitMatteForImageMatting(config)

    def forward(self, image: Tensor) -> Tensor:
        """Alpha (n, 1, h, w) in 0..1 of a picture and its trimap (n, 4, h, w), sides of 32s."""
        with _free_sides():
            alphas: Tensor = self.net(pixel_values=image).alphas
        return alphas


def _relative_positions(length: int, _: int, table: Tensor) -> Tensor:
    """What the library's `get_rel_pos` gives where queries and keys are of one length.

    The library branches on the length, which no graph of free size can.

    Args:
        length: Of queries and of keys, n.
        table: (2 m - 1, channels): for each distance of keys a vector; stretched to 2 n - 1.

    Returns:
        (n, n, channels).
    """
    stretched = F.interpolate(table.T[None], size=2 * length - 1, mode="linear")[0].T
    places = torch.arange(length, device=table.device)
    return stretched[places[:, None] - places[None, :] + length - 1]


@contextlib.contextmanager
def _free_sides() -> Iterator[None]:
    """The library with `_relative_positions`, for as long as this lasts."""
    module = import_module("transformers.models.vitdet.modeling_vitdet")
    kept = module.get_rel_pos
    module.get_rel_pos = _relative_positions  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.get_rel_pos = kept  # type: ignore[attr-defined]


PUBLISHED = {
    "vitmatte-s": Published(partial(ViTMatte, 384, 6), translate=named_as_now),
    "vitmatte-b": Published(partial(ViTMatte, 768, 12), translate=named_as_now),
}
