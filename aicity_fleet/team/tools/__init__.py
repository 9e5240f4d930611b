"""Tools of the specialists, besides ``submit``: read-only, bounded, asynchronous. No AutoGen here.

A team names the tools it wants; ``toolbox`` builds those of one job, and the caller of ``run_team``
passes them. A tool that blocks its thread cannot be stopped, which is why ``run`` is a coroutine.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from aicity_fleet.models import JsonObject

TOOL_NAMES = frozenset({"ruff", "bandit", "javascript", "search", "read_file", "fetch_repository"})
"""The tools that teams may name."""


class Tool(Protocol):
    """Something the specialist may call."""

    @property
    def name(self) -> str:
        """The name that the model uses; an identifier."""
        ...

    @property
    def description(self) -> str:
        """What the model is told about it."""
        ...

    @property
    def parameters(self) -> JsonObject:
        """JSON schema of the arguments: an object with ``properties`` and ``required``."""
        ...

    async def run(self, arguments: Mapping[str, Any]) -> str:
        """Do it, and say what came out.

        What it raises is told to the specialist as "failed", without the exception's text.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """The description of a tool that a model sees. It never varies, because the journal hashes it."""

    name: str
    description: str
    properties: Mapping[str, JsonObject]
    """The JSON schema of each argument."""
    required: tuple[str, ...] = ()
    """The arguments that must be given."""

    @property
    def parameters(self) -> JsonObject:
        """The JSON schema of all arguments."""
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }
