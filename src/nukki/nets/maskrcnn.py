"""Mask R-CNN (He et al., ICCV 2017) on ResNet-50 and a feature pyramid, in two publishers' forms.

    picture → body → levels → proposals → boxes → pool → classify → detections → pool → outline

The layers are the same; the steps between them differ in half a dozen places (`DETECTRON2`,
`TORCHVISION`), and so do the rules by which a photo gets in and masks get out (`ops.grid`,
`ops.paste`). Keys are torchvision's of before its release 0.13, as in the published file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from nukki.errors import InputError
from nukki.nets.fpn import FeaturePyramid
from nukki.nets.published import Outputs, Published
from nukki.nets.resnet import RESNET50, FrozenBatchNorm, ResNet
from nukki.nets.roi import BOX_SIDE, MASK_SIDE, Regions, RoIHeads
from nukki.nets.rpn import ProposalNetwork, clipped
from nukki.ops import paste
from nukki.ops.grid import Placement, fit
from nukki.types import InputSpec

__all__ = ["DETECTRON2", "PUBLISHED", "TORCHVISION", "Detections", "Form", "MaskRCNN"]

_SMALLEST = torch.finfo(torch.float32).tiny  # any box that is not empty is larger


@dataclass(frozen=True)
class Form:
    """What a publisher's network does otherwise than the other's.

    Attributes:
        stride_in_1x1: See `ResNet`.
        norm_eps: Of the batch norms, which are frozen.
        whole_anchors: See `ProposalNetwork`.
        least_proposal: Likewise.
        regions: See `Regions`.
        given: How a photo is shown to the network, with the published lengths of its sides.
        paste: How a mask gets into the photo, as a card says it.
        drops_empty: Whether boxes that are empty in the photo are dropped.
    """

    stride_in_1x1: bool
    norm_eps: float
    whole_anchors: bool
    least_proposal: float
    regions: Regions
    given: InputSpec
    paste: str
    drops_empty: bool


_SHOWN = partial(InputSpec, (800, 1333), "shortest-edge", 32, pad_after=True)
DETECTRON2 = Form(
    stride_in_1x1=True,
    norm_eps=1e-5,
    whole_anchors=False,
    least_proposal=_SMALLEST,
    regions=Regions(
        80, background_first=False, aligned=True, sampling=0, slack=(1e-8, 0.0), least=0.0
    ),
    given=_SHOWN(scale=1.0, mean=(103.530, 116.280, 123.675), channels="bgr"),
    paste="aligned",
    drops_empty=True,
)
TORCHVISION = Form(
    stride_in_1x1=False,
    norm_eps=0.0,
    whole_anchors=True,
    least_proposal=1e-3,
    regions=Regions(
        90, background_first=True, aligned=False, sampling=2, slack=(0.0, 1e-6), least=1e-2
    ),
    given=_SHOWN(
        rounding="down-float32",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        antialias=False,
    ),
    paste="expanded",
    drops_empty=False,
)


class Detections(NamedTuple):
    """What was found in a picture, best first.

    Attributes:
        boxes: (D, 4) float32, left, top, right, bottom in pixels of the network's input.
        scores: (D,) float32 in 0..1.
        classes: (D,) int64, the publisher's numbers.
        masks: (D, 28, 28) float32 in 0..1, the inside of each box.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    masks: Tensor


class MaskRCNN(nn.Module):
    """Picture → boxes, classes and masks of the things in it.

    Input: (1, 3, H, W) float32 as `Form.given` makes it, H and W multiples of 32; and (2,) int64,
    height and width of the picture in it, less than H and W by the padding.
    Output: `Detections`, at most 100.

    Whole, or in the stages that `forward` shows: `body` takes any number of pictures, `rpn` makes
    proposals of what it gives, and `roi_heads` does the rest; its heads, `classify` and `outline`,
    take what is pooled of any number of boxes.
    """

    def __init__(
        self,
        form: Form,
        blocks: tuple[int, int, int, int] = RESNET50,
        *,
        width: int = 64,
        channels: int = 256,
        hidden: int = 1024,
    ) -> None:
        """Build the layers.

        Args:
            form: Whose network it is.
            blocks: See `ResNet`.
            width: Likewise.
            channels: Of the pyramid and of the heads' convolutions.
            hidden: Width of the box head.
        """
        super().__init__()
        self.form = form
        norm = partial(FrozenBatchNorm, eps=form.norm_eps)
        resnet = ResNet(blocks, norm, width=width, stride_in_1x1=form.stride_in_1x1)
        pyramid = FeaturePyramid([width << number for number in (2, 3, 4, 5)], channels)
        self.backbone = nn.Sequential(OrderedDict[str, nn.Module](body=resnet, fpn=pyramid))
        whole, least = form.whole_anchors, form.least_proposal
        self.rpn = ProposalNetwork(channels, whole=whole, least=least)
        self.roi_heads = RoIHeads(form.regions, channels, hidden)

    def forward(self, image: Tensor, size: Tensor) -> Detections:
        """See the class."""
        if image.shape[0] != 1:
            message = f"Mask R-CNN takes one picture, got a batch of {image.shape[0]}"
            raise InputError(message, hint="give the pictures one after the other")
        heads = self.roi_heads
        features, logits, deltas = self.body(image)
        boxes, _ = self.rpn(logits, deltas, image.shape[-2:], size)
        classified = heads.classify(heads.pool(features, boxes, BOX_SIDE))
        boxes, scores, classes = heads.detections(boxes, *classified, size)
        outlines = heads.outline(heads.pool(features, boxes, MASK_SIDE))
        return Detections(boxes, scores, classes, heads.masks(outlines, classes))

    def body(self, image: Tensor) -> tuple[tuple[Tensor, ...], list[Tensor], list[Tensor]]:
        """All that looks at the whole picture: (N, 3, H, W) → maps, logits and deltas.

        Returns:
            Maps (N, C, h, w) of strides 4 to 64; logits (N, 3, h, w) and deltas (N, 12, h, w) of
            the proposals on each.
        """
        features: tuple[Tensor, ...] = self.backbone(image)
        logits, deltas = self.rpn.head(features)
        return features, logits, deltas


# The calls of the parity data: they were made with these lengths of a picture's sides.
_PARITY_SIDES = (256, 480)

Call = Callable[..., Outputs]


def _run(module: nn.Module, call: str, inputs: Mapping[str, Tensor]) -> Outputs:
    """A call of the parity data."""
    return _CALLS[call](cast(MaskRCNN, module), **inputs)


def _size_of(x: Tensor) -> Tensor:
    return torch.tensor(x.shape[-2:])


def _shown(
    net: MaskRCNN, image: Tensor, sides: tuple[int, int] = _PARITY_SIDES
) -> tuple[Tensor, Tensor, Placement]:
    """A photo, (H, W, 3) uint8 or (1, 3, H, W) in 0..1: tensor, its picture's size, placement."""
    if image.dtype != torch.uint8:
        image = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
    tensor, placement = fit(image.numpy(), replace(net.form.given, size=sides))
    return torch.from_numpy(tensor), torch.tensor(placement.inner), placement


def _backbone(net: MaskRCNN, x: Tensor) -> Outputs:
    features: tuple[Tensor, ...] = net.backbone(x)
    return features


def _proposed(net: MaskRCNN, x: Tensor) -> Outputs:
    _, logits, deltas = net.body(x)
    return *logits, *deltas


def _proposals(net: MaskRCNN, x: Tensor) -> Outputs:
    _, logits, deltas = net.body(x)
    boxes, scores = net.rpn(logits, deltas, x.shape[-2:], _size_of(x))
    return {"boxes": boxes[:100], "logits": scores[:100], "count": torch.tensor([len(boxes)])}


def _box_head(net: MaskRCNN, x: Tensor, boxes: Tensor) -> Outputs:
    pooled = net.roi_heads.pool(net.backbone(x), boxes, BOX_SIDE)
    return pooled, *net.roi_heads.classify(pooled)


def _mask_head(net: MaskRCNN, x: Tensor, boxes: Tensor) -> Outputs:
    return net.roi_heads.outline(net.roi_heads.pool(net.backbone(x), boxes, MASK_SIDE))


def _detections(net: MaskRCNN, x: Tensor) -> Outputs:
    boxes, scores, classes, masks = net(x, _size_of(x))
    return boxes, scores, classes, masks[:, None]


def _paste(net: MaskRCNN, probs: Tensor, boxes: Tensor, size: Tensor) -> Outputs:
    height, width = size.tolist()
    masks = np.zeros((len(probs), height, width), np.float32)
    place = paste.aligned if net.form.paste == "aligned" else paste.expanded
    for mask, prob, corners in zip(masks, probs.numpy(), boxes.numpy(), strict=True):
        patch = place(prob, corners, height, width)
        mask[patch.box.slices()] = patch.soft()
    if net.form.paste == "aligned":
        return torch.from_numpy(masks >= 0.5)
    return torch.from_numpy(masks)[:, None]


def _full(net: MaskRCNN, image: Tensor) -> Outputs:
    tensor, size, placement = _shown(net, image)
    boxes, scores, classes, masks = net(tensor, size)
    source = torch.tensor(placement.source)
    boxes = clipped(boxes * (source / size).float().flip(0).repeat(2), source)
    if net.form.drops_empty:
        full = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        boxes, scores, classes, masks = boxes[full], scores[full], classes[full], masks[full]
    return boxes, scores, classes, cast(Tensor, _paste(net, masks, boxes, source))


_CALLS: Mapping[str, Call] = {
    "backbone": _backbone,
    "rpn": _proposed,
    "proposals": _proposals,
    "box_head": _box_head,
    "mask_head": _mask_head,
    "detections": _detections,
    "preprocess": lambda net, image: _shown(net, image)[:2],
    "preprocess_800": lambda net, image: _shown(net, image, net.form.given.size)[:2],
    "transform": lambda net, image: _shown(net, image)[:2],
    "transform_800": lambda net, image: _shown(net, image, net.form.given.size)[:2],
    "paste": _paste,
    "full": _full,
}

_DETECTRON2_NAMES = (
    (r"^backbone\.bottom_up\.(stem\.)?", "backbone.body."),
    (r"\.res2\.", ".layer1."),
    (r"\.res3\.", ".layer2."),
    (r"\.res4\.", ".layer3."),
    (r"\.res5\.", ".layer4."),
    (r"\.conv(\d)\.norm\.", r".bn\1."),
    (r"\.shortcut\.norm\.", ".downsample.1."),
    (r"\.shortcut\.", ".downsample.0."),
    (r"\.fpn_(lateral|output)2\.", r".fpn.\1.0."),
    (r"\.fpn_(lateral|output)3\.", r".fpn.\1.1."),
    (r"\.fpn_(lateral|output)4\.", r".fpn.\1.2."),
    (r"\.fpn_(lateral|output)5\.", r".fpn.\1.3."),
    (r"\.fpn\.lateral\.", ".fpn.inner_blocks."),
    (r"\.fpn\.output\.", ".fpn.layer_blocks."),
    (r"^proposal_generator\.rpn_head\.", "rpn.head."),
    (r"\.objectness_logits\.", ".cls_logits."),
    (r"\.anchor_deltas\.", ".bbox_pred."),
    (r"\.box_head\.fc1\.", ".box_head.fc6."),
    (r"\.box_head\.fc2\.", ".box_head.fc7."),
    (r"\.mask_head\.deconv\.", ".mask_predictor.conv5_mask."),
    (r"\.mask_head\.predictor\.", ".mask_predictor.mask_fcn_logits."),
)
PUBLISHED = {
    "detectron2_maskrcnn": Published(
        build=partial(MaskRCNN, DETECTRON2),
        # Constants of the network, which older files hold.
        ignored=(r"pixel_(mean|std)$", r"proposal_generator\.anchor_generator\."),
        renames=_DETECTRON2_NAMES,
        run=_run,
    ),
    "torchvision_maskrcnn": Published(
        build=partial(MaskRCNN, TORCHVISION),
        prefixes=("module.",),
        ignored=(r".*\.num_batches_tracked$",),
        run=_run,
    ),
}
