"""How pairs are made: alphas that can be foretold, and photos and masks that do not go together."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nukki.errors import InputError
from nukki.train import masks, pairs
from nukki.train.coco import from_annotations
from nukki.train.pairs import Item
from nukki.train.sources import FolderSource
from training_sets import coco, coded, mask, photo, square, thing, trimap, write_folder


@pytest.fixture
def make(tmp_path):
    """Makes a pair by a maker from the bytes of a photo and a mask."""

    def run(maker, image, drawn=None, *, ending="png", **item):
        files = {f"images/a.{ending}": image}
        if drawn is not None:
            files["masks/a.png"] = drawn
        source = FolderSource(write_folder(tmp_path / "set", files))
        wish = Item("a", "train", f"images/a.{ending}", "masks/a.png" if drawn else None, **item)
        return maker(source, wish)

    return run


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_copy_is_the_same_bytes(make):
    image, drawn = coded(photo(), "WEBP"), coded(mask(), "PNG")
    pair = make(pairs.copied, image, drawn, ending="webp")
    assert (pair.image, pair.image_ending) == (image, ".webp")
    assert (pair.mask, pair.mask_ending) == (drawn, ".png")
    assert make(pairs.copied, image, ending="webp").mask is None


@pytest.mark.parametrize(
    "maker", [pairs.copied, pairs.reduced, pairs.from_trimap, pairs.grey, pairs.own]
)
def test_a_mask_of_another_shape_is_refused(make, maker):
    with pytest.raises(InputError, match=r"a\.png` is 16 × 12 pixels, but `.*a\.png` is 16 × 11"):
        make(maker, coded(photo(), "PNG"), coded(mask(16, 11), "PNG"))


@pytest.mark.parametrize(
    "maker", [pairs.copied, pairs.reduced, pairs.from_trimap, pairs.grey, pairs.own]
)
@pytest.mark.parametrize("which", ["photo", "mask"])
def test_a_truncated_file_is_named(make, maker, which):
    image, drawn = coded(photo(64, 48), "PNG"), coded(mask(64, 48), "PNG")
    if which == "photo":
        image = image[:-40]
    else:
        drawn = drawn[:-40]
    folder = "images" if which == "photo" else "masks"
    with pytest.raises(InputError, match=rf"`set/{folder}/a\.png` is (truncated|a damaged)"):
        make(maker, image, drawn)


def test_a_reduced_photo_has_the_size_of_its_mask_and_its_colours(make):
    drawn = mask(16, 12, value=180)
    pair = make(pairs.reduced, coded(photo(64, 48), "PNG"), coded(drawn, "PNG"))
    assert pair.image_ending == ".jpg"
    small = pixels(pair.image).astype(int)
    assert small.shape == (12, 16, 3)
    assert np.abs(small[:, :6] - (200, 30, 0)).max() <= 6
    assert np.abs(small[:, 10:] - (20, 60, 220)).max() <= 6
    assert (pixels(pair.mask) == np.asarray(drawn)).all()
    chroma = Image.open(io.BytesIO(pair.image)).layer
    assert {layer[1:3] for layer in chroma} == {(1, 1)}  # no colour is halved


def test_the_band_of_a_trimap_is_decided_by_colour(make):
    """Red is surely the subject, blue surely is not: the band is cut where they meet."""
    pair = make(pairs.from_trimap, coded(photo(), "PNG"), coded(trimap(), "PNG"))
    alpha = pixels(pair.mask)
    band = np.asarray(trimap()) == 3
    assert alpha.dtype == np.uint8
    assert set(np.unique(alpha[~band])) == {0, 255}
    assert (alpha[:, :7] == 255).all()
    assert (alpha[:, 11:] == 0).all()
    assert alpha[:, 7].min() > 240  # in the band, red
    assert alpha[:, 8:11].max() < 15  # in the band, blue


def test_a_trimap_without_a_band_is_its_foreground():
    values = np.full((5, 7), 2, np.uint8)
    values[1:3, 2:5] = 1
    assert (masks.banded(photo(7, 5), values) == np.where(values == 1, 255, 0)).all()


@pytest.mark.parametrize("other", [mask(), mask().convert("RGB"), mask(value=3)])
def test_what_is_no_trimap_is_refused(make, other):
    with pytest.raises(InputError, match=r"masks/a\.png` must be a trimap of 1, 2 and 3"):
        make(pairs.from_trimap, coded(photo(), "PNG"), coded(other, "PNG"))


def test_an_alpha_in_three_channels_becomes_one(make):
    drawn = mask(value=77)
    pair = make(pairs.grey, coded(photo(), "PNG"), coded(drawn.convert("RGB"), "PNG"))
    assert pixels(pair.mask).shape == (12, 16)
    assert (pixels(pair.mask) == np.asarray(drawn)).all()


def test_outlines_are_filled(make):
    pair = make(
        pairs.outlined,
        coded(photo(), "PNG"),
        size=(16, 12),
        outlines=(tuple(square(2, 3, 7, 8)), tuple(square(10, 1, 12, 2))),
    )
    expected = np.zeros((12, 16), np.uint8)
    expected[3:9, 2:8] = 255  # corners are pixels, and belong to it
    expected[1:3, 10:13] = 255
    assert (pixels(pair.mask) == expected).all()


def test_a_photo_of_another_size_than_its_annotation_is_refused(make):
    with pytest.raises(InputError, match="16 × 12 pixels, but its annotation is 20 × 12"):
        make(pairs.outlined, coded(photo(), "PNG"), size=(20, 12))


# --- one's own


def test_a_phones_photo_is_turned_upright(make):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rows of the file are columns of the picture
    out = io.BytesIO()
    photo(24, 16).save(out, "JPEG", exif=exif, quality=95, subsampling=0)
    pair = make(pairs.own, out.getvalue(), coded(mask(16, 24), "PNG"), ending="jpg")
    upright = pixels(pair.image).astype(int)
    assert upright.shape == (24, 16, 3)
    assert np.abs(upright[:10] - (200, 30, 0)).max() <= 6  # left has become the top
    assert not Image.open(io.BytesIO(pair.image)).getexif()


def test_a_large_photo_is_reduced_with_its_mask(make):
    pair = make(pairs.own, coded(photo(2048, 512), "JPEG"), coded(mask(2048, 512), "PNG"))
    assert pixels(pair.image).shape == (256, 1024, 3)
    alpha = pixels(pair.mask)
    assert alpha.shape == (256, 1024)
    assert (alpha[:, :511] == 255).all()
    assert (alpha[:, 513:] == 0).all()


def test_the_mask_may_be_a_cut_out(make):
    cut = photo().convert("RGBA")
    cut.putalpha(mask(value=99))
    pair = make(pairs.own, coded(photo(), "PNG"), coded(cut, "PNG"))
    assert (pixels(pair.mask) == np.asarray(mask(value=99))).all()


def test_the_mask_may_have_sixteen_bits(make):
    deep = np.asarray(mask(), np.uint16) * 0
    deep[:, :4], deep[:, 4:8] = 65535, 32896  # 128 · 257
    pair = make(pairs.own, coded(photo(), "PNG"), coded(Image.fromarray(deep), "PNG"))
    assert (pixels(pair.mask)[0] == [255] * 4 + [128] * 4 + [0] * 8).all()


def test_an_empty_mask_of_ones_own_is_taken_at_its_word(make):
    pair = make(pairs.own, coded(photo(), "PNG"), coded(mask(value=0), "PNG"))
    assert pixels(pair.mask).max() == 0


@pytest.mark.parametrize(
    ("drawn", "said"), [(photo(), "it has colours"), (mask(value=1), "its largest value is 1")]
)
def test_what_is_no_mask_is_refused(make, drawn, said):
    with pytest.raises(InputError, match=rf"masks/a\.png` must be a grey mask.*{said}"):
        make(pairs.own, coded(photo(), "PNG"), coded(drawn, "PNG"))


# --- COCO: of 200 pixels, a thing of 8 is large; together 16 to 140; the rest at most 10


@pytest.fixture
def annotated(tmp_path):
    def run(things, **rest):
        files = coco(things, **rest)
        return from_annotations(
            FolderSource(write_folder(tmp_path / "coco", files)), "images", "instances.json"
        )

    return run


@pytest.mark.parametrize(
    ("things", "chosen"),
    [
        pytest.param([thing(0, 40)], 1, id="one large thing"),
        pytest.param([thing(0, 15)], 0, id="too small together"),
        pytest.param([thing(0, 16)], 1, id="just large enough"),
        pytest.param([thing(0, 140)], 1, id="just small enough"),
        pytest.param([thing(0, 141)], 0, id="too large together"),
        pytest.param([thing(0, 8)] * 2, 2, id="two that together suffice"),
        pytest.param([thing(0, 7.9)] * 4, 0, id="many small things"),
        pytest.param([thing(0, 20)] * 4, 4, id="four"),
        pytest.param([thing(0, 20)] * 5, 0, id="five"),
        pytest.param([thing(0, 40), thing(0, 5), thing(0, 5)], 1, id="a small rest"),
        pytest.param([thing(0, 40), thing(0, 5), thing(0, 6)], 0, id="too large a rest"),
        pytest.param([thing(0, 40), thing(0, 5, crowd=1)], 0, id="a crowd"),
        pytest.param([thing(0, 40, outlines={"counts": [], "size": []})], 0, id="no outline"),
        pytest.param([thing(0, 40, outlines=[square(0, 0, 1, 1)] * 3)], 3, id="in three parts"),
    ],
)
def test_the_large_things_of_a_photo_are_its_subject(annotated, things, chosen):
    listing = annotated(things)
    assert sum(len(item.outlines) for item in listing.items) == chosen
    assert len(listing.items) + len(listing.left_out) == 1
    assert not listing.bad


def test_a_photo_in_which_nothing_is_annotated_is_left_out(annotated):
    listing = annotated([thing(1, 40)])
    assert [stem for stem, _ in listing.left_out] == ["000"]
    (item,) = listing.items
    assert (item.stem, item.split, item.size, item.mask) == ("001", "train", (20, 10), None)


def test_licences_of_what_is_used_are_counted(annotated):
    listing = annotated([thing(n, 40) for n in range(3)] + [thing(3, 1)], licences=(1, 2, 3))
    assert listing.notes == {"licences": {"By": 1, "By-NC": 1, "not stated": 1}}


def test_a_photo_that_is_annotated_and_not_there_is_bad(annotated, tmp_path):
    files = coco([thing(0, 40), thing(1, 40)])
    del files["images/001.webp"]
    source = FolderSource(write_folder(tmp_path / "coco", files))
    listing = from_annotations(source, "images", "instances.json")
    assert [item.stem for item in listing.items] == ["000"]
    assert listing.bad == [("001", "`coco/images/001.webp` is not there")]


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"{}", b"\xff", b'{"images": [], "annotations": [{}]}',
        b'{"images": [{"id": 1}], "annotations": []}',
        b'{"images": [{"id": 1, "file_name": "a", "width": 0, "height": 0}], "annotations": []}',
        b'{"images": [{"id": 1, "file_name": "a", "width": 2, "height": 2}], "annotations": '
        b'[{"image_id": 1, "iscrowd": 0, "area": 2, "segmentation": [[1, 2, 3]]}]}',
    ],
)  # fmt: skip
def test_annotations_of_another_form_are_refused(tmp_path, text):
    files = {"images/a.webp": coded(photo(), "WEBP"), "instances.json": text}
    source = FolderSource(write_folder(tmp_path / "coco", files))
    with pytest.raises(InputError, match=r"coco/instances\.json` must hold annotations in COCO's"):
        from_annotations(source, "images", "instances.json")
