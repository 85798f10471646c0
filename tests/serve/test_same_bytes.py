"""One photo and one option give the same bytes in Python, on the command line and by HTTP.

Every option of `remove` is tried, new ones too: what one entry refuses, the others refuse as well.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

import nukki
from nukki.cli.main import main
from nukki.errors import InputError
from nukki.pipelines.options import OutputOptions, RemoveOptions
from nukki.serve.fields import fields_of
from serve_client import Client, encoded

KNOWN = {one.key: one for one in fields_of(RemoveOptions)}
# Texts for what cannot be guessed from the kind, and what an option needs beside it.
TEXTS = {
    "model": "flat",
    "subject": "people",
    "instances": "finds",
    "background": "#ff8800",
    "key": "blue",
    "despill": "blue",
    "band": "3,5",
    "matting": "no-such-network",
}
BESIDE = {"instances": {"subject": "people"}, "subject": {"instances": "finds"}}
NEEDED = {"feather_out": {"feather": "2"}, "key_tolerance": {"key": "blue"},
          "keep_shadow": {"key": "blue"}}  # fmt: skip
ALWAYS = ["--overwrite", "--quiet", "--allow-empty"]
GUESSED = {"switch": "true", "integer": "3", "number": "1.5", "pair": "0.2,0.8", "text": "auto"}


def text_for(name):
    field = KNOWN[name]
    if name in TEXTS:
        return TEXTS[name]
    return field.choices[-1] if field.choices else GUESSED[field.kind]


def texts_for(name):
    """The option, and what the tiny networks of the tests need."""
    usual = {"model": "bright", "subject": "salient"}
    if name is None:
        return usual
    return {**usual, **NEEDED.get(name, {}), **BESIDE.get(name, {}), name: text_for(name)}


@pytest.fixture(scope="module")
def photo():
    """Blue with some grain, a bright block in the middle."""
    pixels = np.random.default_rng(2).integers(0, 30, (48, 64, 3), np.uint8)
    pixels[..., 2] += 60
    pixels[12:36, 16:48] = (250, 240, 200)
    pixels[12:36, 46:50] = (150, 160, 190)
    return encoded(pixels)


@pytest.fixture
def entries(networks, photo, tmp_path):
    """Python, the command line, and HTTP: bytes, or None where the wish is refused."""
    path = tmp_path / "photo.png"
    path.write_bytes(photo)
    server = Client()

    def python(texts):
        given = {name: KNOWN[name].value(text) for name, text in texts.items()}
        try:
            return nukki.remove(photo, **given).encode("png")
        except (InputError, LookupError):
            return None

    def command(texts):
        out = tmp_path / "cut.png"
        words = []
        for name, text in texts.items():
            flag = f"--{name.removesuffix('_').replace('_', '-')}"
            words += [flag] if KNOWN[name].kind == "switch" else [f"{flag}={text}"]
        code = main(["remove", str(path), "-o", str(out), *ALWAYS, *words])
        return None if code == 2 else out.read_bytes()

    def http(texts):
        reply = server.post("/api/remove", texts, {"image": photo})
        assert reply.status in (200, 422), reply.body
        return reply.body if reply.status == 200 else None

    yield python, command, http
    server.close()


@pytest.mark.parametrize("name", [None, *KNOWN])
def test_an_option_means_the_same_everywhere(entries, name):
    if name is not None and KNOWN[name].kind == "upload":
        pytest.skip(f"`{name}` is a file, which has a test of its own")
    python, command, http = (entry(texts_for(name)) for entry in entries)
    assert python == command
    assert python == http


ENCODINGS = [{"format": "webp"}, {"format": "webp", "lossless": "true"}, {"png": "small"},
             {"format": "avif", "quality": "60"}, {"format": "tiff"}]  # fmt: skip


@pytest.mark.parametrize("texts", ENCODINGS, ids=lambda texts: "+".join(texts.values()))
def test_a_file_is_the_same_however_it_is_asked_for(networks, photo, tmp_path, texts, client):
    path, out = tmp_path / "photo.png", tmp_path / "cut"
    path.write_bytes(photo)
    words = [w for name, text in texts.items() for w in ([f"--{name}"] if text == "true" else
             [f"--{name}", text])]  # fmt: skip
    usual = ["--model", "bright", "--subject", "salient", "--format", "png", "--quiet"]
    assert main(["remove", str(path), "-o", str(out), *usual, *words]) == 0
    wish = {"model": "bright", "subject": "salient", **texts}
    assert client().post("/api/remove", wish, {"image": photo}).body == out.read_bytes()


def test_every_way_of_encoding_is_tried():
    tried = {name for texts in ENCODINGS for name in texts}
    assert tried == {one.name for one in fields(OutputOptions)}
