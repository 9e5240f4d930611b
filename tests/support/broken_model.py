"""A model server that serves everybody but the orders that name one of ten faults, each in its own way.

It speaks HTTP by hand, because no framework lets a handler reset the connection, trickle, or lie about the
length of its answer. An order asks for a fault by containing ``<fault:NAME>``.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from support.samples import GOOD_GENERAL

FAULTS = (
    *("hang", "trickle", "reset", "cut", "500", "529", "429"),
    *("no choices", "error object", "html page"),
)
"""The ten ways in which an order cannot be served."""

ERROR = json.dumps({"error": {"message": "boom", "type": "server_error", "code": None}}).encode()

_FAULT = re.compile(r"<fault:([a-z0-9 ]+)>")


class BrokenModel:
    """The server, and what it counted.

    Args:
        seconds: How long a good answer takes.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls: Counter[str] = Counter()
        """Requests by fault; those of healthy orders under an empty text."""
        self.outage = ""
        """A fault that strikes every request; ``junk`` for answers that no gate passes; empty for none."""
        self.base_url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
                if not await self._answer(body, writer):
                    return
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is over."""
        found = _FAULT.search(json.dumps(body["messages"]))
        fault = self.outage or (found[1] if found else "")
        self.calls[fault] += 1
        match fault:
            case "hang":
                await asyncio.sleep(600)
            case "trickle":
                writer.write(_head(200, 10_000))
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.1)
            case "reset":
                writer.transport.abort()
                return False
            case "cut":
                writer.write(_head(200, 10_000) + b'{"choices": [')
                return False
            case "500" | "529" | "429":
                writer.write(_head(int(fault), len(ERROR)) + ERROR)
            case "no choices":
                writer.write(_reply({"id": "1", "object": "chat.completion", "choices": []}))
            case "error object":
                writer.write(_reply({"error": {"message": "the backend failed", "code": 502}}))
            case "html page":
                page = b"<html><body>502 Bad Gateway</body></html>"
                writer.write(_head(200, len(page), "text/html") + page)
            case _:
                await asyncio.sleep(self.seconds)
                text = "No." if fault == "junk" else GOOD_GENERAL
                writer.write(_reply(_completion(body, text)))
        await writer.drain()
        return True


@contextmanager
def broken_model(seconds: float = 0.0) -> Iterator[BrokenModel]:
    """Run a server on a free port of the loopback, on a loop in a thread of its own."""
    model = BrokenModel(seconds)
    started: Future[Callable[[], object]] = Future()

    async def run() -> None:
        server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
        model.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        is_over, loop = asyncio.Event(), asyncio.get_running_loop()
        started.set_result(lambda: loop.call_soon_threadsafe(is_over.set))
        async with server:
            await is_over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    stop = started.result(10)
    try:
        yield model
    finally:
        stop()
        thread.join(10)


def _head(status: int, length: int, content_type: str = "application/json") -> bytes:
    lines = (f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _reply(data: dict[str, Any]) -> bytes:
    body = json.dumps(data).encode()
    return _head(200, len(body)) + body


def _completion(body: dict[str, Any], text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "OK"}
    if body.get("tools"):
        arguments = json.dumps({"content": text})
        function = {"name": "submit", "arguments": arguments}
        call = {"id": "call_1", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    reason = "tool_calls" if "tool_calls" in message else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
