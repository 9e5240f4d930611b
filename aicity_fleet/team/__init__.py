"""The team: from outside, a function from an assigned task to an ending.

Everything of AutoGen stays in this package, and importing the package itself brings none of it in:
``run_team`` and ``open_model`` are loaded on first use, because they cost 1.5 seconds and 70 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aicity_fleet.team.catalog import Teams, load_teams, team_for
from aicity_fleet.team.journal import Entry, Journal, MemoryJournal
from aicity_fleet.team.spec import EngineName, Limits, ModelConfig, Progress, TeamSpec
from aicity_fleet.team.watch import Watch

if TYPE_CHECKING:
    from aicity_fleet.team.driver import run_team
    from aicity_fleet.team.model import Model, Route, only, open_model, open_routes

__all__ = [
    "EngineName",
    "Entry",
    "Journal",
    "Limits",
    "MemoryJournal",
    "Model",
    "ModelConfig",
    "Progress",
    "Route",
    "TeamSpec",
    "Teams",
    "Watch",
    "load_teams",
    "only",
    "open_model",
    "open_routes",
    "run_team",
    "team_for",
]


def __getattr__(name: str) -> Any:
    if name in ("Model", "Route", "only", "open_model", "open_routes"):
        from aicity_fleet.team import model  # noqa: PLC0415 -- imports AutoGen

        return getattr(model, name)
    if name == "run_team":
        from aicity_fleet.team import driver  # noqa: PLC0415 -- imports AutoGen

        return driver.run_team
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
