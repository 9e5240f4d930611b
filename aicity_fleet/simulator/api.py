"""The routes of AI City's API, under ``/api/v1``: agents, tasks, assessments, the retired Exchange.

Each handler reads one request, asks the city, and wraps the answer in the documented envelope.
Where the documentation names no path, the inferred one of the fleet's built-in contract is served.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aicity_fleet.simulator.agents import Agent
from aicity_fleet.simulator.config import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, SUNSET
from aicity_fleet.simulator.faults import Plan
from aicity_fleet.simulator.operation import Handler, operation
from aicity_fleet.simulator.registry import CityRefusedError, invalid
from aicity_fleet.simulator.replies import object_body, page_of, refusal, success
from aicity_fleet.simulator.state import Simulator
from aicity_fleet.simulator.tasks import TaskStatus

PREFIX = "/api/v1"
"""Source: docs.aicity.dev/docs/api."""

WINDOW_SECONDS = 60
"""Length of the window in which requests per key are counted."""


class Api:
    """The handlers of the API, over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._window: dict[str, tuple[int, int]] = {}

    def routes(self) -> list[Route]:
        """Every route, with the operation names that faults use."""
        table: list[tuple[str, str, str, Handler]] = [
            ("GET", "/tasks/assigned", "list", self.list_assigned),
            ("GET", "/tasks/{task_id:path}", "get", self.get_task),
            ("POST", "/tasks/{task_id:path}/complete", "complete", self.complete),
            ("POST", "/tasks/{task_id:path}/fail", "fail", self.fail),
            ("GET", "/agents/me", "profile", self.profile),
            ("PATCH", "/agents/me", "profile", self.update_profile),
            ("POST", "/agents", "register", self.register),
            ("GET", "/agents/{agent_id}", "profile", self.public_profile),
            ("POST", "/agents/{agent_id}/reactivate", "register", self.reactivate),
            ("GET", "/courts/assessments/{task_id:path}", "assessment", self.assessment),
        ]
        routes = [
            Route(PREFIX + path, operation(self.simulator, name, handler), methods=[method])
            for method, path, name, handler in table
        ]
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        routes.append(Route(PREFIX + "/exchange/{rest:path}", exchange_is_gone, methods=methods))
        return routes

    def agent(self, request: Request) -> Agent:
        """The agent that sent a request, within its rate limit.

        Raises:
            CityRefusedError: 401, or 429 when a limit is configured and used up.
        """
        agent = self.simulator.city.registry.agent_of_key(request.headers.get("X-API-Key"))
        limit = self.simulator.config.requests_per_minute
        if limit:
            window, passed = divmod(int(self.simulator.city.now().timestamp()), WINDOW_SECONDS)
            since, used = self._window.get(agent.agent_id, (window, 0))
            used = used + 1 if since == window else 1
            self._window[agent.agent_id] = (window, used)
            if used > limit:
                wait = {"retryAfterSeconds": WINDOW_SECONDS - passed}
                raise CityRefusedError(429, "RATE_LIMITED", "too many requests for this key", wait)
        return agent

    async def list_assigned(self, request: Request, plan: Plan) -> Response:
        """One page of the agent's tasks; path and paging are inferred."""
        agent = self.agent(request)
        page = _positive(request, "page", 1, 10**9)
        page_size = _positive(request, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        status = request.query_params.get("status")
        if status is not None and status not in set(TaskStatus):
            raise invalid(status=f"expected one of {', '.join(TaskStatus)}")
        entries, total = self.simulator.city.list_assigned(
            agent,
            page,
            page_size,
            status,
            finished_seconds=plan.finished_seconds,
            shuffled="shuffle_pages" in plan.changes,
        )
        if "duplicate_listing" in plan.changes:
            entries = entries + entries[:1]
        return page_of(entries, page, page_size, total)

    async def get_task(self, request: Request, _plan: Plan) -> Response:
        """One task of the agent's own; inferred."""
        agent = self.agent(request)
        task = self.simulator.city.task_for(agent, request.path_params["task_id"])
        return success(task.to_full_json())

    async def complete(self, request: Request, _plan: Plan) -> Response:
        """Take a delivery. Source: the migration guide has ``output`` as an object."""
        agent = self.agent(request)
        body = await object_body(request)
        faults = completion_faults(body)
        if not isinstance(body.get("output"), dict):
            faults["output"] = "expected an object"
        if faults:
            raise invalid(**faults)
        task, request.state.is_accepted = self.simulator.city.complete(
            agent,
            request.path_params["task_id"],
            body["output"],
            body["executionTimeMs"],
            request.headers.get("Idempotency-Key", ""),
        )
        return success(task.to_full_json())

    async def fail(self, request: Request, _plan: Plan) -> Response:
        """Take a failure; the keys are inferred."""
        agent = self.agent(request)
        reason, message = read_failure(await object_body(request))
        task, request.state.is_accepted = self.simulator.city.fail(
            agent,
            request.path_params["task_id"],
            reason,
            message,
            request.headers.get("Idempotency-Key", ""),
        )
        return success(task.to_full_json())

    async def profile(self, request: Request, _plan: Plan) -> Response:
        """The agent's own profile. Source: docs.aicity.dev/docs/sdk/agents."""
        return success(self.agent(request).profile())

    async def update_profile(self, request: Request, _plan: Plan) -> Response:
        """A partial update of the agent's own profile; the verb is inferred."""
        agent = self.agent(request)
        changes = await object_body(request)
        return success(self.simulator.city.registry.update_profile(agent, changes).profile())

    async def register(self, request: Request, _plan: Plan) -> Response:
        """A new agent of an owner, with its key. Source: docs.aicity.dev/docs/sdk/agents."""
        owner_id = self.simulator.city.registry.owner_of_token(request.headers.get("Authorization"))
        agent, key = self.simulator.city.registry.register(owner_id, await object_body(request))
        return success({"agent": agent.profile(), "apiKey": key}, 201)

    async def public_profile(self, request: Request, _plan: Plan) -> Response:
        """Anybody's public profile, with an agent key; the path is inferred."""
        self.agent(request)
        agent = self.simulator.city.registry.agent(request.path_params["agent_id"])
        return success(agent.public_profile())

    async def reactivate(self, request: Request, _plan: Plan) -> Response:
        """The end of a suspension, by the owner; the path is inferred."""
        owner_id = self.simulator.city.registry.owner_of_token(request.headers.get("Authorization"))
        agent = self.simulator.city.registry.reactivate(owner_id, request.path_params["agent_id"])
        return success(agent.profile())

    async def assessment(self, request: Request, _plan: Plan) -> Response:
        """The assessment of one delivery. Source: docs.aicity.dev/docs/concepts/glossary."""
        agent = self.agent(request)
        task_id = request.path_params["task_id"]
        self.simulator.city.task_for(agent, task_id)
        return success(self.simulator.city.assessment(task_id))


async def exchange_is_gone(_request: Request) -> Response:
    """What every endpoint of the retired Exchange answers.

    Source: docs.aicity.dev/docs/concepts/api-stability; the migration guide for the date.
    """
    error = CityRefusedError(410, "GONE", "the Exchange was retired; use the Tasks API")
    return refusal(error, {"Sunset": SUNSET, "Deprecation": "true"})


def completion_faults(body: dict[str, Any]) -> dict[str, str]:
    """What is wrong with a completion apart from its output, by field."""
    elapsed = body.get("executionTimeMs")
    if type(elapsed) is not int or elapsed < 0:
        return {"executionTimeMs": "expected an integer of at least 0"}
    return {}


def read_failure(body: dict[str, Any]) -> tuple[str, str]:
    """Reason and message of a failure.

    Raises:
        CityRefusedError: 400 when one of them is no text, or the reason is empty.
    """
    faults = {
        field: "expected a string"
        for field in ("reason", "message")
        if not isinstance(body.get(field), str)
    }
    if not faults and not body["reason"].strip():
        faults["reason"] = "must not be empty"
    if faults:
        raise invalid(**faults)
    return body["reason"], body["message"]


def _positive(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:12]) <= most:
        raise invalid(**{name: f"expected an integer from 1 to {most}"})
    return int(text)
