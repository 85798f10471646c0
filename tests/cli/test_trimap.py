"""`nukki remove` with trimaps: the report's chain by name, bands, files of one's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from onnx import helper
from PIL import Image

from cli.conftest import picture
from finding_networks import FLOAT, write
from nukki.runtime import sessions


def drawn(height=48, width=64):
    """A trimap of the block in `picture()`, which is in the middle."""
    trimap = np.full((height, width), 128, np.uint8)
    trimap[:6], trimap[-6:], trimap[:, :8], trimap[:, -8:] = 0, 0, 0, 0
    trimap[20:28, 26:38] = 255
    return trimap


def levels(path):
    return np.asarray(Image.open(path))


def alpha_of(path):
    return levels(path)[..., 3]


@pytest.fixture
def by_name(place, nukki):
    """Tiny networks with made-up weights under the names of the field's."""
    random = np.random.default_rng(8)
    weight = random.normal(0, 0.2, (1, 4, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["y"], ["alpha"]),
    ]
    write(
        place / "edge.onnx",
        nodes,
        [("x", FLOAT, [1, 4, "h", "w_"])],
        [("alpha", FLOAT, [1, 1, "h", "w_"])],
        [("w", weight), ("b", np.zeros(1, np.float32))],
    )
    classes = random.normal(0, 0.1, (21, 3, 1, 1)).astype(np.float32)
    bias = np.full(21, -9, np.float32)
    bias[0], bias[15], classes[15, 0] = 0, -4, 4  # a person is what is red
    write(
        place / "classes.onnx",
        [helper.make_node("Conv", ["image", "w", "b"], ["out"])],
        [("image", FLOAT, [1, 3, "h", "w_"])],
        [("out", FLOAT, [1, 21, "h", "w_"])],
        [("w", classes), ("b", bias)],
    )
    assert nukki("models", "import", "classes.onnx", "--as", "deeplabv3-r101") == 0
    assert nukki("models", "import", "edge.onnx", "--as", "indexnet") == 0
    yield
    sessions.clear()


def test_the_chain_by_name(nukki, by_name):
    """A mask of DeepLabv3, a trimap around its edge, IndexNet inside of it."""
    pixels = np.full((300, 400, 3), (20, 60, 40), np.uint8)
    pixels[60:240, 120:280] = (250, 40, 30)
    Image.fromarray(pixels).save("men.jpg", quality=95)
    words = ["remove", "men.jpg", "--model", "deeplabv3-r101", "--matting", "indexnet"]
    assert nukki(*words, "--save-trimap", "t.png", "--offline") == 0
    trimap, alpha = levels("t.png"), alpha_of("men.png")
    assert set(np.unique(trimap)) == {0, 128, 255}
    assert trimap.shape == alpha.shape == (300, 400)
    assert (trimap[100:200, 160:240] == 255).all()
    assert (trimap[:30] == 0).all()
    assert (trimap[58:62, 120:280] == 128).all()
    known = trimap != 128
    np.testing.assert_array_equal(alpha[known], trimap[known])
    assert alpha[~known].std() > 1  # the network drew there
    assert nukki("remove", "men.jpg", *words[2:4], "--trimap", "t.png", "-o", "again.png") == 0
    np.testing.assert_array_equal(alpha_of("again.png")[known], trimap[known])
    assert not np.array_equal(alpha_of("again.png"), alpha)


def test_a_trimap_needs_no_network(nukki, place, photos, capsys):
    photos("a.png")
    Image.fromarray(drawn()).save("t.png")
    words = ["remove", "a.png", "--trimap", "t.png", "-o", "out.png", "--json"]
    assert nukki(*words, "--model", "birefnet-general", "--offline") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["road"] == "trimap"
    alpha = alpha_of("out.png")
    np.testing.assert_array_equal(alpha[drawn() == 255], 255)
    np.testing.assert_array_equal(alpha[drawn() == 0], 0)
    red = picture()[..., 0] > 128
    assert (alpha[red] > 250).mean() > 0.9
    assert (alpha[~red] < 5).mean() > 0.9


def test_nearly_three_values_are_noted(nukki, photos, capsys):
    photos("a.png")
    Image.fromarray(np.clip(drawn(), 3, 250)).save("t.png")
    assert nukki("remove", "a.png", "--trimap", "t.png", "-o", "out.png") == 0
    assert "counts as such" in capsys.readouterr().err


def test_a_band_and_its_trimap(nukki, photos, red):
    photos("a.png")
    words = ["remove", "a.png", *red, "--band", "2,5", "--save-trimap", "t.png", "-o", "out.png"]
    assert nukki(*words) == 0
    trimap = levels("t.png")
    block = picture()[..., 0] > 128
    rows = np.flatnonzero(block.any(axis=1))
    column = trimap[:, 32]
    assert (column[rows[0] - 4 : rows[0] + 1] == 128).all()
    assert (column[rows[0] + 4 : rows[-1] - 3] == 255).all()
    assert (column[: rows[0] - 7] == 0).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--trimap", "large.png"], "must be 64 × 48 pixels like the photo, got 65 × 48"),
        (["--trimap", "grey.png"], "no foreground"),
        (["--trimap", "soft.png"], "is between them"),
        (["--trimap", "missing.png"], "missing.png"),
        (["--trimap", "t.png", "--band", "2,3"], "`band` says what `trimap` says already"),
        (["--trimap", "t.png", "--subject", "people"], "`subject` says what"),
        (["--trimap", "t.png", "--key", "green"], "`trimap` is about the edge"),
        (["--band", "0,0"], "two whole numbers"),
        (["--band", "1.5,2"], "two whole numbers"),
        (["--save-trimap", "a.png"], "is what is read"),
        (["--save-trimap", "t.png"], "is there already"),
        (["--save-trimap", "out.png"], "two results at once"),
        (["--trimap", "t.png", "--save-trimap", "t.png", "--overwrite"], "is what is read"),
    ],
)
def test_what_is_refused(nukki, photos, red, capsys, words, said):
    photos("a.png")
    Image.fromarray(drawn()).save("t.png")
    Image.fromarray(drawn(48, 65)).save("large.png")
    Image.fromarray(np.full((48, 64), 128, np.uint8)).save("grey.png")
    Image.fromarray(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))).save("soft.png")
    assert nukki("remove", "a.png", *red, *words, "-o", "out.png") in (1, 2)
    told = capsys.readouterr().err
    assert said in told
    assert "hint: " in told
    assert "Traceback" not in told


def test_one_trimap_is_of_one_picture(nukki, photos, red, capsys):
    photos("in/a.png", "in/b.png")
    assert nukki("remove", "in", *red, "--save-trimap", "t.png", "-o", "out") == 2
    assert "of a single picture" in capsys.readouterr().err
