"""A subject before something else: canvas, light, shadow, outline, and all of it put together.

From the lowest: background, shadow, outline, subject, and what stands in front of it. The layers
stay apart in the result, so that they can be finished in an image editor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nukki.errors import InputError
from nukki.io.colour import to_eight_bits
from nukki.io.images import Picture
from nukki.ops.aims import Aim, Length
from nukki.ops.alpha import bounds
from nukki.ops.bokeh import bokeh, usual_blur
from nukki.ops.composite import fitted
from nukki.ops.light import NEUTRAL, Light, Tint, light_of, match_curves, relit, tint_of
from nukki.ops.placing import Frame, Spot, frame_of, put, settle
from nukki.ops.shadows import contact_shadow, drop_shadow, sticker
from nukki.pipelines.backgrounds import Background, converted
from nukki.pipelines.place_words import length_of, outline_of, place_of, scale_of, size_of
from nukki.pipelines.replace_options import PlaceOptions
from nukki.pipelines.sheets import Replaced, Sheet, merged
from nukki.types import Alpha, Pixels

__all__ = ["Scene", "framed", "scene", "shadow_of", "spot_of", "subject_sheets"]

_USUAL_MARGIN = Length(0.05, share=True)  # where a canvas is asked for and nothing else
_OPACITY = {"drop": 0.4, "contact": 0.75}
_SOFT = {"drop": 0.025, "contact": 0.015}  # of the subject's height
_OFFSET = {"drop": (0.02, 0.03), "contact": (0.0, 0.0)}  # of the subject's height


@dataclass(frozen=True, eq=False)
class Scene:
    """A subject and where it is put.

    Attributes:
        picture: The photo whose colour space, depth and file data the result has.
        foreground: (h, w, 3) of the subject's own photo, in `picture`'s space and depth.
        alpha: (h, w) of it.
        spot: Where it goes; None where there is no subject.
        options: What it gets there.
        threads: How many threads may work.
    """

    picture: Picture
    foreground: Pixels
    alpha: Alpha
    spot: Spot | None
    options: PlaceOptions
    threads: int = 1

    def placed(self) -> tuple[Pixels, Alpha]:
        """Colours and alpha on the canvas."""
        if self.spot is None:
            return self.foreground, self.alpha
        return put(self.foreground, self.alpha, self.spot)

    def lit(
        self,
        target: Light | None,
        *,
        tints: tuple[Tint, Tint] = (NEUTRAL, NEUTRAL),
        strength: float = 1.0,
    ) -> Scene:
        """The scene with the subject's light brought to another one's; see `match_curves`."""
        own = light_of(self.foreground, self.alpha)
        if own is None or target is None:
            return self
        curves = match_curves(own, target, tints, strength=strength)
        return replace(self, foreground=relit(self.foreground, curves))


def framed(alpha: Alpha, depth: Pixels) -> Frame | None:
    """A subject in its photo; None where nothing of it would be saved."""
    box = bounds(alpha, 0.5 / float(np.iinfo(depth.dtype).max))
    return None if box is None else frame_of(alpha, box)


def spot_of(
    frame: Frame,
    options: PlaceOptions,
    *,
    canvas: tuple[int, int] | None = None,
    factor: float | None = None,
) -> Spot:
    """Where the options put a subject.

    Args:
        frame: The subject in its photo.
        options: What is asked for.
        canvas: (height, width) where `options.size` says nothing; the photo's where None.
        factor: How many times as large it becomes where the options say nothing.

    Raises:
        InputError: If the place lies outside the canvas, or the margins leave nothing.
    """
    size = canvas if options.size is None else size_of(options.size)
    across, down = (None, None) if options.place is None else place_of(options.place)
    asked, height = (None, None) if options.scale is None else scale_of(options.scale)
    margin = None if options.margin is None else length_of(options.margin, "margin")
    unsaid = asked is None and height is None
    if unsaid and margin is None:
        if options.size is not None and factor is None:
            margin = _USUAL_MARGIN
        else:
            asked = factor
    rows, columns = size or (frame.height, frame.width)
    _check_inside(across, down, rows, columns)
    if margin is not None and 2 * margin.of(min(rows, columns)) >= min(rows, columns):
        message = f"`margin` leaves nothing of {columns} × {rows} pixels, got {options.margin}"
        raise InputError(message, hint="5% is a usual value")
    spot = settle(
        frame,
        canvas=size,
        across=_said(across),
        down=_said(down),
        height=height,
        factor=asked,
        margin=margin,
        flip=options.flip,
    )
    if not spot.seen:
        message = f"`place` puts the subject outside the picture of {columns} × {rows} pixels"
        raise InputError(message, hint="give --place the middle of the subject, inside the picture")
    return spot


def _said(aim: Aim | None) -> Aim | None:
    """None where an axis is not spoken of."""
    return None if aim is None or aim == Aim() else aim


def _check_inside(across: Aim | None, down: Aim | None, rows: int, columns: int) -> None:
    for aim, side, name in ((across, columns, "X"), (down, rows, "Y")):
        if aim is not None and aim.at is not None and aim.at.of(side) > side:
            message = f"`place` lies outside: {name} is {aim.at.value:g} of {side} pixels"
            hint = f"X goes from 0 to {columns}, Y from 0 to {rows}"
            raise InputError(message, hint=hint)


def scene(
    picture: Picture,
    foreground: Pixels,
    alpha: Alpha,
    background: Background,
    options: PlaceOptions,
    *,
    threads: int = 1,
) -> Replaced:
    """A subject of a photo before another background.

    Args:
        picture: The photo.
        foreground: (H, W, 3), the subject's own colours, in the photo's space and depth.
        alpha: (H, W).
        background: What comes behind it.
        options: Where it goes and what it gets there.
        threads: How many threads may work; the result does not depend on it.

    Returns:
        A picture of the photo's depth and colour space, with its profile and EXIF.

    Raises:
        InputError: If the place lies outside the canvas.
    """
    spot = _spot(alpha, foreground, options)
    one = Scene(picture, foreground, alpha, spot, options, threads)
    if spot is None and options.size is not None:
        height, width = size_of(options.size)
        empty = np.zeros((height, width, 3), foreground.dtype)
        one = replace(one, foreground=empty, alpha=np.zeros((height, width), np.float32))
    rows, columns = one.alpha.shape if spot is None else (spot.height, spot.width)
    size = rows, columns
    behind = _backdrop(picture, alpha, background, options, size, threads)
    if options.light_match and isinstance(background, Picture) and behind is not None:
        one = one.lit(light_of(behind), tints=(tint_of(picture.pixels), tint_of(behind)))
    sheets = () if behind is None else (Sheet("background", behind),)
    every = (*sheets, *subject_sheets(one))
    return merged(picture, every, size, linear=options.linear, threads=threads)


def _spot(alpha: Alpha, foreground: Pixels, options: PlaceOptions) -> Spot | None:
    """Where the subject goes; None where there is none."""
    box = bounds(alpha, 0.5 / float(np.iinfo(foreground.dtype).max))
    if box is None:
        return None
    asked = (options.size, options.margin, options.scale, options.place)
    if not options.flip and all(one is None for one in asked):
        height, width = alpha.shape
        return Spot(height, width, box, box)
    return spot_of(frame_of(alpha, box), options)


def _backdrop(
    picture: Picture,
    alpha: Alpha,
    background: Background,
    options: PlaceOptions,
    size: tuple[int, int],
    threads: int,
) -> Pixels | None:
    """(H, W, 3) or (3,) in the photo's depth and colour space; None for nothing."""
    if background == "transparent":
        return None
    if background == "blur":
        radius = options.blur or usual_blur(*alpha.shape)
        soft = bokeh(picture.pixels, alpha, radius, threads=threads)
        return soft if soft.shape[:2] == size else fitted(soft, *size, options.fit)
    if isinstance(background, Picture):
        if background.alpha is not None:
            return picture.as_own(to_eight_bits(fitted(background.rgb8(), *size, options.fit)))
        return converted(background, fitted(background.pixels, *size, options.fit), picture)
    flat: Pixels = picture.as_own(np.array([[background]], np.uint8))[0, 0]
    return flat


def subject_sheets(one: Scene) -> tuple[Sheet, ...]:
    """Shadow, outline and subject on the canvas, as far as they are asked for."""
    options = one.options
    pixels, alpha = one.placed()
    found: list[Sheet] = []
    shape = alpha
    if options.outline is not None and one.spot is not None:
        width, colour = outline_of(options.outline)
        shape = sticker(alpha, width)
        own = one.picture.as_own(np.array([[colour]], np.uint8))[0, 0]
        found.append(Sheet("outline", own, shape))
    if options.shadow != "none" and one.spot is not None:
        black = np.zeros_like(pixels[0, 0])
        cast = shadow_of(shape, one.spot.target.height, options)
        found.insert(0, Sheet("shadow", black, cast))
    return (*found, Sheet("subject", pixels, alpha))


def shadow_of(alpha: Alpha, height: int, options: PlaceOptions) -> Alpha:
    """The shadow that is asked for, of a subject `height` pixels high."""
    kind = options.shadow
    usual = tuple(share * height for share in _OFFSET[kind])
    right, down = usual if options.shadow_offset is None else options.shadow_offset
    softness = _SOFT[kind] * height
    if options.shadow_softness is not None:
        softness = options.shadow_softness
    opacity = _OPACITY[kind] if options.shadow_opacity is None else options.shadow_opacity
    make = drop_shadow if kind == "drop" else contact_shadow
    return make(alpha, (right, down), softness, opacity)
