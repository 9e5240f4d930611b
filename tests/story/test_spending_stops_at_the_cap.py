"""Spending stops before the call that would cross the day's cap, and fails nobody."""

import asyncio
from decimal import Decimal

from aicity_fleet.models import Delivered, Interrupted, JobState, TeamResult, Usage
from workers.ledger_spending import LedgerSpendingLimiter


def test_a_call_that_does_not_fit_into_the_day_is_not_made_and_its_job_waits(fleet):
    calls = []

    def team(lease, stop_switch, journal) -> TeamResult:
        limiter = LedgerSpendingLimiter(fleet.ledger, Decimal("1.00"), lease, stop_switch)
        if not asyncio.run(limiter.reserve(0, Decimal("0.60"), 60)):
            return TeamResult(Interrupted("day_cap"), Usage(), "")
        calls.append(lease.job_id)
        return TeamResult(Delivered("Here it is.", 90), Usage(1, 10, 10), "gpt-4o-mini")

    fleet.run_team = team
    first, second = fleet.accept({}, {})
    assert [fleet.deliver()["did"] for _ in range(2)] == ["complete", "released"]
    assert calls == [first]
    assert fleet.state(second) is JobState.QUEUED
    assert fleet.city.task(second)["attempts"] == []
