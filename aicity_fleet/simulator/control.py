"""The control side, under ``/_sim``: for demos, tests and chaos runs; AI City has nothing like it.

==========================  ========================================================================
``GET /_sim/health``        ``{"ok": true, "tasks": n, "open": n}``
``POST /_sim/tasks``        one task or a list: ``{taskType, input, maxBudget?, id?, agentId?}``, or
                            ``{"raw": <any JSON>}`` for a malformed entry that is listed verbatim;
                            answers 201 ``{"ids": [...]}``
``GET /_sim/tasks``         ``{"tasks": [...]}``, with output, assessment and pay;
                            ``GET /_sim/tasks/{id}`` gives one
``GET /_sim/report``        per task: ``status``, ``acceptedEndings`` (0 or 1), ``attempts`` (every try
                            to end it: kind, status, accepted, answerLost, idempotencyKey,
                            bodySha256, surface, at, fault, number), ``listings``,
                            ``modelCalls``; then ``agents``, ``model`` (calls in total, by nonce,
                            repeated requests), ``faults`` (firings by label),
                            ``unknownEndings`` and ``totals``
``POST /_sim/faults``       one fault or a list; see ``faults.Fault`` for the fields, for example
                            ``{"operation": "complete", "kind": "status", "status": 429,
                            "retryAfter": 3, "count": 2}``
``GET /_sim/faults``        the faults that still stand
``DELETE /_sim/faults``     removes them all
``POST /_sim/reset``        forgets every task, agent, fault and count
==========================  ========================================================================

Kinds of faults: ``reply_lost_after_commit``, ``status`` (``status``, ``code``, ``headers``,
``retryAfter`` in seconds or ``date``, ``huge``, ``garbage``), ``slow`` and ``hang`` (``seconds``),
``garbage``, ``reset``; for ``list`` also ``duplicate_listing``, ``shuffle_pages``,
``list_finished`` (``seconds``); for ``model`` also ``no_choices``, ``empty_content``, ``cut``,
``flawed``, ``obey``, ``endless`` (``seconds``). Operations: ``list``, ``complete``, ``fail``,
``profile``, ``get``, ``register``, ``assessment``, ``model``, ``any``. ``taskId`` narrows a fault to
one task. It fires once, or ``count`` times, or without end (``count: null``, or a ``probability``
with a ``seed``). The report counts its firings under its ``label``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aicity_fleet.errors import SimulatorError
from aicity_fleet.simulator.faults import fault_from_json
from aicity_fleet.simulator.registry import CityRefusedError, invalid
from aicity_fleet.simulator.replies import JsonReply, bare_refusal, json_body
from aicity_fleet.simulator.state import Simulator
from aicity_fleet.simulator.tasks import CityTask

PREFIX = "/_sim"
"""Where the control side lives."""

Answer = Callable[[Request], Awaitable[Response]]


class Control:
    """The handlers of the control side, over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def routes(self) -> list[Route]:
        """Every route of the control side."""
        table = [
            ("GET", "/health", self.health),
            ("POST", "/tasks", self.submit),
            ("GET", "/tasks", self.list_tasks),
            ("GET", "/tasks/{task_id:path}", self.get_task),
            ("GET", "/report", self.report),
            ("POST", "/faults", self.install_faults),
            ("GET", "/faults", self.list_faults),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/reset", self.reset),
        ]
        return [
            Route(PREFIX + path, _refusing(handler), methods=[method])
            for method, path, handler in table
        ]

    async def health(self, _request: Request) -> Response:
        """That the simulator runs."""
        tasks = self.simulator.city.tasks.values()
        is_open = sum(task.is_open for task in tasks)
        return JsonReply({"ok": True, "tasks": len(tasks), "open": is_open})

    async def submit(self, request: Request) -> Response:
        """Submit tasks as a buyer; nothing is submitted when one of them is wrong."""
        body = await json_body(request)
        entries = body if isinstance(body, list) else [body]
        for number, entry in enumerate(entries):
            _check_entry(entry, number)
        ids = [entry["id"] for entry in entries if "raw" not in entry and "id" in entry]
        if len(set(ids)) < len(ids) or any(task_id in self.simulator.city.tasks for task_id in ids):
            raise CityRefusedError(409, "CONFLICT", "a task with one of these ids exists")
        return JsonReply({"ids": [self._submit(entry).task_id for entry in entries]}, 201)

    async def list_tasks(self, _request: Request) -> Response:
        """All tasks as they stand."""
        return JsonReply({"tasks": [_shown(task) for task in self.simulator.city.tasks.values()]})

    async def get_task(self, request: Request) -> Response:
        """One task as it stands."""
        task = self.simulator.city.tasks.get(request.path_params["task_id"])
        if task is None:
            raise CityRefusedError(404, "TASK_NOT_FOUND", "there is no such task")
        return JsonReply(_shown(task))

    async def report(self, _request: Request) -> Response:
        """What was ended, by whom, how often."""
        return JsonReply(self.simulator.report())

    async def install_faults(self, request: Request) -> Response:
        """Add faults behind those that stand."""
        body = await json_body(request)
        entries = body if isinstance(body, list) else [body]
        if not all(isinstance(entry, dict) for entry in entries):
            raise invalid(body="expected a fault or a list of faults")
        try:
            faults = [fault_from_json(entry) for entry in entries]
        except SimulatorError as error:
            raise invalid(fault=str(error)) from error
        for fault in faults:
            self.simulator.faults.install(fault)
        return JsonReply({"faults": [fault.to_json() for fault in faults]}, 201)

    async def list_faults(self, _request: Request) -> Response:
        """The faults that still stand, and how often each fired."""
        standing = self.simulator.faults.standing
        return JsonReply({"faults": [fault.to_json() for fault in standing]})

    async def clear_faults(self, _request: Request) -> Response:
        """Remove every fault."""
        self.simulator.faults.clear()
        return JsonReply({"faults": []})

    async def reset(self, _request: Request) -> Response:
        """Begin anew."""
        self.simulator.reset()
        return JsonReply({"ok": True})

    def _submit(self, entry: dict[str, Any]) -> CityTask:
        if "raw" in entry:
            return self.simulator.city.submit_raw(entry["raw"], entry.get("agentId"))
        return self.simulator.city.submit(
            entry["taskType"],
            entry["input"],
            entry.get("maxBudget", 0),
            entry.get("id"),
            entry.get("agentId"),
        )


def _check_entry(entry: Any, number: int) -> None:
    if not isinstance(entry, dict):
        raise invalid(**{f"tasks.{number}": "expected an object"})
    if "raw" in entry:
        return
    faults = {}
    if not isinstance(entry.get("taskType"), str) or not entry["taskType"]:
        faults[f"tasks.{number}.taskType"] = "expected a string that is not empty"
    if not isinstance(entry.get("input"), dict):
        faults[f"tasks.{number}.input"] = "expected an object"
    budget = entry.get("maxBudget", 0)
    if type(budget) is not int or budget < 0:
        faults[f"tasks.{number}.maxBudget"] = "expected cents as an integer of at least 0"
    if not isinstance(entry.get("id", "x"), str) or entry.get("id") == "":
        faults[f"tasks.{number}.id"] = "expected a string that is not empty"
    if faults:
        raise invalid(**faults)


def _shown(task: CityTask) -> dict[str, Any]:
    shown = {**task.to_full_json(), "assessment": task.assessment}
    return {**shown, "raw": task.raw} if task.is_raw else shown


def _refusing(handler: Answer) -> Answer:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except CityRefusedError as error:
            response = bare_refusal(error)
            if error.details is not None:
                return JsonReply(
                    {"error": error.message, "code": error.code, "details": error.details},
                    error.status,
                )
            return response

    return endpoint
