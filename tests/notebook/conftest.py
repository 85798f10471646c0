"""A photo with two blocks that are found and a stone that is not, and networks that know them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import nukki
from helpers import frozen
from nukki.ops.prompts import check_point
from nukki.ops.segments import segment_of, soft_segment_of
from nukki.types import Box

SIZE = (96, 128)
COLOUR = (10, 200, 90)


def block(rows, columns, label="person", score=0.9):
    mask = np.zeros(SIZE, np.bool_)
    mask[rows, columns] = True
    return segment_of(mask, Box(0, 0, SIZE[1], SIZE[0]), SIZE, label=label, score=score)


def stone():
    """With a soft edge: (60..80, 100..120) solid, two pixels around it half."""
    levels = np.zeros(SIZE, np.uint8)
    levels[58:82, 98:122] = 128
    levels[60:80, 100:120] = 255
    return soft_segment_of(levels, Box(0, 0, SIZE[1], SIZE[0]), SIZE, label="", score=0.8)


LEFT = block(slice(20, 80), slice(10, 40))
RIGHT = block(slice(10, 40), slice(60, 90), "dog", 0.8)
MAYBE = block(slice(0, 6), slice(0, 6), "sports ball", 0.3)
STONE = stone()


class World:
    """What the networks find; counts how often they are asked."""

    labels = ("person", "dog", "sports ball")
    card = SimpleNamespace(name="told")

    def __init__(self):
        self.found = [LEFT, RIGHT, MAYBE]
        self.looked = {"find": 0, "map": 0, "embed": 0, "fill": 0}

    # a finder
    def predict(self, image, *, min_score=0.0):
        self.looked["find"] += 1
        return [one for one in self.found if one.score >= min_score]

    def threshold(self, scores):
        return 0.5

    # a picker
    def embed(self, image):
        self.looked["embed"] += 1
        return self

    def ask(self, points=(), box=None):
        for one in points:
            check_point(one, *SIZE)
        on_it = [one for one in points if one.keep]
        if box is None and not on_it:
            raise nukki.InputError("neither", hint="a point")
        place = (box.left, box.top) if box else (on_it[0].x, on_it[0].y)
        for one in (STONE, LEFT, RIGHT):
            if one.alpha[round(place[1]), round(place[0])] > 0.4:
                return one
        return None

    # a filler
    name = "paint"

    def fill(self, image, mask, *, forbidden=None, seed=0):
        self.looked["fill"] += 1
        return np.where(mask[..., None], np.uint8(COLOUR), image)


class Mapper:
    """What stands out: the right block."""

    def __init__(self, world):
        self.world = world

    def reduction(self, height, width):
        return 1

    def predict(self, image):
        self.world.looked["map"] += 1
        return RIGHT.alpha if self.world.found else np.zeros(SIZE, np.float32)


@pytest.fixture
def world(monkeypatch):
    one = World()
    for place in ("nukki.api.load_finder", "nukki.erasing.load_finder"):
        monkeypatch.setattr(place, lambda *_, **__: one)
    monkeypatch.setattr("nukki.api.load_mapper", lambda *_, **__: Mapper(one))
    for place in ("nukki.notebook.work.load_picker", "nukki.api.load_picker"):
        monkeypatch.setattr(place, lambda *_, **__: one)
    for place in ("nukki.notebook.work.load_filler", "nukki.erasing.load_filler"):
        monkeypatch.setattr(place, lambda *_, **__: one)
    return one


@pytest.fixture
def photo():
    pixels = np.random.default_rng(4).integers(0, 256, (*SIZE, 3), np.uint8)
    for one, colour in ((LEFT, (200, 60, 50)), (RIGHT, (40, 70, 220)), (STONE, (120, 120, 110))):
        pixels[one.box.slices()] = colour
    return nukki.Picture(frozen(pixels))
