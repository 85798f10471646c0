"""LaMa's generator (big-lama): fills a hole with convolutions that see the whole picture.

Suvorov, Logacheva, Mashikhin, Remizova, Ashukha, Silvestrov, Kong, Goka, Park and Lempitsky,
"Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022 (arXiv 2109.07161),
from Chi, Jiang and Mu, "Fast Fourier Convolution", NeurIPS 2020. On the coarsest grid a quarter of
the channels is local (3×3 convolutions) and the rest global (1×1 convolutions of the spectrum).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nukki.nets.published import Published

__all__ = ["PUBLISHED", "FourierUnit", "Lama"]

_BLOCKS = 18
Halves = tuple[Tensor, Tensor]  # local channels, global channels


class Lama(nn.Module):
    """The generator of big-lama.

    Args:
        width: Channels of the first layer; the coarsest grid has eight times as many.
        blocks: Residual blocks on the coarsest grid.
    """

    def __init__(self, width: int = 64, blocks: int = _BLOCKS) -> None:
        super().__init__()
        layers = [
            nn.ReflectionPad2d(3),
            _Local(4, width, 7),
            _Local(width, 2 * width, 3, stride=2, padding=1),
            _Local(2 * width, 4 * width, 3, stride=2, padding=1),
            _Split(4 * width, 2 * width, 6 * width),
            *(_Block(2 * width, 6 * width) for _ in range(blocks)),
            _Join(),
            *_up(8 * width),
            *_up(4 * width),
            *_up(2 * width),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 3, 7),
            nn.Sigmoid(),
        ]
        # Under the names of the published file.
        self.generator = nn.ModuleDict({"model": nn.Sequential(*layers)})

    def forward(self, x: Tensor) -> Tensor:
        """What the network paints.

        Args:
            x: (N, 4, H, W) float32, sides multiples of 8 and at least 16: the picture in 0..1, red
                first, 0 in the hole, and the mask, 1 in the hole and 0 elsewhere.

        Returns:
            (N, 3, H, W) in 0..1, also outside the hole; only the hole is to be taken from it.
            Sides that are no multiples of 8 come out as the next larger one.
        """
        result: Tensor = self.generator["model"](x)
        return result


class _Local(nn.Module):
    """Convolution, batch norm, ReLU: a Fourier layer without a global half."""

    def __init__(
        self, inner: int, outer: int, size: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.ffc = nn.ModuleDict({"convl2l": _conv(inner, outer, size, stride, padding)})
        self.bn_l = nn.BatchNorm2d(outer)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn_l(self.ffc["convl2l"](x)))


class _Split(nn.Module):
    """To half the sides, and from here on local and global channels."""

    def __init__(self, inner: int, local: int, whole: int) -> None:
        super().__init__()
        self.ffc = nn.ModuleDict(
            {"convl2l": _conv(inner, local, 3, 2, 1), "convl2g": _conv(inner, whole, 3, 2, 1)}
        )
        self.bn_l = nn.BatchNorm2d(local)
        self.bn_g = nn.BatchNorm2d(whole)

    def forward(self, x: Tensor) -> Halves:
        local = torch.relu(self.bn_l(self.ffc["convl2l"](x)))
        return local, torch.relu(self.bn_g(self.ffc["convl2g"](x)))


class _Join(nn.Module):
    """Local and global channels side by side."""

    def forward(self, halves: Halves) -> Tensor:
        return torch.cat(halves, 1)


class _Block(nn.Module):
    """Two Fourier layers with a residual around them."""

    def __init__(self, local: int, whole: int) -> None:
        super().__init__()
        self.conv1 = _FourierLayer(local, whole)
        self.conv2 = _FourierLayer(local, whole)

    def forward(self, halves: Halves) -> Halves:
        local, whole = self.conv2(self.conv1(halves))
        return halves[0] + local, halves[1] + whole


class _FourierLayer(nn.Module):
    """Fast Fourier convolution, then batch norm and ReLU for each half."""

    def __init__(self, local: int, whole: int) -> None:
        super().__init__()
        self.ffc = _FourierConv(local, whole)
        self.bn_l = nn.BatchNorm2d(local)
        self.bn_g = nn.BatchNorm2d(whole)

    def forward(self, halves: Halves) -> Halves:
        local, whole = self.ffc(halves)
        return torch.relu(self.bn_l(local)), torch.relu(self.bn_g(whole))


class _FourierConv(nn.Module):
    """Each half gets a sum over both; only the way from global to global is spectral."""

    def __init__(self, local: int, whole: int) -> None:
        super().__init__()
        self.convl2l = _conv(local, local, 3, 1, 1)
        self.convl2g = _conv(local, whole, 3, 1, 1)
        self.convg2l = _conv(whole, local, 3, 1, 1)
        self.convg2g = _Spectral(whole)

    def forward(self, halves: Halves) -> Halves:
        local, whole = halves
        return (
            self.convl2l(local) + self.convg2l(whole),
            self.convl2g(local) + self.convg2g(whole),
        )


class _Spectral(nn.Module):
    """Half the channels, their Fourier unit with a residual, all the channels again."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(channels, narrow, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()
        )
        self.fu = FourierUnit(narrow)
        self.conv2 = nn.Conv2d(narrow, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        result: Tensor = self.conv2(x + self.fu(x))
        return result


class FourierUnit(nn.Module):
    """1×1 convolution, batch norm and ReLU of the spectrum: (N, C, H, W) → (N, C, H, W).

    The spectrum of real values is redundant: W // 2 + 1 columns hold all of it. Real and imaginary
    parts of a channel are neighbouring channels of the convolution.

    Args:
        channels: Of what comes in and goes out.
        norm: Whether the convolution is followed by a batch norm; else it has a bias.

    Attributes:
        products: Whether to transform by products with matrices of cosines and sines instead of
            `torch.fft`: the same values. Whoever traces the network (`torch.export`, so ONNX too)
            gets these in any case: ONNX Runtime's `DFT` takes five times as long for 192 channels
            of 64 × 64, and 29 times for 17 × 25.
    """

    def __init__(self, channels: int, *, norm: bool = True) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=not norm)
        self.bn = nn.BatchNorm2d(2 * channels) if norm else nn.Identity()
        self.products = False

    def forward(self, x: Tensor) -> Tensor:
        """Filter the spectrum: (N, C, H, W) → (N, C, H, W)."""
        if self.products or torch.compiler.is_compiling():
            return _values_by_products(self._filtered(_spectrum_by_products(x)), x)
        spectrum = torch.view_as_real(torch.fft.rfft2(x, norm="ortho"))  # (N, C, H, K, 2)
        parts = spectrum.permute(0, 1, 4, 2, 3).flatten(1, 2)  # (N, 2C, H, K)
        parts = torch.unflatten(self._filtered(parts), 1, (-1, 2)).permute(0, 1, 3, 4, 2)
        spectrum = torch.view_as_complex(parts.contiguous())
        values: Tensor = torch.fft.irfft2(spectrum, s=x.shape[-2:], norm="ortho")
        return values

    def _filtered(self, parts: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv_layer(parts)))


def _spectrum_by_products(x: Tensor) -> Tensor:
    """`rfft2(x, norm="ortho")` as (N, 2C, H, W // 2 + 1): real and imaginary parts in turn.

    exp(-i·a) = cos a - i·sin a along the rows, then along the columns. There, real and imaginary
    parts lie over each other, so that one product turns them both.
    """
    high, wide = x.shape[-2:]
    cos, sin = _waves(x, wide, wide // 2 + 1)  # (W, K)
    parts = torch.cat((x @ cos, -(x @ sin)), -2)  # (N, C, 2H, K)
    cos, sin = _waves(x, high, high)
    turn = torch.cat((torch.cat((cos, sin), 1), torch.cat((-sin, cos), 1)))  # (2H, 2H)
    return torch.unflatten(turn @ parts, 2, (2, high)).flatten(1, 2)


def _values_by_products(parts: Tensor, like: Tensor) -> Tensor:
    """`irfft2(…, s=like.shape[-2:], norm="ortho")` of (N, 2C, H, W // 2 + 1): (N, C, H, W).

    Columns first, by exp(+i·a). Along the rows, the columns of the spectrum that were left out are
    the conjugates of those that are there: these count twice, but for the constant and, where W is
    even, the highest frequency, which are their own conjugates.
    """
    high, wide = like.shape[-2:]
    cos, sin = _waves(like, high, high)
    turn = torch.cat((torch.cat((cos, -sin), 1), torch.cat((sin, cos), 1)))  # (2H, 2H)
    turned = turn @ torch.unflatten(parts, 1, (-1, 2)).flatten(2, 3)  # (N, C, 2H, K)
    cos, sin = _waves(like, wide, wide // 2 + 1)  # (W, K)
    frequency = torch.arange(wide // 2 + 1, device=like.device)
    own = (2 * frequency) % _tensor(like, wide) == 0
    times = torch.where(own, 1.0, 2.0).to(like.dtype)
    real, imaginary = turned[:, :, :high], turned[:, :, high:]
    return real @ (cos * times).T - imaginary @ (sin * times).T


def _waves(like: Tensor, size: int, kept: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of 2π·n·k / size over √size, (size, kept) in the dtype of `like`."""
    place = torch.arange(size, device=like.device)
    frequency = torch.arange(kept, device=like.device)
    count = _tensor(like, size)
    # Whole turns are taken off while these are integers: float32 has no digits to spare for them.
    turns = (place[:, None] * frequency) % count
    count = count.to(like.dtype)
    angle = turns.to(like.dtype) * (2 * math.pi) / count
    return angle.cos() / count.sqrt(), angle.sin() / count.sqrt()


def _tensor(like: Tensor, size: int) -> Tensor:
    """A size as a tensor: ONNX takes a size that is not known yet for an operand only so."""
    return torch.full((1,), size, dtype=torch.int64, device=like.device)


def _conv(inner: int, outer: int, size: int, stride: int, padding: int) -> nn.Conv2d:
    """A convolution without bias, the picture mirrored around it."""
    return nn.Conv2d(inner, outer, size, stride, padding, bias=False, padding_mode="reflect")


def _up(inner: int) -> tuple[nn.Module, ...]:
    """Twice the sides, half the channels."""
    conv = nn.ConvTranspose2d(inner, inner // 2, 3, stride=2, padding=1, output_padding=1)
    return conv, nn.BatchNorm2d(inner // 2), nn.ReLU()


PUBLISHED = {
    "lama": Published(
        Lama,
        # The training's file holds losses, a discriminator and measures beside the generator; the
        # one made for TorchScript has it inside `model.`.
        ignored=(r"(?!(model\.)?generator\.)",),
        renames=((r"^model\.generator\.", "generator."),),
    )
}
