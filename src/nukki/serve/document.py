"""The OpenAPI document, made of the table of options, and a page of it without any script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any

import nukki
from nukki.serve.fields import Field
from nukki.serve.refusals import CODES
from nukki.serve.tasks import MEDIA_TYPES, TASKS, Task

__all__ = ["DOCS_HEADERS", "document", "page"]

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8888; padding: .25rem .75rem .25rem 0; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
code { overflow-wrap: anywhere; }
"""
# The only thing that the page may do is look like this.
_DIGEST = b64encode(sha256(_STYLE.encode()).digest()).decode()
DOCS_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
_BINARY = {"type": "string", "format": "binary"}
_STATUSES = (400, 401, 403, 406, 408, 413, 415, 422, 429, 500, 503, 504)
_HEADERS = {
    "X-Found": "whether there is a subject: true or false",
    "X-Confidence": "how sure the network is, 0 to 1",
    "X-Road": "how the subject was found",
    "X-Width": "of the result, in pixels",
    "X-Height": "of the result, in pixels",
    "X-Box": "left,top,right,bottom of the subject in the result",
    "X-Request-Id": "the request's number, which is in the log",
    "Server-Timing": "milliseconds of each step",
}


@cache
def document(root: str = "") -> dict[str, Any]:
    """The document (OpenAPI 3.1).

    Args:
        root: The path under which a reverse proxy shows the server.
    """
    paths: dict[str, Any] = {f"/api/{name}": {"post": _task(task)} for name, task in TASKS.items()}
    paths["/v1.0/removebg"] = {"post": _removebg()}
    paths |= {
        "/api/models": {"get": _plain("The networks that requests may name", "application/json")},
        "/healthz": {"get": _plain("Whether the server lives", "application/json", open_=True)},
        "/readyz": {"get": _readyz()},
        "/metrics": {"get": _plain("What was counted, for Prometheus", "text/plain")},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nukki",
            "version": nukki.__version__,
            "description": "Cuts subjects out of photos, replaces what is behind them, segments, "
            "erases. Send pictures as parts of a form; options as fields of it, or in the query.",
        },
        **({"servers": [{"url": root}]} if root else {}),
        "paths": paths,
        "components": {
            "schemas": {"Error": _error()},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"key": []}, {"bearer": []}],
    }


@cache
def page() -> str:
    """The document as HTML."""
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>nukki: HTTP</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>nukki {escape(nukki.__version__)}: HTTP</h1>",
        "<p>Pictures are parts of a form, options are fields of it, or of the query: "
        '<code>curl -F image=@cat.jpg "http://127.0.0.1:7000/api/remove?edges=best" -o cat.png'
        '</code>. The same for programs: <a href="openapi.json">openapi.json</a>.</p>',
    ]
    for path, methods in document()["paths"].items():
        for method, said in methods.items():
            lines += _operation(path, method, said)
    lines += ["<h2>Errors</h2>", "<p>Every error is <code>{error, hint, code}</code>.</p>"]
    lines += _table(
        ("status", "code", "what it means"),
        ((str(status), code, text) for code, (status, text) in CODES.items()),
    )
    return "\n".join([*lines, "</main></body></html>", ""])


def _operation(path: str, method: str, said: Mapping[str, Any]) -> Iterable[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p>{escape(said['summary'])}.</p>"
    content = said.get("requestBody", {}).get("content", {}).get("multipart/form-data")
    if content is None:
        return
    schema = content["schema"]
    rows = (
        (
            name + (" (needed)" if name in schema.get("required", ()) else ""),
            _kind(one),
            str(one.get("default", "")),
            one.get("description", ""),
        )
        for name, one in schema["properties"].items()
    )
    yield from _table(("field", "what it takes", "usually", "what it is"), rows)


def _kind(schema: Mapping[str, Any]) -> str:
    if "oneOf" in schema or "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema.get("oneOf") or schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("format") == "binary":
        return "file"
    return str(schema.get("type", ""))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterable[str]:
    yield "<table><thead><tr>"
    yield "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody></table>"


def _task(task: Task) -> dict[str, Any]:
    parts = {name: {**_BINARY, "description": text} for name, text in task.parts.items()}
    shown = {
        name: {"type": "array", "items": {"type": "string"}, "description": text}
        for name, text in task.shown.items()
    }
    options = {one.name: _part(one) for one in task.fields}
    schema = {
        "type": "object",
        "required": list(task.needed),
        "properties": {**parts, **shown, **options},
        "additionalProperties": False,
    }
    content = {MEDIA_TYPES[kind]: {"schema": _answer(kind)} for kind in task.kinds}
    return {
        "summary": task.summary,
        "operationId": task.name,
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "parameters": [_parameter(one) for one in task.fields if one.kind != "upload"],
        "responses": {
            "200": {"description": "done", "headers": _headers(), "content": content},
            **_errors(_STATUSES),
        },
    }


def _part(one: Field) -> dict[str, Any]:
    if one.kind == "upload":
        return {**_BINARY, "description": one.help}
    if one.kind == "colour":
        text = {key: value for key, value in one.schema().items() if key != "description"}
        return {"anyOf": [text, _BINARY], "description": one.help}
    return one.schema()


def _parameter(one: Field) -> dict[str, Any]:
    schema = {key: value for key, value in one.schema().items() if key != "description"}
    return {"name": one.name, "in": "query", "description": one.help, "schema": schema}


def _answer(kind: str) -> dict[str, Any]:
    return {"type": "object"} if kind == "json" else dict(_BINARY)


def _headers() -> dict[str, Any]:
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }


def _errors(statuses: Iterable[int], schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    said = schema or {"$ref": "#/components/schemas/Error"}
    content = {"application/json": {"schema": said}}
    meanings: dict[int, list[str]] = {}
    for code, (status, _) in CODES.items():
        meanings.setdefault(status, []).append(code)
    return {
        str(status): {"description": ", ".join(meanings.get(status, ["error"])), "content": content}
        for status in statuses
    }


def _error() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["error", "hint", "code"],
        "properties": {
            "error": {"type": "string", "description": "what is wrong"},
            "hint": {"type": ["string", "null"], "description": "what to do"},
            "code": {"type": "string", "enum": list(CODES)},
        },
    }


def _plain(summary: str, media_type: str, *, open_: bool = False) -> dict[str, Any]:
    said: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": {"description": "done", "content": {media_type: {}}}},
    }
    if open_:
        return {**said, "security": []}
    said["responses"] |= _errors((401, 500))
    return said


def _readyz() -> dict[str, Any]:
    said = _plain("Whether a worker is ready", "application/json", open_=True)
    said["responses"]["503"] = {"description": "not yet", "content": {"application/json": {}}}
    return said


def _removebg() -> dict[str, Any]:
    from nukki.serve.removebg import PARTS, fields

    schema = {
        "type": "object",
        "properties": {
            **{name: {**_BINARY, "description": text} for name, text in PARTS.items()},
            **{name: {"type": "string", "description": text} for name, text in fields().items()},
        },
    }
    errors = {
        "type": "object",
        "required": ["errors"],
        "properties": {"errors": {"type": "array", "items": {"type": "object"}}},
    }
    kinds = ("multipart/form-data", "application/x-www-form-urlencoded", "application/json")
    binary = ("image/png", "image/jpeg", "image/webp", "application/zip")
    content = {media: {"schema": dict(_BINARY)} for media in binary}
    content["application/json"] = {"schema": {"type": "object"}}
    return {
        "summary": "Cut the subject out, by the form of remove.bg",
        "operationId": "removebg",
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind in kinds},
        },
        "responses": {
            "200": {"description": "done", "content": content},
            **_errors((400, 403, 406, 408, 429, 500, 503, 504), errors),
        },
    }
