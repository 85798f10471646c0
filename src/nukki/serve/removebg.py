"""The form of remove.bg's API, version 1.0, so that its clients need another address only.

Fields, headers and errors follow its public description (remove.bg/api). What is not offered is
refused in its own form of errors, never passed over: nothing is fetched from an address, shadows
are not drawn, and types are not told apart any finer.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from nukki.serve.bodies import Form
from nukki.serve.refusals import Refusal
from nukki.serve.wire import Order

__all__ = ["PARTS", "Length", "Wish", "fields", "order_of", "rendered", "wants_json", "wish_of"]

PARTS = {
    "image_file": "the photo",
    "bg_image_file": "a picture that comes behind the subject, made to fill the canvas",
}
_FIELDS = {
    "image_file_b64": "the photo, in base64",
    "size": "preview (0.25 megapixels; usual), medium (1.5), hd (4), full or auto (as it is)",
    "type": "auto, person, product, car, animal, graphic, transportation",
    "type_level": "none, 1, latest",
    "format": "auto, png, jpg, webp, zip",
    "roi": "x1 y1 x2 y2 in pixels or %: the subject lies in there",
    "crop": "true cuts empty sides off",
    "crop_margin": "px or % of the subject: one, two or four values",
    "scale": "10% to 100% of the canvas, or original",
    "position": "center, original, or one or two values in %",
    "channels": "rgba, or alpha for the mask alone",
    "bg_color": "hexadecimal, or a name",
    "semitransparency": "true; of cars also false",
    "add_shadow": "false",
    "shadow_type": "none",
}
_MEGAPIXELS = {
    "preview": 0.25,
    "small": 0.25,
    "regular": 0.25,
    "medium": 1.5,
    "hd": 4.0,
    "full": None,
    "4k": None,
    "50MP": None,
    "auto": None,
}
# What each type means to us; `people` takes along what is held.
_SUBJECTS = {
    "auto": "auto",
    "person": "people",
    "product": "salient",
    "graphic": "salient",
    "car": "car,truck,bus",
    "transportation": "bicycle,car,motorcycle,airplane,bus,train,truck,boat",
    "animal": "bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe",
}
_FORMATS = {
    "auto": "auto",
    "png": "png",
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "webp": "webp",
    "zip": "zip",
}
_LENGTH = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(px|%|)")
_MOST_MARGIN = 0.5, 500.0  # of the subject, and in pixels
_NAMES = {  # remove.bg's code, and the status that it comes with
    "no_key": ("auth_failed", 403),
    "cross_site": ("auth_failed", 403),
    "busy": ("rate_limit_exceeded", 429),
    "nothing_found": ("unknown_foreground", 400),
    "not_a_picture": ("invalid_file_type", 400),
    "bad_picture": ("failed_to_read_image", 400),
    "too_many_bytes": ("file_size_too_large", 400),
    "too_many_pixels": ("resolution_too_high", 400),
    "missing_part": ("missing_source", 400),
    "bad_option": ("invalid_parameters", 400),
}


@dataclass(frozen=True)
class Length:
    """Pixels, or a share of something."""

    value: float
    share: bool = False

    def of(self, whole: float) -> float:
        """In pixels."""
        return self.value * whole if self.share else self.value


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the fields ask for.

    Attributes:
        pixels: The result has at most so many; None is as many as the photo.
        type: As it was said.
        subject: The option of `nukki.remove`.
        named: Whether the answer may name the subject's type.
        format: "auto", "png", "jpeg", "webp" or "zip".
        roi: Left, top, right, bottom; None is everything.
        margin: Of a crop: top, right, bottom, left; None is no crop.
        scale: Of the canvas; None is as in the photo.
        position: Across and down, 0 to 1; None is as in the photo.
        alpha: Whether the mask alone is wanted.
        colour: Behind the subject.
    """

    pixels: float | None = 250_000
    type: str = "auto"
    subject: str = "auto"
    named: bool = True
    format: str = "auto"
    roi: tuple[Length, Length, Length, Length] | None = None
    margin: tuple[Length, Length, Length, Length] | None = None
    scale: float | None = None
    position: tuple[float, float] | None = None
    alpha: bool = False
    colour: tuple[int, int, int] | None = None


def fields() -> Mapping[str, str]:
    """The fields that are texts, with a line of help each."""
    return _FIELDS


def wants_json(accept: str) -> bool:
    """Whether the answer is JSON: only where the header says so outright, as at remove.bg."""
    return "application/json" in accept.lower()


def order_of(form: Form, *, max_pixels: int, as_json: bool) -> Order:
    """The order of a request.

    Raises:
        Refusal: If a field is wrong, or something that is not offered.
    """
    values = _single(form)
    files = {name: data for name, data in form.files.items() if data}
    unknown = [name for name in files if name not in PARTS]
    if unknown:
        raise _bad(
            said=f"`{unknown[0][:80]}` is not a file here", hint="send the photo as image_file"
        )
    encoded = values.pop("image_file_b64", "")
    if encoded:
        if "image_file" in files:
            raise _bad(said="image_file and image_file_b64 are both given", hint="send one of them")
        files["image_file"] = _decoded(encoded)
    if "image_file" not in files:
        message = "no photo was sent as image_file or image_file_b64"
        raise Refusal(message, "missing_part", hint="send the photo as image_file")
    wish = wish_of(values)
    if "bg_image_file" in files and wish.colour is not None:
        raise _bad(said="bg_color and bg_image_file are both given", hint="send one of them")
    if wish.format == "zip" and (wish.colour is not None or "bg_image_file" in files or wish.alpha):
        raise _bad(
            said="a zip has colours and alpha apart, and no background", hint="leave one out"
        )
    kind = "json" if as_json else wish.format
    return Order(task="removebg", values=values, kind=kind, max_pixels=max_pixels, files=files)


def wish_of(values: Mapping[str, str]) -> Wish:
    """What the fields ask for; an empty one counts as left out.

    Raises:
        Refusal: If one is wrong, or asks for what is not offered.
    """
    given = {name: text.strip() for name, text in values.items() if text.strip()}
    for name in given:
        if name not in _FIELDS:
            if name.endswith("image_url"):
                raise _bad(
                    said="no address is ever fetched", hint=f"send the file: {name[:-3]}file"
                )
            raise _bad(said=f"`{name[:80]}` is not offered", hint="leave it out")
    _refuse_unsupported(given)
    megapixels = _MEGAPIXELS[_one_of(given, "size", _MEGAPIXELS, "preview")]
    kind = _one_of(given, "type", _SUBJECTS, "auto")
    crop = _truth(given, "crop")
    margin, scale, position = _margin(given), _scale(given), _position(given)
    if crop and (scale is not None or position is not None):
        raise _bad(said="crop goes with neither scale nor position", hint="leave out one of them")
    if scale is not None and position is None and given.get("position") != "original":
        position = 0.5, 0.5
    return Wish(
        pixels=None if megapixels is None else megapixels * 1_000_000,
        type=kind,
        subject=_SUBJECTS[kind],
        named=given.get("type_level") != "none",
        format=_FORMATS[_one_of(given, "format", _FORMATS, "auto")],
        roi=_roi(given),
        margin=margin if crop else None,
        scale=scale,
        position=position,
        alpha=_one_of(given, "channels", ("rgba", "alpha"), "rgba") == "alpha",
        colour=_colour(given),
    )


def rendered(refusal: Refusal) -> Response:
    """A refusal in remove.bg's form."""
    code, status = _NAMES.get(refusal.code, (refusal.code, refusal.status))
    if code == refusal.code and status in (401, 413, 415, 422):
        status = 400
    error = {"title": refusal.message, "code": code, "detail": refusal.hint}
    return JSONResponse({"errors": [error]}, status, headers=refusal.headers)


def _bad(*, said: str, hint: str) -> Refusal:
    return Refusal(said, "bad_option", hint=hint)


def _single(form: Form) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, text in form.texts:
        if name in values:
            raise _bad(said=f"`{name[:80]}` is given twice", hint="send it once")
        values[name] = text
    return values


def _decoded(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(
            said="image_file_b64 is no base64", hint="encode the file's bytes as base64"
        ) from error


def _one_of(given: Mapping[str, str], name: str, words: Iterable[str], usual: str) -> str:
    known = tuple(words)
    text = given.get(name, usual)
    if text in known:
        return text
    raise _bad(
        said=f"{name} must be one of {', '.join(known)}, got {text[:80]!r}",
        hint=f"send {name}={usual}",
    )


def _truth(given: Mapping[str, str], name: str, usual: str = "false") -> bool:
    return _one_of(given, name, ("true", "false", "1", "0"), usual) in ("true", "1")


def _refuse_unsupported(given: Mapping[str, str]) -> None:
    if _truth(given, "add_shadow") or given.get("shadow_type", "none") != "none":
        raise _bad(
            said="shadows are not offered in this form", hint="POST /api/replace with shadow=drop"
        )
    if not _truth(given, "semitransparency", "true") and given.get("type") == "car":
        raise _bad(
            said="windows of cars are as the network sees them", hint="leave out semitransparency"
        )
    _one_of(given, "type_level", ("none", "1", "latest"), "1")


def _length(text: str, name: str) -> Length:
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise _bad(said=f"{name} must be in px or %, got {text[:80]!r}", hint=f"send {name}=10%")
    value = float(found[1])
    return Length(value / 100, share=True) if found[2] == "%" else Length(value)


def _roi(given: Mapping[str, str]) -> tuple[Length, Length, Length, Length] | None:
    if "roi" not in given:
        return None
    parts = given["roi"].split()
    if len(parts) != 4:
        raise _bad(said="roi must be x1 y1 x2 y2", hint="send roi=0% 0% 100% 100%")
    left, top, right, bottom = (_length(part, "roi") for part in parts)
    return left, top, right, bottom


def _margin(given: Mapping[str, str]) -> tuple[Length, Length, Length, Length]:
    parts = given.get("crop_margin", "0").split()
    lengths = [_length(part, "crop_margin") for part in parts]
    most_share, most_pixels = _MOST_MARGIN
    if len(parts) not in (1, 2, 4) or any(
        length.value > (most_share if length.share else most_pixels) for length in lengths
    ):
        message = "crop_margin must be one, two or four values of at most 50% or 500px"
        raise _bad(said=message, hint="send crop_margin=10%")
    if len(parts) == 1:
        lengths *= 4
    elif len(parts) == 2:
        lengths *= 2
    top, right, bottom, left = lengths
    return top, right, bottom, left


def _scale(given: Mapping[str, str]) -> float | None:
    text = given.get("scale", "original")
    if text == "original":
        return None
    length = _length(text, "scale")
    if not length.share or not 0.1 <= length.value <= 1:
        raise _bad(
            said=f"scale must be 10% to 100%, or original, got {text[:80]!r}", hint="send scale=80%"
        )
    return length.value


def _position(given: Mapping[str, str]) -> tuple[float, float] | None:
    text = given.get("position", "original")
    if text == "original":
        return None
    if text == "center":
        return 0.5, 0.5
    lengths = [_length(part, "position") for part in text.split()]
    if len(lengths) not in (1, 2) or any(not one.share or one.value > 1 for one in lengths):
        message = f"position must be center, original, or one or two values in %, got {text[:80]!r}"
        raise _bad(said=message, hint="send position=center")
    return lengths[0].value, lengths[-1].value


def _colour(given: Mapping[str, str]) -> tuple[int, int, int] | None:
    text = given.get("bg_color")
    if text is None:
        return None
    from nukki.pipelines.colours import as_colour

    word = (
        f"#{text}" if re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}", text) else text
    )
    if re.fullmatch(r"#[0-9a-fA-F]{8}", word):
        if word[7:].lower() != "ff":
            raise _bad(said="bg_color must be opaque", hint="leave out its last two digits")
        word = word[:7]
    colour = as_colour(word)
    if colour is None:
        raise _bad(
            said=f"bg_color must be a colour, got {text[:80]!r}", hint="send bg_color=81d4fa"
        )
    return colour
