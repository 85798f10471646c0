"""Mask2Former with Swin, for instances of COCO.

Cheng, Misra, Schwing, Kirillov, Girdhar, "Masked-attention mask transformer for universal image
segmentation", CVPR 2022; as the library transformers defines it. Sizes: the authors' MODEL_ZOO.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nukki.nets.hub import library, named_as_now
from nukki.nets.published import Published

__all__ = ["PUBLISHED", "Mask2Former"]

_CLASSES = 80  # of COCO

# Channels of the first stage, blocks and heads of each stage, side of the windows, side of the
# pictures that the encoder was trained on, queries.
_SIZES: dict[str, dict[str, Any]] = {
    "t": {"swin": (96, (2, 2, 6, 2), (3, 6, 12, 24), 7, 224), "queries": 100},
    "s": {"swin": (96, (2, 2, 18, 2), (3, 6, 12, 24), 7, 224), "queries": 100},
    "b": {"swin": (128, (2, 2, 18, 2), (4, 8, 16, 32), 12, 384), "queries": 100},
    "l": {"swin": (192, (2, 2, 18, 2), (6, 12, 24, 48), 12, 384), "queries": 200},
}


class Mask2Former(nn.Module):
    """A picture's queries: of which class each is, and where.

    Args:
        swin: Channels of the first stage, blocks and heads of each stage, side of the windows, side
            of the pictures that the encoder was trained on.
        queries: How many.
        classes: Of things, without "nothing".
        others: Of the library's configuration.
    """

    def __init__(
        self,
        swin: tuple[int, tuple[int, ...], tuple[int, ...], int, int],
        queries: int,
        classes: int = _CLASSES,
        **others: Any,
    ) -> None:
        super().__init__()
        transformers = library()
        channels, depths, heads, window, side = swin
        backbone = transformers.SwinConfig(
            image_size=side,
            embed_dim=channels,
            depths=list(depths),
            num_heads=list(heads),
            window_size=window,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )
        config = transformers.Mask2FormerConfig(
            backbone_config=backbone, num_queries=queries, num_labels=classes, **others
        )
        config._attn_implementation = "eager"
        self.net = transformers.Mask2FormerForUniversalSegmentation(config)
        # A norm that the library makes and no feature map passes through; no file has its weights.
        self.net.model.pixel_level_module.encoder.swin.layernorm = nn.Identity()
        # Two ways of the library fix the size of a graph: it counts the steps of its reference
        # points outside the graph, and remembers positions by size.
        self.net.model.pixel_level_module.decoder.encoder.get_reference_points = _reference_points
        for module in self.net.modules():
            remembering = getattr(module, "build_sine_position_embedding", None)
            if remembering is not None:
                module.build_sine_position_embedding = remembering.__wrapped__

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of classes (n, queries, classes + 1) and of masks (n, queries, h/4, w/4).

        Args:
            image: (n, 3, h, w), sides multiples of 32.
        """
        found = self.net(pixel_values=image)
        return found.class_queries_logits, found.masks_queries_logits


def _reference_points(
    shapes: Sequence[tuple[int, int]], ratios: Tensor, device: torch.device
) -> Tensor:
    """The centres of all cells of all levels, as shares of the picture; see the library's own.

    Args:
        shapes: Height and width of each level.
        ratios: (n, levels, 2), the shares of width and height that are no padding: 1.
        device: Of the result.

    Returns:
        (n, cells, levels, 2), x first.
    """
    centres = []
    for height, width in shapes:
        y = (torch.arange(height, device=device, dtype=ratios.dtype) + 0.5) / height
        x = (torch.arange(width, device=device, dtype=ratios.dtype) + 0.5) / width
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        centres.append(torch.stack((columns.reshape(-1), rows.reshape(-1)), -1))
    return torch.cat(centres)[None, :, None] * ratios[:, None]


def _published(size: str) -> Published:
    build = partial(Mask2Former, **_SIZES[size])
    # Tables that the library makes anew.
    ignored = (r".*\.relative_position_index$",)
    return Published(build, ignored=ignored, translate=named_as_now)


PUBLISHED = {f"mask2former-swin-{size}": _published(size) for size in _SIZES}
