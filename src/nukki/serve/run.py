"""Everything together: a socket, workers, and uvicorn between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from nukki import settings
from nukki.errors import InputError, NukkiError
from nukki.pipelines.options import RunOptions
from nukki.serve import logs
from nukki.serve.app import Site, make_app
from nukki.serve.connection import impatient
from nukki.serve.gate import Gate
from nukki.serve.hands import Lost, WorkerProcess, worker_words
from nukki.serve.keys import Keys
from nukki.serve.limits import ServeOptions

__all__ = ["Server", "listen", "make_gate", "serve"]

_MOST_CONNECTIONS = 1000
_HEADERS = 32_768  # bytes of a request's headers


def serve(
    options: ServeOptions,
    run: RunOptions,
    *,
    quiet: bool = False,
    opened: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until the process is told to end.

    Args:
        options: Where, and how much.
        run: On what the workers run.
        quiet: Log warnings and errors only.
        opened: Gets the address, once requests are answered.

    Raises:
        InputError: If the address cannot be listened on, or the file of keys is none.
        NukkiError: If no worker starts.
    """
    keys = Keys.from_file(options.key)
    logs.set_up(quiet=quiet)
    with listen(options) as listening:
        asyncio.run(_serve(options, run, keys, listening, opened))


def listen(options: ServeOptions) -> socket.socket:
    """The socket that requests come to.

    Raises:
        InputError: If the address is none, or taken.
    """
    try:
        found = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except (OSError, UnicodeError) as error:
        message = f"`{options.host}` port {options.port} cannot be listened on: {error}"
        hint = "give another --port, or --port 0 for a free one"
        raise InputError(message, hint=hint) from error


def make_gate(options: ServeOptions, run: RunOptions) -> Gate:
    """The workers, not started, and the gate before them.

    The cores are shared out among the workers unless the threads of each are given.
    """
    cores = run.threads or max(1, math.ceil(settings.threads() / options.workers))
    device = None if run.device == "auto" else run.device
    words = worker_words(device, cores)

    def says(line: str) -> None:
        logs.event("worker says", level=logging.WARNING, line=line[:2000])

    return Gate(
        [WorkerProcess(words, says) for _ in range(options.workers)],
        queue=options.queue,
        timeout=options.timeout,
        tell=lambda said: logs.event(said, level=logging.WARNING),
    )


class Server(uvicorn.Server):
    """uvicorn's server; to be told to end is no failure, so the process ends with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals as orders to end; unlike uvicorn, raise them no second time."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def _serve(
    options: ServeOptions,
    run: RunOptions,
    keys: Keys,
    listening: socket.socket,
    opened: Callable[[str], None],
) -> None:
    gate = make_gate(options, run)
    try:
        await gate.open()
    except Lost as error:
        raise NukkiError(str(error), hint="see the line above; nukki doctor tells more") from error
    server = Server(
        uvicorn.Config(
            make_app(Site.of(options, gate, keys)),
            http=impatient(options.patience),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=_HEADERS,
            timeout_graceful_shutdown=math.ceil(options.timeout),
        )
    )
    if not keys.needed and options.host not in ("127.0.0.1", "::1", "localhost"):
        logs.event("everyone who reaches this address may use it", level=logging.WARNING)
    try:
        opened(_address(options.host, listening))
        await server.serve(sockets=[listening])
    finally:
        await gate.close()


def _address(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
