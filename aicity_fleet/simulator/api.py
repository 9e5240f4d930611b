"""The routes of AI City's API, under ``/api/v1``: agents, tasks, assessments, the retired Exchange.

Each handler reads one request, asks the city, and wraps the answer in the documented envelope.
Where the documentation names no path, the inferred one of the fleet's built-in contract is served.
"""

import math
from typing import Any, ClassVar

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aicity_fleet.simulator.agents import Agent
from aicity_fleet.simulator.bodies import (
    ApiCompletion,
    CityRefusedError,
    Completion,
    Failure,
    parse,
)
from aicity_fleet.simulator.faults import Plan
from aicity_fleet.simulator.operation import Handler, operation
from aicity_fleet.simulator.replies import API_PREFIX, json_body, refusal, success
from aicity_fleet.simulator.state import Simulator
from aicity_fleet.simulator.tasks import CityTask, TaskStatus


class Paging(BaseModel):
    """The query of the list of assigned tasks; inferred.

    Source of the default size: the example in docs.aicity.dev/docs/api. No greatest size is documented.
    """

    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(20, ge=1, le=100)
    status: TaskStatus | None = None


class Api:
    """The handlers of the API, over one simulator."""

    prefix: ClassVar[str] = API_PREFIX
    completion: ClassVar[type[Completion]] = ApiCompletion

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def table(self) -> list[tuple[str, str, str, Handler]]:
        """Return method, path, operation and handler of each route."""
        return [
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

    def routes(self) -> list[Route]:
        """Return every route; the Exchange is gone."""
        routes = [
            Route(self.prefix + path, operation(self.simulator, name, handler), methods=[method])
            for method, path, name, handler in self.table()
        ]
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return [*routes, Route(self.prefix + "/exchange/{rest:path}", _is_gone, methods=methods)]

    def agent(self, request: Request) -> Agent:
        """Return the agent that sent a request.

        Raises:
            CityRefusedError: 401.
        """
        return self.simulator.city.registry.agent_of_key(request.headers.get("X-API-Key"))

    def settled(self, _agent: Agent, task: CityTask) -> Response:
        """Return the ended task."""
        return success(task.to_full_json())

    async def list_assigned(self, request: Request, plan: Plan) -> Response:
        """Return one page of the agent's tasks. Source: docs.aicity.dev/docs/api, for the envelope."""
        agent = self.agent(request)
        paging = parse(Paging, dict(request.query_params))
        entries, total = self.listing(agent, plan, **paging.model_dump())
        pagination = {
            "page": paging.page,
            "pageSize": paging.page_size,
            "total": total,
            "totalPages": math.ceil(total / paging.page_size),
        }
        return success(entries, pagination=pagination)

    def listing(self, agent: Agent, plan: Plan, **paging: Any) -> tuple[list[Any], int]:
        """Return the entries of a list as the faults bend it, and how many there are in all."""
        entries, total = self.simulator.city.list_assigned(
            agent,
            finished_seconds=plan.finished_seconds,
            shuffled="shuffle_pages" in plan.changes,
            **paging,
        )
        return entries + entries[: "duplicate_listing" in plan.changes], total

    async def complete(self, request: Request, plan: Plan) -> Response:
        """Take a delivery; the faults say what becomes of it later."""
        agent = self.agent(request)
        done = parse(self.completion, await json_body(request))
        task, request.state.is_accepted = self.simulator.city.complete(
            agent,
            request.path_params["task_id"],
            done.output,
            done.execution_time_ms,
            request.headers.get("Idempotency-Key", ""),
            in_check=any(fault.in_check for fault in plan.later),
        )
        if request.state.is_accepted:
            for fault in plan.later:
                self.simulator.city.change_later(task, fault.becomes, fault.seconds)
        return self.settled(agent, task)

    async def fail(self, request: Request, _plan: Plan) -> Response:
        """Take a failure."""
        agent = self.agent(request)
        failure = parse(Failure, await json_body(request))
        task, request.state.is_accepted = self.simulator.city.fail(
            agent,
            request.path_params["task_id"],
            failure.reason,
            failure.message,
            request.headers.get("Idempotency-Key", ""),
        )
        return self.settled(agent, task)

    async def get_task(self, request: Request, _plan: Plan) -> Response:
        """Return one task of the agent's own; inferred."""
        agent = self.agent(request)
        task = self.simulator.city.task_for(agent, request.path_params["task_id"])
        return success(task.to_full_json())

    async def profile(self, request: Request, _plan: Plan) -> Response:
        """Return the agent's own profile. Source: docs.aicity.dev/docs/sdk/agents."""
        return success(self.agent(request).profile())

    async def update_profile(self, request: Request, _plan: Plan) -> Response:
        """Change a part of the agent's own profile; the verb is inferred."""
        agent = self.agent(request)
        self.simulator.city.registry.update_profile(agent, await json_body(request))
        return success(agent.profile())

    async def register(self, request: Request, _plan: Plan) -> Response:
        """Add an agent of an owner and return its key. Source: docs.aicity.dev/docs/sdk/agents."""
        registry = self.simulator.city.registry
        owner_id = registry.owner_of_token(request.headers.get("Authorization"))
        agent, key = registry.register(owner_id, await json_body(request))
        return success({"agent": agent.profile(), "apiKey": key}, 201)

    async def public_profile(self, request: Request, _plan: Plan) -> Response:
        """Return any agent's public profile; the path is inferred."""
        self.agent(request)
        agent = self.simulator.city.registry.agent(request.path_params["agent_id"])
        return success(agent.public_profile())

    async def reactivate(self, request: Request, _plan: Plan) -> Response:
        """Lift a suspension, for the owner; the path is inferred."""
        registry = self.simulator.city.registry
        owner_id = registry.owner_of_token(request.headers.get("Authorization"))
        agent = registry.reactivate(owner_id, request.path_params["agent_id"])
        return success(agent.profile())

    async def assessment(self, request: Request, _plan: Plan) -> Response:
        """Return the assessment of the agent's own delivery; the path is inferred."""
        agent = self.agent(request)
        task = self.simulator.city.task_for(agent, request.path_params["task_id"])
        if task.assessment is None:
            raise CityRefusedError(404, "ASSESSMENT_NOT_FOUND", "nothing was assessed yet")
        return success(task.assessment)


async def _is_gone(request: Request) -> Response:
    """Answer as every endpoint of the retired Exchange does.

    Source: docs.aicity.dev/docs/concepts/api-stability; the migration guide for the date.
    """
    error = CityRefusedError(410, "GONE", "the Exchange was retired; use the Tasks API")
    reply = refusal(request, error)
    reply.headers.update({"Sunset": "2026-06-30", "Deprecation": "true"})
    return reply
