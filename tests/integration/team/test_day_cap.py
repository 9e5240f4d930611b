"""The day's cap with real runs on a real Redis and a real HTTP provider, several at once."""

from __future__ import annotations

import asyncio
import dataclasses
from decimal import Decimal

import pytest
from support.samples import GOOD_GENERAL, order
from support.scripted_provider import Provider, submit, text

from aicity_fleet.ledger import ClaimTerms, Lease, Ledger
from aicity_fleet.models import Delivered, Interrupted, TeamResult
from aicity_fleet.stop_switch import StopSwitch
from workers.ledger_journal import LedgerJournal
from workers.ledger_spending import LedgerSpendingLimiter

CALL = Decimal("0.0014")
"""What a scripted answer costs at the prices below: 100 tokens in, 20 out."""

RUNS = 6


@pytest.fixture
def config(config):
    return dataclasses.replace(
        config, input_usd_per_million=Decimal(10), output_usd_per_million=Decimal(20)
    )


def lease_on(ledger: Ledger, job_id: str, cap: Decimal) -> Lease:
    ledger.accept(dataclasses.replace(order(), task_id=job_id))
    lease = ledger.claim(job_id, ClaimTerms("me", 60, day_cap_usd=cap))
    assert isinstance(lease, Lease), lease
    return lease


async def test_runs_side_by_side_stop_at_the_cap_and_none_fails(run, ledger, provider: Provider):
    """Each would go on for ten calls; the day has room for a few of all together."""
    cap = 24 * CALL
    provider.will(text("thinking").after(0.05))
    leases = [lease_on(ledger, f"t{number}", cap) for number in range(RUNS)]

    async def one(lease: Lease) -> TeamResult:
        stop_switch = StopSwitch()
        return await run(
            lease.task,
            bounds={"reminders": 9},
            stop_switch=stop_switch,
            journal=LedgerJournal(ledger, lease, stop_switch),
            limiter=LedgerSpendingLimiter(ledger, cap, lease, stop_switch),
        )

    results = await asyncio.gather(*map(one, leases))
    assert {result.ending for result in results} == {Interrupted("day_cap")}
    day = ledger.spending.today()
    assert day.cost.usd == CALL * len(provider.requests)
    assert day.calls == len(provider.requests) >= RUNS, "each had its turn"
    assert day.reserved_usd == 0
    # Beyond the cap lies at most one call of each: what its prompt was underestimated by, and its answer.
    assert day.cost.usd <= cap + RUNS * CALL


async def test_with_a_higher_cap_they_go_on_from_what_they_have(run, ledger, provider: Provider):
    dear = {"prompt_tokens": 100, "completion_tokens": 20_000, "total_tokens": 20_100}
    provider.will(text("thinking", usage=dear), submit(GOOD_GENERAL))
    lease, stop_switch = lease_on(ledger, "t1", Decimal("0.10")), StopSwitch()

    async def attempt(cap: str) -> TeamResult:
        return await run(
            lease.task,
            nonce=lease.nonce,
            stop_switch=stop_switch,
            journal=LedgerJournal(ledger, lease, stop_switch),
            limiter=LedgerSpendingLimiter(ledger, Decimal(cap), lease, stop_switch),
        )

    assert (await attempt("0.10")).ending == Interrupted("day_cap")
    assert ledger.spending.today().cost.usd == Decimal("0.401"), "one answer went beyond"
    assert ledger.spending.today().is_full
    assert isinstance((await attempt("1.00")).ending, Delivered)
    assert len(provider.requests) == 2, "the first one was not bought again"
