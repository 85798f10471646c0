"""`nukki erase` from files to files, through the real engine."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from io_files import profile
from nukki import settings
from nukki.io import images
from nukki.zoo import catalog
from task_files import FILLS_CARD, FILLS_COLOUR, FILLS_NAN, PAINT, at_home, network

HEIGHT, WIDTH = 48, 64  # of the photos of conftest


@pytest.fixture
def words(place):
    """Words that choose a network that paints every hole with one colour."""
    network(place, PAINT, name="fills")
    (place / "fills.toml").write_text(FILLS_CARD + "[inpainting]")
    return ["--fill", place / "fills.onnx", "--card", place / "fills.toml", "--grow", "0"]


@pytest.fixture
def hole():
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[10:30, 5:40] = True
    mask[12:15, 20:25] = False  # an island in it
    mask[47, 63] = True  # a corner of the photo
    return mask


@pytest.fixture
def mask(place, hole):
    """The hole as a grey file."""
    Image.fromarray(hole.astype(np.uint8) * 255).save("mask.png")
    return "mask.png"


def noise(channels, dtype=np.uint8):
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max, shape, dtype)


def photo_file(kind):
    """Writes a photo of that kind; gives its name."""
    if kind == "png, 16 bit":
        images.read(noise(3, np.uint16)).save("photo.png")
    elif kind == "png, profile":
        Image.fromarray(noise(3)).save("photo.png", icc_profile=profile("swapped"), dpi=(300, 300))
    elif kind == "png, alpha":
        Image.fromarray(noise(4)).save("photo.png")
    elif kind == "png, grey":
        Image.fromarray(noise(1)).save("photo.png")
    elif kind == "png, grey, 16 bit":
        Image.fromarray(noise(1, np.uint16)).save("photo.png")
    elif kind == "tiff, 16 bit":
        tifffile.imwrite("photo.tif", noise(3, np.uint16), photometric="rgb")
        return "photo.tif"
    elif kind == "jpeg, turned":
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 6, "Maker"
        turned = Image.fromarray(noise(3)).transpose(Image.Transpose.ROTATE_90)
        turned.save("photo.jpg", exif=exif, quality=90)
        return "photo.jpg"
    else:
        Image.fromarray(noise(3)).save("photo.png")
    return "photo.png"


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize(
    "kind",
    [
        "png",
        "png, 16 bit",
        "png, profile",
        "png, alpha",
        "png, grey",
        "png, grey, 16 bit",
        "tiff, 16 bit",
        "jpeg, turned",
    ],
)
def test_outside_the_mask_not_a_bit_changes(nukki, words, mask, hole, kind, ending, capsys):
    name = photo_file(kind)
    data = Path(name).read_bytes()
    assert nukki("erase", name, "--mask", mask, *words, "-o", f"out.{ending}") == 0
    before, after = images.read(name), images.read(f"out.{ending}")
    assert after.pixels.shape == (HEIGHT, WIDTH, 3)
    assert after.pixels.dtype == before.pixels.dtype
    np.testing.assert_array_equal(after.pixels[~hole], before.pixels[~hole])
    colour = np.array(FILLS_COLOUR[::-1] if "profile" in kind else FILLS_COLOUR)
    # Of 16 bits the filling lies between the levels of 8.
    scale, level = (257, 257) if "16 bit" in kind else (1, 0)
    assert np.abs(after.pixels[hole].astype(int) - colour * scale).max() <= level
    if before.alpha is None:
        assert after.alpha is None
    else:
        np.testing.assert_array_equal(after.alpha, before.alpha)
    assert after.icc_profile == before.icc_profile
    assert ("turned" in kind) == (b"Maker" in (after.exif or b""))  # a TIFF lays it out anew
    if before.dpi is not None:
        assert after.dpi == pytest.approx(before.dpi, rel=1e-3)
    assert Path(name).read_bytes() == data, "the photo itself was written to"
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{name} -> out.{ending}" in said.err
    assert ("note: " in said.err) == ("grey" in kind)


def test_the_fields_networks_by_name(nukki, photos, mask, hole, place):
    """Stand-ins with the tensors of the real ones lie where conversion puts those."""
    photos("a.png")
    before = np.asarray(Image.open("a.png"))
    for name, channels in (("lama", 4), ("aotgan", 4), ("deepfillv2", 5)):
        (file,) = catalog.find(name).graphs
        folder = settings.models_folder() / name
        folder.mkdir(parents=True)
        text = PAINT.replace("[1,4,", f"[1,{channels},")
        network(folder, text, name=file.removesuffix(".onnx"))
        words = ["--fill", name, "--grow", "0", "-o", f"{name}.png"]
        assert nukki("erase", "a.png", "--mask", mask, *words) == 0
        after = np.asarray(Image.open(f"{name}.png"))
        np.testing.assert_array_equal(after[~hole], before[~hole])
        assert (after[hole] != before[hole]).any()


def test_migan_with_the_packages_card(nukki, photos, mask, hole, place):
    """Its file has a digest, so the stand-in is named by path."""
    photos("a.png")
    text = """white (uint8[1,1,H,W] mask, uint8[1,3,H,W] image) => (uint8[1,3,H,W] result) {
        none = BitwiseXor(image, image)
        result = BitwiseNot(none)
    }"""
    network(place, text, name="migan", opset=18)
    shutil.copy(catalog.card_path("migan"), "migan.toml")
    code = nukki(
        "erase", "a.png", "--mask", mask, "--fill", "migan.onnx", "--card", "migan.toml",
        "--grow", "0", "-o", "b.png",
    )  # fmt: skip
    assert code == 0
    after = np.asarray(Image.open("b.png"))
    assert (after[hole] == 255).all()
    assert not (after[~hole] == 255).all(axis=1).any()


def test_a_network_of_the_users_by_name(nukki, photos, mask):
    at_home("mine", "inpainting", PAINT, FILLS_CARD.replace('task = "inpainting"', "")
            + "[inpainting]")  # fmt: skip
    photos("a.png")
    assert nukki("erase", "a.png", "--mask", mask, "--fill", "mine", "-o", "b.png") == 0


def test_json_says_it_all(nukki, photos, words, mask, hole, capsys):
    photos("a.png")
    assert nukki("erase", "a.png", "--mask", mask, *words, "-o", "b.png", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("seconds") > 0
    assert set(answer.pop("steps")) == {"find", "plan", "fill", "colours"}
    (part,) = answer.pop("parts")
    assert part["label"] == "mask"
    assert (part["number"], part["grow"], part["shape"]) == (None, 0, "mask")
    assert answer == {
        "input": "a.png",
        "output": "b.png",
        "outcome": "done",
        "reason": None,
        "width": WIDTH,
        "height": HEIGHT,
        "network": "fills",
        "hole": int(hole.sum()),
        "passes": [],
    }


def test_quiet_is_quiet(nukki, words, mask, capsys):
    name = photo_file("png, grey")
    assert nukki("erase", name, "--mask", mask, *words, "-o", "b.png", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


# pipes


@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_from_a_pipe_to_a_pipe(nukki, words, mask, hole, stdin, jpeg, capfdbinary, output):
    stdin(jpeg())
    assert nukki("erase", "-", "--mask", mask, *words, *output) == 0
    out = capfdbinary.readouterr().out
    with Image.open(io.BytesIO(out)) as image:
        assert image.format == "PNG"
        after = np.asarray(image)
    before = np.asarray(Image.open(io.BytesIO(jpeg())))
    np.testing.assert_array_equal(after[~hole], before[~hole])
    assert (after[hole] == FILLS_COLOUR).all()


def test_a_pipe_in_another_format(nukki, photos, words, mask, capfdbinary):
    photos("a.png")
    how = ["-o", "-", "--format", "webp", "--lossless"]
    assert nukki("erase", "a.png", "--mask", mask, *words, *how) == 0
    with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as image:
        assert (image.format, image.size) == ("WEBP", (WIDTH, HEIGHT))


def test_a_pipe_and_json_do_not_go_together(nukki, words, mask, stdin, jpeg, capsys):
    stdin(jpeg())
    assert nukki("erase", "-", "--mask", mask, *words, "--json") == 2
    assert "`--json` and the picture both" in capsys.readouterr().err


# what is refused


def refused(nukki, place, capsys, *words):
    """The exit code and what was said; no file has come, and no traceback."""
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    code = nukki("erase", *words)
    after = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    assert after == before
    out, err = capsys.readouterr()
    assert out == ""
    assert "hint: " in err
    assert "Traceback" not in err
    assert "internal" not in err
    return code, err


def test_an_empty_mask_is_exit_code_3(nukki, photos, words, place, capsys):
    photos("a.png")
    Image.new("L", (WIDTH, HEIGHT)).save("black.png")
    code, err = refused(nukki, place, capsys, "a.png", "--mask", "black.png", *words, "-o", "b.png")
    assert code == 3
    assert "nothing to erase" in err


def test_nan_is_exit_code_1_and_no_file(nukki, photos, mask, place, capsys):
    photos("a.png")
    network(place, FILLS_NAN, name="nan")
    (place / "nan.toml").write_text(FILLS_CARD + "[inpainting]")
    words = ["--fill", "nan.onnx", "--card", "nan.toml", "-o", "b.png"]
    code, err = refused(nukki, place, capsys, "a.png", "--mask", mask, *words)
    assert code == 1
    assert "nan.onnx" in err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Image.new("L", (WIDTH, HEIGHT), 255), "nothing to fill from"),
        (lambda: Image.new("L", (HEIGHT, WIDTH), 255), "size, 64 × 48, got 48 × 64"),
        (lambda: Image.new("RGB", (WIDTH, HEIGHT), (255, 0, 0)), "but it has colours"),
        (lambda: Image.new("L", (WIDTH, HEIGHT), 1), "its largest value is 1"),
    ],
)
def test_masks_that_do_not_fit_are_exit_code_2(nukki, photos, words, place, make, said, capsys):
    photos("a.png")
    make().save("m.png")
    code, err = refused(nukki, place, capsys, "a.png", "--mask", "m.png", *words, "-o", "b.png")
    assert code == 2
    assert said in err


@pytest.mark.parametrize("hole", ["corners", "borders", "pixel", "column"])
def test_holes_at_the_rim_and_small_ones_are_filled_by_patches(nukki, photos, hole):
    """Exactly the mask changes, wherever it lies."""
    photos("a.png")
    before = images.read("a.png").pixels
    mask = np.zeros(before.shape[:2], np.uint8)
    if hole == "corners":
        mask[:4, :5] = mask[-4:, -5:] = 255
    elif hole == "borders":
        mask[:3] = mask[-3:] = mask[:, :3] = mask[:, -3:] = 255
    elif hole == "pixel":
        mask[7, 9] = 255
    else:
        mask[:, 0] = 255
    Image.fromarray(mask).save("m.png")
    words = ("--mask", "m.png", "--grow", "0", "--fill", "patch", "--save-mask", "touched.png")
    assert nukki("erase", "a.png", *words, "-o", "b.png", "--quiet") == 0
    after, touched = images.read("b.png").pixels, np.asarray(Image.open("touched.png"))
    np.testing.assert_array_equal(touched, mask)
    np.testing.assert_array_equal(after[mask == 0], before[mask == 0])


@pytest.mark.parametrize("covered", [False, True])
def test_a_photo_of_one_pixel(nukki, words, place, covered, capsys):
    Image.new("RGB", (1, 1), (9, 9, 9)).save("a.png")
    Image.new("L", (1, 1), 255 * covered).save("m.png")
    code, err = refused(nukki, place, capsys, "a.png", "--mask", "m.png", *words, "-o", "b.png")
    assert code == (2 if covered else 3)
    assert ("nothing to fill from" if covered else "nothing to erase") in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-o", "a.png", "--overwrite"], "`a.png` is the picture that is read"),
        (["-o", "mask.png", "--overwrite"], "`mask.png` is what is read"),
        (["-o", "link.png", "--overwrite"], "`link.png` is the picture that is read"),
        (["-o", "there.png"], "`there.png` is there already"),
        (["-o", "n.docx"], "docx"),
        (["-o", "n"], "no ending"),
        ([], "`-o` must say where the result goes"),
        (["-o", "n.png", "--quality", "0"], "`quality`"),
        (["-o", "n.png", "--max-pixels", "100"], "100"),
    ],
)
def test_wrong_words_are_exit_code_2(nukki, photos, words, mask, place, more, said, capsys):
    photos("a.png", "there.png")
    (place / "link.png").symlink_to("a.png")
    code, err = refused(nukki, place, capsys, "a.png", "--mask", mask, *words, *more)
    assert code == (1 if "--max-pixels" in more else 2)
    assert said in err


def test_a_file_in_the_way_is_replaced_if_asked(nukki, photos, words, mask):
    photos("a.png", "there.png")
    assert nukki("erase", "a.png", "--mask", mask, *words, "-o", "there.png", "--overwrite") == 0
    assert (np.asarray(Image.open("there.png"))[20, 20] == FILLS_COLOUR).all()


def test_transparency_needs_a_format_that_has_it(nukki, words, mask, place, capsys):
    name = photo_file("png, alpha")
    code, err = refused(nukki, place, capsys, name, "--mask", mask, *words, "-o", "b.jpg")
    assert code == 2
    assert "JPEG has no transparency" in err


def test_a_mask_has_to_be_given(nukki, photos, capsys):
    photos("a.png")
    assert nukki("erase", "a.png", "--fill", "lama", "-o", "b.png") == 2
    assert "--mask" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fill", "code", "said"),
    [
        (["--seed", "-1"], 2, "`seed` must be"),
        (["--fill", "subject"], 2, "models list --task inpainting"),
        (["--fill", "lamma"], 2, "lama"),
        (["--fill", "lama"], 1, "nukki models get lama"),
        (["--fill", "migan", "--offline"], 1, "migan"),
    ],
)
def test_networks_that_cannot_be_had(nukki, photos, mask, place, fill, code, said, capsys):
    photos("a.png")
    given, err = refused(nukki, place, capsys, "a.png", "--mask", mask, *fill, "-o", "b.png")
    assert given == code
    assert said in err


def test_a_photo_or_a_mask_that_is_none(nukki, photos, words, mask, place, capsys):
    photos("a.png")
    (place / "no.png").write_bytes(b"no picture")
    for files in (["no.png", "--mask", mask], ["a.png", "--mask", "no.png"]):
        code, err = refused(nukki, place, capsys, *files, *words, "-o", "b.png")
        assert code == 2
        assert "no.png" in err
    code, err = refused(nukki, place, capsys, "a.png", "--mask", "gone.png", *words, "-o", "b.png")
    assert code == 2
    assert "gone.png" in err
