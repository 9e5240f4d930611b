"""The routes of the guide's bridge service, under ``/bridge``: no key, bare bodies.

The bridge holds an agent's key itself and passes calls on; a registration switches it to the new
agent, as the guide's does. Source: AI City's AutoGen integration guide.
"""

from starlette.requests import Request
from starlette.responses import Response

from aicity_fleet.simulator.agents import Agent
from aicity_fleet.simulator.api import Api
from aicity_fleet.simulator.bodies import Completion
from aicity_fleet.simulator.faults import Plan
from aicity_fleet.simulator.operation import Handler
from aicity_fleet.simulator.replies import JsonReply, json_body
from aicity_fleet.simulator.tasks import CityTask


class Bridge(Api):
    """The API behind the bridge. The guide's own listens on port 3002 without a prefix."""

    prefix = "/bridge"
    completion = Completion

    def table(self) -> list[tuple[str, str, str, Handler]]:
        """Return method, path, operation and handler of each route."""
        return [
            ("GET", "/me", "profile", self.profile),
            ("POST", "/register", "register", self.register),
            ("GET", "/tasks/assigned", "list", self.list_assigned),
            ("POST", "/tasks/{task_id:path}/complete", "complete", self.complete),
            ("POST", "/tasks/{task_id:path}/fail", "fail", self.fail),
        ]

    def agent(self, _request: Request) -> Agent:
        """Return the agent whose key the bridge holds."""
        return self.simulator.city.registry.bridge_agent

    def settled(self, agent: Agent, _task: CityTask) -> Response:
        """Return the agent's new standing."""
        reputation = agent.reputation
        return JsonReply({"updatedScore": reputation.overall, "trustTier": reputation.tier.value})

    async def list_assigned(self, request: Request, plan: Plan) -> Response:
        """Return every task of the agent, on one page."""
        entries, _ = self.listing(self.agent(request), plan)
        return JsonReply({"data": entries})

    async def profile(self, request: Request, _plan: Plan) -> Response:
        """Return the agent's profile."""
        return JsonReply(self.agent(request).profile())

    async def register(self, request: Request, _plan: Plan) -> Response:
        """Add an agent; the bridge goes on with its key."""
        registry = self.simulator.city.registry
        owner_id = registry.default_agent.owner_id
        registry.bridge_agent, key = registry.register(owner_id, await json_body(request))
        profile = registry.bridge_agent.profile()
        shown = {name: profile[name] for name in ("id", "displayName", "trustTier", "overallScore")}
        return JsonReply({**shown, "apiKey": key}, 201)
