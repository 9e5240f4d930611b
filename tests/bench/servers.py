"""A fast AI City and model endpoint on the loopback: one process, one port, and the time of every step.

The benchmark measures the fleets, so this costs as little as it can: an HTTP/1.1 parser that reads what the
clients at hand send and nothing else, and answers that are rendered before the clock runs. Each task holds
a ticket of its own in its text; a model request is matched to its task by the ticket in its body. All times
are seconds of ``CLOCK_MONOTONIC``, which every process of a Linux machine shares.

    python tests/bench/servers.py [--port 0] [--latency SECONDS]    prints {"url": ..., "pid": ...}

It ends with SIGTERM, or when its standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.answers import Model, as_json, error, reply, success
from bench.books import Books, Record

TICKET = re.compile(rb"TICKET-(\d{8})")
"""What tells which task a model request serves."""

LENGTH = b"\r\ncontent-length:"
KEY = b"\r\nidempotency-key:"
TASKS = "/api/v1/tasks/"
PAGE_SIZE = 20
BACKLOG = 4096


class Connection(asyncio.Protocol):
    """One keep-alive connection: parses requests with ``Content-Length`` and answers in their order."""

    def __init__(self, books: Books, model: Model) -> None:
        self.books, self.model = books, model
        self.buffer = bytearray()
        self.busy = False
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Serve every request that is complete."""
        self.buffer += data
        while not self.busy:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end])
            size = int(_field(head, LENGTH) or 0)
            if len(self.buffer) < end + 4 + size:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + size])
            del self.buffer[: end + 4 + size]
            self.serve(head, body)

    def serve(self, head: bytes, body: bytes) -> None:
        """Answer one request now, or after the model's latency."""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        path, _, query = target.partition("?")
        if path == "/v1/chat/completions":
            self.ask_model(body)
        elif path.startswith("/bench/"):
            self.busy = True
            self.start(self.control(path, json.loads(body or b"{}")))
        else:
            self.transport.write(self.city(method, path, query, head, body))

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside this."""
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def city(self, method: str, path: str, query: str, head: bytes, body: bytes) -> bytes:
        """Return AI City's answer."""
        if path == TASKS + "assigned":
            asked = dict(part.split("=", 1) for part in query.split("&") if part)
            number, size = int(asked.get("page", 1)), int(asked.get("page_size", PAGE_SIZE))
            return reply(200, self.books.page(number, size))
        if path.startswith(TASKS):
            task_id, _, deed = path.removeprefix(TASKS).partition("/")
            if method == "POST" and deed in {"complete", "fail"}:
                status = "completed" if deed == "complete" else "failed"
                return self.books.end(task_id, status, _field(head, KEY), body)
            record = self.books.by_id.get(task_id)
            return success(self.books.view(record)) if record else error(404, "TASK_NOT_FOUND")
        if path == "/api/v1/agents/me":
            profile = {"id": "bench", "displayName": "bench", "availability": "available"}
            return success({**profile, "overallScore": 500, "consecutiveFailures": 0})
        return error(404, "NOT_FOUND")

    def ask_model(self, body: bytes) -> None:
        """Count a model request, and answer it after the latency."""
        books, found = self.books, TICKET.search(body)
        record = books.by_ticket.get(found[1]) if found else None
        if record is not None:
            record.note_call()
        books.count("calls" if record else "unknown_calls")
        books.count_waiting()
        answer = self.model.answer(body)
        if books.hold:
            self.busy = True
            books.held.append(lambda: self.answer_later(answer, record))
            if len(books.held) >= books.hold:
                books.release()
        elif books.latency:
            self.busy = True
            self.answer_later(answer, record)
        else:
            self.answer(answer, record)

    def answer_later(self, answer: bytes, record: Record | None) -> None:
        """Send a model answer after the latency."""
        asyncio.get_running_loop().call_later(self.books.latency, self.answer, answer, record)

    def answer(self, answer: bytes, record: Record | None) -> None:
        """Send a model answer, if anybody still waits for it."""
        self.books.counts["waiting"] -= 1
        if self.transport.is_closing():
            self.books.count("abandoned")
            return
        self.transport.write(answer)
        if record is not None:
            record.note_answer()
        self.resume()

    def resume(self) -> None:
        """Serve what has arrived meanwhile."""
        if self.busy:
            self.busy = False
            self.data_received(b"")

    async def control(self, path: str, asked: dict[str, Any]) -> None:
        """Answer the benchmark itself."""
        books = self.books
        answer: Any = books.counts
        match path.removeprefix("/bench/"):
            case "assign" if "per_second" in asked:
                self.start(books.assign_paced(asked["count"], asked["per_second"]))
            case "assign":
                books.assign(asked["count"])
            case "wait":
                is_reached = await books.wait(asked["name"], asked["least"], asked["seconds"])
                answer = {"reached": is_reached, **books.counts}
            case "records":
                answer = [record.to_json() for record in books.records]
            case "latency":
                books.latency = float(asked["seconds"])
            case "hold":
                books.hold = int(asked["count"])
            case "release":
                books.release()
            case "clear":
                books.clear()
            case "counts":
                pass
            case _:
                answer = {"error": f"unknown: {path}"}
        self.transport.write(reply(200, as_json(answer)))
        self.resume()


def _field(head: bytes, name: bytes) -> bytes:
    """Return the value of a header, given as ``\\r\\nname:`` in lower case; empty without one."""
    at = head.lower().find(name)
    if at < 0:
        return b""
    end = head.find(b"\r\n", at + 2)
    return head[at + len(name) : end if end >= 0 else len(head)].strip()


async def serve(port: int, latency: float, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM, or until standard input ends.

    Args:
        port: 0 takes a free one.
        latency: How long the model takes, in seconds.
        ready: Called with the port.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # The protocol has to be named: asyncio turns Nagle's delay off only then.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    books, model = Books(latency), Model()
    server = await loop.create_server(
        lambda: Connection(books, model), sock=listener, backlog=BACKLOG
    )
    await loop.connect_read_pipe(lambda: _AtEnd(stop.set), sys.stdin)
    ready(listener.getsockname()[1])
    await stop.wait()
    server.close()


class _AtEnd(asyncio.Protocol):
    """Calls a function when the input ends."""

    def __init__(self, then: Callable[[], None]) -> None:
        self.then = then

    def connection_lost(self, exc: Exception | None) -> None:
        """Call it."""
        self.then()


def main(argv: Iterable[str] | None = None) -> None:
    """Serve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that the model takes")
    args = parser.parse_args(None if argv is None else [*argv])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def ready(port: int) -> None:
        print(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid()}), flush=True)

    asyncio.run(serve(args.port, args.latency, ready))


if __name__ == "__main__":
    main()
