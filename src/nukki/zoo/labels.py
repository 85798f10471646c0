"""Lists of labels that many networks share, in the words of the data sets."""

from __future__ import annotations

from nukki.types import ClassSpec

__all__ = ["COCO_NUMBERS", "labels_of"]

# COCO's 80 things (Lin et al., ECCV 2014, arXiv 1405.0312), numbered without gaps.
_COCO_80 = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat",
    "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack",
    "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball",
    "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket",
    "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair",
    "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote",
    "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book",
    "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip

# COCO's own numbers run from 1 to 90; these were planned and never annotated. 0 is the background.
_GAPS = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})


def _with_gaps() -> tuple[str, ...]:
    things = iter(_COCO_80)
    return tuple("" if number in _GAPS else next(things) for number in range(91))


# What COCO's files call the things 0..79, their `category_id`.
COCO_NUMBERS = tuple(number for number in range(91) if number not in _GAPS)

# Pascal VOC's 20 things (Everingham et al., IJCV 2010), 0 is the background.
_VOC_21 = (
    "", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip

_LISTS = {"coco-80": _COCO_80, "coco-91": _with_gaps(), "voc-21": _VOC_21}


def labels_of(spec: ClassSpec) -> tuple[str, ...]:
    """The label of each class number; empty where a number is no thing."""
    return _LISTS[spec.labels] if isinstance(spec.labels, str) else spec.labels
