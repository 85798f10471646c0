"""What a wish gives back. Frozen; arrays in it are the caller's to read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from os import PathLike
from typing import Any, BinaryIO, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from nukki.errors import InputError
from nukki.io.display import Shown, shown_png
from nukki.io.encode import Encoding, encode, format_of, supports_alpha
from nukki.io.files import write
from nukki.io.images import Picture
from nukki.ops.alpha import bounds, quantise
from nukki.ops.composite import Layer, bleed
from nukki.ops.foreground import estimate_foreground
from nukki.ops.overlay import Drawn, draw
from nukki.ops.segments import Corners, Segment
from nukki.ops.sharpness import laplacian, reduction, sharpness
from nukki.pipelines.backgrounds import Background, Colour, Source, background_of
from nukki.pipelines.choice import choose
from nukki.pipelines.gone import Erased
from nukki.pipelines.grammar import parse
from nukki.pipelines.options import Hidden
from nukki.pipelines.replace_options import PlaceKeywords, place_options
from nukki.pipelines.scene import scene
from nukki.pipelines.sheets import Replaced
from nukki.pipelines.terms import Everything
from nukki.types import RGBA, Alpha, Box, Mask, Pixels, Trimap

__all__ = ["Cutout", "Erased", "Instance", "Replaced", "Segmentation"]

_AROUND = 64  # pixels around a thing that its edge colours are estimated from, at least


@dataclass(frozen=True, eq=False)
class Cutout:
    """A subject and how much of each pixel belongs to it.

    Attributes:
        picture: The photo it was cut from.
        foreground: (H, W, 3), the photo's depth and colour space: the subject's own colours.
        alpha: (H, W) float32 in 0..1.
        confidence: 0..1, how sure the network is; absolute.
        found: Whether there is a subject at all.
        road: How the subject was found: "salient" (by what stands out), "people" (one by one, with
            what they hold), "both", "chosen" (by `subject`), "key" (by the background's colour),
            "trimap" (by the user's), or "instance" (`Instance.cut`).
        reason: Why that road was taken, in words.
        hidden: What `rgba` holds under a saved alpha of 0.
        background: What `save` puts behind the subject, if anything.
        seconds: Time of each step.
        threads: How many threads its methods may use.
        advice: What might cut this photo better, in words; mostly empty.
        trimap: (H, W) uint8 of 0, 128 and 255: the band in which the edge was drawn; None where
            there was none.
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
    reason: str = ""
    advice: str = ""
    trimap: Trimap | None = None

    def __repr__(self) -> str:
        """Sizes instead of arrays."""
        height, width = self.alpha.shape
        found = f"confidence {self.confidence:.2f}" if self.found else "nothing found"
        return f"Cutout({width} × {height}, {self.foreground.dtype}, {self.road}, {found})"

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: small, over a checkerboard or its own background."""
        return shown_png(self._shown)

    def _shown(self) -> Shown:
        if self.background is not None:
            put = self.over(self.background)
            return put.pixels, put.alpha, put.icc_profile
        full = np.float32(np.iinfo(self.foreground.dtype).max)
        alpha = np.rint(self.alpha * full).astype(self.foreground.dtype)
        return self.foreground, alpha, self.picture.icc_profile

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how the photo was read."""
        return self.picture.notes

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
            self,
            picture=picture,
            foreground=self.foreground[part],
            alpha=self.alpha[part],
            trimap=None if self.trimap is None else self.trimap[part],
        )

    def over(self, background: Source | Colour, **options: Unpack[PlaceKeywords]) -> Replaced:
        """The subject before another background.

        Args:
            background: A colour ("white", "#ff8800", (255, 136, 0), in sRGB); "blur", the photo's
                own out of focus; "transparent"; or a picture (a path, bytes, …), which is enlarged
                or reduced to fill the canvas and cropped around its middle.
            **options: Fields of `pipelines.replace_options.PlaceOptions`: fit, blur, size, margin,
                scale, place, flip, light_match, linear, shadow, shadow_offset, shadow_softness,
                shadow_opacity, outline.

        Returns:
            A picture of the photo's depth and colour space, and of its size unless one is asked
            for; where nothing is moved or changed, pixels of alpha 1 are bit-identical to it.

        Raises:
            InputError: If the background or an option is none, or the place lies outside.
        """
        wish = place_options(options)
        behind = background_of(background)
        put = scene(self.picture, self.foreground, self.alpha, behind, wish, threads=self.threads)
        return replace(
            put,
            found=self.found,
            confidence=self.confidence,
            road=self.road,
            reason=self.reason,
            advice=self.advice,
            seconds=self.seconds,
        )

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
        picture, how = self.picture, Encoding.of(encoding)
        if mask:
            return encode(self.mask(), format, dpi=picture.dpi, encoding=how, threads=self.threads)
        if self.background is not None:
            return self.over(self.background).encode(format, **encoding)
        if not supports_alpha(format):
            message = f"{format.upper()} has no transparency, and the cut-out needs it"
            raise InputError(message, hint="add --background white, or write a PNG or WebP")
        # Joined row by row, where it can be: the picture never lies in memory twice.
        pixels = self.rgba() if self.hidden == "bleed" else self._layer()
        return encode(
            pixels,
            format,
            icc_profile=picture.icc_profile,
            dpi=picture.dpi,
            exif=picture.exif,
            encoding=how,
            threads=self.threads,
        )


@dataclass(frozen=True, eq=False)
class Instance:
    """A thing in a photo.

    Attributes:
        number: From 1 on, the surest first; it does not depend on what was asked for.
        segment: Where it is and what.
        picture: The photo.
    """

    number: int
    segment: Segment
    picture: Picture = field(repr=False)

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
    def alpha(self) -> Alpha:
        """(H, W) float32 in 0..1: how much of each pixel is the thing's; made at each access.

        The mask where the network draws no softer edge; the mask is where this is one half or more.
        """
        return self.segment.alpha

    @property
    def title(self) -> str:
        """Number, label and score in a few letters: `1 person .98`."""
        return f"{self.number} {self.label} {self.short_score}"

    @property
    def short_score(self) -> str:
        """The score in two decimals, as tables print it: `.98`, `1.00`."""
        return f"{self.score:.2f}".removeprefix("0")

    def cut(self, *, threads: int = 1) -> Cutout:
        """This one thing cut out of its photo, with its own colours in soft edges.

        Args:
            threads: How many threads may work. The result does not depend on it.

        Returns:
            A cut-out of the photo's size; `cropped()` of it has the size of the thing.
        """
        started = time.perf_counter()
        picture, alpha = self.picture, self.alpha
        if picture.alpha is not None:
            # What the file had cut away stays away.
            full = np.float32(np.iinfo(picture.alpha.dtype).max)
            alpha *= picture.alpha.astype(np.float32) / full
        foreground = picture.pixels
        if self.segment.soft is not None:
            # The colours beside an edge are all that decides it: the rest of the photo is not
            # looked at, so that forty cut-outs cost what forty people are large.
            support = self.segment.support
            margin = max(_AROUND, max(support.width, support.height) // 4)
            part = support.grown(margin, *alpha.shape).slices()
            foreground = foreground.copy()
            beside: Pixels = picture.pixels[part]
            foreground[part] = estimate_foreground(beside, alpha[part], threads=threads)
        return Cutout(
            picture=picture,
            foreground=foreground,
            alpha=alpha,
            confidence=self.score,
            found=True,
            road="instance",
            seconds={"colours": time.perf_counter() - started},
            threads=threads,
        )

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: the thing by itself, small, over a checkerboard."""
        return shown_png(self._shown)

    def _shown(self) -> Shown:
        part = self.segment.support.slices()
        pixels, alpha = self.picture.pixels[part], self.segment.levels
        if pixels.dtype == np.uint16:
            return pixels, alpha.astype(np.uint16) * np.uint16(257), self.picture.icc_profile
        return pixels, alpha, self.picture.icc_profile


@dataclass(frozen=True, eq=False)
class Segmentation(Sequence[Instance]):
    """The things of a photo that were asked for, the surest first.

    Attributes:
        picture: The photo.
        instances: The things.
        others: What was found and not asked for.
        candidates: What was seen and is less sure than `min_score`, numbered on from the rest.
        network: Name of the network that found them.
        labels: What it can find.
        min_score: What was less sure than this is a candidate at most.
        seconds: Time of each step.
    """

    picture: Picture
    instances: tuple[Instance, ...]
    others: tuple[Instance, ...] = ()
    candidates: tuple[Instance, ...] = ()
    network: str = ""
    labels: tuple[str, ...] | None = None
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

    @property
    def everything(self) -> tuple[Instance, ...]:
        """All that was found, asked for or not, by number."""
        return tuple(sorted((*self.instances, *self.others), key=lambda one: one.number))

    def choose(
        self, what: str = "all", *, except_: str | None = None, option: str = "what"
    ) -> Segmentation:
        """The same photo's things, others of them asked for.

        Args:
            what: A choice: `people`, `2,3`, `largest dog`, …; see docs/choosing.md.
            except_: Likewise, what is left out of it.
            option: What `what` was given as, for errors.

        Returns:
            What is meant as `instances`, the rest as `others`. `all` of nothing is nothing.

        Raises:
            InputError: If a choice is none, names a label that the network does not have, or a
                number or a place that the photo does not have.
            NothingFound: If nothing is meant.
        """
        choice = parse(what, labels=self.labels, option=option)
        less = None if except_ is None else parse(except_, labels=self.labels, option="except")
        every = self.everything
        if not every and choice.terms == (Everything(),):
            return self
        size = self.picture.height, self.picture.width
        kept = choose(choice, every, size, except_=less, sharpness=_sharpness(self.picture))
        numbers = {one.number for one in kept}
        others = tuple(one for one in every if one.number not in numbers)
        return replace(self, instances=kept, others=others)

    def __repr__(self) -> str:
        """The things' titles."""
        return f"Segmentation({', '.join(one.title for one in self.instances) or 'nothing'})"

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: the photo with every thing numbered, small."""
        return shown_png(lambda: (self.numbered().pixels, None, None))

    def numbered(self) -> Picture:
        """The photo with every thing tinted, outlined, numbered and named, 8 bit sRGB."""
        things = [Drawn(one.segment, one.title, one.number) for one in self.instances]
        pixels = draw(self.picture.rgb8(), things)
        return replace(self.picture, pixels=pixels, alpha=None, icc_profile=None)

    def index_map(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """(H, W): the number of the thing at each pixel, the lower one where two overlap; else 0.

        uint8 where no number is above 255, else uint16.
        """
        last = max((one.number for one in self.instances), default=0)
        kind = np.uint8 if last <= np.iinfo(np.uint8).max else np.uint16
        result = np.zeros((self.picture.height, self.picture.width), kind)
        for one in sorted(self.instances, key=lambda one: -one.number):
            result[one.box.slices()][one.crop] = one.number
        return result


def _sharpness(picture: Picture) -> Callable[[Instance], float]:
    """How sharp a thing is beside its photo; the photo is looked at when the first one is asked."""

    @cache
    def detail() -> tuple[NDArray[np.float32], int]:
        factor = reduction(picture.height, picture.width)
        return laplacian(picture.rgb8(reduce=factor)), factor

    return lambda one: sharpness(*detail(), one.crop, one.box)
