"""The control side, under ``/_sim``, for demos, tests and chaos runs: see docs/testing.md."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aicity_fleet.simulator.bodies import CityRefusedError, RawEntry, TaskOrder, read_orders
from aicity_fleet.simulator.faults import fault_from_json
from aicity_fleet.simulator.replies import JsonReply, json_body
from aicity_fleet.simulator.state import Simulator
from aicity_fleet.simulator.tasks import CityTask

PREFIX = "/_sim"
"""Where the control side lives."""


class Control:
    """The handlers of the control side, over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def routes(self) -> list[Route]:
        """Return every route."""
        table = [
            ("GET", "/health", self.health),
            ("POST", "/tasks", self.submit),
            ("GET", "/tasks", self.list_tasks),
            ("GET", "/tasks/{task_id:path}", self.get_task),
            ("DELETE", "/tasks/{task_id:path}", self.withdraw),
            ("GET", "/report", self.report),
            ("POST", "/faults", self.install_faults),
            ("GET", "/faults", self.list_faults),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/reset", self.reset),
        ]
        return [Route(PREFIX + path, handler, methods=[method]) for method, path, handler in table]

    async def health(self, _request: Request) -> Response:
        """Say that the simulator runs."""
        tasks = self.simulator.city.tasks.values()
        is_open = sum(task.is_open for task in tasks)
        return JsonReply({"ok": True, "tasks": len(tasks), "open": is_open})

    async def submit(self, request: Request) -> Response:
        """Submit tasks as a buyer; nothing is submitted when one of them is wrong."""
        orders = read_orders(await json_body(request))
        ids = [order.id for order in orders if isinstance(order, TaskOrder) and order.id]
        if len(set(ids)) < len(ids) or any(task_id in self.simulator.city.tasks for task_id in ids):
            raise CityRefusedError(409, "CONFLICT", "a task with one of these ids exists")
        return JsonReply({"ids": [self._submit(order).task_id for order in orders]}, 201)

    async def list_tasks(self, _request: Request) -> Response:
        """Return all tasks as they stand."""
        self.simulator.city.catch_up()
        return JsonReply({"tasks": [_shown(task) for task in self.simulator.city.tasks.values()]})

    async def get_task(self, request: Request) -> Response:
        """Return one task as it stands."""
        self.simulator.city.catch_up()
        return JsonReply(_shown(self._task(request)))

    async def withdraw(self, request: Request) -> Response:
        """Take a task back from its agent, which no longer finds it."""
        task = self._task(request)
        self.simulator.city.withdraw(task)
        return JsonReply(_shown(task))

    async def report(self, _request: Request) -> Response:
        """Return what was ended, by whom and how often."""
        self.simulator.city.catch_up()
        return JsonReply(self.simulator.report())

    async def install_faults(self, request: Request) -> Response:
        """Add faults behind those that stand."""
        body = await json_body(request)
        faults = [fault_from_json(entry) for entry in (body if isinstance(body, list) else [body])]
        self.simulator.faults.standing += faults
        return JsonReply({"faults": [fault.model_dump(by_alias=True) for fault in faults]}, 201)

    async def list_faults(self, _request: Request) -> Response:
        """Return the faults that still stand, and how often each fired."""
        standing = self.simulator.faults.standing
        return JsonReply({"faults": [fault.model_dump(by_alias=True) for fault in standing]})

    async def clear_faults(self, _request: Request) -> Response:
        """Remove every fault."""
        self.simulator.faults.standing.clear()
        return JsonReply({"faults": []})

    async def reset(self, _request: Request) -> Response:
        """Forget everything."""
        self.simulator.reset()
        return JsonReply({"ok": True})

    def _task(self, request: Request) -> CityTask:
        task = self.simulator.city.tasks.get(request.path_params["task_id"])
        if task is None:
            raise CityRefusedError(404, "TASK_NOT_FOUND", "there is no such task")
        return task

    def _submit(self, order: TaskOrder | RawEntry) -> CityTask:
        city = self.simulator.city
        if isinstance(order, RawEntry):
            return city.submit_raw(order.raw, order.agent_id)
        return city.submit(order.task_type, order.input, order.max_budget, order.id, order.agent_id)


def _shown(task: CityTask) -> dict[str, Any]:
    shown = {**task.to_full_json(), "assessment": task.assessment}
    return {**shown, "raw": task.raw} if task.is_raw else shown
