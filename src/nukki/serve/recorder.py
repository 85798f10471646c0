"""Every request's number, its time, its line in the log, and the headers that each answer gets."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders

from nukki.serve.logs import event
from nukki.serve.tasks import TASKS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from nukki.serve.app import Site

__all__ = ["Recorder", "note"]

_OWN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = ("/healthz", "/readyz", "/metrics")  # asked for every few seconds: counted, not logged
_PATHS = frozenset(
    {f"/api/{name}" for name in TASKS}
    | {"/api/models", "/v1.0/removebg", "/openapi.json", "/docs", "/", *_QUIET}
)
_KEY = "nukki.notes"


def note(scope: Mapping[str, Any], **said: Any) -> None:
    """Add to the line that the log gets of a request."""
    scope[_KEY].update(said)


class Recorder:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what came of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said: dict[str, Any] = {}
        scope[_KEY] = said
        own = Headers(scope=scope).get("x-request-id", "")
        name = own if _OWN_ID.fullmatch(own) else secrets.token_hex(8)
        started = time.perf_counter()
        status, sent = 0, 0

        async def counting(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                elapsed = time.perf_counter() - started
                _complete(MutableHeaders(scope=message), name, said.get("seconds", {}), elapsed)
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counting)
        finally:
            self._record(scope, name, status, sent, time.perf_counter() - started)

    def _record(self, scope: Scope, name: str, status: int, sent: int, seconds: float) -> None:
        said: dict[str, Any] = scope[_KEY]
        path = scope["path"]
        metrics = self._site.metrics
        metrics.request(path if path in _PATHS else "other", status, seconds)
        metrics.sent += sent
        if "code" in said:
            metrics.refusals[said["code"]] += 1
        if path in _QUIET and status < 400:
            return
        steps = {step: round(value, 4) for step, value in said.pop("seconds", {}).items()}
        client = scope.get("client")
        event(
            "request",
            id=name,
            method=scope["method"],
            path=path[:200],
            status=status,
            seconds=round(seconds, 4),
            sent=sent,
            client=client[0] if client else None,
            steps=steps,
            **said,
        )


def _complete(
    headers: MutableHeaders, name: str, steps: Mapping[str, float], elapsed: float
) -> None:
    """Add what every answer says."""
    headers["X-Request-Id"] = name
    times = {**steps, "total": elapsed}  # W3C Server Timing: milliseconds
    said = ", ".join(f"{step};dur={1000 * value:.1f}" for step, value in times.items())
    headers["Server-Timing"] = said
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
