"""One photo and one option give the same bytes in Python, on the command line and by HTTP.

Every option of `remove`, `replace` and `erase` is tried, new ones too: what one entry refuses, the
others refuse as well. What the page saves is held to the same bytes in test_page.py.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

import nukki
from nukki.cli.main import main
from nukki.errors import InputError
from nukki.pipelines.options import OutputOptions, RemoveOptions
from nukki.serve.tasks import TASKS
from serve_client import Client, encoded

NAMES = ("remove", "replace", "erase")
KNOWN = {task: {one.name: one for one in TASKS[task].options} for task in NAMES}
# Beside every option; `background` of `replace` is `--with` on the command line.
USUAL = {
    "remove": {"model": "bright", "subject": "salient"},
    "replace": {"model": "bright", "subject": "salient", "background": "#ff8800"},
    "erase": {"what": "people", "instances": "finds", "fill": "telea"},
}
# Texts for what cannot be guessed from the kind.
TEXTS = {
    "model": "flat",
    "subject": "people",
    "instances": "finds",
    "background": "blur",
    "key": "blue",
    "despill": "blue",
    "band": "3,5",
    "matting": "no-such-network",
    "trimap": "trimap",
    "size": "40x30",
    "margin": "10%",
    "scale": "0.5",
    "place": "left-bottom",
    "outline": "2,white",
    "shadow_opacity": "0.7",
    "behind": "person",
    "what": "dog",
    "except": "dog",
    "fill": "ns",
    "min_score": "0.8",
    "seed": "7",
}
# What an option needs beside it; None takes something of the usual away.
BESIDE = {
    "instances": {"subject": "people"},
    "subject": {"instances": "finds"},
    "trimap": {"subject": None, "model": None},
    "key": {"subject": None},
    "flood": {"subject": None},
    "feather_out": {"feather": "2"},
    "key_tolerance": {"key": "blue", "subject": None},
    "keep_shadow": {"key": "blue", "subject": None},
    "blur": {"background": "blur"},
    "crop": {"threshold": "0.3,0.9"},
    "place": {"scale": "0.5"},
    "fit": {"background": "room"},
    "light_match": {"background": "room"},
    "shadow_offset": {"shadow": "drop"},
    "shadow_softness": {"shadow": "drop"},
    "shadow_opacity": {"shadow": "drop"},
    "behind": {"add": "room", "background": None, "instances": "finds"},
    "match_head": {"add": "room", "background": None, "instances": "finds"},
    "grain_match": {"add": "room", "background": None, "instances": "finds"},
    "seed": {"fill": "patch"},
}
REFUSED = {"matting"}  # what is not here, and no other
ALWAYS = {
    "remove": ["--overwrite", "--quiet", "--allow-empty"],
    "replace": ["--overwrite", "--quiet", "--allow-empty"],
    "erase": ["--overwrite", "--quiet"],
}
GUESSED = {"switch": "true", "integer": "3", "number": "1.5", "pair": "0.2,0.8", "text": "auto"}


def text_for(field):
    if field.name in TEXTS:
        return TEXTS[field.name]
    return field.choices[-1] if field.choices else GUESSED[field.kind]


def texts_for(task, name):
    """The option, and what the tiny networks of the tests need; None is nothing but that."""
    if name is None:
        return USUAL[task]
    beside = {} if task == "erase" and name == "instances" else BESIDE.get(name, {})
    texts = {**USUAL[task], **beside, name: text_for(KNOWN[task][name])}
    return {key: text for key, text in texts.items() if text is not None}


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    """Files by name: a photo, blue with some grain and a bright block; one behind; a trimap."""
    pixels = np.random.default_rng(2).integers(0, 30, (48, 64, 3), np.uint8)
    pixels[..., 2] += 60
    pixels[12:36, 16:48] = (250, 240, 200)
    pixels[12:36, 46:50] = (150, 160, 190)
    trimap = np.zeros((48, 64), np.uint8)
    trimap[6:40, 10:56] = 128
    trimap[16:32, 22:40] = 255
    made = {"photo": pixels, "room": pixels[::-1, ::2], "trimap": trimap}
    folder = tmp_path_factory.mktemp("uploads")
    for name, array in made.items():
        (folder / f"{name}.png").write_bytes(encoded(np.ascontiguousarray(array)))
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture
def entries(networks, uploads, tmp_path):
    """Python, the command line, and HTTP: bytes, or None where the wish is refused."""
    photo, server = uploads["photo"], Client()

    def python(task, texts):
        given = {}
        for name, text in texts.items():
            field = KNOWN[task].get(name)
            key = name if field is None else field.key
            given[key] = uploads[text] if text in uploads else field.value(text)
        try:
            return getattr(nukki, task)(photo.read_bytes(), **given).encode("png")
        except (InputError, LookupError):
            return None

    def command(task, texts):
        out = tmp_path / "cut.png"
        words = []
        for name, text in texts.items():
            flag = f"--{name.replace('_', '-')}"
            if task == "replace" and name == "background":
                flag = "--with"
            plain = name in KNOWN[task] and KNOWN[task][name].kind == "switch"
            words += [flag] if plain else [f"{flag}={uploads.get(text, text)}"]
        code = main([task, str(photo), "-o", str(out), *ALWAYS[task], *words])
        return None if code == 2 else out.read_bytes()

    def http(task, texts):
        files = {
            name: uploads[text].read_bytes() for name, text in texts.items() if text in uploads
        }
        rest = {name: text for name, text in texts.items() if name not in files}
        reply = server.post(f"/api/{task}", rest, {"image": photo.read_bytes(), **files})
        assert reply.status in (200, 422), reply.body
        return reply.body if reply.status == 200 else None

    yield python, command, http
    server.close()


def cases():
    """Every option of every task; the long run alone has those that `replace` hands to `remove`."""
    shared = {one.removesuffix("_") for one in vars(RemoveOptions())} - {"background"}
    for task in NAMES:
        for name in (None, *KNOWN[task]):
            slow = name == "seed" or (task == "replace" and name in shared and name != "trimap")
            yield pytest.param(task, name, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(("task", "name"), [*cases()])
def test_an_option_means_the_same_everywhere(entries, task, name):
    python, command, http = (entry(task, texts_for(task, name)) for entry in entries)
    assert (python is None) == (name in REFUSED)
    assert python == command
    assert python == http


def test_a_mask_means_the_same_everywhere(entries):
    texts = {"mask": "trimap", "fill": "telea"}
    made = {entry("erase", texts) for entry in entries}
    assert len(made) == 1
    assert None not in made


ENCODINGS = [{"format": "webp"}, {"format": "webp", "lossless": "true"}, {"png": "small"},
             {"format": "avif", "quality": "60"}, {"format": "tiff"}]  # fmt: skip


@pytest.mark.parametrize("texts", ENCODINGS, ids=lambda texts: "+".join(texts.values()))
def test_a_file_is_the_same_however_it_is_asked_for(networks, uploads, tmp_path, texts, client):
    path, out = uploads["photo"], tmp_path / "cut"
    words = [w for name, text in texts.items() for w in ([f"--{name}"] if text == "true" else
             [f"--{name}", text])]  # fmt: skip
    usual = ["--model", "bright", "--subject", "salient", "--format", "png", "--quiet"]
    assert main(["remove", str(path), "-o", str(out), *usual, *words]) == 0
    wish = {"model": "bright", "subject": "salient", **texts}
    answer = client().post("/api/remove", wish, {"image": path.read_bytes()})
    assert answer.body == out.read_bytes()


def test_every_way_of_encoding_is_tried():
    tried = {name for texts in ENCODINGS for name in texts}
    assert tried == {one.name for one in fields(OutputOptions)}
