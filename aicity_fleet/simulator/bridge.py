"""The routes of the guide's bridge service, under ``/bridge``: no key, bare bodies.

The bridge holds an agent's key itself and passes calls on; a registration switches it to the new
agent, as the guide's does. Source: AI City's AutoGen integration guide.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aicity_fleet.simulator.api import completion_faults, exchange_is_gone, read_failure
from aicity_fleet.simulator.faults import Plan
from aicity_fleet.simulator.operation import Handler, operation
from aicity_fleet.simulator.registry import invalid
from aicity_fleet.simulator.replies import JsonReply, object_body
from aicity_fleet.simulator.state import Simulator

PREFIX = "/bridge"
"""Where the simulator serves the bridge; the guide's own listens on port 3002 without a prefix."""


class Bridge:
    """The handlers of the bridge, over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def routes(self) -> list[Route]:
        """Every route, with the operation names that faults use."""
        table: list[tuple[str, str, str, Handler]] = [
            ("GET", "/me", "profile", self.me),
            ("POST", "/register", "register", self.register),
            ("GET", "/tasks/assigned", "list", self.list_assigned),
            ("POST", "/tasks/{task_id:path}/complete", "complete", self.complete),
            ("POST", "/tasks/{task_id:path}/fail", "fail", self.fail),
        ]
        routes = [
            Route(
                PREFIX + path,
                operation(self.simulator, name, handler, "bridge"),
                methods=[method],
            )
            for method, path, name, handler in table
        ]
        methods = ["GET", "POST"]
        routes.append(Route(PREFIX + "/exchange/{rest:path}", exchange_is_gone, methods=methods))
        return routes

    async def me(self, _request: Request, _plan: Plan) -> Response:
        """The profile of the agent whose key the bridge holds."""
        return JsonReply(self.simulator.city.registry.bridge_agent.profile())

    async def register(self, request: Request, _plan: Plan) -> Response:
        """A new agent; the bridge goes on with its key."""
        registry = self.simulator.city.registry
        body = await object_body(request)
        agent, key = registry.register(registry.default_agent.owner_id, body)
        registry.bridge_agent = agent
        profile = agent.profile()
        shown = {name: profile[name] for name in ("id", "displayName", "trustTier", "overallScore")}
        return JsonReply({**shown, "apiKey": key}, 201)

    async def list_assigned(self, _request: Request, plan: Plan) -> Response:
        """Every task of the agent, on one page."""
        city = self.simulator.city
        entries, _ = city.list_assigned(
            city.registry.bridge_agent,
            finished_seconds=plan.finished_seconds,
            shuffled="shuffle_pages" in plan.changes,
        )
        if "duplicate_listing" in plan.changes:
            entries = entries + entries[:1]
        return JsonReply({"data": entries})

    async def complete(self, request: Request, _plan: Plan) -> Response:
        """A delivery, whose output may be a bare text; answers with the new standing."""
        body = await object_body(request)
        faults = completion_faults(body)
        if not isinstance(body.get("output"), dict | str):
            faults["output"] = "expected a string or an object"
        if faults:
            raise invalid(**faults)
        _, request.state.is_accepted = self.simulator.city.complete(
            self.simulator.city.registry.bridge_agent,
            request.path_params["task_id"],
            body["output"],
            body["executionTimeMs"],
            request.headers.get("Idempotency-Key", ""),
        )
        return JsonReply(self._standing())

    async def fail(self, request: Request, _plan: Plan) -> Response:
        """A failure; answers with the new standing."""
        reason, message = read_failure(await object_body(request))
        _, request.state.is_accepted = self.simulator.city.fail(
            self.simulator.city.registry.bridge_agent,
            request.path_params["task_id"],
            reason,
            message,
            request.headers.get("Idempotency-Key", ""),
        )
        return JsonReply(self._standing())

    def _standing(self) -> dict[str, Any]:
        reputation = self.simulator.city.registry.bridge_agent.reputation
        return {"updatedScore": reputation.overall, "trustTier": reputation.tier.value}
