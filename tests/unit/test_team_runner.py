"""What a worker hands to a team of a job's money: its own settings, the task's price, earlier attempts."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest

from aicity_fleet.errors import SettingsError
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.ledger import ClaimTerms, Lease
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


def test_a_job_waits_for_the_model_that_its_own_team_calls_last(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "k")
    (tmp_path / "models.toml").write_text(
        """
        [default]
        model = "m"
        base_url = "http://a.example/v1"
        key = "KEY"

        [strong]
        model = "s"
        base_url = "http://b.example/v1"
        key = "KEY"
        """
    )
    folder = tmp_path / "teams"
    folder.mkdir()
    (folder / "own.toml").write_text(
        """
        name = "reviews"
        task_types = ["code_review"]
        [[members]]
        name = "Security"
        prompt = "security_notes.md"
        [[members]]
        name = "Reviewer"
        prompt = "code_review.md"
        model = "strong"
        """
    )
    env = {"FLEET_MODELS_FILE": str(tmp_path / "models.toml"), "FLEET_TEAMS_DIR": str(folder)}
    with contextlib.closing(team_runner.TeamRunner(Settings.load(env))) as runner:
        assert "a.example" in runner.endpoint
        assert list(runner.endpoints) == ["code_review"]
        terms = ClaimTerms("me:1", 15, endpoint=runner.endpoint, endpoints=runner.endpoints)
    assert "b.example" in terms.endpoint_for("code_review")
    assert "a.example" in terms.endpoint_for("research") == terms.endpoint_for("unheard of")
