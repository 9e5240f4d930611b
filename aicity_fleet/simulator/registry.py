"""The agents and owners of the simulated marketplace: keys, registration, profiles, suspension.

Keys are kept as hashes only, as AI City does. What a caller may not do is raised as a
``CityRefusedError``. Called by the city and the routes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aicity_fleet.errors import SimulatorError
from aicity_fleet.simulator.agents import AVAILABILITIES, FRAMEWORKS, Agent
from aicity_fleet.simulator.config import MAX_AGENTS_PER_OWNER, SimulatorConfig
from aicity_fleet.simulator.tasks import instant

DEFAULT_OWNER_ID = "own_simulated"
"""The owner that exists from the start."""


class CityRefusedError(SimulatorError):
    """The city refuses a request.

    Args:
        status: The HTTP status.
        code: The machine-readable code of the error envelope.
        message: What was wrong, in one sentence.
        details: Faults by field, or None.
    """

    def __init__(self, status: int, code: str, message: str, details: Any = None) -> None:
        super().__init__(status, code, message, details)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"


def invalid(**details: str) -> CityRefusedError:
    """The refusal of a wrong body, with one fault per field."""
    return CityRefusedError(400, "VALIDATION_ERROR", "the request failed validation", details)


class Registry:
    """Who is registered, and by which key or token.

    Args:
        config: The key and token that exist from the start.
        now: The clock.
    """

    def __init__(self, config: SimulatorConfig, now: Callable[[], datetime]) -> None:
        self.now = now
        self.agents: dict[str, Agent] = {}
        self._agent_by_key: dict[str, str] = {}
        self._owners = {_sha256(config.owner_token): DEFAULT_OWNER_ID}
        self._agents_of: dict[str, int] = {}
        self.default_agent = self._add_agent(
            DEFAULT_OWNER_ID, config.agent_key, {"displayName": config.agent_name}
        )
        self.bridge_agent = self.default_agent
        """The agent whose key the guide's bridge holds."""

    def agent_of_key(self, key: str | None) -> Agent:
        """The agent that an ``X-API-Key`` stands for.

        Raises:
            CityRefusedError: 401, missing or invalid.
        """
        if not key:
            raise CityRefusedError(401, "MISSING_API_KEY", "the X-API-Key header is missing")
        agent_id = self._agent_by_key.get(_sha256(key))
        if agent_id is None:
            raise CityRefusedError(401, "INVALID_API_KEY", "the API key is invalid or revoked")
        return self.agents[agent_id]

    def owner_of_token(self, authorization: str | None) -> str:
        """The owner that a bearer token stands for.

        Raises:
            CityRefusedError: 401; the codes for owners are not documented.
        """
        scheme, _, token = (authorization or "").partition(" ")
        owner_id = self._owners.get(_sha256(token.strip()))
        if scheme.lower() != "bearer" or owner_id is None:
            raise CityRefusedError(401, "UNAUTHORIZED", "a valid owner token is needed")
        return owner_id

    def register(self, owner_id: str, body: Mapping[str, Any]) -> tuple[Agent, str]:
        """Add an agent and return it with its key, which is never shown again.

        Raises:
            CityRefusedError: 400 for wrong fields, 409 beyond ten agents.

        Source: docs.aicity.dev/docs/guides/building-an-agent.
        """
        faults = _profile_faults(body)
        for field in ("displayName", "framework"):
            if field not in body:
                faults[field] = "required"
        if faults:
            raise invalid(**faults)
        if self._agents_of.get(owner_id, 0) >= MAX_AGENTS_PER_OWNER:
            raise CityRefusedError(
                409, "CONFLICT", f"an owner has at most {MAX_AGENTS_PER_OWNER} agents"
            )
        key = f"ac_live_{secrets.token_hex(16)}"
        return self._add_agent(owner_id, key, body), key

    def agent(self, agent_id: str) -> Agent:
        """An agent by its id.

        Raises:
            CityRefusedError: 404.
        """
        if agent_id not in self.agents:
            raise CityRefusedError(404, "AGENT_NOT_FOUND", "there is no such agent")
        return self.agents[agent_id]

    def chosen(self, agent_id: str | None) -> Agent:
        """The agent with an id, or the default one without.

        Raises:
            CityRefusedError: 404.
        """
        return self.agent(agent_id) if agent_id else self.default_agent

    def update_profile(self, agent: Agent, changes: Mapping[str, Any]) -> Agent:
        """Change the given fields of a profile and leave the others.

        Raises:
            CityRefusedError: 400 for a wrong field.
        """
        faults = _profile_faults(changes)
        if faults:
            raise invalid(**faults)
        agent.display_name = changes.get("displayName", agent.display_name)
        agent.description = changes.get("description", agent.description)
        agent.availability = changes.get("availability", agent.availability)
        agent.capabilities = changes.get("capabilities", agent.capabilities)
        agent.model = changes.get("model", agent.model)
        return agent

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

    def _add_agent(self, owner_id: str, key: str, body: Mapping[str, Any]) -> Agent:
        agent = Agent(
            agent_id=f"ag_{secrets.token_hex(10)}",
            owner_id=owner_id,
            key_sha256=_sha256(key),
            display_name=body["displayName"],
            framework=body.get("framework", "autogen"),
            description=body.get("description", ""),
            capabilities=body.get("capabilities", []),
            model=body.get("model", ""),
            created_at=instant(self.now()),
        )
        self.agents[agent.agent_id] = agent
        self._agent_by_key[agent.key_sha256] = agent.agent_id
        self._agents_of[owner_id] = self._agents_of.get(owner_id, 0) + 1
        return agent


def _profile_faults(body: Mapping[str, Any]) -> dict[str, str]:
    faults = {}
    for field in ("displayName", "description", "framework", "model", "availability"):
        if field in body and not isinstance(body[field], str):
            faults[field] = "expected a string"
    if isinstance(body.get("displayName"), str) and not body["displayName"].strip():
        faults["displayName"] = "must not be empty"
    if isinstance(body.get("framework"), str) and body["framework"] not in FRAMEWORKS:
        faults["framework"] = f"expected one of {', '.join(FRAMEWORKS)}"
    if isinstance(body.get("availability"), str) and body["availability"] not in AVAILABILITIES:
        faults["availability"] = f"expected one of {', '.join(AVAILABILITIES)}"
    if isinstance(body.get("model"), str) and len(body["model"]) > 100:
        faults["model"] = "at most 100 characters"
    if not isinstance(body.get("capabilities", []), list):
        faults["capabilities"] = "expected a list"
    return faults


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
