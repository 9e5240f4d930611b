"""Runs a team, with defaults for what a test does not speak of."""

from __future__ import annotations

import dataclasses
from typing import Any

from support.samples import NONCE

from aicity_fleet.models import AssignedTask, TeamResult
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits, Team, TeamRun
from aicity_fleet.team import run_team as run_team_on
from aicity_fleet.team.replay.transcript import TranscriptListener
from aicity_fleet.team.run import ProgressListener


async def run_team(
    task: AssignedTask,
    *,
    stop_switch: StopSwitch | None = None,
    on_progress: ProgressListener | None = None,
    on_event: TranscriptListener | None = None,
    **fields: Any,
) -> TeamResult:
    """Run a team on a task; ``fields`` are those of ``Team`` and of ``TeamRun``, or None."""
    fields = {name: value for name, value in fields.items() if value is not None}
    of_team = {field.name for field in dataclasses.fields(Team)} & fields.keys()
    team = Team(**{name: fields.pop(name) for name in of_team})
    run = TeamRun(task, team, **{"limits": Limits(10), "nonce": NONCE, **fields})
    return await run_team_on(
        run, stop_switch or StopSwitch(), on_progress=on_progress, on_event=on_event
    )
