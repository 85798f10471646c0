"""The function for AWS Lambda: events are the server's requests, answers are what Lambda takes."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import nukki
from examples_loaded import loaded
from nukki.serve import logs, worker
from nukki.serve.bodies import Ledger, read_form
from nukki.serve.limits import ServeOptions
from nukki.serve.wire import Answer
from serve_client import Client

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "lambda"
EVENTS = sorted(path.stem for path in (FOLDER / "events").glob("*.json"))


def event(name):
    return json.loads((FOLDER / "events" / f"{name}.json").read_text(encoding="utf-8"))


def photo():
    """The one in the events."""
    return base64.b64decode(event("url-photo")["body"])


def context(seconds=30.0):
    return SimpleNamespace(
        aws_request_id="number-1", get_remaining_time_in_millis=lambda: int(1000 * seconds)
    )


@pytest.fixture(scope="module")
def module():
    """The handler's module, which loads no networks before they are needed."""
    handlers, propagate, level = logs.LOGGER.handlers, logs.LOGGER.propagate, logs.LOGGER.level
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "warm", lambda call: None)
        patch.setenv("NUKKI_OFFLINE", "1")
        patch.setenv("NUKKI_HOME", "nowhere")
        made = loaded("lambda/handler.py")
        yield made
        made._LOOP.close()
    logs.LOGGER.handlers, logs.LOGGER.propagate = handlers, propagate
    logs.LOGGER.setLevel(level)


@pytest.fixture
def function(module, monkeypatch):
    """The module as after a start; `function.orders` are what would be worked on."""
    module.orders = []

    def work(order, call):
        module.orders.append(order)
        return Answer(media_type="image/png", body=b"picture")

    module._APPS.clear()
    monkeypatch.setattr(module, "perform", work)
    return module


def asked(function, name, **changes):
    """Status, and the body as JSON or as bytes."""
    said = function.handler({**event(name), **changes}, context())
    assert set(said) == {"statusCode", "headers", "body", "isBase64Encoded"}
    body = said["body"]
    return said["statusCode"], base64.b64decode(body) if said["isBase64Encoded"] else json.loads(
        body
    )


ORDERS = {
    "url-form": ("remove", {"format": "webp"}, "webp", {}),
    "url-photo": ("remove", {"mask": "true"}, "png", {}),
    "url-json": ("remove", {"background": "white", "format": "jpeg"}, "jpeg", {}),
    "url-removebg": ("removebg", {"size": "full", "format": "png"}, "png", {}),
    "rest-form": ("segment", {"what": "all"}, "json", {}),
    "rest-pick": ("pick", {"format": "json"}, "json", {"at": ["80,50"], "not": [], "box": []}),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_event_is_an_order(function, name):
    assert asked(function, name) == (200, b"picture")
    [order] = function.orders
    task, values, kind, shown = ORDERS[name]
    assert (order.task, order.values, order.kind) == (task, values, kind)
    assert dict(order.shown) == shown
    assert list(order.files.values()) == [photo()]


ERRORS = {
    "bad-option": (422, "bad_option", "did you mean edges?"),
    "no-base64": (400, "bad_request", "encode the file's bytes as base64"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_with_an_event_is_told_as_the_server_does(function, name):
    status, said = asked(function, name)
    assert (status, said["code"], said["hint"]) == ERRORS[name]
    assert set(said) == {"error", "hint", "code"}
    assert function.orders == []


def test_every_event_has_a_test():
    assert {*ORDERS, *ERRORS, "url-health", "no-picture"} == set(EVENTS)


def test_an_error_is_the_servers_to_the_byte(function):
    client = Client()
    try:
        reply = client.post("/api/remove", {"edge": "best"}, {"image": photo()})
    finally:
        client.close()
    said = function.handler(event("bad-option"), context())
    assert (said["statusCode"], said["body"].encode()) == (reply.status, reply.body)


def test_answers_have_the_number_of_the_invocation(function):
    said = function.handler(event("url-health"), context())
    assert (said["statusCode"], json.loads(said["body"])) == (200, {"status": "ok"})
    assert said["headers"]["x-request-id"] == "number-1"


def test_the_page_comes_from_the_function_too(function):
    said = function.handler({**event("url-health"), "rawPath": "/"}, context())
    assert (said["statusCode"], said["isBase64Encoded"]) == (200, False)
    assert said["body"].startswith("<!doctype html>")


def test_the_stage_of_an_api_is_no_part_of_the_path(function):
    stage = {"stage": "prod", "http": {"method": "GET"}}
    for path in ("/prod/healthz", "/healthz"):
        assert asked(function, "url-health", rawPath=path, requestContext=stage)[0] == 200
    assert (
        asked(function, "url-health", rawPath="/production/healthz", requestContext=stage)[0] == 404
    )


def test_options_of_a_rest_event_may_come_once_each_or_many_times(function):
    several = {"at": ["1,2", "30,4"], "not": ["5,6"]}
    asked(function, "rest-pick", multiValueQueryStringParameters=several)
    only = {"multiValueQueryStringParameters": None, "queryStringParameters": {"at": "7,8"}}
    asked(function, "rest-pick", **only)
    assert function.orders[0].shown["at"] == ["1,2", "30,4"]
    assert function.orders[1].shown["at"] == ["7,8"]


@pytest.mark.parametrize("wrong", [{}, {"Records": []}, {"requestContext": {}}])
def test_what_is_no_request_is_told(function, wrong):
    said = function.handler(wrong, context())
    assert said["statusCode"] == 400
    assert "examples/lambda/events" in json.loads(said["body"])["hint"]


def test_a_body_that_came_as_text_is_told(function):
    """API Gateway without binary media types gives U+FFFD for what is no UTF-8."""
    body = photo().decode("utf-8", "replace")
    status, said = asked(function, "url-photo", body=body, isBase64Encoded=False)
    assert (status, said["hint"]) == (400, "add */* to the binary media types of the API")
    assert asked(function, "url-photo", body="~~", isBase64Encoded=True)[0] == 400


@pytest.mark.parametrize(
    "body", ["no JSON", "[]", '{"image": {"a": 1}}', '{"a\\"b": "c"}', '{"image": "####"}']
)
def test_json_that_cannot_be_used_is_told(function, body):
    status, said = asked(function, "url-json", body=body)
    assert (status, said["code"]) == (400, "bad_request")
    assert said["hint"]


def test_json_may_have_a_picture_where_a_text_is_possible(function):
    encoded = base64.b64encode(photo()).decode()
    said = {"image": encoded, "background": f"data:image/jpeg;base64,{encoded}", "edges": None}
    assert asked(function, "url-json", rawPath="/api/replace", body=json.dumps(said))[0] == 200
    assert function.orders[0].files == {"image": photo(), "background": photo()}
    assert function.orders[0].values == {}


def test_an_answer_that_lambda_does_not_pass_on_is_told(function, monkeypatch):
    large = Answer(media_type="image/png", body=bytes(4_716_000))
    monkeypatch.setattr(function, "perform", lambda order, call: large)
    status, said = asked(function, "url-form")
    assert (status, said["code"]) == (413, "too_many_bytes")
    assert "4.7 MB" in said["error"]
    assert "format=webp" in said["hint"]
    status, said = asked(function, "url-removebg")
    assert (status, said["errors"][0]["code"]) == (400, "file_size_too_large")
    fits = Answer(media_type="image/png", body=bytes(4_715_000))
    monkeypatch.setattr(function, "perform", lambda order, call: fits)
    whole = function.handler(event("url-form"), context())
    assert whole["statusCode"] == 200
    assert len(json.dumps(whole)) <= function.MOST_BYTES


def test_keys_are_needed_where_there_are_some(function, monkeypatch):
    monkeypatch.setenv("NUKKI_KEYS", "a-key-of-somebody,another-one")
    status, said = asked(function, "url-form")
    assert (status, said["code"]) == (401, "no_key")
    headers = event("url-form")["headers"] | {"X-Api-Key": "another-one"}
    assert asked(function, "url-form", headers=headers)[0] == 200


def test_work_without_end_is_answered_before_lambda_ends_it(function, monkeypatch):
    slow = iter([1.2, 0.0])

    def work(order, call):
        time.sleep(next(slow))
        return Answer(media_type="image/png", body=b"picture")

    monkeypatch.setattr(function, "perform", work)
    said = function.handler(event("url-form"), context(1.5))
    assert (said["statusCode"], json.loads(said["body"])["code"]) == (504, "deadline")
    assert asked(function, "url-form") == (200, b"picture")  # after the one before it


@pytest.mark.parametrize(
    ("environment", "pixels"),
    [
        ({}, 5_000_000),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}, 1_000_000),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024"}, 15_000_000),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}, 50_000_000),
        ({"NUKKI_MAX_PIXELS": "12000000"}, 12_000_000),
    ],
)
def test_photos_are_as_large_as_fits_into_memory(function, environment, pixels):
    options = function.limits(environment, 30.0)
    assert (options.max_pixels, options.timeout) == (pixels, 29.5)


@settings(max_examples=15)
@given(
    said=st.dictionaries(
        st.from_regex(r"[a-z_]{1,12}", fullmatch=True).filter(lambda name: name != "image"),
        st.text(max_size=40).filter(lambda text: not text.startswith("data:")),
        max_size=4,
    ),
    data=st.binary(max_size=200),
)
def test_json_is_the_form_that_it_says(module, said, data):
    body = json.dumps({**said, "image": base64.b64encode(data).decode()}).encode()
    request = module.Request(
        "POST", "/api/remove", "", "", {"content-type": "application/json"}, body
    )
    made = module.as_form(request)

    async def receive():
        return {"type": "http.request", "body": made.body}

    with Ledger(1_000_000).account() as account:
        read = asyncio.run(read_form(made.headers, receive, ServeOptions(), account))
    assert (dict(read.texts), read.files) == (said, {"image": data})


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ORDERS, "no-picture"])
def test_the_events_with_the_networks_themselves(module, name):
    module._APPS.clear()
    status, said = asked(module, name)
    if name == "no-picture":
        assert (status, said["code"]) == (415, "not_a_picture")
        return
    assert status == 200
    if name == "rest-form":
        assert said["width"] == 160
    elif name == "rest-pick":
        assert said["score"] > 0.5
    elif name == "url-form":
        assert said == nukki.remove(photo(), threads=1).encode("webp")
    else:
        with Image.open(io.BytesIO(said)) as image:
            assert image.size == (160, 106)


# Run by a bare interpreter: a bound on memory, no file may be written, no home, no variables.
LIMITED = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
resource.setrlimit(resource.RLIMIT_DATA, (512 << 20, 512 << 20))
sys.path[:0] = json.loads(sys.argv[2])
import handler

class Context:
    aws_request_id = "n"
    def get_remaining_time_in_millis(self):
        return 60_000

said = {
    path.stem: handler.handler(json.loads(path.read_text()), Context())["statusCode"]
    for path in sorted(Path(sys.argv[1], "events").glob("*.json"))
}
lines = Path("/proc/self/status").read_text().splitlines()
said["peak"] = next(int(line.split()[1]) // 1000 for line in lines if line.startswith("VmHWM"))
print(json.dumps(said))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
def test_the_function_under_the_limits_of_a_runtime():
    paths = [str(FOLDER), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(FOLDER), json.dumps(paths)],
        env={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert 100 < said.pop("peak") < 512  # MB, all networks together
    wrong = {name: code for name, (code, *_) in ERRORS.items()} | {"no-picture": 415}
    assert said == dict.fromkeys(EVENTS, 200) | wrong
