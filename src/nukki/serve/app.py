"""The addresses of the server, and what happens to each request on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from nukki.serve import removebg
from nukki.serve.bodies import Body, Form, Ledger, read_form, read_query
from nukki.serve.document import DOCS_HEADERS, document, page
from nukki.serve.gate import Gate
from nukki.serve.keys import Keys
from nukki.serve.limits import ServeOptions
from nukki.serve.logs import failure
from nukki.serve.memory import held
from nukki.serve.metrics import Metrics
from nukki.serve.models import models
from nukki.serve.orders import order_of
from nukki.serve.pages import Pages
from nukki.serve.recorder import Recorder, note
from nukki.serve.refusals import Refusal, refusal_of
from nukki.serve.tasks import TASKS, Task
from nukki.serve.wire import Answer, Order

__all__ = ["Site", "make_app"]

Result = TypeVar("Result")
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]
Render = Callable[[Refusal], Response]

STATIC = Path(__file__).parent / "static"
_EXPOSED = ("X-Found", "X-Confidence", "X-Road", "X-Width", "X-Height", "X-Box", "X-Request-Id")


@dataclass(frozen=True)
class Site:
    """What the addresses of one server share.

    Attributes:
        options: Limits.
        gate: Where orders go; open.
        keys: Of clients.
        metrics: What was counted.
        ledger: Bytes of uploads in memory.
    """

    options: ServeOptions
    gate: Gate
    keys: Keys
    metrics: Metrics
    ledger: Ledger

    @classmethod
    def of(cls, options: ServeOptions, gate: Gate, keys: Keys | None = None) -> Site:
        """A site that has counted nothing yet."""
        return cls(options, gate, keys or Keys(), Metrics(), Ledger(options.budget))

    def admit(self, request: Request) -> None:
        """Refuse what needs no look at the body.

        Raises:
            Refusal: If the request has no key, comes from a page of another site, or would wait
                too long.
        """
        self.keys.check(request.headers)
        foreign = request.headers.get("sec-fetch-site") == "cross-site"
        if foreign and request.headers.get("origin") not in self.options.origins:
            message = "a page of another site tried to use this server"
            hint = "whoever runs it lists the site: nukki serve --cors ORIGIN"
            raise Refusal(message, "cross_site", hint=hint)
        self.gate.admit()

    async def done(self, request: Request, read: Callable[[Form], Order], **how: Any) -> Answer:
        """Read a request's body, and have done what it asks for.

        Raises:
            Refusal: Whatever is wrong, a failure of the work included.
        """
        self.admit(request)
        body = _body(request)
        with self.ledger.account() as account:
            form = await read_form(request.headers, body.receive, self.options, account, **how)
            self.metrics.received += form.size
            order = read(form)
            del form
            timed = await _while_there(body, self.gate.do(order))
        self.metrics.waits.add(timed.waited)
        self.metrics.works.add(timed.worked)
        answer = timed.answer
        seconds = {"queue": timed.waited, "work": timed.worked, **answer.seconds}
        note(request.scope, task=order.task, kind=order.kind, seconds=seconds)
        if answer.failure is None:
            return answer
        if answer.failure.trace is not None:
            failure("work failed", answer.failure.trace)
        raise Refusal(
            answer.failure.error,
            answer.failure.code,
            hint=answer.failure.hint,
            headers=answer.failure.headers,
        )


def make_app(site: Site) -> Starlette:
    """The ASGI application of a site; its gate is opened and closed by whoever makes it."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=site.options.origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "X-Api-Key", "X-Request-Id"),
        expose_headers=_EXPOSED,
    )
    return Starlette(
        routes=_routes(site),
        middleware=[Middleware(Recorder, site=site), *([cors] if site.options.origins else [])],
        exception_handlers={HTTPException: _http_error, Exception: _fault},
    )


def _routes(site: Site) -> list[BaseRoute]:
    posted = {f"/api/{name}": _answering(_task(site, task)) for name, task in TASKS.items()}
    posted["/v1.0/removebg"] = _removebg(site)
    got: dict[str, Endpoint] = {
        "/api/models": _answering(_models(site)),
        "/healthz": _healthz,
        "/readyz": _readyz(site),
        "/metrics": _answering(_metrics(site)),
        "/openapi.json": _openapi,
        "/docs": _docs,
    }
    if not (STATIC / "index.html").is_file():
        got["/"] = _to_docs
    routes: list[BaseRoute] = []
    for methods, endpoints in ((["POST"], posted), (["GET"], got)):
        for path, endpoint in endpoints.items():
            # The folder of the page would answer to other methods that there is nothing.
            refused = _WrongMethod("POST" if endpoint in posted.values() else "GET, HEAD")
            routes += [Route(path, endpoint, methods=methods), Route(path, refused)]
    if STATIC.is_dir():
        routes.append(Mount("/", Pages(directory=STATIC, html=True)))
    return routes


class _WrongMethod:
    """Answers what came by another method than the one of its address."""

    def __init__(self, allowed: str) -> None:
        self._allowed = allowed

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        raise HTTPException(405, headers={"Allow": self._allowed})


def rendered(refusal: Refusal) -> Response:
    """A refusal as JSON."""
    said = {"error": refusal.message, "hint": refusal.hint, "code": refusal.code}
    return JSONResponse(said, refusal.status, headers=refusal.headers)


def _answering(endpoint: Endpoint, render: Render = rendered) -> Endpoint:
    """The endpoint, whose errors are answers."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 the last stop: a fault of ours, told in the log
            failure("fault", error)
            refusal = refusal_of(error)
        note(request.scope, code=refusal.code)
        body = _body(request)
        if "expect" not in request.headers and refusal.code != "slow_client":
            await body.drain()
        if not body.read:
            refusal.headers["Connection"] = "close"
        return render(refusal)

    return answered


def _task(site: Site, task: Task) -> Endpoint:
    async def answer(request: Request) -> Response:
        def read(form: Form) -> Order:
            return order_of(
                task,
                form,
                read_query(request.scope["query_string"]),
                accept=request.headers.get("accept", ""),
                max_pixels=site.options.max_pixels,
            )

        done = await site.done(request, read)
        return Response(done.body, media_type=done.media_type, headers=dict(done.headers))

    return answer


def _removebg(site: Site) -> Endpoint:
    async def answer(request: Request) -> Response:
        as_json = removebg.wants_json(request.headers.get("accept", ""))

        def read(form: Form) -> Order:
            return removebg.order_of(form, max_pixels=site.options.max_pixels, as_json=as_json)

        done = await site.done(request, read, more_kinds=True)
        return Response(done.body, media_type=done.media_type, headers=dict(done.headers))

    return _answering(answer, removebg.rendered)


def _models(site: Site) -> Endpoint:
    async def answer(request: Request) -> Response:
        site.keys.check(request.headers)
        return JSONResponse(await asyncio.to_thread(models))

    return answer


def _metrics(site: Site) -> Endpoint:
    async def answer(request: Request) -> Response:
        site.keys.check(request.headers)
        gate = site.gate
        gauges = {
            "workers": ("worker processes that run", gate.ready),
            "workers_busy": ("worker processes at work", gate.working),
            "queue_length": ("orders that wait", gate.waiting),
            "upload_bytes": ("bytes of requests in memory", site.ledger.held),
            "memory_bytes": ("resident memory of the server without workers", held()),
            "worker_memory_bytes": ("resident memory of workers", sum(gate.counts.memory.values())),
            "worker_restarts_total": ("worker processes that were replaced", gate.counts.restarts),
            "deadlines_total": ("requests that took too long", gate.counts.deadlines),
            "workers_lost_total": ("worker processes that ended", gate.counts.lost),
        }
        text = site.metrics.text(gauges)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return answer


async def _healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _readyz(site: Site) -> Endpoint:
    async def answer(_request: Request) -> Response:
        ready = site.gate.ready
        said = {"status": "ready" if ready else "not ready", "workers": ready}
        return JSONResponse(said, 200 if ready else 503)

    return answer


async def _openapi(request: Request) -> Response:
    return JSONResponse(document(str(request.scope.get("root_path", ""))))


async def _docs(_request: Request) -> Response:
    return Response(page(), media_type="text/html", headers=DOCS_HEADERS)


async def _to_docs(_request: Request) -> Response:
    return RedirectResponse("docs", status_code=307)


async def _http_error(request: Request, error: Exception) -> Response:
    """What Starlette's router says: nothing there, or another method."""
    status = getattr(error, "status_code", 404)
    allowed = dict(getattr(error, "headers", None) or {})
    code = "wrong_method" if status == 405 else "not_found"
    message = "this address does not take this method" if status == 405 else "nothing is here"
    refusal = Refusal(message, code, hint="see GET /docs", headers=allowed)
    note(request.scope, code=code)
    if request.url.path.startswith("/v1.0/"):
        return removebg.rendered(refusal)
    return rendered(refusal)


async def _fault(_request: Request, error: Exception) -> Response:
    """A fault of ours outside of what is done for a request; uvicorn writes it into the log."""
    return rendered(refusal_of(error))


def _body(request: Request) -> Body:
    """The body of a request; the same one each time."""
    body: Body | None = request.scope.get("nukki.body")
    if body is None:
        body = request.scope["nukki.body"] = Body(request.receive)
    return body


async def _while_there(body: Body, work: Awaitable[Result]) -> Result:
    """Wait for work as long as the client does.

    Raises:
        Refusal: If the client went away.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(body.left())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Refusal(message="the client went away", code="slow_client")
    finally:
        working.cancel()
        leaving.cancel()
