"""Tools of the specialist, besides ``submit``: read-only, bounded, asynchronous. No AutoGen here.

A team names the tools it wants; the caller of ``run_team`` passes those that exist. A tool that
blocks its thread cannot be stopped, which is why ``run`` is a coroutine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from aicity_fleet.models import JsonObject

TOOL_NAMES: frozenset[str] = frozenset()
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
