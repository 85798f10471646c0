"""What a wish gives back. Frozen; arrays in it are the caller's to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, BinaryIO, overload

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.io.encode import Encoding, encode, format_of, supports_alpha
from nukki.io.files import write
from nukki.io.images import Picture
from nukki.ops.alpha import bounds, quantise
from nukki.ops.composite import Layer, bleed, compose, cover
from nukki.ops.overlay import Drawn, draw
from nukki.ops.segments import Corners, Segment
from nukki.pipelines.backgrounds import Background, Colour, Source, background_of
from nukki.pipelines.options import Hidden
from nukki.types import RGBA, Alpha, Box, Mask, Pixels

__all__ = ["Cutout", "Erased", "Instance", "Segmentation", "summary"]


@dataclass(frozen=True, eq=False)
class Cutout:
    """A subject and how much of each pixel belongs to it.

    Attributes:
        picture: The photo it was cut from.
        foreground: (H, W, 3), the photo's depth and colour space: the subject's own colours.
        alpha: (H, W) float32 in 0..1.
        confidence: 0..1, how sure the network is; absolute.
        found: Whether there is a subject at all.
        road: How the subject was found, "salient".
        hidden: What `rgba` holds under a saved alpha of 0.
        background: What `save` puts behind the subject, if anything.
        seconds: Time of each step.
        threads: How many threads its methods may use.
    """

    picture: Picture
    foreground: Pixels
    alpha: Alpha
    confidence: float
    found: bool
    road: str
    hidden: Hidden = "zero"
    background: Background | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    threads: int = 1

    def rgba(self) -> RGBA:
        """(H, W, 4) with straight alpha, in the photo's depth.

        Pixels of full alpha are bit-identical to the photo; under alpha 0 is what `hidden` says.
        """
        joined = self._layer().joined(self.threads)
        return bleed(joined) if self.hidden == "bleed" else joined

    def _layer(self) -> Layer:
        return Layer(self.foreground, self.alpha, wipe=self.hidden != "keep")

    def mask(self) -> NDArray[np.uint8]:
        """(H, W) uint8: the alpha as a grey picture, rounded to the nearest."""
        return quantise(self.alpha)

    def box(self) -> Box | None:
        """Bounds of everything whose saved alpha is above 0; None where there is nothing."""
        return bounds(self.alpha, 0.5 / float(np.iinfo(self.foreground.dtype).max))

    def cropped(self, margin: int = 0) -> Cutout:
        """The cut-out within its box and `margin` more pixels; as it is where nothing was found.

        Raises:
            InputError: If `margin` is negative.
        """
        if margin < 0:
            message = f"`margin` must be at least 0, got {margin}"
            raise InputError(message, hint="give the pixels around the subject")
        box = self.box()
        if box is None:
            return self
        part = box.grown(margin, *self.alpha.shape).slices()
        own = self.picture.alpha
        picture = replace(
            self.picture,
            pixels=self.picture.pixels[part],
            alpha=None if own is None else own[part],
        )
        return replace(
            self, picture=picture, foreground=self.foreground[part], alpha=self.alpha[part]
        )

    def over(self, background: Source | Colour) -> Picture:
        """The subject before another background.

        Args:
            background: A colour ("white", "#ff8800", (255, 136, 0), in sRGB) or a picture (a
                path, bytes, …), which is enlarged or reduced to fill the photo and cropped around
                its middle.

        Returns:
            A picture of the photo's size, depth and colour space.
        """
        behind = self._behind(background_of(background))
        pixels = compose(self.foreground, self.alpha, behind, threads=self.threads)
        return replace(self.picture, pixels=pixels, alpha=None)

    def _behind(self, background: Background) -> Pixels:
        """The background in the photo's depth and colour space: (3,) or (H, W, 3)."""
        if isinstance(background, Picture):
            return self.picture.as_own(cover(background.rgb8(), *self.alpha.shape))
        one: Pixels = self.picture.as_own(np.array([[background]], np.uint8))[0, 0]
        return one

    def save(
        self,
        target: str | PathLike[str] | BinaryIO,
        format: str | None = None,
        *,
        mask: bool = False,
        **encoding: Any,
    ) -> None:
        """Write the cut-out, with the photo's ICC profile, resolution and EXIF.

        Args:
            target: A path, which is replaced in one step, or a binary file object.
            format: "png", "webp", "avif", "tiff" or "jpeg"; from the name where None.
            mask: Write the alpha as a grey picture instead.
            **encoding: Fields of `io.encode.Encoding`: png, quality, lossless.

        Raises:
            InputError: If the format has no alpha and there is no background.
            OutputError: If it could not be written.
        """
        write(target, self.encode(format_of(target, format), mask=mask, **encoding))

    def encode(self, format: str = "png", *, mask: bool = False, **encoding: Any) -> bytes:
        """The bytes that `save` writes; takes what `save` takes."""
        picture, how = self.picture, _encoding(encoding)
        if mask:
            return encode(self.mask(), format, dpi=picture.dpi, encoding=how, threads=self.threads)
        pixels: Pixels | Layer
        if self.background is not None:
            pixels = self.over(self.background).pixels
        elif not supports_alpha(format):
            message = f"{format.upper()} has no transparency, and the cut-out needs it"
            raise InputError(message, hint="add --background white, or write a PNG or WebP")
        elif self.hidden != "bleed":
            pixels = self._layer()  # joined row by row: the picture never lies in memory twice
        else:
            pixels = self.rgba()
        return encode(
            pixels,
            format,
            icc_profile=picture.icc_profile,
            dpi=picture.dpi,
            exif=picture.exif,
            encoding=how,
            threads=self.threads,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Erased(Picture):
    """A photo from which something is gone: a picture like the photo, which can be saved as one.

    Attributes:
        hole: (H, W) bool: outside it every pixel is bit-identical to the photo's.
        network: Name of the network that filled it.
        seconds: Time of each step.
    """

    hole: Mask
    network: str
    seconds: Mapping[str, float] = field(default_factory=dict)


def _encoding(options: dict[str, Any]) -> Encoding:
    try:
        return Encoding(**options)
    except TypeError as error:
        known = ", ".join(Encoding.__dataclass_fields__)
        message = f"unknown way of encoding in {', '.join(options)}"
        raise InputError(message, hint=f"known are {known}") from error


@dataclass(frozen=True, eq=False)
class Instance:
    """A thing in a photo.

    Attributes:
        number: From 1 on, the surest first; it does not depend on what was asked for.
        segment: Where it is and what.
    """

    number: int
    segment: Segment

    @property
    def label(self) -> str:
        """What it is, in the network's words."""
        return self.segment.label

    @property
    def score(self) -> float:
        """0 to 1, how sure the network is."""
        return self.segment.score

    @property
    def box(self) -> Box:
        """Bounds of the mask."""
        return self.segment.box

    @property
    def corners(self) -> Corners:
        """Left, top, right and bottom of the network's own box, in parts of pixels."""
        return self.segment.corners

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return self.segment.area

    @property
    def crop(self) -> Mask:
        """The mask inside the box, (box.height, box.width) bool; made at each access."""
        return self.segment.crop

    @property
    def mask(self) -> Mask:
        """(H, W) bool of the photo's size; made at each access."""
        return self.segment.mask

    @property
    def title(self) -> str:
        """Number, label and score in a few letters: `1 person .98`."""
        return f"{self.number} {self.label} {self.short_score}"

    @property
    def short_score(self) -> str:
        """The score in two decimals, as tables print it: `.98`, `1.00`."""
        return f"{self.score:.2f}".removeprefix("0")


@dataclass(frozen=True, eq=False)
class Segmentation(Sequence[Instance]):
    """The things of a photo that were asked for, the surest first.

    Attributes:
        picture: The photo.
        instances: The things.
        others: What was found and not asked for.
        network: Name of the network that found them.
        min_score: What was less sure than this is left out.
        seconds: Time of each step.
    """

    picture: Picture
    instances: tuple[Instance, ...]
    others: tuple[Instance, ...] = ()
    network: str = ""
    min_score: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.instances)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.instances)

    @overload
    def __getitem__(self, place: int) -> Instance: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Instance, ...]: ...

    def __getitem__(self, place: int | slice) -> Instance | tuple[Instance, ...]:
        return self.instances[place]

    def numbered(self) -> Picture:
        """The photo with every thing tinted, outlined, numbered and named, 8 bit sRGB."""
        things = [Drawn(one.segment, one.title, one.number) for one in self.instances]
        pixels = draw(self.picture.rgb8(), things)
        return replace(self.picture, pixels=pixels, alpha=None, icc_profile=None)


def summary(instances: Iterable[Instance]) -> str:
    """How many there are of each label, the most frequent first: `2 person, 1 dog`."""
    counts = Counter(one.label for one in instances)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {label}" for label, count in ordered)
