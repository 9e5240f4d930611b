"""The team: from outside, a function from an assigned task to an ending.

Everything of AutoGen stays in this package, and importing the package itself brings none of it in:
``run_team`` and ``open_model`` are loaded on first use, because they cost 1.5 seconds and 70 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aicity_fleet.team.declare.catalog import Teams, load_teams, team_for
from aicity_fleet.team.declare.spec import EngineName, Limits, ModelConfig, TeamSpec

if TYPE_CHECKING:
    from aicity_fleet.team.model.clients import Model, Route, only, open_model, open_routes
    from aicity_fleet.team.run import run_team

__all__ = [
    "EngineName",
    "Limits",
    "Model",
    "ModelConfig",
    "Route",
    "TeamSpec",
    "Teams",
    "load_teams",
    "only",
    "open_model",
    "open_routes",
    "run_team",
    "team_for",
]


def __getattr__(name: str) -> Any:
    if name in ("Model", "Route", "only", "open_model", "open_routes"):
        from aicity_fleet.team.model import clients as model  # noqa: PLC0415 -- imports AutoGen

        return getattr(model, name)
    if name == "run_team":
        from aicity_fleet.team import run as driver  # noqa: PLC0415 -- imports AutoGen

        return driver.run_team
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
