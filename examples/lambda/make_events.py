"""Write events/*.json: what API Gateway and function URLs give the handler, around one small photo.

    python examples/lambda/make_events.py cat.jpg

The photo is made small first, so that the files can be read.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

FOLDER = Path(__file__).parent / "events"
BOUNDARY = "a-boundary"
LONGER_SIDE = 160


def multipart(photo: bytes, **texts: str) -> bytes:
    """A form of some texts and the photo."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
    parts = [f'{head}{name}"\r\n\r\n{text}\r\n'.encode() for name, text in texts.items()]
    parts += [f'{head}image"; filename="photo.jpg"\r\n\r\n'.encode(), photo, b"\r\n"]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def second(method: str, path: str, kind: str = "", body: bytes = b"", query: str = "") -> Any:
    """An event of version 2.0: HTTP API, function URL."""
    text = kind.startswith("application/json") or not body
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"accept": "*/*"} | ({"content-type": kind} if kind else {}),
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": body.decode() if text else base64.b64encode(body).decode(),
        "isBase64Encoded": not text,
    }


def first(method: str, path: str, kind: str, body: bytes, query: dict[str, list[str]]) -> Any:
    """An event of version 1.0: REST API."""
    return {
        "version": "1.0",
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Accept": "*/*", "Content-Type": kind},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {"stage": "prod", "httpMethod": method, "path": f"/prod{path}"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def events(photo: bytes) -> dict[str, Any]:
    """The events by name."""
    form, encoded = f"multipart/form-data; boundary={BOUNDARY}", base64.b64encode(photo).decode()
    said = {"image": encoded, "background": "white", "format": "jpeg"}
    foreign = {"image_file_b64": encoded, "size": "full", "format": "png"}
    return {
        "url-form": second("POST", "/api/remove", form, multipart(photo, format="webp")),
        "url-photo": second("POST", "/api/remove", "image/jpeg", photo, "mask=true"),
        "url-json": second("POST", "/api/remove", "application/json", json.dumps(said).encode()),
        "url-removebg": second(
            "POST", "/v1.0/removebg", "application/json", json.dumps(foreign).encode()
        ),
        "url-health": second("GET", "/healthz"),
        "rest-form": first("POST", "/api/segment", form, multipart(photo), {"what": ["all"]}),
        "rest-pick": first(
            "POST", "/api/pick", form, multipart(photo), {"at": ["80,50"], "format": ["json"]}
        ),
        "bad-option": second("POST", "/api/remove", form, multipart(photo, edge="best")),
        "no-picture": second("POST", "/api/remove", "image/jpeg", b"no picture at all"),
        "no-base64": second("POST", "/api/remove", "application/json", b'{"image": "~~~"}'),
    }


def main() -> None:
    """Write the files."""
    with Image.open(sys.argv[1]) as image:
        small = image.convert("RGB")
    small.thumbnail((LONGER_SIDE, LONGER_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    FOLDER.mkdir(exist_ok=True)
    for name, event in events(out.getvalue()).items():
        (FOLDER / f"{name}.json").write_text(json.dumps(event, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
