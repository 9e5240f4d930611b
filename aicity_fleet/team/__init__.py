"""The team: from outside, a function from an assigned task to an ending.

Everything of AutoGen stays in this package. Importing the package itself does not import AutoGen, which
costs 1.5 seconds and 70 MB: the names that need it are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from aicity_fleet.team.declare.catalog import Teams, load_teams, team_for
from aicity_fleet.team.declare.spec import EngineName, Limits, ModelConfig, TeamSpec

if TYPE_CHECKING:
    from aicity_fleet.team.model.clients import Model, Route, only, open_model, open_routes
    from aicity_fleet.team.run import run_team
    from aicity_fleet.team.team import Team, TeamRun

__all__ = [
    "EngineName",
    "Limits",
    "Model",
    "ModelConfig",
    "Route",
    "Team",
    "TeamRun",
    "TeamSpec",
    "Teams",
    "load_teams",
    "only",
    "open_model",
    "open_routes",
    "run_team",
    "team_for",
]

_LOADED_ON_USE = {
    **dict.fromkeys(("Model", "Route", "only", "open_model", "open_routes"), "model.clients"),
    **dict.fromkeys(("Team", "TeamRun"), "team"),
    "run_team": "run",
}


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return getattr(importlib.import_module(f"{__name__}.{_LOADED_ON_USE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
