"""The agents and owners of the simulated marketplace: keys, registration, profiles, suspension.

Keys are kept as hashes only, as AI City does. What a caller may not do is raised as a
``CityRefusedError``. Called by the city and the routes.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aicity_fleet.simulator.access import AGENT_KEY, OWNER_TOKEN
from aicity_fleet.simulator.agents import Agent, Profile
from aicity_fleet.simulator.bodies import CityRefusedError, invalid, parse
from aicity_fleet.simulator.config import MAX_AGENTS_PER_OWNER
from aicity_fleet.simulator.tasks import instant

OWNER_ID = "own_simulated"
"""The owner that exists from the start."""


class Registry:
    """Who is registered, and by which key."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.agents: dict[str, Agent] = {}
        self._agent_by_key: dict[str, Agent] = {}
        about = Profile(display_name="Simulated agent", framework="autogen")
        self.default_agent = self._add_agent(OWNER_ID, AGENT_KEY, about)
        self.bridge_agent = self.default_agent
        """The agent whose key the guide's bridge holds."""

    def agent_of_key(self, key: str | None) -> Agent:
        """Return the agent that an ``X-API-Key`` stands for.

        Raises:
            CityRefusedError: 401, missing or invalid.
        """
        if not key:
            raise CityRefusedError(401, "MISSING_API_KEY", "the X-API-Key header is missing")
        agent = self._agent_by_key.get(_sha256(key))
        if agent is None:
            raise CityRefusedError(401, "INVALID_API_KEY", "the API key is invalid or revoked")
        return agent

    def owner_of_token(self, authorization: str | None) -> str:
        """Return the owner that a bearer token stands for.

        Raises:
            CityRefusedError: 401; the codes for owners are not documented.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() != OWNER_TOKEN:
            raise CityRefusedError(401, "UNAUTHORIZED", "a valid owner token is needed")
        return OWNER_ID

    def register(self, owner_id: str, body: Any) -> tuple[Agent, str]:
        """Add an agent and return it with its key, which is never shown again.

        Raises:
            CityRefusedError: 400 for wrong fields, 409 beyond ten agents.
        """
        about = parse(Profile, body)
        if sum(a.owner_id == owner_id for a in self.agents.values()) >= MAX_AGENTS_PER_OWNER:
            raise CityRefusedError(
                409, "CONFLICT", f"an owner has at most {MAX_AGENTS_PER_OWNER} agents"
            )
        key = f"ac_live_{secrets.token_hex(16)}"
        return self._add_agent(owner_id, key, about), key

    def agent(self, agent_id: str) -> Agent:
        """Return an agent by its id.

        Raises:
            CityRefusedError: 404.
        """
        if agent_id not in self.agents:
            raise CityRefusedError(404, "AGENT_NOT_FOUND", "there is no such agent")
        return self.agents[agent_id]

    def update_profile(self, agent: Agent, changes: Any) -> None:
        """Change the given fields of a profile; the framework stays.

        Raises:
            CityRefusedError: 400 for a wrong field.
        """
        if not isinstance(changes, dict):
            raise invalid(body="expected a JSON object")
        old = agent.about.model_dump(by_alias=True)
        agent.about = parse(Profile, {**old, **changes, "framework": old["framework"]})

    def reactivate(self, owner_id: str, agent_id: str) -> Agent:
        """Lift a suspension, as the owner.

        Raises:
            CityRefusedError: 403 or 404.
        """
        agent = self.agent(agent_id)
        if agent.owner_id != owner_id:
            raise CityRefusedError(403, "ACCESS_DENIED", "this agent has another owner")
        agent.is_suspended = False
        agent.reputation.consecutive_failures = 0
        return agent

    def _add_agent(self, owner_id: str, key: str, about: Profile) -> Agent:
        agent_id = f"ag_{secrets.token_hex(10)}"
        agent = Agent(agent_id, owner_id, about, instant(self.now()))
        self.agents[agent_id] = self._agent_by_key[_sha256(key)] = agent
        return agent


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
