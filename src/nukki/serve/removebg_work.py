"""What a worker does for the form of remove.bg: less pixels → cut → crop or place → background."""

from __future__ import annotations

import base64
import io
import json
import math
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from nukki import api
from nukki.io.colour import to_eight_bits
from nukki.io.encode import encode, supports_alpha
from nukki.io.images import Picture
from nukki.ops.alpha import quantise
from nukki.pipelines.results import Cutout
from nukki.pipelines.sheets import Replaced
from nukki.serve.refusals import Refusal
from nukki.serve.removebg import Length, Wish, wish_of
from nukki.serve.wire import Answer, Order
from nukki.types import Box

__all__ = ["removebg", "shrunk"]

_MEDIA = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "zip": "application/zip",
}
_DAY = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def removebg(order: Order, call: Mapping[str, Any]) -> Answer:
    """Do what the form asks for.

    Args:
        order: Its files, and its fields as they were sent.
        call: `device` and `threads`.

    Raises:
        Refusal: If a picture cannot be read, or there is no subject.
    """
    from nukki.serve.work import read_part

    started = time.perf_counter()
    wish = wish_of(order.values)
    picture = shrunk(read_part(order, "image_file"), wish.pixels)
    behind: Any = wish.colour
    if "bg_image_file" in order.files:
        behind = read_part(order, "bg_image_file")
    decoded = time.perf_counter()
    cut = _cut(picture, wish, call)
    box = cut.box()
    if not cut.found or box is None:
        message = "Could not identify foreground in image."
        asked = "leave out type" if wish.type != "auto" else "say what it is: type=person"
        raise Refusal(message, "nothing_found", hint=asked)
    made = _placed(cut, box, wish, behind)
    kind = wish.format
    if kind == "auto":
        kind = "jpeg" if behind is not None or wish.alpha else "png"
    worked = time.perf_counter()
    body = _body(made, kind, wish)
    height, width = _size(made)
    headers = {
        "X-Type": _type(wish, cut),
        "X-Width": str(width),
        "X-Height": str(height),
        "X-Foreground-Top": str(box.top),
        "X-Foreground-Left": str(box.left),
        "X-Foreground-Width": str(box.width),
        "X-Foreground-Height": str(box.height),
        "X-Credits-Charged": "0",
        "X-Found": "true",
        "X-Confidence": f"{cut.confidence:.4f}",
    }
    media_type = _MEDIA[kind]
    if order.kind == "json":
        media_type, body = "application/json", _json(body, box)
    return Answer(
        media_type=media_type,
        body=body,
        headers=headers,
        seconds={
            "decode": round(decoded - started, 4),
            **{step: round(value, 4) for step, value in cut.seconds.items()},
            "encode": round(time.perf_counter() - worked, 4),
        },
    )


def shrunk(picture: Picture, most: float | None) -> Picture:
    """The picture with at most so many pixels, in 8 bits where it has to be made smaller."""
    count = picture.height * picture.width
    if most is None or count <= most:
        return picture
    factor = math.sqrt(most / count)
    size = max(1, int(picture.width * factor)), max(1, int(picture.height * factor))

    def small(samples: Any) -> Any:
        plain = Image.fromarray(np.ascontiguousarray(to_eight_bits(samples)))
        return np.asarray(plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))

    alpha = None if picture.alpha is None else small(picture.alpha)
    return replace(picture, pixels=small(picture.pixels), alpha=alpha)


def _cut(picture: Picture, wish: Wish, call: Mapping[str, Any]) -> Cutout:
    """The cut-out; outside of the region of interest everything is background."""
    if wish.roi is None:
        return api.remove(picture, subject=wish.subject, **call)
    place = _region(wish.roi, picture)
    own = picture.alpha
    part = replace(
        picture,
        pixels=picture.pixels[place.slices()],
        alpha=None if own is None else own[place.slices()],
    )
    cut = api.remove(part, subject=wish.subject, **call)
    foreground = picture.pixels.copy()
    foreground[place.slices()] = cut.foreground
    alpha = np.zeros((picture.height, picture.width), np.float32)
    alpha[place.slices()] = cut.alpha
    return replace(cut, picture=picture, foreground=foreground, alpha=alpha)


def _region(roi: tuple[Length, Length, Length, Length], picture: Picture) -> Box:
    width, height = picture.width, picture.height
    left, right = sorted(round(one.of(width)) for one in roi[::2])
    top, bottom = sorted(round(one.of(height)) for one in roi[1::2])
    box = Box(left, top, right, bottom).within(Box(0, 0, width, height))
    if box.width < 1 or box.height < 1:
        message = "roi lies outside of the photo"
        raise Refusal(message, "bad_option", hint=f"it has {width} × {height} pixels")
    return box


def _placed(cut: Cutout, box: Box, wish: Wish, behind: Any) -> Cutout | Replaced:
    """Cropped with its margin, or moved on its canvas; before its background."""
    if wish.margin is not None:
        cut = _cropped(cut, box, wish.margin)
    elif wish.scale is not None or wish.position is not None:
        height, width = cut.alpha.shape
        factor = 1.0
        if wish.scale is not None:
            factor = wish.scale * min(width / box.width, height / box.height)
        options: dict[str, Any] = {"scale": factor}
        if wish.position is not None:
            free = width - factor * box.width, height - factor * box.height
            middle = [
                half + max(0.0, rest) * share
                for half, rest, share in zip(
                    (factor * box.width / 2, factor * box.height / 2),
                    free,
                    wish.position,
                    strict=True,
                )
            ]
            options["place"] = (middle[0], middle[1])
        return cut.over("transparent" if behind is None else behind, **options)
    return cut if behind is None else cut.over(behind)


def _cropped(cut: Cutout, box: Box, margin: tuple[Length, Length, Length, Length]) -> Cutout:
    """The subject and its margin, which may lie beyond the photo: empty there."""
    top, right, bottom, left = margin
    above, below = round(top.of(box.height)), round(bottom.of(box.height))
    before, after = round(left.of(box.width)), round(right.of(box.width))
    size = box.height + above + below, box.width + before + after
    place = slice(above, above + box.height), slice(before, before + box.width)
    pixels = np.zeros((*size, 3), cut.foreground.dtype)
    foreground, alpha = pixels.copy(), np.zeros(size, np.float32)
    pixels[place] = cut.picture.pixels[box.slices()]
    foreground[place] = cut.foreground[box.slices()]
    alpha[place] = cut.alpha[box.slices()]
    picture = replace(cut.picture, pixels=pixels, alpha=None)
    return replace(cut, picture=picture, foreground=foreground, alpha=alpha)


def _size(made: Cutout | Replaced) -> tuple[int, int]:
    picture = made if isinstance(made, Picture) else made.picture
    return picture.height, picture.width


def _type(wish: Wish, cut: Cutout) -> str:
    if not wish.named:
        return "other"
    if wish.type != "auto":
        return wish.type
    return "person" if cut.road in ("people", "both") else "other"


def _body(made: Cutout | Replaced, kind: str, wish: Wish) -> bytes:
    if wish.alpha:
        return encode(_alpha(made), kind)
    if kind == "zip":
        return _zip(made)
    if not supports_alpha(kind) and isinstance(made, Cutout):
        return made.over((255, 255, 255)).encode(kind)  # as remove.bg: white where nothing is said
    if not supports_alpha(kind) and isinstance(made, Replaced) and made.alpha is not None:
        return _flat(made)
    return made.encode(kind)


def _flat(made: Replaced) -> bytes:
    """A picture with transparency as a JPEG, on white."""
    whole = Image.fromarray(np.dstack([to_eight_bits(made.pixels), _alpha(made)]))
    white = Image.new("RGB", whole.size, "white")
    white.paste(whole, mask=whole.getchannel("A"))
    return encode(np.asarray(white), "jpeg", icc_profile=made.icc_profile, dpi=made.dpi)


def _alpha(made: Cutout | Replaced) -> Any:
    """(H, W) uint8."""
    if isinstance(made, Cutout):
        return quantise(made.alpha)
    if made.alpha is None:
        return np.full((made.height, made.width), 255, np.uint8)
    return to_eight_bits(made.alpha)


def _zip(made: Cutout | Replaced) -> bytes:
    """`color.jpg` and `alpha.png`, as remove.bg names them."""
    picture = made if isinstance(made, Picture) else made.picture
    pixels = made.foreground if isinstance(made, Cutout) else made.pixels
    colours = encode(pixels, "jpeg", icc_profile=picture.icc_profile, dpi=picture.dpi)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("color.jpg", _DAY), colours)
        archive.writestr(zipfile.ZipInfo("alpha.png", _DAY), encode(_alpha(made), "png"))
    return out.getvalue()


def _json(body: bytes, box: Box) -> bytes:
    data = {
        "result_b64": base64.b64encode(body).decode("ascii"),
        "foreground_top": box.top,
        "foreground_left": box.left,
        "foreground_width": box.width,
        "foreground_height": box.height,
    }
    return json.dumps({"data": data}).encode()
