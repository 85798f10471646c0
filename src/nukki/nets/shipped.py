"""What ships of each published network: its graph's inputs and outputs, and what proves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nukki.nets import registry
from nukki.nets.export import Ports
from nukki.nets.operators import translations
from nukki.ops.grid import enlarge, fit
from nukki.ops.trimap import BACKGROUND, FOREGROUND, UNKNOWN
from nukki.types import RGB8, InpaintingSpec, Mask, PromptSpec, Trimap
from nukki.zoo import catalog
from nukki.zoo.cards import ModelCard

__all__ = [
    "SHIPPED",
    "Chosen",
    "Part",
    "Shipped",
    "Shown",
    "card_of",
    "inputs_for",
    "made_photo",
    "noise",
    "parts_of",
    "ports_of",
    "shipped",
]

Arrays = dict[str, NDArray[Any]]

_CELL = 16  # pixels of a patch of a random mask or trimap
_SPARE = 5  # one picture in ten flips a pixel of a mask in Mask2Former with made-up weights


@dataclass(frozen=True)
class Shipped:
    """What a graph of a published network takes and gives.

    Attributes:
        card: The name of the model card that says how such a network is used.
        output: Which output of the module ships; None for all.
        channels: Of the input.
        multiple: Sides are multiples of this.
        least: The shortest side.
        batch: Whether it takes several pictures at once.
        sizes: The (height, width) that a graph is proven at: two, and it is traced at the second,
            whose sides are not the same; or one, and it takes no other.
        cuts: Whether it cuts masks at a threshold inside, where rounding can flip a pixel.
    """

    card: str
    output: int | None = 0
    channels: int = 3
    multiple: int = 32
    least: int = 32
    batch: bool = True
    sizes: tuple[tuple[int, int], ...] = ((256, 192), (160, 288))
    cuts: bool = False

    @property
    def fixed(self) -> bool:
        """Whether it takes pictures of one size only."""
        return len(self.sizes) == 1


_ANY: Mapping[str, Any] = {"multiple": 1, "least": 1, "sizes": ((224, 224), (171, 237))}
_INDEXNET = Shipped("indexnet", channels=4)
_AOTGAN = Shipped("aotgan", channels=4, multiple=4, least=36)
SHIPPED: Mapping[str, Shipped] = {
    "u2net": Shipped("u2net", **_ANY),
    "u2netp": Shipped("u2netp", **_ANY),
    "isnet": Shipped("isnet-general-use", **_ANY),
    "deeplabv3_resnet101": Shipped("deeplabv3-r101", **_ANY),
    "detectron2_maskrcnn": Shipped("maskrcnn-r50", output=None, batch=False),
    "torchvision_maskrcnn": Shipped("maskrcnn-r50-torchvision", output=None, batch=False),
    "indexnet_official": _INDEXNET,
    "indexnet_mmedit": _INDEXNET,
    "deepfillv2": Shipped("deepfillv2", output=1, channels=5, multiple=8, least=72),
    "aotgan": _AOTGAN,
    "aotgan_mmagic": _AOTGAN,
    "lama": Shipped("lama", channels=4, multiple=8, least=16),
    "modnet": Shipped("modnet"),
    "birefnet_swin_v1_t": Shipped("birefnet-general-lite"),
    "mask2former-swin-t": Shipped("mask2former-swin-t", output=None, cuts=True),
    "mask2former-swin-s": Shipped("mask2former-swin-s", output=None, cuts=True),
    "mask2former-swin-b": Shipped("mask2former-swin-b", output=None, cuts=True),
    "mask2former-swin-l": Shipped("mask2former-swin-l", output=None, cuts=True),
    "vitmatte-s": Shipped("vitmatte-s", channels=4),
    "vitmatte-b": Shipped("vitmatte-b", channels=4),
    "sam-vit-b": Shipped("sam-vit-b", batch=False, multiple=1024, sizes=((1024, 1024),)),
}


def shipped(name: str) -> Shipped:
    """What ships of a published network.

    Raises:
        UnknownModel: If there is none of that name.
    """
    registry.published(name)  # knows near matches
    return SHIPPED[name]


def card_of(name: str) -> ModelCard:
    """The card that says how pictures get into a network and answers out of it."""
    return catalog.find(shipped(name).card)


class Chosen(nn.Module):
    """A network less the outputs that do not ship.

    Args:
        net: Takes a picture's tensor, or that and (2,) int64, the height and width in use.
        output: Which output ships; None for all.
    """

    def __init__(self, net: nn.Module, output: int | None) -> None:
        super().__init__()
        self.net = net
        self.output = output

    def forward(self, image: Tensor, size: Tensor | None = None) -> tuple[Tensor, ...]:
        """The outputs that ship."""
        given = self.net(image) if size is None else self.net(image, size)
        outputs = (given,) if isinstance(given, Tensor) else tuple(given)
        return outputs if self.output is None else (outputs[self.output],)


# --- the graphs of a network


@dataclass(frozen=True)
class Shown:
    """What a graph is proven on in one run.

    Attributes:
        words: What each picture is.
        singles: The tensors of each picture.
        together: Those of all pictures at once.
    """

    words: tuple[str, ...]
    singles: tuple[Arrays, ...]
    together: Arrays


@dataclass(frozen=True)
class Part:
    """A graph of a network; most have one.

    Attributes:
        role: What it does for a network of several graphs; empty where there is one.
        module: What it computes, evaluating.
        ports: What goes in and comes out.
        shown: What it is proven on; it is traced with the last.
        spare: What else it may be proven on, in the place of what is shown.
    """

    role: str
    module: nn.Module
    ports: Ports
    shown: tuple[Shown, ...]
    spare: tuple[tuple[Shown, ...], ...] = ()


def parts_of(name: str, net: nn.Module, photo: RGB8) -> Iterator[Part]:
    """The graphs of a network, in the order of `ModelCard.endings`.

    Args:
        name: The network.
        net: It, with its weights, evaluating.
        photo: A photo to prove them on, (H, W, 3) uint8.
    """
    ship = shipped(name)
    shown, *spare = (tuple(_shown(name, photo, turn)) for turn in range(1 + _SPARE * ship.cuts))
    if card_of(name).prompts is None:
        yield Part("", Chosen(net, ship.output), ports_of(name), shown, tuple(spare))
    else:
        yield from _asked(name, net, shown)


_OUTPUTS = {"semantic": "out", "inpainting": "painted"}


def ports_of(name: str) -> Ports:
    """The inputs and outputs of a network's graph, under the names of its card.

    Of a network that is asked, those of the graph that sees the photo.
    """
    ship, card = shipped(name), card_of(name)
    pictures: int | str = "n" if ship.batch else 1
    sides: tuple[int | str, ...] = ship.sizes[0] if ship.fixed else ("h", "w")
    inputs = {_picture_name(card): (pictures, ship.channels, *sides)}
    outputs: tuple[str, ...] = (card.output.name or _OUTPUTS.get(card.task, "alpha"),)
    if card.detections is not None:
        found = card.detections
        outputs = (found.boxes, found.scores, found.classes, found.masks)
        if found.size is not None:
            inputs[found.size] = (2,)
    elif card.queries is not None:
        outputs = (card.queries.classes, card.queries.masks)
    elif card.prompts is not None:
        outputs = (card.prompts.embedding,)
    operators = translations() if card.detections is not None else {}
    return Ports(inputs, outputs, ship.multiple, ship.least, operators)


def _picture_name(card: ModelCard) -> str:
    return card.input.name or "image"


def _shown(name: str, photo: RGB8, turn: int = 0) -> Iterator[Shown]:
    """Random bytes and a photo at each size, in one run where the network takes two pictures.

    Turns after the first have other bytes, and the photo moved on.
    """
    ship = shipped(name)
    for height, width in ship.sizes:
        size = (height, width)
        which = f" {turn + 1}" if turn else ""
        words = tuple(f"{what}{which}, {height} × {width}" for what in ("noise", "photo"))
        one = inputs_for(name, noise(seed=1 + turn), size, scattered=True)
        moved = np.roll(photo, turn * photo.shape[1] // (1 + _SPARE), axis=1)
        other = inputs_for(name, moved, size, scattered=False)
        if ship.batch:
            together = {key: np.concatenate([one[key], other[key]]) for key in one}
            yield Shown(words, (one, other), together)
        else:
            yield Shown(words[:1], (one,), one)
            yield Shown(words[1:], (other,), other)


def _asked(name: str, net: nn.Module, shown: Sequence[Shown]) -> Iterator[Part]:
    """The graph that sees the photo, and the one that is asked about what it saw."""
    from nukki.nets.sam import Sam, SamDecoder, SamEncoder

    if not isinstance(net, Sam):
        message = f"`{name}` cannot be asked"
        raise TypeError(message)
    spec = card_of(name).prompts or PromptSpec()
    encoder = Chosen(SamEncoder(net), None)
    yield Part("encoder", encoder, ports_of(name), tuple(shown))
    asked = []
    for each in shown:
        picture = next(iter(each.together.values()))
        with torch.inference_mode():
            seen = encoder(torch.from_numpy(picture))[0].numpy()
        for words, kinds in _PROMPTS.items():
            where = np.random.default_rng(4).random((1, len(kinds), 2), np.float32)
            one: Arrays = {
                spec.embedding: seen,
                spec.points: where * np.float32(picture.shape[-1] - 1),
                spec.labels: np.array([kinds], np.float32),
            }
            asked.append(Shown((f"{each.words[0]}, {words}",), (one,), one))
    ports = Ports(
        {spec.embedding: seen.shape, spec.points: (1, "p", 2), spec.labels: (1, "p")},
        (spec.masks, spec.scores),
    )
    yield Part("decoder", SamDecoder(net), ports, tuple(asked))


# Prompts and what each place of them stands for, as SAM numbers it.
_PROMPTS = {"a point": (1, -1), "points and a box": (1, 0, 1, 2, 3)}


# --- what a graph is proven on


def inputs_for(name: str, picture: RGB8, size: tuple[int, int], *, scattered: bool) -> Arrays:
    """The inputs of a network that show it a picture, as its card has it.

    Args:
        name: The network.
        picture: (H, W, 3) uint8; it is stretched.
        size: (height, width) of the tensors.
        scattered: Whether holes and trimaps are random patches, or rings around the middle.

    Returns:
        Tensors by name, for one picture.
    """
    card = card_of(name)
    spec = replace(card.input, size=size, fit="stretch", multiple=1)
    tensor, _ = fit(picture, spec)
    zones = _patches(size) if scattered else _rings(size)
    if card.inpainting is not None:
        tensor = _with_hole(tensor, zones > 0, card.inpainting)
    elif card.matting is not None:
        levels = np.array([BACKGROUND, UNKNOWN, FOREGROUND], np.uint8)
        tensor = _with_trimap(tensor, levels[zones])
    inputs: Arrays = {_picture_name(card): tensor}
    if card.detections is not None and card.detections.size is not None:
        inputs[card.detections.size] = np.array(size, np.int64)
    return inputs


def noise(height: int = 256, width: int = 256, *, seed: int = 1) -> RGB8:
    """A picture of random bytes, always the same for a seed."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, 3), np.uint8)


def made_photo(height: int = 384, width: int = 512) -> RGB8:
    """A picture with a photo's statistics: amplitudes fall with frequency, and there are edges."""
    random = np.random.default_rng(2)
    light = np.zeros((height, width, 3), np.float32)
    cells = 2
    while cells < min(height, width):
        for channel in range(3):
            coarse = random.normal(0, 60 / cells**0.75, (cells, cells)).astype(np.float32)
            light[..., channel] += enlarge(coarse, height, width)
        cells *= 2
    rows, columns = np.mgrid[0:height, 0:width]
    for _ in range(6):
        y, x, radius = random.uniform(0, (height, width, height / 4))
        inside = np.hypot(rows - y, columns - x) < radius
        light[inside] += random.normal(0, 50, 3)
    return np.clip(np.rint(light + 120), 0, 255).astype(np.uint8)


def _patches(size: tuple[int, int]) -> NDArray[np.int64]:
    """(h, w) of 0, 1 and 2 in squares at random."""
    cells = [-(-side // _CELL) for side in size]
    drawn = np.random.default_rng(3).integers(0, 3, cells)
    return drawn.repeat(_CELL, 0).repeat(_CELL, 1)[: size[0], : size[1]]


def _rings(size: tuple[int, int]) -> NDArray[np.int64]:
    """(h, w): 2 in the middle, 1 around it, 0 outside."""
    rows, columns = (np.linspace(-1, 1, side) for side in size)
    distance = np.hypot(rows[:, None], columns)
    return (distance < 0.6).astype(np.int64) + (distance < 0.3)


def _with_hole(tensor: NDArray[np.float32], hole: Mask, spec: InpaintingSpec) -> NDArray[Any]:
    if spec.hole is not None:
        tensor = np.where(hole, np.float32(spec.hole), tensor)
    known, inside = spec.mask
    mask = np.where(hole, np.float32(inside), np.float32(known))[None, None]
    ones = [np.ones_like(mask)] if spec.ones else []
    return np.concatenate([tensor, *ones, mask], axis=1)


def _with_trimap(tensor: NDArray[np.float32], trimap: Trimap) -> NDArray[Any]:
    channel = trimap[None, None] / np.float32(FOREGROUND)
    return np.concatenate([tensor, channel], axis=1)
