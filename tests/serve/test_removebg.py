"""The form of remove.bg: its fields, its headers, its errors."""

from __future__ import annotations

import base64
import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

import nukki
from nukki.serve import removebg_work
from nukki.serve.bodies import Form
from nukki.serve.keys import Keys
from nukki.serve.refusals import Refusal
from nukki.serve.removebg import Length, order_of, wish_of
from nukki.serve.removebg_work import shrunk
from nukki.types import Box
from serve_client import encoded

PATH = "/v1.0/removebg"
BLOCK = Box(16, 12, 48, 36)


@pytest.fixture
def bright(networks, monkeypatch):
    """What is bright is the subject, whatever type is asked for; gives what was asked for."""
    asked = []

    def remove(picture, *, subject, **call):
        asked.append(subject)
        return nukki.remove(picture, model="bright", subject="salient", **call)

    monkeypatch.setattr(removebg_work, "api", SimpleNamespace(remove=remove))
    return asked


def expected(photo, **options):
    return nukki.remove(photo, model="bright", subject="salient", **options)


def error_of(reply):
    (error,) = reply.json["errors"]
    return reply.status, error["code"]


def pixels_of(reply):
    """(H, W, 4) of an answer."""
    picture = nukki.read(reply.body)
    alpha = picture.alpha
    if alpha is None:
        alpha = np.full(picture.pixels.shape[:2], 255, np.uint8)
    return np.dstack([picture.pixels, alpha])


def test_a_photo_as_a_file_in_base64_and_in_json(client, bright, photo):
    server = client()
    reply = server.post(PATH, {"size": "auto"}, {"image_file": photo})
    assert reply.status == 200
    assert reply.body == expected(photo).encode("png")
    box = expected(photo).box()
    said = {name: reply.headers[f"x-foreground-{name}"] for name in ("top", "left")}
    assert said == {"top": str(box.top), "left": str(box.left)}
    assert (reply.headers["x-width"], reply.headers["x-height"]) == ("64", "48")
    assert reply.headers["x-credits-charged"] == "0"
    text = base64.b64encode(photo).decode()
    same = server.post(PATH, {"size": "auto", "image_file_b64": text})
    assert same.body == reply.body
    json = f'{{"size": "auto", "image_file_b64": "data:image/png;base64,{text}"}}'.encode()
    headers = {"content-type": "application/json", "accept": "application/json"}
    data = server.run(server.sending(PATH, json, **headers)).json["data"]
    assert base64.b64decode(data["result_b64"]) == reply.body
    assert (data["foreground_top"], data["foreground_width"]) == (box.top, box.width)


def test_types_are_choices(client, bright, photo):
    server = client()
    for kind, subject in (("auto", "auto"), ("person", "people"), ("product", "salient")):
        reply = server.post(PATH, {"type": kind}, {"image_file": photo})
        assert bright[-1] == subject
        assert reply.headers["x-type"] == ("other" if kind == "auto" else kind)
    server.post(PATH, {"type": "animal"}, {"image_file": photo})
    assert "dog" in bright[-1].split(",")


def test_every_type_is_a_choice_that_our_own_network_knows():
    from nukki.pipelines.grammar import parse
    from nukki.serve.removebg import _SUBJECTS
    from nukki.types import ClassSpec
    from nukki.zoo.labels import labels_of

    for subject in _SUBJECTS.values():
        if subject not in ("auto", "salient"):
            parse(subject, labels=labels_of(ClassSpec("coco-80")))


def test_formats(client, bright, photo):
    ask = client().post
    plain = ask(PATH, {"format": "jpg", "size": "full"}, {"image_file": photo})
    assert plain.body == expected(photo, background="white").encode("jpeg")
    assert plain.headers["content-type"] == "image/jpeg"
    coloured = ask(PATH, {"bg_color": "f80", "size": "full"}, {"image_file": photo})
    assert coloured.body == expected(photo, background="#ff8800").encode("jpeg")  # auto: opaque
    webp = ask(PATH, {"format": "webp", "size": "full"}, {"image_file": photo})
    assert webp.body == expected(photo).encode("webp")
    grey = ask(PATH, {"channels": "alpha", "format": "png", "size": "4k"}, {"image_file": photo})
    assert grey.body == expected(photo).encode("png", mask=True)
    packed = ask(PATH, {"format": "zip", "size": "full"}, {"image_file": photo})
    with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
        assert archive.namelist() == ["color.jpg", "alpha.png"]
        assert archive.read("alpha.png") == expected(photo).encode("png", mask=True)
    again = ask(PATH, {"format": "zip", "size": "full"}, {"image_file": photo})
    assert again.body == packed.body


def test_a_picture_behind(client, bright, photo):
    blue = encoded(np.full((9, 9, 3), (0, 0, 255), np.uint8))
    reply = client().post(PATH, {"format": "png"}, {"image_file": photo, "bg_image_file": blue})
    assert reply.body == expected(photo, background=blue).encode("png")


def test_cropping_with_margins(client, bright, photo):
    whole = expected(photo).rgba()
    box = expected(photo).box()
    ask = client().post
    reply = ask(PATH, {"crop": "true"}, {"image_file": photo})
    np.testing.assert_array_equal(pixels_of(reply), whole[box.slices()])
    reply = ask(PATH, {"crop": "true", "crop_margin": "1px 2px 100px 4px"}, {"image_file": photo})
    found = pixels_of(reply)
    assert found.shape[:2] == (box.height + 101, box.width + 6)
    part = found[1 : 1 + box.height, 4 : 4 + box.width]
    np.testing.assert_array_equal(part, whole[box.slices()])
    assert found[..., 3].sum() == whole[..., 3].sum()
    half = ask(PATH, {"crop": "true", "crop_margin": "50%"}, {"image_file": photo})
    assert pixels_of(half).shape[:2] == (
        box.height + 2 * round(box.height / 2),
        box.width + 2 * round(box.width / 2),
    )


def test_moving_and_scaling(client, bright, photo):
    ask = client().post
    reply = ask(PATH, {"position": "0% 100%"}, {"image_file": photo})
    rows, columns = np.nonzero(pixels_of(reply)[..., 3])
    assert (columns.min(), rows.max()) == (0, 47)
    reply = ask(PATH, {"scale": "50%"}, {"image_file": photo})
    alpha = pixels_of(reply)[..., 3]
    rows, columns = np.nonzero(alpha > 127)
    assert alpha.shape == (48, 64)
    assert abs(rows.min() + rows.max() - 47) <= 2  # in the middle
    assert abs(columns.min() + columns.max() - 63) <= 2
    assert rows.max() - rows.min() <= 24
    assert columns.max() - columns.min() <= 32
    assert (rows.max() - rows.min() >= 20) or (columns.max() - columns.min() >= 27)
    grey = ask(PATH, {"scale": "50%", "channels": "alpha", "format": "png"}, {"image_file": photo})
    np.testing.assert_array_equal(nukki.read(grey.body).pixels[..., 0], alpha)
    flat = ask(PATH, {"scale": "50%", "format": "jpg"}, {"image_file": photo})
    assert (nukki.read(flat.body).pixels[0, 0] > 250).all()


def test_a_region_of_interest_is_all_that_is_looked_at(client, bright, photo):
    reply = client().post(PATH, {"roi": "50% 0% 100% 100%"}, {"image_file": photo})
    alpha = pixels_of(reply)[..., 3]
    assert alpha.shape == (48, 64)
    assert not alpha[:, :32].any()
    assert alpha[14:34, 34:46].all()
    outside = client().post(PATH, {"roi": "900 900 950 950"}, {"image_file": photo})
    assert error_of(outside) == (400, "invalid_parameters")


@pytest.mark.parametrize(
    ("size", "most"), [(None, 250_000), ("medium", 1_500_000), ("full", 2_000_000)]
)
def test_sizes_are_megapixels(size, most):
    picture = nukki.read(np.zeros((1000, 2000, 3), np.uint8))
    small = shrunk(picture, wish_of({} if size is None else {"size": size}).pixels)
    count = small.height * small.width
    assert most * 0.99 <= count <= most
    assert abs(small.width / small.height - 2) < 0.01


def test_deep_and_transparent_pictures_are_made_smaller_too():
    pixels = np.full((800, 800, 4), 65535, np.uint16)
    pixels[:, :400, 3] = 0
    small = shrunk(nukki.read(pixels), 250_000)
    assert small.pixels.shape == (500, 500, 3)
    assert small.alpha.dtype == small.pixels.dtype == np.uint8
    assert (small.alpha[:, 0] == 0).all()
    assert (small.alpha[:, -1] == 255).all()


def test_no_subject_is_an_error_there(client, bright, dark):
    reply = client().post(PATH, {}, {"image_file": dark})
    assert error_of(reply) == (400, "unknown_foreground")
    assert "type=person" in reply.json["errors"][0]["detail"]
    reply = client().post(PATH, {"type": "product"}, {"image_file": dark})
    assert error_of(reply) == (400, "unknown_foreground")
    assert "leave out type" in reply.json["errors"][0]["detail"]


WRONG = [
    ({"image_url": "http://169.254.169.254/"}, "invalid_parameters"),
    ({"bg_image_url": "http://example.org/a.jpg"}, "invalid_parameters"),
    ({"size": "huge"}, "invalid_parameters"),
    ({"type": "cat"}, "invalid_parameters"),
    ({"type_level": "2"}, "invalid_parameters"),
    ({"format": "gif"}, "invalid_parameters"),
    ({"roi": "1 2 3"}, "invalid_parameters"),
    ({"roi": "a b c d"}, "invalid_parameters"),
    ({"crop": "maybe"}, "invalid_parameters"),
    ({"crop": "true", "crop_margin": "60%"}, "invalid_parameters"),
    ({"crop_margin": "60%"}, "invalid_parameters"),
    ({"crop": "true", "crop_margin": "1 2 3"}, "invalid_parameters"),
    ({"crop": "true", "scale": "50%"}, "invalid_parameters"),
    ({"scale": "5%"}, "invalid_parameters"),
    ({"scale": "200%"}, "invalid_parameters"),
    ({"position": "left"}, "invalid_parameters"),
    ({"position": "101%"}, "invalid_parameters"),
    ({"channels": "rgb"}, "invalid_parameters"),
    ({"bg_color": "fff8"}, "invalid_parameters"),
    ({"bg_color": "81d4fa77"}, "invalid_parameters"),
    ({"semitransparency": "false", "type": "car"}, "invalid_parameters"),
    ({"semitransparency": "perhaps"}, "invalid_parameters"),
    ({"add_shadow": "true"}, "invalid_parameters"),
    ({"shadow_type": "drop"}, "invalid_parameters"),
    ({"format": "zip", "bg_color": "fff"}, "invalid_parameters"),
    ({"unknown": "x"}, "invalid_parameters"),
    ({"image_file_b64": "x"}, "invalid_parameters"),
]


@pytest.mark.parametrize(("texts", "code"), WRONG, ids=lambda given: str(given))
def test_what_is_not_offered_is_refused(texts, code):
    with pytest.raises(Refusal) as refused:
        order_of(Form(list(texts.items()), {"image_file": b"x"}), max_pixels=9, as_json=False)
    assert refused.value.code == "bad_option"
    assert code == "invalid_parameters"


def test_what_is_usual_is_understood():
    usual = {
        "size": "preview", "type": "auto", "type_level": "1", "format": "auto",
        "roi": "0% 0% 100% 100%", "crop": "false", "crop_margin": "0", "scale": "original",
        "position": "original", "channels": "rgba", "add_shadow": "false",
        "semitransparency": "true", "bg_color": "", "bg_image_url": "", "shadow_type": "none",
    }  # fmt: skip
    wish = wish_of(usual)
    assert (wish.scale, wish.position, wish.margin, wish.colour) == (None, None, None, None)
    assert wish.roi == (Length(0, True), Length(0, True), Length(1, True), Length(1, True))
    assert wish_of({"scale": "80%"}).position == (0.5, 0.5)
    assert wish_of({"bg_color": "81d4fa"}).colour == (0x81, 0xD4, 0xFA)
    assert wish_of({"bg_color": "green"}).colour == (0, 128, 0)
    assert wish_of({"position": "25%"}).position == (0.25, 0.25)


def test_errors_have_its_form_and_statuses(client, photo):
    server = client(keys=Keys(("a-key-of-enough-letters",)), max_bytes=9000, max_pixels=4000)
    key = {"x_api_key": "a-key-of-enough-letters"}
    assert error_of(server.post(PATH, {}, {"image_file": photo})) == (403, "auth_failed")
    for texts, files, expected_code in (
        ({}, {}, "missing_source"),
        ({"image_file_b64": "eA=="}, {"image_file": b"x"}, "invalid_parameters"),
        ({}, {"image_file": b"x"}, "invalid_file_type"),
        ({}, {"image_file": photo[:-40]}, "failed_to_read_image"),
        ({}, {"image_file": bytes(9500)}, "file_size_too_large"),
        ({}, {"image_file": encoded(np.zeros((80, 80, 3), np.uint8))}, "resolution_too_high"),
        ({"size": "x"}, {"image_file": photo}, "invalid_parameters"),
    ):
        reply = server.post(PATH, texts, files, **key)
        assert error_of(reply) == (400, expected_code), reply.body
        assert set(reply.json["errors"][0]) == {"title", "code", "detail"}
    assert server.get(PATH).status == 405
    assert server.get("/v1.0/account").json["errors"][0]["code"] == "not_found"
