"""AI City as plain Python: what the fleet asks of it, answered at once, every accepted ending counted.

The client has the methods of ``AICityClient`` that the poll, the reports and the availability use, and
raises what that one raises; ``test_marketplace.py`` runs the same tests against both.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar

from aicity_fleet.aicity.client import Page
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.errors import AICityRefusedError
from aicity_fleet.models import JsonObject, Outcome

T = TypeVar("T")

CONTRACT = load_contract("api")
PAGE_SIZE = 6


@dataclasses.dataclass(slots=True)
class MarketTask:
    """One task."""

    task_id: str
    raw: Any = None
    """A malformed entry that stands in the list in its place."""
    status: str = "submitted"
    ended_by: str = ""
    """What ended it: ``complete`` or ``fail``."""

    is_changed_later: bool = False
    """Whether it was judged, failed or refunded after its delivery was taken."""

    @property
    def is_open(self) -> bool:
        """Whether an ending would be accepted."""
        return self.status in {"submitted", "executing"}

    def to_json(self) -> Any:
        """This task as it is listed and read."""
        if self.raw is not None:
            return self.raw
        work = {"description": "Say something."}
        return {"id": self.task_id, "status": self.status, "taskType": "general", "input": work}


class Marketplace:
    """The tasks of one agent, and its row of failures.

    Args:
        passes_check: Whether a delivery passes the marketplace's own quality check, by its task's id.
        is_checked_later: Whether a delivery is only judged when ``judge`` says so, by its task's id.
        on_ending: Told of every accepted ending: the task, what ended it, the row of failures before.
    """

    def __init__(
        self,
        passes_check: Callable[[str], bool] = lambda _id: True,
        on_ending: Callable[[MarketTask, str, int], None] = lambda _task, _kind, _row: None,
        is_checked_later: Callable[[str], bool] = lambda _id: False,
    ) -> None:
        self.tasks: dict[str, MarketTask] = {}
        self.endings = 0
        self.failures_in_a_row = 0
        self.availability = "available"
        self._passes_check, self._on_ending = passes_check, on_ending
        self._is_checked_later = is_checked_later

    def submit(self, task_id: str, raw: Any = None) -> None:
        """A buyer submits a task."""
        self.tasks[task_id] = MarketTask(task_id, raw)

    def withdraw(self, task_id: str) -> None:
        """A buyer takes a task back."""
        if self.tasks[task_id].is_open:
            self.tasks[task_id].status = "refunded"

    def page(self, number: int) -> tuple[Page, int]:
        """One page of what is open, and how many pages there are."""
        listed = [task for task in self.tasks.values() if task.is_open]
        chosen = listed[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        for task in chosen:
            task.status = "executing"
        page = Page((task.to_json() for task in chosen), len(listed))
        return page, -(-len(listed) // PAGE_SIZE)

    def read(self, task_id: str) -> JsonObject:
        """One task."""
        return dict(self._task(task_id).to_json())

    def end(self, task_id: str, kind: str) -> JsonObject:
        """A report of the agent."""
        task = self._task(task_id)
        if not task.is_open:
            raise AICityRefusedError("409 CONFLICT", 409, "CONFLICT")
        row = self.failures_in_a_row
        if kind == "complete" and self._is_checked_later(task_id):
            task.status, task.ended_by = "quality_check", kind
            self.endings += 1
            self._on_ending(task, kind, row)
            return {"id": task_id, "status": task.status}
        passed = kind == "complete" and self._passes_check(task_id)
        task.status, task.ended_by = "completed" if passed else "failed", kind
        self.endings += 1
        self.failures_in_a_row = 0 if passed else row + 1
        self._on_ending(task, kind, row)
        return {"id": task_id, "status": task.status}

    def change(self, task_id: str, status: str) -> int:
        """Judge a delivery that is in check, or take a completed one back; returns the row before.

        A refund counts as a failure here: whether it does at AI City is not documented.
        """
        task, row = self.tasks[task_id], self.failures_in_a_row
        task.status, task.is_changed_later = status, True
        self.failures_in_a_row = 0 if status == "completed" else row + 1
        return row

    def _task(self, task_id: str) -> MarketTask:
        if task_id not in self.tasks:
            raise AICityRefusedError("404 TASK_NOT_FOUND", 404, "TASK_NOT_FOUND")
        return self.tasks[task_id]


class Request(Protocol):
    """Carries out one request: its name, the task's id or "", and the deed."""

    def __call__(self, name: str, task_id: str, deed: Callable[[], T], /) -> T: ...


def at_once(_name: str, _task_id: str, deed: Callable[[], T]) -> T:
    """Carry out a request without any fault."""
    return deed()


class MarketClient:
    """Stands in for ``AICityClient``.

    Args:
        market: Who answers.
        request: Carries out one request. The simulation puts its faults here.
        on_report: Told of every report that is about to be sent: task, kind, key, body.
    """

    contract = CONTRACT
    key_fingerprint = "simulated"

    def __init__(
        self,
        market: Marketplace,
        request: Request = at_once,
        on_report: Callable[[str, str, str, str], None] = lambda *_: None,
    ) -> None:
        self._market, self._request, self._on_report = market, request, on_report

    def assigned_pages(self) -> Iterator[Page]:
        """As ``AICityClient.assigned_pages``."""
        number, total = 1, 1
        while number <= total:
            page, total = self._request("list", "", partial(self._market.page, number))
            yield page
            total = total if page else number
            number += 1

    def task(self, task_id: str) -> JsonObject:
        """As ``AICityClient.task``."""
        return self._request("read", task_id, lambda: self._market.read(task_id))

    def report(self, task_id: str, outcome: Outcome, idempotency_key: str) -> JsonObject:
        """As ``AICityClient.report``."""
        body = json.dumps(self.contract.body(outcome), sort_keys=True)
        kind = outcome.kind

        self._on_report(task_id, kind, idempotency_key, body)
        return self._request(kind, task_id, lambda: self._market.end(task_id, kind))

    def profile(self) -> JsonObject:
        """As ``AICityClient.profile``."""
        market = self._market
        return self._request(
            "profile", "", lambda: {"consecutiveFailures": market.failures_in_a_row}
        )

    def set_availability(self, availability: str) -> None:
        """As ``AICityClient.set_availability``."""
        self._request("profile", "", lambda: setattr(self._market, "availability", availability))
