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
import dataclasses
import itertools
import json
import os
import re
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from aicity_fleet.simulator.demo_tasks import FOLDER, demo_tasks
from aicity_fleet.simulator.model.stream import pieces_of

TICKET = re.compile(rb"TICKET-(\d{8})")
"""What tells which task a model request serves."""

MARKER = re.compile(rb"Hand in with: marker ([\w-]+)")
"""The line of the fleet's brief that names the marker of a hand-in without a tool."""

GUIDE_MARKER = "TASK_COMPLETE"
"""What ends a hand-in where the request offers no tool and no brief names another marker."""

ORDERED = next(task for task in demo_tasks() if task["taskType"] == "general")["input"][
    "description"
]
DELIVERABLE = (FOLDER / "answers" / "10-general.md").read_text("utf-8").strip()
PROOF = json.dumps(DELIVERABLE[-60:]).strip('"').encode()
"""The end of the deliverable: a report without it is refused, so that nobody is fast with nothing."""

LENGTH = b"\r\ncontent-length:"
KEY = b"\r\nidempotency-key:"
TASKS = "/api/v1/tasks/"
PAGE_SIZE = 20
BACKLOG = 4096


@dataclasses.dataclass(slots=True)
class Record:
    """What happened to one task. A time of 0 means that it has not happened."""

    task_id: str
    entry: bytes
    """The task in the list, as JSON."""
    assigned: float
    listed: float = 0.0
    """When a list first showed it."""
    asked: float = 0.0
    """When its first model request had arrived."""
    answered: float = 0.0
    """When its last model answer was sent."""
    ended: float = 0.0
    """When its report was accepted."""
    status: str = "submitted"
    key: bytes = b""
    """The idempotency key of the report that was accepted."""
    calls: int = 0
    """Model requests."""
    completes: int = 0
    """Completions that arrived, whatever became of them."""

    def to_json(self) -> dict[str, Any]:
        """Return everything but the entry and the key."""
        names = ("task_id", "assigned", "listed", "asked", "answered", "ended")
        return {name: getattr(self, name) for name in (*names, "status", "calls", "completes")}


class Market:
    """The state of both servers: tasks, counts, and who waits for a count."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.hold = 0
        """The model answers nothing until this many requests wait for it at once."""
        self.held: list[Callable[[], None]] = []
        self.numbers = itertools.count()
        self.waiters: set[tuple[str, int, asyncio.Event]] = set()
        self.clear()

    def clear(self) -> None:
        """Forget every task and every count."""
        self.records: list[Record] = []
        self.by_id: dict[str, Record] = {}
        self.by_ticket: dict[bytes, Record] = {}
        self.open: dict[str, Record] = {}
        self.counts = dict.fromkeys(
            ("assigned", "completed", "failed", "calls", "unknown_calls", "abandoned"), 0
        )
        self.counts.update(dict.fromkeys(("waiting", "most_waiting", "repeats", "refused"), 0))

    def assign(self, count: int) -> None:
        """Assign this many tasks at once."""
        for number in itertools.islice(self.numbers, count):
            ticket = f"{number:08}"
            task_id = f"clxbench{ticket}"
            entry = {
                "id": task_id,
                "status": "submitted",
                "taskType": "general",
                "input": {"description": f"{ORDERED}\n\nReference: TICKET-{ticket}."},
                "maxBudget": 600,
            }
            record = Record(task_id, json.dumps(entry).encode(), 0.0)
            self.records.append(record)
            self.by_id[task_id] = self.open[task_id] = self.by_ticket[ticket.encode()] = record
            record.assigned = time.monotonic()
        self.count("assigned", count)

    def count(self, name: str, more: int = 1) -> None:
        """Add to a count, and wake those who wait for it."""
        self.counts[name] += more
        for waiter in [one for one in self.waiters if one[0] == name]:
            if self.counts[name] >= waiter[1]:
                waiter[2].set()

    async def wait(self, name: str, least: int, seconds: float) -> bool:
        """Wait until a count is at least this; returns whether it is."""
        waiter = (name, least, asyncio.Event())
        self.waiters.add(waiter)
        try:
            if self.counts[name] < least:
                async with asyncio.timeout(seconds):
                    await waiter[2].wait()
        except TimeoutError:
            pass
        finally:
            self.waiters.discard(waiter)
        return self.counts[name] >= least

    async def assign_paced(self, count: int, per_second: float) -> None:
        """Assign tasks one by one at a steady rate."""
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
            self.assign(1)

    def release(self) -> None:
        """Hold nothing any longer, and let the latency of every held answer begin."""
        self.hold, held = 0, self.held
        self.held = []
        for answer in held:
            answer()

    # --- AI City -----------------------------------------------------------------------------------

    def page(self, number: int, size: int) -> bytes:
        """Return one page of the open tasks, in the documented envelope."""
        now = time.monotonic()
        chosen = list(itertools.islice(self.open.values(), (number - 1) * size, number * size))
        for record in chosen:
            record.listed = record.listed or now
        pages = -(-len(self.open) // size)
        paging = {"page": number, "pageSize": size, "total": len(self.open), "totalPages": pages}
        entries = b",".join(record.entry for record in chosen)
        return b'{"success":true,"data":[%b],"pagination":%b}' % (entries, _json(paging))

    def end(self, task_id: str, status: str, key: bytes, body: bytes) -> bytes:
        """Take a report; returns the answer."""
        record = self.by_id.get(task_id)
        if record is None:
            return error(404, "TASK_NOT_FOUND")
        record.completes += status == "completed"
        if record.ended:
            self.count("repeats")
            if key and key == record.key and status == record.status:
                return success(self.view(record))
            return error(409, "CONFLICT")
        if status == "completed" and PROOF not in body:
            self.count("refused")
            return error(400, "VALIDATION_ERROR")
        record.ended, record.status, record.key = time.monotonic(), status, key
        del self.open[task_id]
        self.count(status)
        return success(self.view(record))

    def view(self, record: Record) -> dict[str, Any]:
        """Return a task as the agent reads it back."""
        return {"id": record.task_id, "status": record.status, "paidCents": 510}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def reply(status: int, body: bytes, kind: bytes = b"application/json") -> bytes:
    """Return a whole HTTP answer."""
    head = b"HTTP/1.1 %d OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


def success(data: Any) -> bytes:
    """Return an answer in AI City's envelope."""
    return reply(200, _json({"success": True, "data": data}))


def error(status: int, code: str) -> bytes:
    """Return a refusal in AI City's envelope."""
    return reply(status, _json({"success": False, "error": {"code": code, "message": code}}))


def completion(content: str | None, *, submits: bool) -> dict[str, Any]:
    """Return a chat completion: a call of ``submit``, or text."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if submits:
        function = {"name": "submit", "arguments": json.dumps({"content": DELIVERABLE})}
        message["tool_calls"] = [{"id": "call_0", "type": "function", "function": function}]
    finish = "tool_calls" if submits else "stop"
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 400, "total_tokens": 1300},
    }


def streamed(whole: dict[str, Any]) -> bytes:
    """Return a completion as the events of a stream, in one answer."""
    events = [*map(_json, pieces_of(whole)), b"[DONE]"]
    return reply(200, b"".join(b"data: %b\n\n" % event for event in events), b"text/event-stream")


class Model:
    """The answers of the model: rendered once per form, since every task gets the same text."""

    def __init__(self) -> None:
        submit = completion(None, submits=True)
        self.submit = {True: streamed(submit), False: reply(200, _json(submit))}
        self.texts: dict[tuple[str, bool], bytes] = {}

    def answer(self, body: bytes) -> bytes:
        """Return the answer to a request."""
        streams = b'"stream":true' in body or b'"stream": true' in body
        if b'"tools"' in body and b'"submit"' in body:
            return self.submit[streams]
        found = MARKER.search(body)
        marker = found[1].decode() if found else GUIDE_MARKER
        text = self.texts.get((marker, streams))
        if text is None:
            whole = completion(f"{DELIVERABLE}\n\n{marker}", submits=False)
            text = streamed(whole) if streams else reply(200, _json(whole))
            if marker == GUIDE_MARKER:  # another one is a job's own
                self.texts[marker, streams] = text
        return text


class Connection(asyncio.Protocol):
    """One keep-alive connection: parses requests with ``Content-Length`` and answers in their order."""

    def __init__(self, market: Market, model: Model) -> None:
        self.market, self.model = market, model
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
            return reply(200, self.market.page(number, size))
        if path.startswith(TASKS):
            task_id, _, deed = path.removeprefix(TASKS).partition("/")
            if method == "POST" and deed in {"complete", "fail"}:
                status = "completed" if deed == "complete" else "failed"
                return self.market.end(task_id, status, _field(head, KEY), body)
            record = self.market.by_id.get(task_id)
            return success(self.market.view(record)) if record else error(404, "TASK_NOT_FOUND")
        if path == "/api/v1/agents/me":
            profile = {"id": "bench", "displayName": "bench", "availability": "available"}
            return success({**profile, "overallScore": 500, "consecutiveFailures": 0})
        return error(404, "NOT_FOUND")

    def ask_model(self, body: bytes) -> None:
        """Count a model request, and answer it after the latency."""
        market, found = self.market, TICKET.search(body)
        record = market.by_ticket.get(found[1]) if found else None
        if record is None:
            market.count("unknown_calls")
        else:
            record.asked = record.asked or time.monotonic()
            record.calls += 1
        market.count("calls")
        market.count("waiting")
        market.counts["most_waiting"] = max(market.counts["most_waiting"], market.counts["waiting"])
        answer = self.model.answer(body)
        if market.hold:
            self.busy = True
            market.held.append(lambda: self.answer_later(answer, record))
            if len(market.held) >= market.hold:
                market.release()
        elif market.latency:
            self.busy = True
            self.answer_later(answer, record)
        else:
            self.answer(answer, record)

    def answer_later(self, answer: bytes, record: Record | None) -> None:
        """Send a model answer after the latency."""
        asyncio.get_running_loop().call_later(self.market.latency, self.answer, answer, record)

    def answer(self, answer: bytes, record: Record | None) -> None:
        """Send a model answer, if anybody still waits for it."""
        self.market.counts["waiting"] -= 1
        if self.transport.is_closing():
            self.market.count("abandoned")
            return
        self.transport.write(answer)
        if record is not None:
            record.answered = time.monotonic()
        self.resume()

    def resume(self) -> None:
        """Serve what has arrived meanwhile."""
        if self.busy:
            self.busy = False
            self.data_received(b"")

    async def control(self, path: str, asked: dict[str, Any]) -> None:
        """Answer the benchmark itself."""
        market = self.market
        answer: Any = market.counts
        match path.removeprefix("/bench/"):
            case "assign" if "per_second" in asked:
                self.start(market.assign_paced(asked["count"], asked["per_second"]))
            case "assign":
                market.assign(asked["count"])
            case "wait":
                is_reached = await market.wait(asked["name"], asked["least"], asked["seconds"])
                answer = {"reached": is_reached, **market.counts}
            case "records":
                answer = [record.to_json() for record in market.records]
            case "latency":
                market.latency = float(asked["seconds"])
            case "hold":
                market.hold = int(asked["count"])
            case "release":
                market.release()
            case "clear":
                market.clear()
            case "counts":
                pass
            case _:
                answer = {"error": f"unknown: {path}"}
        self.transport.write(reply(200, _json(answer)))
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
    market, model = Market(latency), Model()
    server = await loop.create_server(
        lambda: Connection(market, model), sock=listener, backlog=BACKLOG
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
