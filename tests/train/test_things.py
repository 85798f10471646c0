"""Things in photos: told by outlines, runs, boxes or masks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from nukki.errors import InputError
from nukki.ops.runs import to_runs, to_text
from nukki.train.things import CAT, DOG, PERSON, UNKNOWN, find_things, load_things, tight
from nukki.types import ClassSpec
from nukki.zoo.labels import labels_of
from train_files import make_set

WIDTH, HEIGHT = 20, 10


def square(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def row(**changes):
    """An annotation of the photo 1: a person in columns 2..7 and rows 3..8."""
    told = {
        "id": 5,
        "image_id": 1,
        "category_id": 1,
        "bbox": [2, 3, 5, 5],
        "iscrowd": 0,
        "segmentation": [square(2, 3, 7, 8)],
    }
    return {key: value for key, value in {**told, **changes}.items() if value is not None}


def annotated(folder, rows, **image):
    """A set of one photo with these annotations."""
    (folder / "images").mkdir(parents=True)
    Image.new("RGB", (WIDTH, HEIGHT), (9, 99, 199)).save(folder / "images" / "a.png")
    photo = {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT, **image}
    content = {"images": [photo], "annotations": rows}
    (folder / "instances.json").write_text(json.dumps(content))
    return folder


def only(folder):
    (photo,) = find_things(folder)
    image, (thing,) = load_things(photo)
    assert image.shape == (HEIGHT, WIDTH, 3)
    return thing


def block(left=2, top=3, right=7, bottom=8):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


# --- annotations


def test_an_outline_is_filled_to_its_rim_and_no_further(tmp_path):
    thing = only(annotated(tmp_path / "set", [row()]))
    assert (thing.label, thing.box, thing.crowd, thing.score) == (PERSON, (2, 3, 7, 8), False, 1.0)
    assert thing.mask.dtype == np.uint8
    np.testing.assert_array_equal(thing.mask >= 128, block())
    assert (thing.mask[block()] >= 200).all()
    assert (thing.mask[~block(1, 2, 8, 9)] == 0).all()


def test_outlines_of_several_parts_are_one_thing(tmp_path):
    parts = [square(0, 0, 4, 4), square(10, 5, 15, 10)]
    thing = only(annotated(tmp_path / "set", [row(segmentation=parts, bbox=[0, 0, 15, 10])]))
    np.testing.assert_array_equal(thing.mask >= 128, block(0, 0, 4, 4) | block(10, 5, 15, 10))


def test_an_outline_that_leaves_the_picture_is_cut_off(tmp_path):
    told = row(segmentation=[square(-5, -5, 3, 3)], bbox=[-5, -5, 8, 8])
    thing = only(annotated(tmp_path / "set", [told]))
    assert thing.box == (0, 0, 3, 3)
    np.testing.assert_array_equal(thing.mask >= 128, block(0, 0, 3, 3))


# pycocotools 2.0 was written before NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_outlines_are_nearly_those_of_pycocotools(tmp_path):
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    points = np.stack([9.3 + 7 * np.cos(angles), 5.1 + 4 * np.sin(angles)], axis=1).ravel().tolist()
    thing = only(annotated(tmp_path / "set", [row(segmentation=[points], bbox=[2, 1, 15, 8])]))
    theirs = coco.decode(coco.frPyObjects([points], HEIGHT, WIDTH))[..., 0] > 0
    ours = thing.mask >= 128
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.9


@pytest.mark.parametrize("short", [False, True])
def test_runs_long_and_short(tmp_path, short):
    runs = to_runs(block())
    shape = {"size": [HEIGHT, WIDTH], "counts": to_text(runs) if short else runs}
    thing = only(annotated(tmp_path / "set", [row(segmentation=shape, iscrowd=1)]))
    assert thing.crowd
    np.testing.assert_array_equal(thing.mask, block().astype(np.uint8) * 255)


@pytest.mark.parametrize("shape", [None, []])
def test_a_box_of_a_teacher_has_a_score_and_no_mask(tmp_path, shape):
    thing = only(annotated(tmp_path / "set", [row(segmentation=shape, score=0.75)]))
    assert thing.mask is None
    assert thing.score == 0.75


def test_labels_are_numbered_without_cocos_gaps(tmp_path):
    rows = [row(category_id=number) for number in (1, 17, 18, 90)]
    (photo,) = find_things(annotated(tmp_path / "set", rows))
    _, things = load_things(photo)
    names = labels_of(ClassSpec("coco-80"))
    assert [names[thing.label] for thing in things] == ["person", "cat", "dog", "toothbrush"]
    assert (names[CAT], names[DOG], names[PERSON]) == ("cat", "dog", "person")


def test_empty_boxes_are_no_things(tmp_path):
    rows = [row(bbox=[3, 3, 0, 5]), row(bbox=[30, 3, 5, 5])]
    (photo,) = find_things(annotated(tmp_path / "set", rows))
    assert load_things(photo)[1] == ()


@pytest.mark.parametrize(
    "bad",
    [
        {"category_id": 12},  # a gap in COCO's numbers
        {"bbox": [1, 2, 3]},
        {"bbox": [1, 2, float("nan"), 3]},
        {"segmentation": [[1, 2, 3, 4]]},
        {"segmentation": {"size": [WIDTH, HEIGHT], "counts": [200]}},
        {"image_id": None},
    ],
)
def test_annotations_of_another_form_are_named(tmp_path, bad):
    folder = annotated(tmp_path / "set", [row(**bad)])
    with pytest.raises(InputError, match=r"instances\.json.*COCO's format"):
        find_things(folder)


def test_runs_of_another_length_are_named_when_they_are_read(tmp_path):
    shape = {"size": [HEIGHT, WIDTH], "counts": [199]}
    (photo,) = find_things(annotated(tmp_path / "set", [row(segmentation=shape)]))
    with pytest.raises(InputError, match=r"a\.png.*runs"):
        load_things(photo)


def test_a_photo_of_another_size_than_told(tmp_path):
    (photo,) = find_things(annotated(tmp_path / "set", [row()], width=21))
    with pytest.raises(InputError, match="annotations say 21 x 10"):
        load_things(photo)


@pytest.mark.parametrize("name", ["b.png", "../a.png"])
def test_photos_must_be_in_their_folder(tmp_path, name):
    with pytest.raises(InputError, match=r"a\.png|b\.png"):
        find_things(annotated(tmp_path / "set", [row()], file_name=name))


def test_annotations_that_are_no_json(tmp_path):
    folder = annotated(tmp_path / "set", [row()])
    (folder / "instances.json").write_text("{")
    with pytest.raises(InputError, match="COCO's format"):
        find_things(folder)


def test_annotations_without_photos(tmp_path):
    folder = annotated(tmp_path / "set", [])
    (folder / "instances.json").write_text('{"images": [], "annotations": []}')
    with pytest.raises(InputError, match="no photo"):
        find_things(folder)


# --- masks


@pytest.mark.parametrize(
    ("name", "label"),
    [("people", PERSON), ("portraits", PERSON), ("duts", UNKNOWN), ("matting", UNKNOWN)],
)
def test_sets_with_masks_have_one_thing_a_photo_labelled_by_the_set(tmp_path, name, label):
    make_set(tmp_path / name, 2)
    for number, photo in enumerate(find_things(tmp_path / name)):
        image, (thing,) = load_things(photo)
        alpha = np.asarray(Image.open(tmp_path / name / "masks" / f"{number:03}.png"))
        np.testing.assert_array_equal(thing.mask, alpha)
        assert set(np.unique(alpha)) - {0, 255}, "the rim is soft"
        assert thing.label == label
        assert thing.box == tight(alpha)
        assert image.shape[:2] == alpha.shape


def test_pets_are_cats_where_oxford_writes_a_capital(tmp_path):
    make_set(tmp_path / "pets", 2)
    for kind in ("images", "masks"):
        for old, new in (("000", "Bengal_7"), ("001", "beagle_7")):
            (tmp_path / "pets" / kind / f"{old}.png").rename(
                tmp_path / "pets" / kind / f"{new}.png"
            )
    assert [photo.label for photo in find_things(tmp_path / "pets")] == [CAT, DOG]


def test_portraits_of_several_people_in_one_mask_are_crowds(tmp_path):
    make_set(tmp_path / "portraits", 2)
    make_set(tmp_path / "people", 1)
    for kind in ("images", "masks"):
        for old, new in (("000", "8"), ("001", "9")):  # published under these names
            place = tmp_path / "portraits" / kind
            (place / f"{old}.png").rename(place / f"{new}.png")
        (tmp_path / "people" / kind / "000.png").rename(tmp_path / "people" / kind / "8.png")
    crowds = [load_things(photo)[1][0].crowd for photo in find_things(tmp_path / "portraits")]
    assert crowds == [True, False]
    (photo,) = find_things(tmp_path / "people")
    assert not load_things(photo)[1][0].crowd


def test_nothing_is_in_places_and_under_an_empty_mask(tmp_path):
    make_set(tmp_path / "places", 1, masks=False)
    make_set(tmp_path / "people", 1)
    Image.new("L", (96, 72), 100).save(tmp_path / "people" / "masks" / "000.png")
    for name in ("places", "people"):
        (photo,) = find_things(tmp_path / name)
        assert load_things(photo)[1] == ()


def test_the_box_of_a_mask_encloses_what_is_at_least_half_there():
    mask = np.zeros((6, 8), np.uint8)
    mask[1:5, 2:7] = 100
    assert tight(mask) is None
    mask[2, 3:6] = 128
    assert tight(mask) == (3, 2, 6, 3)


def test_a_set_without_masks_is_named(tmp_path):
    make_set(tmp_path / "people", 1, masks=False)
    with pytest.raises(InputError, match="no mask"):
        find_things(tmp_path / "people")
