"""Modulated deformable convolution: every tap of the kernel looks where an offset sends it.

Dai et al., "Deformable Convolutional Networks", ICCV 2017, with the weight for each tap of Zhu et
al., "Deformable ConvNets v2", CVPR 2019. Written in operations that ONNX has (GridSample).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["deform_conv2d"]


def deform_conv2d(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Σ over taps t of weight[t] · mask[t] · x(place + t + offset[t]), with stride 1.

    Between pixels x is bilinear; outside it is zero. The result has the size of x.

    Args:
        x: (N, C, H, W).
        offset: (N, 2·k·k, H, W) in pixels: y, x of the first tap, y, x of the second, row by row.
        mask: (N, k·k, H, W), a factor for each tap.
        weight: (O, C, k, k), k odd.

    Returns:
        (N, O, H, W).
    """
    n, c, h, w = x.shape
    o, _, k, _ = weight.shape
    offsets = offset.reshape(n, k, k, 2, h, w)
    factors = mask.reshape(n, k, k, h, w)
    taps = torch.arange(k, device=x.device)[:, None, None] - k // 2
    rows = torch.arange(h, device=x.device)[:, None]
    columns = torch.arange(w, device=x.device) + taps  # (k, 1, W)

    def seen(row: int) -> Tensor:
        """What a row of the kernel sees, weighted: (N, O, H, W)."""
        down = rows + row - k // 2 + offsets[:, row, :, 0]  # (N, k, H, W)
        right = columns + offsets[:, row, :, 1]
        # Corners not aligned: places of a map one pixel wide have coordinates too.
        grid = torch.stack(((2 * right + 1) / w - 1, (2 * down + 1) / h - 1), dim=-1)
        pixels = F.grid_sample(
            x, grid.reshape(n, k * h, w, 2), "bilinear", "zeros", align_corners=False
        )
        pixels = pixels.reshape(n, c, k, h, w) * factors[:, None, row]
        kernel = weight[:, :, row].reshape(o, c * k, 1, 1)
        return F.conv2d(pixels.reshape(n, c * k, h, w), kernel)

    # Row by row of the kernel: all 7 × 7 taps of a large map at once would need gigabytes.
    total = seen(0)
    for row in range(1, k):
        total = total + seen(row)
    return total
