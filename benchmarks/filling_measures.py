"""How good a filled hole is beside the photo's own pixels: the measures behind `filling.py`.

All are taken in the hole alone, on 8 bits of sRGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from nukki.ops.alpha import gaussian
from nukki.ops.sharpness import laplacian
from nukki.types import RGB8, Mask

__all__ = ["Encoder", "detail", "frechet", "psnr", "seam", "ssim"]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def psnr(filled: RGB8, truth: RGB8, hole: Mask) -> float:
    """Peak signal to noise ratio over the hole's pixels, in decibels."""
    apart = filled[hole].astype(np.float64) - truth[hole]
    return float(10 * np.log10(255**2 / max(float(np.square(apart).mean()), 1e-2)))


def ssim(filled: RGB8, truth: RGB8, hole: Mask) -> float:
    """Structural similarity of the luma, mean over the hole's pixels.

    Wang, Bovik, Sheikh & Simoncelli, IEEE Trans. Image Processing 13, 2004: a Gaussian of 1.5
    pixels, k = .01 and .03.
    """
    one, two = filled @ _LUMA, truth @ _LUMA
    means = gaussian(one, 1.5), gaussian(two, 1.5)
    spread = [gaussian(one * one, 1.5) - means[0] ** 2, gaussian(two * two, 1.5) - means[1] ** 2]
    shared = gaussian(one * two, 1.5) - means[0] * means[1]
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    over = (2 * means[0] * means[1] + low) * (2 * shared + high)
    under = (means[0] ** 2 + means[1] ** 2 + low) * (spread[0] + spread[1] + high)
    return float((over / under)[hole].mean())


def detail(filled: RGB8, truth: RGB8, hole: Mask) -> float:
    """Energy of the Laplacian in the hole over that of the truth: 1 is as much detail."""
    own, true = (np.square(laplacian(image)[hole]).mean() for image in (filled, truth))
    return float(own / max(float(true), 1e-3))


def seam(filled: RGB8, truth: RGB8, hole: Mask) -> float:
    """How much luma breaks at the hole's border, over how much the truth does there.

    A break is what the step across the border differs from the mean of the steps before and after
    it. 1 is no more than the photo's own.
    """
    totals = []
    for image in (filled, truth):
        luma, total, count = image @ _LUMA, 0.0, 0
        for turned, mask in ((luma, hole), (luma.T, hole.T)):
            step = np.diff(turned, axis=1)
            bend = np.abs(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2)
            border = (mask[:, 1:] != mask[:, :-1])[:, 1:-1]
            total, count = total + float(bend[border].sum()), count + int(border.sum())
        totals.append(total / max(count, 1))
    return totals[0] / max(totals[1], 1e-3)


class Encoder:
    """MobileNetV2 as ImageNet taught it, of folded weights (see the file's own README).

    The distance is that of LPIPS (Zhang et al., CVPR 2018) with equal weights instead of learned
    ones: maps of unit length in every place, squared differences, mean over the hole.
    """

    _STRIDES = (2, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)  # the stem and 17 blocks
    _SEEN = (1, 3, 6, 13, 16)  # blocks whose output is looked at

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self._layers = [
                (
                    torch.from_numpy(file[f"{number:02d}.weight"].astype(np.float32)),
                    torch.from_numpy(file[f"{number:02d}.bias"].astype(np.float32)),
                )
                for number in range(51)
            ]

    def maps(self, images: Sequence[RGB8]) -> list[torch.Tensor]:
        """(N, C, h, w) maps of pictures of one size, at strides 2 to 32."""
        x = torch.from_numpy(np.stack(images).astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
        layers = iter(self._layers)
        seen = []
        with torch.inference_mode():
            x = self._convolved(x, next(layers), self._STRIDES[0], active=True)
            for block, stride in enumerate(self._STRIDES[1:], start=1):
                before = x
                if block > 1:
                    x = self._convolved(x, next(layers), 1, active=True)
                x = self._convolved(x, next(layers), stride, active=True)
                x = self._convolved(x, next(layers), 1, active=False)
                if x.shape == before.shape and block > 1:
                    x = x + before
                if block in self._SEEN:
                    seen.append(x)
        return seen

    def distance(self, filled: RGB8, truth: RGB8, hole: Mask) -> float:
        """LPIPS-like distance in the hole; 0 is the same."""
        total = 0.0
        inside = torch.from_numpy(hole.astype(np.float32))[None, None]
        for one in self.maps([filled, truth]):
            unit = F.normalize(one, dim=1)
            apart = (unit[0] - unit[1]).square().sum(dim=0)
            weight = F.adaptive_avg_pool2d(inside, apart.shape)[0, 0]
            total += float((apart * weight).sum() / weight.sum())
        return total

    def seen(self, crops: Sequence[RGB8]) -> NDArray[np.float64]:
        """(N, 96): the mean of what is seen of each crop at stride 16, for `frechet`."""
        return self.maps(crops)[3].mean(dim=(2, 3)).double().numpy()

    @staticmethod
    def _convolved(
        x: torch.Tensor, layer: tuple[torch.Tensor, torch.Tensor], stride: int, *, active: bool
    ) -> torch.Tensor:
        weight, bias = layer
        reach = weight.shape[-1] // 2
        if reach:
            x = F.pad(x, (0, 1, 0, 1)) if stride == 2 else F.pad(x, (1, 1, 1, 1))
        groups = x.shape[1] // weight.shape[1]
        x = F.conv2d(x, weight, bias, stride, groups=groups)
        return x.clamp(0, 6) if active else x


def frechet(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Distance of two sets of (N, C) points taken as Gaussians (Heusel et al., NeurIPS 2017).

    The root's trace comes from the singular values of the product of the two covariances' roots.
    """
    apart = float(np.square(one.mean(axis=0) - two.mean(axis=0)).sum())
    spread = [np.cov(points, rowvar=False) for points in (one, two)]
    roots = []
    for matrix in spread:
        values, vectors = np.linalg.eigh(matrix)
        roots.append((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
    shared = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return apart + float(np.trace(spread[0]) + np.trace(spread[1]) - 2 * shared)
