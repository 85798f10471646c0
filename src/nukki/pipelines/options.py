# ruff: noqa: RUF009 (option() is dataclasses.field with words for a front end)
"""The one table of options: the API, the command line, HTTP and the page read it.

Each option is a field; `option(...)` carries what a front end needs to show it. Nothing heavy is
imported here, so that `nukki --help` stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any, Literal, TypedDict

from nukki.errors import InputError
from nukki.pipelines.grammar import parse
from nukki.pipelines.option_values import at_least, check_colour, is_band, is_range, one_of

__all__ = [
    "CallKeywords",
    "EraseKeywords",
    "EraseOptions",
    "OutputOptions",
    "PickKeywords",
    "PickOptions",
    "ReadOptions",
    "RemoveKeywords",
    "RemoveOptions",
    "RunOptions",
    "SegmentKeywords",
    "SegmentOptions",
    "option",
]

Edges = Literal["none", "fast", "auto", "best"]
KEYS = ("green", "blue", "auto")  # words that `key` and `despill` take besides colours
Colours = Literal["estimate", "keep"]
Hidden = Literal["zero", "keep", "bleed"]
FARTHEST = 3000  # pixels: nobody sees farther a growth or a feather in a photo
Flood = Literal["border", "all"]
Changes = Literal["size", "colours", "place"]


def option(
    default: Any,
    description: str,
    *,
    choices: tuple[str, ...] | None = None,
    metavar: str | None = None,
    flags: tuple[str, ...] = (),
    changes: Changes | None = None,
    limits: tuple[float, float] | None = None,
) -> Any:
    """A dataclass field with what a front end shows of it.

    Args:
        default: The field's default.
        description: One line of help.
        choices: The words it takes, where it takes words.
        metavar: What stands for its value in a usage line.
        flags: Further spellings on a command line, such as "-m".
        changes: What does not stay as in the photo where it is given: the result's size, the
            colours of solid pixels, or their place.
        limits: The least and the largest number that it takes.
    """
    metadata = {"help": description, "choices": choices, "metavar": metavar, "flags": flags}
    return field(default=default, metadata={**metadata, "changes": changes, "limits": limits})


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """On what the networks run."""

    device: str = option(
        "auto", "cpu, cuda, …; asked for and not there is an error", metavar="NAME"
    )
    threads: int | None = option(None, "threads of one call (default: all cores)", metavar="N")

    def __post_init__(self) -> None:
        at_least("threads", self.threads, 1, whole=True)


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How pictures are read."""

    max_pixels: int = option(
        200_000_000, "refuse larger pictures, before decoding", metavar="PIXELS"
    )
    allow_truncated: bool = option(False, "take what is there of a truncated file")

    def __post_init__(self) -> None:
        at_least("max_pixels", self.max_pixels, 1, whole=True)


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How results are written."""

    format: str | None = option(
        None,
        "png, webp, avif, tiff, jpeg (default: from the name)",
        choices=("png", "webp", "avif", "tiff", "jpeg"),
    )
    png: Literal["fast", "small"] = option(
        "fast", "effort for PNG files", choices=("fast", "small")
    )
    quality: int | None = option(
        None, "1 to 100 for lossy formats (default: the format's)", metavar="N"
    )
    lossless: bool = option(False, "WebP without loss")

    def __post_init__(self) -> None:
        one_of("png", self.png, ("fast", "small"))
        if self.quality is not None and not 1 <= self.quality <= 100:
            message = f"`quality` must be 1 to 100, got {self.quality}"
            raise InputError(message, hint="90 is a good value for photos")


@dataclass(frozen=True, kw_only=True)
class RemoveOptions:
    """How a subject is cut out. Applied in the order in which they stand here."""

    model: str = option(
        "subject",
        "network: a name of `nukki models list`, for saliency or semantic, or a .onnx file",
        metavar="NAME",
        flags=("-m",),
    )
    card: str | None = option(None, "card of a --model that is a file", metavar="FILE")
    subject: str = option(
        "auto",
        "what counts as the subject: auto, salient, or a choice: people, main, all, 2,3, … "
        "(docs/roads.md, docs/choosing.md)",
        metavar="WHAT",
    )
    instances: str = option(
        "default",
        "network that finds people and things: maskrcnn-r50, yolox:FILE, … or a name of "
        "`nukki models list`",
        metavar="NAME",
    )
    edges: Edges = option(
        "auto", "how edges are refined at full resolution", choices=("none", "fast", "auto", "best")
    )
    matting: str | None = option(
        None,
        "draw the edge anew by a matting network: indexnet, vitmatte-s, … (default: none)",
        metavar="NAME",
    )
    band: tuple[float, float] | None = option(
        None,
        "width of the band in which the edge is drawn, in pixels inside and outside of it "
        "(default: wide at hair, narrow at hard edges; docs/edges.md)",
        metavar="IN,OUT",
    )
    trimap: str | None = option(
        None,
        "take the edge's place from this picture of the photo's size: white is the subject, black "
        "is not, grey is to be decided",
        metavar="FILE",
    )
    save_trimap: str | None = option(
        None, "write the trimap in which the edge was drawn, a PNG", metavar="FILE"
    )
    key: str | None = option(
        None,
        "cut by the background's colour: green, blue, a colour, or auto (a screen of one colour at "
        "the border; before grey or white the network decides the inside; docs/chroma.md)",
        metavar="green|blue|auto|COLOUR",
        changes="colours",
    )
    key_tolerance: tuple[float, float] | None = option(
        None,
        "share of a pixel that is not the key's colour up to which it goes, and from which it "
        "stays, 0 to 1 (default: from the picture's noise)",
        metavar="INNER,OUTER",
    )
    keep_shadow: bool = option(
        False, "with --key: keep the subject's shadow, as black with an alpha"
    )
    flood: Flood | None = option(
        None,
        "flat graphics and logos: take away the border's colour, or --key's, where it hangs "
        "together with the border, or everywhere",
        choices=("border", "all"),
    )
    threshold: tuple[float, float] | None = option(
        None, "alpha below LOW becomes 0, above HIGH 1, linear between", metavar="LOW,HIGH"
    )
    binary: bool = option(False, "alpha is 0 or 1, split at one half")
    fill_holes: bool = option(False, "close holes inside the subject")
    drop_specks: bool = option(False, "drop small pieces away from the subject")
    largest: bool = option(False, "keep the largest piece only")
    grow: float = option(
        0.0,
        "grow the subject by PX pixels; shrink it by negative ones",
        metavar="PX",
        limits=(-FARTHEST, FARTHEST),
    )
    feather: float = option(
        0.0, "soften the edge: sigma of a Gaussian", metavar="PX", limits=(0, FARTHEST)
    )
    feather_out: bool = option(False, "feather outwards only: the solid core stays solid")
    invert: bool = option(False, "keep what is behind the subject instead")
    colours: Colours = option(
        "estimate",
        "colours of edge pixels: the subject's own, or the photo's",
        choices=("estimate", "keep"),
    )
    despill: str | None = option(
        None,
        "take coloured light off the subject's edge: green, blue, a colour, auto (that of what "
        "stands around it), none (default: the colour of --key, else none)",
        metavar="green|blue|auto|COLOUR",
        changes="colours",
    )
    hidden: Hidden = option(
        "zero",
        "colours under alpha 0: black, the photo's, or spread from the edge",
        choices=("zero", "keep", "bleed"),
    )
    sharpen: float = option(
        0.0,
        "sharpen the subject: strength, 0.5 is moderate",
        metavar="AMOUNT",
        changes="colours",
        limits=(0, 100),
    )
    crop: int | None = option(
        None,
        "crop to the subject with a margin of PX",
        metavar="PX",
        changes="size",
        limits=(0, 100_000),
    )
    background: str | None = option(
        None, "put this behind the subject: a colour, a picture file, blur", metavar="COLOUR|FILE"
    )

    def __post_init__(self) -> None:
        if self.subject not in ("auto", "salient"):
            parse(self.subject, option="subject")
        one_of("edges", self.edges, ("none", "fast", "auto", "best"))
        if self.matting is not None and self.matting.lower().endswith(".onnx"):
            message = f"`matting` must be the name of a network, got `{self.matting}`"
            hint = (
                "put its card into the folder of `nukki models path --cards`, take the file in by "
                f"`nukki models import {self.matting} --as NAME`, then give that name"
            )
            raise InputError(message, hint=hint)
        one_of("colours", self.colours, ("estimate", "keep"))
        one_of("hidden", self.hidden, ("zero", "keep", "bleed"))
        for one in fields(self):
            if (limits := one.metadata["limits"]) is not None:
                whole = one.name == "crop"
                at_least(one.name, getattr(self, one.name), limits[0], most=limits[1], whole=whole)
        if self.threshold is not None and not is_range(self.threshold):
            message = f"`threshold` must be 0 ≤ LOW < HIGH ≤ 1, got {self.threshold}"
            raise InputError(message, hint="try --threshold 0.1,0.9")
        self._check_trimap()
        self._check_key()

    def _check_trimap(self) -> None:
        """Refuse bands and trimaps that cannot be meant."""
        if self.band is not None and not is_band(self.band):
            message = f"`band` must be two whole numbers of pixels, not both 0, got {self.band}"
            raise InputError(message, hint="try --band 5,10")
        given = [name for name in ("band", "trimap", "save_trimap") if getattr(self, name)]
        if given and (self.flood is not None or self.key is not None):
            message = f"`{given[0]}` is about the edge that `key` and `flood` draw by colour"
            raise InputError(message, hint="leave one of them out")
        if self.trimap is not None and (self.band is not None or self.subject != "auto"):
            other = "band" if self.band is not None else "subject"
            message = f"`{other}` says what `trimap` says already"
            raise InputError(message, hint="leave one of them out")

    def _check_key(self) -> None:
        """Refuse what cutting by colour cannot do."""
        if self.key is not None and self.key not in KEYS:
            check_colour(self.key, "key")
        if self.despill is not None and self.despill not in (*KEYS, "none"):
            check_colour(self.despill, "despill")
        if self.flood is not None:
            one_of("flood", self.flood, ("border", "all"))
        if self.key_tolerance is not None and not is_range(self.key_tolerance):
            message = f"`key_tolerance` must be 0 ≤ INNER < OUTER ≤ 1, got {self.key_tolerance}"
            raise InputError(message, hint="try --key-tolerance 0.05,0.9")
        by_colour = self.flood is not None or self.key is not None
        if by_colour and self.matting is not None:
            message = "`matting` draws the edge that `key` and `flood` draw by colour"
            raise InputError(message, hint="leave one of them out")
        if (self.flood or self.key not in (None, "auto")) and self.subject != "auto":
            message = f"`subject` = {self.subject} needs a network, and the colour alone decides"
            raise InputError(message, hint="leave `subject` out, or give key auto")
        if self.key_tolerance is not None and not by_colour:
            message = "`key_tolerance` is nothing without `key` or `flood`"
            raise InputError(message, hint="add --key green, or auto")
        if self.keep_shadow and (self.key is None or self.flood or self.invert):
            message = "`keep_shadow` needs `key`, and neither `flood` nor `invert`"
            raise InputError(message, hint="add --key green, or auto")


@dataclass(frozen=True, kw_only=True)
class SegmentOptions:
    """What is looked for in a photo, and by whom."""

    instances: str = option(
        "default", "network: maskrcnn-r50, mask2former-swin-t, …, or a .onnx file", metavar="NAME"
    )
    card: str | None = option(None, "card of --instances that is a file", metavar="FILE")
    what: str = option(
        "all",
        "what is meant: all, people, person,dog, 2-4, largest, score>.8, … (docs/choosing.md)",
        metavar="WHAT",
    )
    except_: str | None = option(None, "what is left out of it, likewise", metavar="WHAT")
    min_score: float | Literal["auto"] = option(
        "auto", "leave out what is less sure, 0 to 1; auto is the network's own", metavar="SCORE"
    )

    def __post_init__(self) -> None:
        score: object = self.min_score
        if score != "auto" and not (isinstance(score, Real) and 0 <= float(score) <= 1):
            message = f"`min_score` must be auto or 0 to 1, got {score!r}"
            raise InputError(message, hint="0.5 is a usual value")
        parse(self.what)
        if self.except_ is not None:
            parse(self.except_, option="except")


@dataclass(frozen=True, kw_only=True)
class PickOptions:
    """Who finds the thing that is shown."""

    model: str = option(
        "default", "network: default, sam-vit-b, or a .onnx file", metavar="NAME", flags=("-m",)
    )
    card: str | None = option(None, "card of a --model that is a file", metavar="FILE")


@dataclass(frozen=True, kw_only=True)
class EraseOptions:
    """How a hole is filled."""

    fill: str = option(
        "default",
        "who fills it: default, patch, telea, ns, or a network: lama, aotgan, deepfillv2, migan, "
        "a .onnx file",
        metavar="NAME",
    )
    card: str | None = option(None, "card of --fill that is a file", metavar="FILE")
    seed: int = option(0, "another one fills otherwise", metavar="N")

    def __post_init__(self) -> None:
        at_least("seed", self.seed, 0, whole=True)


class RemoveKeywords(TypedDict, total=False):
    """`RemoveOptions` as keyword arguments, for type checkers; a test holds the two together."""

    model: str
    card: str | None
    subject: str
    instances: str
    edges: Edges
    matting: str | None
    band: tuple[float, float] | None
    save_trimap: str | None
    key: str | None
    key_tolerance: tuple[float, float] | None
    keep_shadow: bool
    flood: Flood | None
    threshold: tuple[float, float] | None
    binary: bool
    fill_holes: bool
    drop_specks: bool
    largest: bool
    grow: float
    feather: float
    feather_out: bool
    invert: bool
    colours: Colours
    despill: str | None
    hidden: Hidden
    sharpen: float
    crop: int | None


class SegmentKeywords(TypedDict, total=False):
    """`SegmentOptions` but for `what`, as keyword arguments, for type checkers; likewise."""

    instances: str
    card: str | None
    except_: str | None
    min_score: float | Literal["auto"]


class PickKeywords(TypedDict, total=False):
    """`PickOptions` as keyword arguments, for type checkers; likewise."""

    model: str
    card: str | None


class EraseKeywords(TypedDict, total=False):
    """`EraseOptions` as keyword arguments, for type checkers; likewise."""

    fill: str
    card: str | None
    seed: int


class CallKeywords(RemoveKeywords, total=False):
    """Those and what else `nukki.remove` takes."""

    trimap: Any  # whatever `io.masks.MaskSource` is: NumPy is not imported here
    device: str | None
    threads: int | None
    max_pixels: int | None
    allow_truncated: bool
    accept_licence: bool
