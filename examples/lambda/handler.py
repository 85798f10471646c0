"""nukki as an AWS Lambda function, behind a function URL or API Gateway (REST or HTTP).

Each event becomes a request to the application that `nukki serve` runs, in this process: the same
addresses, the same table of options, the same errors {error, hint, code}. What is Lambda's own is
here: how bodies are packed, that an answer has at most 6 MB, and what a function's memory allows.

NUKKI_KEYS        keys between commas; without any, whoever may call the function may use it
NUKKI_MAX_PIXELS  of a photo; otherwise as many as fit into the function's memory
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import os
import re
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.responses import Response

from nukki import settings
from nukki.serve import logs, removebg
from nukki.serve.app import Site, make_app, rendered
from nukki.serve.gate import Gate
from nukki.serve.keys import Keys
from nukki.serve.limits import ServeOptions
from nukki.serve.refusals import Refusal
from nukki.serve.tasks import TASKS
from nukki.serve.wire import Answer, Order
from nukki.serve.work import perform
from nukki.serve.worker import warm

MOST_BYTES = 6_291_556  # of an event and of an answer, as Lambda counts them: base64, in JSON
_HEADERS = 4096  # bytes left for all of an answer but its body
_MEGABYTES_OF_A_CORE = 1769  # Lambda gives a whole core with so much memory
_MEGABYTES_AT_REST, _MEGABYTES_A_MEGAPIXEL = 250, 50  # README.md: WebP and erasing need most
_PREFIX = "/v1.0/"


@dataclass(frozen=True)
class Request:
    """An event as HTTP.

    Attributes:
        method: "GET", "POST", …
        path: Without the stage.
        stage: What stands before the path: "/prod", or nothing.
        query: As it was sent.
        headers: Names in lower case.
        body: Decoded.
    """

    method: str
    path: str
    stage: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class InThisProcess:
    """Works in the function's own process, on one order at a time (see `nukki.serve.hands.Hand`).

    Lambda gives each request an environment of its own, so there is nothing to share out, and a
    process besides would take 40 MB. A network that runs cannot be stopped: after a deadline the
    next order waits until it is done, and Lambda ends an environment whose time is over.
    """

    def __init__(self, call: Mapping[str, Any]) -> None:
        self._call = call
        self._one = ThreadPoolExecutor(1)

    async def start(self) -> None:
        """The networks are loaded with the module."""

    async def ask(self, order: Order) -> Answer:
        """Do what is asked for."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._one, perform, order, self._call)

    async def stop(self) -> None:
        """See above."""


def limits(environment: Mapping[str, str], seconds: float) -> ServeOptions:
    """What the function takes.

    Args:
        environment: `os.environ`.
        seconds: That the function has for a request.
    """
    memory = int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"))
    fitting = max(1, (memory - _MEGABYTES_AT_REST) // _MEGABYTES_A_MEGAPIXEL) * 1_000_000
    return ServeOptions(
        max_bytes=MOST_BYTES,
        max_pixels=int(environment.get("NUKKI_MAX_PIXELS", min(fitting, 50_000_000))),
        queue=1,
        timeout=max(1.0, seconds - 0.5),
    )


def request_of(event: Mapping[str, Any]) -> Request:
    """The request of an event of version 1.0 (REST) or 2.0 (HTTP, function URLs).

    Raises:
        Refusal: If it is none.
    """
    context = event.get("requestContext")
    if not isinstance(context, Mapping) or not ("httpMethod" in event or "http" in context):
        message = "this is no event of API Gateway or of a function URL"
        hint = "call the function by its URL; examples/lambda/events has the form of an event"
        raise Refusal(message, "bad_request", hint=hint)
    stage = str(context.get("stage", "$default"))
    if "http" in context:
        method, path = str(context["http"]["method"]), str(event.get("rawPath", "/"))
        query = str(event.get("rawQueryString", ""))
    else:
        method, path = str(event["httpMethod"]), str(event.get("path", "/"))
        single = event.get("queryStringParameters") or {}
        query = urlencode(event.get("multiValueQueryStringParameters") or single, doseq=True)
    before = "" if stage == "$default" else f"/{stage}"
    if before and (path == before or path.startswith(before + "/")):
        path = path[len(before) :] or "/"
    headers = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    return Request(method, path, before, query, headers, _body(event, headers))


def _body(event: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    text = str(event.get("body") or "")
    if event.get("isBase64Encoded"):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            message = "the body of the event is no base64"
            raise Refusal(message, "bad_request", hint="encode its bytes as base64") from error
    if "\ufffd" in text and not headers.get("content-type", "").startswith("application/json"):
        message = "the bytes of the picture were lost: the body came as text"
        hint = "add */* to the binary media types of the API"
        raise Refusal(message, "bad_request", hint=hint)
    return text.encode()


def as_form(request: Request) -> Request:
    """The request with a multipart body, where a picture alone or JSON was sent to /api/….

    JSON has an option or a picture under each name: a picture is base64, `data:image/png;base64,…`
    where a text is possible, too.

    Raises:
        Refusal: If the JSON is none.
    """
    task = TASKS.get(request.path.removeprefix("/api/"))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if task is None or not (kind.startswith("image/") or kind == "application/json"):
        return request
    if kind == "application/json":
        texts, files = _of_json(request.body, task.parts)
    else:
        texts, files = [], [("image", request.body)]
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"'
    parts = [f"{head % name}\r\n\r\n{text}\r\n".encode() for name, text in texts]
    for name, data in files:
        parts += [f'{head % name}; filename="{name}"\r\n\r\n'.encode(), data, b"\r\n"]
    body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
    said = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return replace(request, headers={**request.headers, **said}, body=body)


def _of_json(
    body: bytes, pictures: Mapping[str, str]
) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    """Fields and files of a JSON object; a list is a field that comes more than once."""
    hint = 'send {"image": "base64 of the file", "format": "webp"}'
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(message="the body is no JSON", code="bad_request", hint=hint) from error
    if not isinstance(said, dict) or not all(re.fullmatch(r"[\w-]+", name) for name in said):
        message = "the JSON must be an object of options"
        raise Refusal(message, "bad_request", hint=hint)
    texts: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []
    every = [(n, one) for n, some in said.items() for one in _listed(some) if one is not None]
    for name, value in every:
        if not isinstance(value, bool | int | float | str):
            message = f"`{name[:80]}` must be a text, a number, or true or false"
            raise Refusal(message, "bad_request", hint=hint)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if name in pictures or text.startswith("data:"):
            files.append((name, _picture(name, text)))
        else:
            texts.append((name, text))
    return texts, files


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _picture(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.partition(",")[2] or text, validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"`{name[:80]}` is no base64"
        raise Refusal(message, "bad_request", hint="encode the file's bytes as base64") from error


def packed(answer: Response) -> dict[str, Any]:
    """What Lambda wants to be given, if it is not too large for it.

    Raises:
        Refusal: If it is.
    """
    body = bytes(answer.body)
    binary = not answer.headers.get("content-type", "").startswith(("application/json", "text/"))
    text = base64.b64encode(body).decode() if binary else body.decode()
    if len(text if binary else json.dumps(text)) > MOST_BYTES - _HEADERS:
        most = (MOST_BYTES - _HEADERS) * 3 / 4 / 1e6
        message = f"the answer has {len(body) / 1e6:.1f} MB, and Lambda passes on {most:.1f} MB"
        hint = "send format=webp or png=small, mask=true, or a smaller photo"
        raise Refusal(message, "too_many_bytes", hint=hint)
    return {
        "statusCode": answer.status_code,
        "headers": dict(answer.headers),
        "body": text,
        "isBase64Encoded": binary,
    }


async def _asked(app: Starlette, request: Request, name: str) -> Response:
    """What the application answers."""
    given = {"x-request-id": name, **request.headers, "content-length": str(len(request.body))}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "path": request.stage + request.path,
        "root_path": request.stage,
        "query_string": request.query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in given.items()],
        "scheme": "https",
        "client": None,
        "server": None,
    }
    pieces = [{"type": "http.request", "body": request.body, "more_body": False}]
    answer = Response()
    collected = bytearray()

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.Event().wait()  # whoever called stays until it is answered
        return pieces.pop()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status_code = message["status"]
            answer.raw_headers = list(message["headers"])
        else:
            collected.extend(message.get("body", b""))

    await app(scope, receive, send)
    answer.body = bytes(collected)
    return answer


_CALL = {
    "device": None,
    "threads": max(
        1, int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")) // _MEGABYTES_OF_A_CORE
    ),
}
_LOOP = asyncio.new_event_loop()
_APPS: dict[str, Starlette] = {}
_LINES = logging.StreamHandler()  # at once: a thread would wait while the function is frozen
_LINES.setFormatter(logs.JsonLines())
logs.LOGGER.handlers, logs.LOGGER.propagate = [_LINES], False
logs.LOGGER.setLevel(logging.INFO)
os.environ.setdefault("NUKKI_HOME", "/tmp/nukki")  # a function has no home
settings.forbid_fetching()  # a request must not make the function fetch anything
warm(_CALL)  # before the first request: Lambda gives a start more of the processor


def _app(context: Any) -> Starlette:
    """The application; made at the first request, which knows how long the function may take."""
    if not _APPS:
        options = limits(os.environ, context.get_remaining_time_in_millis() / 1000)
        gate = Gate([InThisProcess(_CALL)], queue=options.queue, timeout=options.timeout)
        _LOOP.run_until_complete(gate.open())
        keys = tuple(key for key in os.environ.get("NUKKI_KEYS", "").split(",") if key)
        _APPS[""] = make_app(Site.of(options, gate, Keys(keys)))
    return _APPS[""]


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer an event; whatever is wrong with it is an answer, too.

    Args:
        event: Of API Gateway or a function URL.
        context: Lambda's.
    """
    form = rendered
    try:
        request = request_of(event)
        if request.path.startswith(_PREFIX):
            form = removebg.rendered
        asked = _asked(_app(context), as_form(request), context.aws_request_id)
        return packed(_LOOP.run_until_complete(asked))
    except Refusal as refusal:
        return packed(form(refusal))
