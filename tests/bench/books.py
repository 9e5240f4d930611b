"""The books of the benchmark's servers: every task with the time of each step, and what was counted.

No HTTP here. All times are seconds of ``CLOCK_MONOTONIC``, which every process of a Linux machine shares.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from bench.answers import ORDERED, PROOF, as_json, error, success


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

    def note_call(self) -> None:
        """Record a model request."""
        self.asked = self.asked or time.monotonic()
        self.calls += 1

    def note_answer(self) -> None:
        """Record that a model answer was sent."""
        self.answered = time.monotonic()

    def to_json(self) -> dict[str, Any]:
        """Return everything but the entry and the key."""
        names = ("task_id", "assigned", "listed", "asked", "answered", "ended")
        return {name: getattr(self, name) for name in (*names, "status", "calls", "completes")}


class Books:
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

    def count_waiting(self) -> None:
        """Count a model request that waits for its answer."""
        self.count("waiting")
        self.counts["most_waiting"] = max(self.counts["most_waiting"], self.counts["waiting"])

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
        return b'{"success":true,"data":[%b],"pagination":%b}' % (entries, as_json(paging))

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
