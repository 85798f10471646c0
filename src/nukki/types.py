"""The nouns: what arrays look like everywhere in nukki, and the two things that place them.

picture (RGB8)   uint8 (H, W, 3), sRGB, R first
pixels           uint8 or uint16 (H, W, 3), in the file's own RGB space
RGBA             uint8 or uint16 (H, W, 4), straight alpha
alpha            float32 (H, W), 0.0 to 1.0, coverage of the subject
mask             bool (H, W), True = inside
trimap           uint8 (H, W), exactly 0 background, 128 unknown, 255 foreground
tensor           float32 (N, C, H, W), only between `ops.grid` and `runtime`

`InputSpec` and `OutputSpec` say how a picture becomes a network's tensor and how its answer becomes
an alpha; a model card holds them and `ops.grid` executes them. `ClassSpec`, `BoxesSpec`,
`DetectionSpec`, `QuerySpec` and `PromptSpec` are the further tables of networks that tell things
apart; `MattingSpec` and `InpaintingSpec` those of networks that get a trimap or a hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RGB8",
    "RGBA",
    "Alpha",
    "Box",
    "BoxesSpec",
    "ClassSpec",
    "CropSpec",
    "DetectionSpec",
    "InpaintingSpec",
    "InputSpec",
    "Mask",
    "MattingSpec",
    "OutputSpec",
    "Pixels",
    "Point",
    "PromptSpec",
    "QuerySpec",
    "RowSource",
    "Tensor",
    "Trimap",
]

RGB8: TypeAlias = NDArray[np.uint8]
Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
RGBA: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Alpha: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
Trimap: TypeAlias = NDArray[np.uint8]
Tensor: TypeAlias = NDArray[np.float32]


class RowSource(Protocol):
    """A picture whose rows are made when they are asked for, so that it never lies in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        ...

    def rows(self, top: int, bottom: int) -> Pixels:
        """Rows top..bottom, (bottom - top, W, C); may be called from several threads."""
        ...


Fit = Literal["stretch", "letterbox", "pad", "round", "shortest-edge"]
Rounding = Literal["nearest", "down", "down-float32", "down-to-32"]
Resample = Literal["bilinear", "bicubic", "lanczos"]
LabelList = Literal["coco-80", "coco-91", "voc-21"]


@dataclass(frozen=True)
class Box:
    """Integer pixel bounds, half open: `pixels[top:bottom, left:right]`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, other: Box) -> Box:
        """The part that lies in another box; without pixels where they do not meet."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def moved(self, right: int, down: int) -> Box:
        """The box so many pixels further right and down."""
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def grown(self, margin: int, height: int, width: int) -> Box:
        """The box with `margin` more pixels on each side, clipped to a (height, width) picture."""
        return Box(
            max(0, self.left - margin),
            max(0, self.top - margin),
            min(width, self.right + margin),
            min(height, self.bottom + margin),
        )


@dataclass(frozen=True)
class Point:
    """A place in a photo; the first pixel's centre is (0, 0)."""

    x: float
    y: float
    keep: bool = True


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes a network's input: `(picture / scale - mean) / std` on a grid.

    Attributes:
        size: (height, width) of the network's grid. With fit "pad" and "round" it is not used; with
            "shortest-edge" it is the length of the shortest side and the bound of the longest.
        fit: "stretch" ignores the aspect ratio; "letterbox" keeps it and pads to `size`;
            "pad" keeps the picture's own size and pads right and bottom to `multiple`;
            "round" stretches each side to the next `multiple`;
            "shortest-edge" keeps the aspect ratio, brings the shortest side to its length or the
            longest to its bound, whichever is smaller, and pads likewise.
        multiple: Height and width of the tensor are multiples of this (but for "stretch" and
            "letterbox", whose `size` has to be).
        rounding: How "shortest-edge" comes to whole pixels (see `ops.sides`).
        scale: What the bytes are divided by: a number, or "own-maximum" for the largest value
            in the fitted picture (U²-Net's authors do so).
        mean: Subtracted after scaling, per channel in the order of `channels`.
        std: Divided by afterwards, likewise.
        channels: Order of the tensor's channels.
        antialias: Whether reduction averages (True) or samples (False, as some authors did).
        resample: Kernel for the resampling. Without averaging "bicubic" is OpenCV's, and there is
            no "lanczos".
        pad_value: Byte value that padding holds.
        pad_after: Whether padding comes after scale, mean and std and holds 0, as in networks
            that find things; `pad_value` then says nothing.
        name: The tensor's name; None takes the network's first input.
    """

    size: tuple[int, int]
    fit: Fit = "stretch"
    multiple: int = 1
    rounding: Rounding = "nearest"
    scale: float | Literal["own-maximum"] = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: Literal["rgb", "bgr"] = "rgb"
    antialias: bool = True
    resample: Resample = "bilinear"
    pad_value: float = 0.0
    pad_after: bool = False
    name: str | None = None


@dataclass(frozen=True)
class OutputSpec:
    """How a network's answer becomes an alpha.

    Attributes:
        name: The tensor's name; None takes the output at `index`.
        index: Which output; negative counts from the end.
        activation: "sigmoid" where the network gives logits, "softmax" where it gives one for each
            of several classes.
        range: "absolute" keeps the values; "min-max" stretches each answer to 0..1, as some
            authors do; a flat answer then becomes all zero, never NaN.
    """

    name: str | None = None
    index: int = 0
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    range: Literal["absolute", "min-max"] = "absolute"


@dataclass(frozen=True)
class ClassSpec:
    """What the class numbers of a network mean.

    Attributes:
        labels: The label of each number from 0 on, empty where a number is no thing (the
            background, a gap in the numbering); or the name of a list in `zoo.labels`.
        min_score: From which score on the network's authors show an instance.
    """

    labels: tuple[str, ...] | LabelList
    min_score: float = 0.5


@dataclass(frozen=True)
class BoxesSpec:
    """The outputs of a network that gives boxes alone, as our own `detect` and YOLOX do.

    Attributes:
        form: "decoded" where there are two outputs, boxes in pixels of the tensor and scores of all
            classes; "yolox" for the one output of YOLOX's official files, which is neither decoded
            nor in pixels (see `tasks.detection`).
        boxes: Of the form "decoded": name of (1, p, 4), left, top, right, bottom in pixels of the
            tensor.
        scores: Likewise: name of (1, p, classes), 0 to 1.
        output: Of the form "yolox": name of (1, p, 5 + classes).
        min_score: What is less sure is not even a candidate.
        overlap: Of two boxes of a class with a larger intersection over union the worse one is
            dropped.
    """

    form: Literal["decoded", "yolox"] = "decoded"
    boxes: str = "boxes"
    scores: str = "scores"
    output: str = "output"
    min_score: float = 0.05
    overlap: float = 0.6


@dataclass(frozen=True)
class DetectionSpec:
    """The outputs of a network that gives boxes with a small mask each, as Mask R-CNN does.

    Attributes:
        boxes: Name of (n, 4): left, top, right, bottom in pixels of the tensor.
        scores: Name of (n,): 0 to 1.
        classes: Name of (n,): class numbers.
        masks: Name of (n, h, w): probabilities of that class inside the box.
        size: Name of a second input, (2,) int64: height and width of the picture in the tensor,
            without the padding; None where the network has none.
        paste: How a mask gets into the photo: "aligned" as Detectron2, "expanded" as torchvision
            does it (see `ops.paste`).
        overlap: Of two boxes of a class with a larger intersection over union the worse one is
            dropped; None where the network has done so itself.
    """

    boxes: str = "boxes"
    scores: str = "scores"
    classes: str = "classes"
    masks: str = "masks"
    size: str | None = None
    paste: Literal["aligned", "expanded"] = "aligned"
    overlap: float | None = None


@dataclass(frozen=True)
class QuerySpec:
    """The outputs of a network that answers a fixed number of queries, as Mask2Former does.

    Attributes:
        classes: Name of (1, queries, classes + 1): logits, those of "nothing" last.
        masks: Name of (1, queries, h, w): logits over the whole tensor.
        enlarge: How masks come from the tensor's size to the photo's: "nearest" enlarges the
            finished mask, as transformers does; "bilinear" the logits, as the authors do.
    """

    classes: str = "class_queries_logits"
    masks: str = "masks_queries_logits"
    enlarge: Literal["nearest", "bilinear"] = "nearest"


@dataclass(frozen=True)
class PromptSpec:
    """The tensors of a network that is asked by clicks and boxes, as SAM is.

    Its card has two files: the first makes an embedding of the photo, the second answers prompts.

    Attributes:
        embedding: Name of what the first file gives and the second takes.
        points: Name of (1, n, 2): x and y in pixels of the first file's tensor, (0, 0) the centre
            of its first pixel.
        labels: Name of (1, n), float32: 1 inside, 0 outside, 2 and 3 a box's corners, -1 no point,
            which stands where there is no box.
        masks: Name of (1, m, h, w): logits over the tensor, m guesses.
        scores: Name of (1, m): predicted IoU of each.
    """

    embedding: str = "embedding"
    points: str = "points"
    labels: str = "labels"
    masks: str = "masks"
    scores: str = "iou"


@dataclass(frozen=True)
class CropSpec:
    """The tensors of a network that is shown crops and asked by maps, as our own `pick` is.

    Its card has two files: the first sees the crops, the second answers questions about them. The
    question is (n, 4, h, w): the box, clicks on the thing, clicks beside it, and a guess of its
    mask (see `ops.crops`).

    Attributes:
        seen: Names of what the first file gives and the second takes.
        question: Name of the question.
        alpha: Name of (n, 1, h, w): the thing's alpha, 0 to 1.
        score: Name of (n,): the IoU that the mask is likely to have, 0 to 1.
    """

    seen: tuple[str, ...] = ("fine", "middle", "coarse")
    question: str = "question"
    alpha: str = "alpha"
    score: str = "score"


@dataclass(frozen=True)
class MattingSpec:
    """How much a network sees at once that gets a trimap as the fourth channel of its picture.

    The channel is trimap / 255; where the picture is padded it is 0.

    Attributes:
        limit: Side of the largest square that it sees. Larger pictures are seen in tiles.
        overlap: Pixels that neighbouring tiles share, and that are seen around the unknown band.
    """

    limit: int = 1024
    overlap: int = 128


@dataclass(frozen=True)
class InpaintingSpec:
    """How a hole is shown to a network that fills it, and what its answer means.

    The picture is as `InputSpec` says, its fit "pad" with `padding` instead of one value, which the
    mask gets too: what is mirrored of a hole is hole.

    Attributes:
        mask: Values of a known pixel and of one in the hole.
        mask_name: Name of the mask's own tensor; None where it is the last channel of the
            picture's.
        ones: Whether a channel of ones lies between picture and mask.
        hole: What the picture's tensor holds in the hole; None leaves the picture's own values.
        padding: What lies beyond the picture: "reflect" mirrors it without repeating its rim,
            "symmetric" repeats it, "edge" continues it.
        least: The shortest side that the network takes.
        dtype: Of the tensors.
        range: What the answer has for black and for white.
        limit: Side of the largest square that the network sees. Of larger pictures it sees the
            surroundings of the hole, reduced if need be.
    """

    mask: tuple[float, float] = (0.0, 1.0)
    mask_name: str | None = None
    ones: bool = False
    hole: float | None = None
    padding: Literal["reflect", "symmetric", "edge"] = "symmetric"
    least: int = 1
    dtype: Literal["float32", "uint8"] = "float32"
    range: tuple[float, float] = (0.0, 1.0)
    limit: int = 1024
