"""Runs the simulator: a server on the loopback that can also hang up, and stops at once.

``serve`` is what the command line calls; ``running`` gives tests a server in a thread.
"""

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from aicity_fleet.errors import SimulatorError
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.replies import DROP_EXTENSION

DEFAULT_PORT = 8765
"""The port that ``serve`` takes unless told otherwise."""

STOP_SECONDS = 1
"""How long requests that are under way may still take after the signal to stop, in seconds."""

BACKLOG = 1024
"""How many connections may wait to be accepted."""

START_SECONDS = 10.0
"""How long ``running`` waits for its server, in seconds."""


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 that lets the application cut its own connection.

    ASGI has no message that closes a connection without an answer, so the function that does it is
    passed in the scope's extensions.
    """

    def connection_made(self, transport: Any) -> None:
        """Bind this connection's transport to the application that it calls."""
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[DROP_EXTENSION] = transport.abort
            await inner(scope, receive, send)

        self.app = app


def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    config: SimulatorConfig | None = None,
    port_file: Path | None = None,
    tasks: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, then stop within a second and return.

    Args:
        host: The address to listen on; the loopback unless there is a reason.
        port: 0 takes a free one.
        port_file: Where the port is written once it is bound, for the caller of port 0.
        tasks: What buyers have submitted already, as ``POST /_sim/tasks`` takes it.

    Raises:
        SimulatorError: The address is in use or cannot be bound.
    """
    listener = bind(host, port)
    chosen = listener.getsockname()[1]
    print(f"AI City simulator on http://{host}:{chosen}", flush=True)  # noqa: T201
    if port_file is not None:
        partial = port_file.with_name(port_file.name + ".partial")
        partial.write_text(f"{chosen}\n", encoding="ascii")
        partial.replace(port_file)
    app = create_app(config)
    for task in tasks:
        app.state.simulator.city.submit(task["taskType"], task["input"], task.get("maxBudget", 0))
    server = make_server(app)
    # uvicorn raises the signal again when it has stopped; here that must end nothing further.
    stops = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: None) for number in stops}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_server(app: Starlette) -> uvicorn.Server:
    """Return a quiet server for an application; ``run(sockets=...)`` says where it listens."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=DroppableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=STOP_SECONDS,
            backlog=BACKLOG,
        )
    )


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket on an address.

    Raises:
        SimulatorError: The address is in use or cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol has to be named: asyncio turns Nagle's delay (40 ms per answer) off only then.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)  # from here on a client waits instead of being refused
    except OSError as error:
        listener.close()
        raise SimulatorError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port"
        ) from error
    return listener


@contextlib.contextmanager
def running(app: Starlette, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve an application from a thread of its own, and yield its address without a slash.

    Raises:
        SimulatorError: It did not start in time, or the address cannot be bound.
    """
    listener = bind(host, port)
    server = make_server(app)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), name="simulator", daemon=True
    )
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise SimulatorError("the simulator did not start")
        time.sleep(0.005)
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()
