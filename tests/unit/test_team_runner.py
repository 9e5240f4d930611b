"""What a worker hands to a team of a job's money: its own settings, the task's price, earlier attempts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aicity_fleet.errors import SettingsError
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.ledger import Lease
from aicity_fleet.models import AssignedTask, Delivered, TeamResult, Usage
from aicity_fleet.settings import Settings
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits, TeamRun
from workers import team_runner


def limits_of(monkeypatch, cents: int | None, **env: str) -> Limits:
    seen: list[Limits] = []

    async def run_team(run: TeamRun, _stop_switch: StopSwitch, **_: object) -> TeamResult:
        seen.append(run.limits)
        return TeamResult(Delivered("x", 90), Usage(), "m")

    monkeypatch.setattr(team_runner, "run_team", run_team)
    runner = team_runner.TeamRunner(Settings.load({"OPENAI_API_KEY": "k", **env}))
    task = AssignedTask("t1", "general", "x", max_budget_cents=cents)
    lease = Lease("t1", 2, task, "n", 0, spent_usd=Decimal("0.25"))
    runner.run(lease, StopSwitch(), MemoryJournal())
    runner.close()
    return seen[0]


def test_a_loss_stops_no_job_unless_that_is_wished(monkeypatch):
    assert limits_of(monkeypatch, 1000).earns_usd is None
    wished = limits_of(monkeypatch, 1000, FLEET_STOP_AT_LOSS="true")
    assert (wished.earns_usd, wished.spent_before_usd) == (Decimal("8.50"), Decimal("0.25"))
    assert limits_of(monkeypatch, None, FLEET_STOP_AT_LOSS="true").earns_usd is None


def test_a_job_has_its_cap_in_dollars(monkeypatch):
    assert limits_of(monkeypatch, 1000).max_usd is None
    assert limits_of(monkeypatch, 1, FLEET_MAX_JOB_USD="0.10").max_usd == Decimal("0.10")


def test_a_cap_over_a_model_of_unknown_price_is_a_wrong_setting():
    env = {"OPENAI_API_KEY": "k", "FLEET_MODEL": "mine", "FLEET_MAX_JOB_USD": "1"}
    with pytest.raises(SettingsError, match="FLEET_MAX_JOB_USD=1 cannot be kept"):
        team_runner.TeamRunner(Settings.load(env))
