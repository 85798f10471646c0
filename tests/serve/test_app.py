"""Every address: what it gives is what the library gives, and every error has its status."""

from __future__ import annotations

import asyncio
import json
import threading

import numpy as np
import pytest
from PIL import Image

import nukki
from nukki.ops.runs import from_runs, from_text
from nukki.serve.keys import Keys
from nukki.serve.wire import Answer
from serve_client import FORM, Hands, encoded, form, until

BRIGHT = {"model": "bright", "subject": "salient"}
KEY = "a-key-of-enough-letters"


def mask_of(record):
    return from_runs(from_text(record["counts"]), tuple(record["size"]))


def waiting_hands(event, started):
    """A worker that answers when it is let."""

    def work(order):
        started.set()
        event.wait(10)
        return Answer(body=order.task.encode())

    return Hands(work)


# --- results


def test_a_cut_out_has_the_bytes_of_the_library(client, networks, photo):
    expected = nukki.remove(photo, **BRIGHT)
    reply = client().post("/api/remove", BRIGHT, {"image": photo})
    assert reply.status == 200
    assert reply.headers["content-type"] == "image/png"
    assert reply.body == expected.encode("png")
    assert reply.headers["x-found"] == "true"
    assert reply.headers["x-confidence"] == f"{expected.confidence:.4f}"
    assert reply.headers["x-road"] == "salient"
    box = expected.box()
    assert reply.headers["x-box"] == f"{box.left},{box.top},{box.right},{box.bottom}"
    steps = ("queue", "work", "decode", "network", "edges", "colours", "encode", "total")
    assert all(f"{step};dur=" in reply.headers["server-timing"] for step in steps)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"


OPTIONS = [
    ({"edges": "none"}, {"edges": "none"}),
    ({"edges": "none", "threshold": "0.2,1"}, {"edges": "none", "threshold": (0.2, 1.0)}),
    ({"binary": "true", "grow": "-1.5"}, {"binary": True, "grow": -1.5}),
    ({"feather": "2", "feather_out": "on"}, {"feather": 2.0, "feather_out": True}),
    ({"crop": "3", "hidden": "keep"}, {"crop": 3, "hidden": "keep"}),
    ({"invert": "1", "colours": "keep"}, {"invert": True, "colours": "keep"}),
    ({"background": "#ff8800"}, {"background": "#ff8800"}),
]


@pytest.mark.parametrize(("texts", "options"), OPTIONS, ids=lambda given: "+".join(given))
def test_options_mean_what_they_mean_in_the_library(client, networks, photo, texts, options):
    expected = nukki.remove(photo, **BRIGHT, **options).encode("png")
    server = client()
    assert server.post("/api/remove", {**BRIGHT, **texts}, {"image": photo}).body == expected
    assert expected != nukki.remove(photo, **BRIGHT).encode("png")
    query = "&".join(f"{name}={text}" for name, text in texts.items()).replace("#", "%23")
    reply = server.post(f"/api/remove?{query}", BRIGHT, {"image": photo})
    assert reply.body == expected


def test_how_it_is_encoded(client, networks, photo):
    cut = nukki.remove(photo, **BRIGHT)
    ask = client().post
    assert ask("/api/remove", {**BRIGHT, "mask": "true"}, {"image": photo}).body == cut.encode(
        "png", mask=True
    )
    small = ask("/api/remove", {**BRIGHT, "png": "small"}, {"image": photo})
    assert small.body == cut.encode("png", png="small")
    webp = ask("/api/remove", {**BRIGHT, "format": "webp", "lossless": "true"}, {"image": photo})
    assert webp.body == cut.encode("webp", lossless=True)
    assert webp.headers["content-type"] == "image/webp"
    by_header = ask("/api/remove", BRIGHT, {"image": photo}, accept="image/webp;q=.9,image/tiff")
    assert by_header.body == cut.encode("tiff")


def test_a_cut_out_in_json(client, networks, photo):
    cut = nukki.remove(photo, **BRIGHT)
    reply = client().post("/api/remove", BRIGHT, {"image": photo}, accept="application/json")
    said = reply.json
    assert (said["width"], said["height"], said["found"]) == (64, 48, True)
    assert said["confidence"] == round(cut.confidence, 4)
    np.testing.assert_array_equal(mask_of(said["mask"]), cut.alpha >= 0.5)
    assert set(said["seconds"]) >= {"decode", "network", "edges", "colours"}


def test_no_subject_is_an_answer(client, networks, dark):
    reply = client().post("/api/remove", BRIGHT, {"image": dark})
    assert (reply.status, reply.headers["x-found"]) == (200, "false")
    assert reply.body == nukki.remove(dark, **BRIGHT).encode("png")


def test_another_background(client, networks, photo):
    blue = encoded(np.full((30, 30, 3), (0, 0, 255), np.uint8))
    texts = {**BRIGHT, "shadow": "drop", "margin": "5%", "format": "jpeg"}
    options = {**BRIGHT, "shadow": "drop", "margin": "5%"}
    ask = client().post
    reply = ask("/api/replace", texts, {"image": photo, "background": blue})
    assert reply.body == nukki.replace(photo, blue, **options).encode("jpeg")
    reply = ask("/api/replace", {**texts, "background": "teal"}, {"image": photo})
    assert reply.body == nukki.replace(photo, "teal", **options).encode("jpeg")
    said = ask("/api/replace", {**texts, "background": "teal", "format": "json"}, {"image": photo})
    assert said.json["layers"] == ["background", "shadow", "subject"]
    layers = ask(
        "/api/replace", {**BRIGHT, "background": "blur", "format": "ora"}, {"image": photo}
    )
    assert layers.headers["content-type"] == "image/openraster"
    assert layers.body.startswith(b"PK")


def test_somebody_is_added(client, networks, photo, dark):
    reply = client().post(
        "/api/replace", {**BRIGHT, "place": "left-top"}, {"image": dark, "add": photo}
    )
    expected = nukki.replace(dark, add=nukki.remove(photo, **BRIGHT), place="left-top")
    assert reply.body == expected.encode("png")


def test_a_background_behind_a_cut_out_may_be_a_picture(client, networks, photo):
    blue = encoded(np.full((30, 30, 3), (0, 0, 255), np.uint8))
    reply = client().post("/api/remove", BRIGHT, {"image": photo, "background": blue})
    assert reply.body == nukki.remove(photo, **BRIGHT, background=blue).encode("png")


def test_things(client, networks, photo):
    found = nukki.segment(photo, "person", instances="finds")
    texts = {"instances": "finds", "what": "person"}
    ask = client().post
    said = ask("/api/segment", texts, {"image": photo}).json
    assert [one["label"] for one in said["instances"]] == ["person"]
    assert [one["label"] for one in said["others"]] == ["dog"]
    np.testing.assert_array_equal(mask_of(said["instances"][0]["mask"]), found[0].mask)
    picture = ask("/api/segment", {**texts, "format": "png"}, {"image": photo})
    assert picture.body == found.numbered().encode("png")
    assert picture.headers["x-found"] == "true"
    none = ask("/api/segment", {**texts, "what": "people", "except": "1"}, {"image": photo})
    assert (none.status, none.code) == (422, "nothing_found")


def test_the_thing_that_is_shown(client, networks, photo):
    one = nukki.pick(photo, points=[(30, 20), nukki.Point(2, 2, keep=False)], model="picks")
    texts = [("model", "picks"), ("at", "30,20"), ("not", "2,2")]
    ask = client().post
    assert ask("/api/pick", texts, {"image": photo}).body == one.cut().encode("png")
    said = ask("/api/pick", [*texts, ("format", "json")], {"image": photo}).json
    assert said["score"] == round(one.score, 6)
    np.testing.assert_array_equal(mask_of(said["mask"]), one.mask)
    boxed = nukki.pick(photo, box=(10, 10, 50, 40), model="picks")
    reply = ask("/api/pick?box=10,10,50,40", {"model": "picks"}, {"image": photo})
    assert reply.body == boxed.cut().encode("png")


def test_something_is_erased(client, networks, photo):
    hole = np.zeros((48, 64), np.uint8)
    hole[5:20, 5:20] = 255
    made = nukki.erase(photo, mask=hole, fill="fills")
    files = {"image": photo, "mask": encoded(hole)}
    ask = client().post
    assert ask("/api/erase", {"fill": "fills"}, files).body == made.encode("png")
    said = ask("/api/erase", {"fill": "fills", "format": "json"}, files).json
    np.testing.assert_array_equal(mask_of(said["hole"]), made.hole)
    assert [part["label"] for part in said["parts"]] == ["mask"]


def test_things_are_erased_by_name_and_shown_before(client, networks, photo):
    wish = {"what": "dog", "instances": "finds", "shape": "mask", "grow": 2, "second_pass": "never"}
    made = nukki.erase(photo, **wish, fill="fills")
    ask = client().post
    reply = ask("/api/erase", {**wish, "fill": "fills"}, {"image": photo})
    assert reply.body == made.encode("png")
    assert (reply.headers["x-road"], reply.headers["x-confidence"]) == ("chosen", "0.7000")
    said = ask("/api/erase", {**wish, "fill": "fills", "format": "json"}, {"image": photo}).json
    assert [(part["label"], part["grow"]) for part in said["parts"]] == [("dog", 2)]
    assert said["network"] == "fills"
    ahead = {**wish, "preview": "true", "fill": "no-such-network"}
    plan = nukki.api.what_goes(photo, **wish)
    shown = ask("/api/erase", ahead, {"image": photo})
    assert shown.body == plan.preview().encode("png")
    said = ask("/api/erase", {**ahead, "format": "json"}, {"image": photo}).json
    np.testing.assert_array_equal(mask_of(said["hole"]), plan.going.hole)
    assert said["network"] is None
    nothing = ask("/api/erase", {**wish, "except": "dog"}, {"image": photo})
    assert (nothing.status, nothing.code) == (422, "nothing_found")
    both = ask("/api/erase", wish, {"image": photo, "mask": photo})
    assert (both.status, both.code) == (422, "bad_option")


def test_networks_are_listed_without_paths(client, networks):
    reply = client().get("/api/models")
    listed = {one["name"]: one for one in reply.json["models"]}
    assert listed["bright"]["here"]
    assert listed["subject"]["task"] == "saliency"
    assert str(nukki.__file__)[:5] not in reply.body.decode()


# --- errors


ERRORS = [
    ("remove", {"edges": "bst"}, {"image": b"x"}, 422, "bad_option", "did you mean best?"),
    ("remove", {"edgez": "best"}, {"image": b"x"}, 422, "bad_option", "did you mean edges?"),
    ("remove", {"feather": "-1"}, {"image": b"x"}, 422, "bad_option", "at least 0"),
    ("remove", {"threshold": "0.9,0.1"}, {"image": b"x"}, 422, "bad_option", "threshold=0.1,0.9"),
    ("remove", {"quality": "101"}, {"image": b"x"}, 422, "bad_option", "90"),
    ("remove", {"crop": "1.5"}, {"image": b"x"}, 422, "bad_option", "digits"),
    ("remove", {"binary": "maybe"}, {"image": b"x"}, 422, "bad_option", "binary=true"),
    ("remove", {"card": "/etc/passwd"}, {"image": b"x"}, 422, "bad_option", ""),
    ("remove", {"model": "/etc/passwd"}, {"image": b"x"}, 422, "bad_option", "/api/models"),
    ("remove", {"background": "/etc/passwd"}, {"image": b"x"}, 422, "bad_option", "file"),
    ("remove", {"subject": "score>x"}, {"image": b"x"}, 422, "bad_option", ""),
    ("remove", {}, {}, 422, "missing_part", "image=@"),
    ("remove", {"image": "cat.jpg"}, {}, 422, "missing_part", "file itself"),
    ("remove", {}, {"image": b""}, 422, "missing_part", "picture"),
    ("remove", {}, {"file": b"x"}, 422, "bad_option", "call it `image`"),
    ("remove", {}, {"image": b"not a picture"}, 415, "not_a_picture", ""),
    ("remove", {}, {"image": b"\x89PNG\r\n\x1a\nrest"}, 422, "bad_picture", ""),
    ("replace", {}, {"image": None}, 422, "missing_part", "background=white"),
    ("replace", {"size": "20000x9000", "background": "white"}, {"image": None}, 413,
     "too_many_pixels", "smaller"),
    ("erase", {}, {"image": None}, 422, "bad_option", "what="),
    ("erase", {"mask": "a.png"}, {"image": None}, 422, "bad_option", ""),
    ("erase", {"what": "people"}, {}, 422, "missing_part", "image=@"),
    ("pick", {"at": "3"}, {"image": None}, 422, "bad_option", "at=640,360"),
    ("pick", {"at": "3,nan"}, {"image": None}, 422, "bad_option", "at=640,360"),
    ("pick", {}, {"image": None}, 422, "bad_option", "point"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "texts", "files", "status", "code", "hint"), ERRORS)
def test_what_is_wrong_is_said(client, photo, task, texts, files, status, code, hint):
    files = {name: photo if data is None else data for name, data in files.items()}
    reply = client().post(f"/api/{task}", texts, files)
    assert (reply.status, reply.code) == (status, code), reply.body
    assert set(reply.json) == {"error", "hint", "code"}
    assert hint in (reply.json["hint"] or "")
    assert "Traceback" not in reply.body.decode()


def drawn(*levels, height=48, width=64):
    """A trimap: stripes of these levels."""
    stripes = np.repeat(np.array(levels, np.uint8), -(-width // len(levels)))[:width]
    return np.tile(stripes, (height, 1))


BAD_TRIMAPS = [
    (drawn(0, 128, 255, height=47), {}, 422, "bad_option", "photo's size"),
    (drawn(0, 128), {}, 422, "bad_option", "white"),
    (drawn(128, 255), {}, 422, "bad_option", "black"),
    (np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1)), {}, 422, "bad_option", "soft"),
    (np.dstack([drawn(0, 255), drawn(0, 0), drawn(255, 0)]), {}, 422, "bad_option", "grey"),
    (b"no picture", {}, 415, "not_a_picture", "picture"),
    (encoded(drawn(0, 128, 255))[:-30], {"allow_truncated": "true"}, 422, "bad_picture", "all"),
    (drawn(0, 128, 255), {"subject": "people"}, 422, "bad_option", "leave one"),
    (drawn(0, 128, 255), {"band": "2,4"}, 422, "bad_option", "leave one"),
    (drawn(0, 128, 255), {"key": "green"}, 422, "bad_option", "leave one"),
]


@pytest.mark.parametrize(("trimap", "texts", "status", "code", "hint"), BAD_TRIMAPS)
def test_what_is_wrong_with_a_trimap_is_said(client, photo, trimap, texts, status, code, hint):
    server = client()
    files = {"image": photo, "trimap": trimap if isinstance(trimap, bytes) else encoded(trimap)}
    for task, more in (("remove", {}), ("replace", {"background": "white"})):
        reply = server.post(f"/api/{task}", {**texts, **more}, files)
        assert (reply.status, reply.code) == (status, code), reply.body
        assert hint in reply.json["hint"] or hint in reply.json["error"]
        assert set(reply.json) == {"error", "hint", "code"}


def test_a_trimap_has_the_limits_of_the_photo_and_is_never_a_path(client, photo):
    large = encoded(drawn(0, 128, 255, height=480, width=640))
    reply = client(max_pixels=9000).post("/api/remove", {}, {"image": photo, "trimap": large})
    assert (reply.status, reply.code) == (413, "too_many_pixels")
    server = client()
    assert server.post("/api/remove", {"trimap": "/etc/passwd"}, {"image": photo}).status == 422
    for task in ("remove", "replace"):
        body = server.get("/openapi.json").json["paths"][f"/api/{task}"]["post"]["requestBody"]
        fields = body["content"]["multipart/form-data"]["schema"]["properties"]
        assert fields["trimap"]["format"] == "binary"
        assert "save_trimap" not in fields


def test_a_network_that_is_not_here_or_unknown(client, networks, photo, monkeypatch):
    monkeypatch.setenv("NUKKI_OFFLINE", "1")
    ask = client().post
    reply = ask("/api/remove", {"model": "u2net"}, {"image": photo})
    assert (reply.status, reply.code) == (422, "model_not_here")
    assert ".onnx" not in reply.body.decode()
    reply = ask("/api/remove", {"model": "brght"}, {"image": photo})
    assert (reply.status, reply.code) == (422, "unknown_model")
    assert "bright" in reply.json["hint"]


def test_a_jpeg_needs_a_background(client, photo):
    reply = client().post("/api/remove", {"format": "jpeg"}, {"image": photo})
    assert (reply.status, reply.code) == (422, "bad_option")
    assert "background=white" in reply.json["hint"]


def test_a_truncated_photo_is_taken_if_it_may_be(client, networks):
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    noise[16:48, 16:48] = 255
    cut = encoded(noise, "JPEG")[:-500]
    ask = client().post
    reply = ask("/api/remove", BRIGHT, {"image": cut})
    assert (reply.status, reply.code) == (422, "bad_picture")
    assert "allow_truncated=true" in reply.json["hint"]
    reply = ask("/api/remove", {**BRIGHT, "allow_truncated": "true"}, {"image": cut})
    assert reply.status == 200


def test_too_many_pixels_are_refused_by_the_header(client, photo):
    reply = client(max_pixels=1000).post("/api/remove", {}, {"image": photo})
    assert (reply.status, reply.code) == (413, "too_many_pixels")


def test_a_broken_network_is_a_fault_of_the_server_that_the_log_tells(
    client, networks, photo, caplog
):
    reply = client().post("/api/remove", {**BRIGHT, "model": "nan"}, {"image": photo})
    assert (reply.status, reply.code) == (500, "internal")
    assert any("ModelOutputError" in str(record.__dict__) for record in caplog.records)


def test_a_fault_in_the_work_is_told_without_details(client, photo, caplog):
    def fault(_order):
        raise ZeroDivisionError("secret words")

    reply = client([Hands(fault)]).post("/api/remove", {}, {"image": photo})
    assert (reply.status, reply.code) == (500, "internal")
    assert "secret" not in reply.body.decode()
    assert "secret words" in str([record.__dict__ for record in caplog.records])


def test_addresses_and_methods(client):
    server = client()
    for method, path, status, code in (
        ("GET", "/api/remove", 405, "wrong_method"),
        ("POST", "/api/models", 405, "wrong_method"),
        ("DELETE", "/healthz", 405, "wrong_method"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/../../etc/passwd", 404, "not_found"),
        ("POST", "/nothing", 404, "not_found"),
    ):
        reply = server.run(server.call(method, path))
        assert reply.status in (status, 405), path
        assert reply.code in (code, "wrong_method")
    assert server.run(server.call("GET", "/api/remove")).headers["allow"] == "POST"


def test_what_is_no_form(client):
    server = client()
    for headers, body, status, code in (
        ({"content-type": "image/png"}, b"x", 415, "not_a_form"),
        ({}, b"x", 415, "not_a_form"),
        ({"content-type": "multipart/form-data"}, b"x", 415, "not_a_form"),
        ({"content-type": FORM, "content-encoding": "gzip"}, b"x", 415, "not_a_form"),
        ({"content-type": FORM}, b"x", 400, "bad_request"),
        ({"content-type": FORM}, form()[:-8], 400, "bad_request"),
        ({"content-type": FORM, "content-length": "many"}, form(), 400, "bad_request"),
        ({"content-type": FORM, "content-length": "9" * 30}, form(), 413, "too_many_bytes"),
        ({"content-type": "multipart/form-data; boundary=" + "x" * 999}, b"x", 400, "bad_request"),
    ):
        reply = server.run(server.call("POST", "/api/remove", headers=headers, pieces=[body]))
        assert (reply.status, reply.code) == (status, code), headers
    accept = {"content-type": FORM, "accept": "text/html"}
    body = form(files={"image": b"x"})
    reply = server.run(server.call("POST", "/api/remove", headers=accept, pieces=[body]))
    assert (reply.status, reply.code) == (406, "no_such_format")


# --- keys, other sites


def test_a_key_is_needed_where_there_are_keys(client, networks, photo):
    server = client(keys=Keys((KEY, "another-key-of-many-letters")))
    for headers in ({}, {"x-api-key": "wrong"}, {"authorization": f"Basic {KEY}"}):
        for method, path in (("POST", "/api/remove"), ("GET", "/api/models"), ("GET", "/metrics")):
            reply = server.run(server.call(method, path, headers=headers))
            assert (reply.status, reply.code) == (401, "no_key")
            assert "www-authenticate" in reply.headers
    for headers in ({"x-api-key": KEY}, {"authorization": f"bearer {KEY}"}):
        reply = server.post("/api/remove", BRIGHT, {"image": photo}, **headers)
        assert reply.status == 200
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        assert server.get(path).status == 200


def test_pages_of_other_sites_may_not_use_it_unless_they_are_listed(client, photo):
    listed, other = "https://shop.example", "https://evil.example"
    hands = Hands(lambda order: Answer(body=b"done"))
    server = client([hands], cors=listed)
    for origin, status in ((other, 403), (listed, 200)):
        headers = {"origin": origin, "sec-fetch-site": "cross-site"}
        reply = server.post("/api/remove", {}, {"image": photo}, **headers)
        assert reply.status == status
        said = reply.headers.get("access-control-allow-origin")
        assert said == (listed if origin == listed else None)
    quiet = client([Hands(lambda order: Answer(body=b"done"))])
    reply = quiet.post("/api/remove", {}, {"image": photo}, origin=other)
    assert reply.status == 200
    assert "access-control-allow-origin" not in reply.headers


# --- the queue as clients see it


def test_health_while_all_work_and_one_more_is_refused(client, photo):
    free, started = threading.Event(), threading.Event()
    server = client([waiting_hands(free, started)], queue=1)
    body = form(files={"image": photo})

    async def scenario():
        first = asyncio.create_task(server.sending("/api/remove", body))
        await asyncio.to_thread(started.wait, 10)
        second = asyncio.create_task(server.sending("/api/segment", body))
        while not server.site.gate.waiting:
            await asyncio.sleep(0.001)
        health = await server.call("GET", "/healthz")
        metrics = await server.call("GET", "/metrics")
        third = await server.sending("/api/remove", body)
        free.set()
        return await first, await second, health, metrics, third

    first, second, health, metrics, third = server.run(scenario())
    assert (first.body, second.body) == (b"remove", b"segment")
    assert health.json == {"status": "ok"}
    assert "nukki_queue_length 1\n" in metrics.body.decode()
    assert (third.status, third.code) == (429, "busy")
    assert int(third.headers["retry-after"]) >= 1


def test_uploads_together_are_bounded(client, photo):
    server = client([Hands(lambda order: Answer(body=b"done"))], max_bytes=3000, queue=0)
    big = form(files={"image": bytes(2500)})

    async def scenario():
        pieces = [big[:2000], 0.2, big[2000:]]
        slow = asyncio.create_task(
            server.call("POST", "/api/remove", headers={"content-type": FORM}, pieces=pieces)
        )
        await asyncio.sleep(0.05)
        return await server.sending("/api/remove", big), await slow

    second, first = server.run(scenario())
    assert (second.status, second.code) == (429, "busy")
    assert first.status == 200
    assert server.site.ledger.held == 0


def test_a_deadline_ends_the_work(client, photo):
    free, started = threading.Event(), threading.Event()
    hands = waiting_hands(free, started)
    server = client([hands], timeout=0.1)
    reply = server.post("/api/remove", {}, {"image": photo})
    assert (reply.status, reply.code) == (504, "deadline")
    free.set()
    server.run(until(lambda: server.site.gate.ready == 1))
    assert hands.log == ["start", "remove", "stop", "start"]
    assert "nukki_deadlines_total 1\n" in server.get("/metrics").body.decode()


# --- what is told besides


def test_the_log_is_a_line_of_json_a_request(client, networks, photo, caplog):
    from nukki.serve.logs import JsonLines

    server = client()
    with caplog.at_level("INFO", "nukki.serve"):
        server.post("/api/remove", BRIGHT, {"image": photo}, x_request_id="my-7")
        reply = server.get("/nothing", **{"x-request-id": "not an id\n"})
        server.get("/healthz")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [line["path"] for line in lines] == ["/api/remove", "/nothing"]
    assert (lines[0]["id"], lines[0]["status"], lines[0]["task"]) == ("my-7", 200, "remove")
    assert lines[0]["steps"]["network"] > 0
    assert lines[1]["id"] == reply.headers["x-request-id"] != "not an id\n"
    assert (lines[1]["status"], lines[1]["code"]) == (404, "not_found")


def test_metrics_are_counted(client, networks, photo):
    server = client()
    server.post("/api/remove", BRIGHT, {"image": photo})
    server.post("/api/remove", {"edges": "x"}, {"image": photo})
    for number in range(3):
        server.get(f"/{number}")
    text = server.get("/metrics").body.decode()
    assert 'nukki_requests_total{path="/api/remove",status="200"} 1\n' in text
    assert 'nukki_requests_total{path="/api/remove",status="422"} 1\n' in text
    assert 'nukki_requests_total{path="other",status="404"} 3\n' in text
    assert 'nukki_refusals_total{code="bad_option"} 1\n' in text
    assert 'nukki_request_seconds_bucket{path="/api/remove",le="+Inf"} 2\n' in text
    assert "nukki_work_seconds_count 1\n" in text
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2


def test_the_page_of_the_api_runs_no_script_and_loads_nothing(client):
    server = client()
    if not (reply := server.get("/")).body:
        assert (reply.status, reply.headers["location"]) == (307, "docs")
    page = server.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = page.body.decode()
    assert "<script" not in text
    assert "src=" not in text
    assert "fill_holes" in text


def test_readiness_follows_the_workers(client):
    server = client()
    assert server.get("/readyz").json == {"status": "ready", "workers": 1}
    server.run(server.site.gate.close())
    assert server.get("/readyz").status == 503
    reply = server.post("/api/remove", {}, {"image": b"x"})
    assert (reply.status, reply.code) == (503, "not_ready")


def test_sixteen_bits_and_a_profile_come_through(client, networks):
    pixels = np.zeros((48, 64, 3), np.uint16)
    pixels[12:36, 16:48] = 65000
    data = nukki.read(pixels).encode("png")
    reply = client().post("/api/remove", BRIGHT, {"image": data})
    assert reply.body == nukki.remove(data, **BRIGHT).encode("png")
    assert nukki.read(reply.body).pixels.dtype == np.uint16
    assert Image.MIME["PNG"] == reply.headers["content-type"]


def test_files_of_the_page_have_its_headers(client, tmp_path, monkeypatch):
    (tmp_path / "js").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>the page")
    (tmp_path / "js" / "main.js").write_text("one()")
    (tmp_path.parent / "secret.txt").write_text("no")
    monkeypatch.setattr("nukki.serve.app.STATIC", tmp_path)
    server = client()
    page, script = server.get("/"), server.get("/js/main.js")
    assert page.body == b"<!doctype html>the page"
    assert script.headers["content-type"].startswith("text/javascript")
    for reply in (page, script):
        policy = reply.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-cache"
    again = server.get("/js/main.js", **{"if-none-match": script.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    for path in ("/../secret.txt", "/js/../../secret.txt", "/%2e%2e/secret.txt", "/js", "/none"):
        reply = server.get(path)
        assert reply.body != b"no"
        assert reply.status in (404, 307), path
    assert server.run(server.call("POST", "/")).status == 405
