"""The fleet's bill on a real Redis: each answer once, the day's cap for all workers, the day's totals."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
import redis
from support.waiting import wait_until
from support.workers import function_worker

from aicity_fleet.background import Threads
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.journal import Entry, Journal
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, NotClaimed, ReportLease
from aicity_fleet.ledger.day_totals import read_day_totals
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.overview import read_overview
from aicity_fleet.ledger.spending import Spending
from aicity_fleet.models import (
    AssignedTask,
    Completed,
    Failed,
    Interrupted,
    JobState,
    Outcome,
    Spent,
    TeamResult,
    Usage,
)
from aicity_fleet.money.cost import Cost
from aicity_fleet.stop_switch import StopSwitch
from workers.lease_keeper import LeaseKeeper
from workers.ledger_journal import LedgerJournal
from workers.ledger_spending import LedgerSpendingLimiter
from workers.run_job import run_job

CENT = Decimal("0.01")


@pytest.fixture
def others(redis_server, ledger, agent) -> Iterator[list[Ledger]]:
    """Ledgers as four other processes hold them, each on a connection of its own."""
    clients = [redis.Redis.from_url(redis_server.url, decode_responses=True) for _ in range(4)]
    yield [Ledger(client, Keys(agent), retention_seconds=3600) for client in clients]
    for client in clients:
        client.close()


def claim(ledger: Ledger, job_id: str = "t1", **kwargs) -> Lease:
    ledger.accept(AssignedTask(job_id, "general", "x", max_budget_cents=1000))
    lease = ledger.claim(job_id, ClaimTerms("me", 60, **kwargs))
    assert isinstance(lease, Lease), lease
    return lease


def entry(ordinal: int, cost: str | None = "0.01", **more) -> Entry:
    known = {"cost_usd": cost, "prices": "own" if cost else ""}
    return Entry(ordinal, "model", f"h{ordinal}", {"content": str(ordinal)}, **{**known, **more})


def write(ledger: Ledger, lease: Lease, *entries: Entry) -> None:
    journal = LedgerJournal(ledger, lease, StopSwitch())
    for item in entries:
        asyncio.run(journal.append(item))


def job(ledger: Ledger, job_id: str = "t1"):
    found = ledger.get(job_id)
    assert found is not None
    return found


# --- the bill -------------------------------------------------------------------------------------


def test_every_answer_is_on_the_bill_once_also_of_attempts_that_died(ledger):
    lease = claim(ledger)
    write(ledger, lease, entry(0), entry(1), entry(1), Entry(2, "tool", "h", {}))
    ledger.client.zadd(ledger.keys.state("running"), {"t1": 0})
    ledger.sweep()  # the first attempt never said what it used
    again = ledger.claim("t1", ClaimTerms("other", 60))
    assert isinstance(again, Lease)
    assert again.spent_usd == 2 * CENT
    asyncio.run(LedgerJournal(ledger, again, StopSwitch()).truncate(1))
    write(ledger, again, entry(1, "0.000000000001", prices="genai-prices 0.2.3"))
    assert job(ledger).cost == Cost(Decimal("0.020000000001"))
    assert job(ledger).prices == "own, genai-prices 0.2.3"
    day = ledger.spending.today()
    assert (day.cost, day.calls) == (job(ledger).cost, 3)


def test_an_unknown_cost_stays_unknown(ledger):
    write(ledger, claim(ledger), entry(0), entry(1, None, estimated_cost_usd="0.5"), entry(2, None))
    assert job(ledger).cost == Cost(CENT, unpriced_calls=2)
    day = ledger.spending.today()
    assert (day.cost, day.estimated_usd) == (Cost(CENT, 2), Decimal("0.5"))


def test_what_a_replay_by_hand_discards_was_paid_for_all_the_same(ledger):
    lease = claim(ledger)
    write(ledger, lease, entry(0))
    ledger.finish(lease, Failed("quality", "No."), Spent(1, Usage(1)))
    ledger.client.hset(ledger.keys.job("t1"), "state", "held")
    ledger.client.zadd(ledger.keys.state("held"), {"t1": 0})
    assert ledger.operator.rerun("t1", "operator")
    assert job(ledger).cost == Cost(CENT)
    assert ledger.journal("t1") == []


# --- the day's cap --------------------------------------------------------------------------------


def reserve(ledger: Ledger, lease: Lease, ordinal: int, usd: str, cap: str, seconds=60.0) -> bool:
    amounts = Decimal(usd), Decimal(cap)
    return ledger.spending.reserve(lease, ordinal, amounts[0], cap_usd=amounts[1], seconds=seconds)


def test_a_cap_that_a_person_sets_holds_for_the_day_and_every_worker(ledger):
    assert ledger.spending.set_cap(Decimal(5)) is None, "no worker keeps a cap"
    lease = claim(ledger)
    assert not reserve(ledger, lease, 0, "0.11", "0.10")
    assert ledger.spending.set_cap(Decimal("0.20")) == Decimal("0.10")
    day = ledger.spending.today()
    assert (day.cap_usd, day.is_full) == (Decimal("0.20"), False)
    assert reserve(ledger, lease, 0, "0.11", "0.10")
    assert not reserve(ledger, lease, 1, "0.10", "0.10")
    assert ledger.spending.set_cap(None) == Decimal("0.20")
    assert ledger.spending.today().cap_usd == Decimal("0.10"), "at once, also where nothing runs"
    assert not reserve(ledger, lease, 1, "0.05", "0.10"), "the workers' own cap holds again"
    assert ledger.spending.today().cap_usd == Decimal("0.10")


def test_a_cap_below_what_was_spent_starts_nothing_more(ledger):
    lease = claim(ledger)
    assert reserve(ledger, lease, 0, "0.06", "0.10")
    ledger.spending.set_cap(Decimal("0.05"))
    assert not reserve(ledger, lease, 1, "0.01", "0.10")
    ledger.release(lease, "day_cap", Spent(1))
    terms = ClaimTerms("me:1", 15, day_cap_usd=Decimal("0.10"))
    assert ledger.claim("t1", terms) == NotClaimed("day_cap", "t1")


def test_a_job_that_fits_no_day_is_named_on_the_next_day_as_well(ledger):
    """Otherwise it waits in silence from midnight on."""
    cap_usd = Decimal("0.10")
    lease = claim(ledger)
    assert not reserve(ledger, lease, 0, "0.11", "0.10")
    ledger.release(lease, "day_cap", Spent(1))
    ledger.client.delete(ledger.keys.spending(int(ledger.now().timestamp() // 86_400)))
    assert ledger.spending.today().wanted_usd == 0, "a new day"
    terms = ClaimTerms("me:1", 15, day_cap_usd=cap_usd)
    assert ledger.claim("t1", terms) == NotClaimed("day_cap", "t1")
    day = ledger.spending.today()
    assert (day.wanted_usd, day.is_full) == (Decimal("0.11"), True)


def test_what_is_in_flight_counts_until_it_is_settled_given_back_or_lapsed(ledger):
    lease = claim(ledger)
    assert reserve(ledger, lease, 0, "0.06", "0.10")
    assert reserve(ledger, lease, 0, "0.06", "0.10"), "again, for its reply was lost"
    assert not reserve(ledger, lease, 1, "0.06", "0.10")
    assert ledger.spending.give_back(lease, 0)
    assert reserve(ledger, lease, 0, "0.06", "0.10")
    write(ledger, lease, entry(0, "0.03"))
    assert ledger.spending.today().reserved_usd == 0
    assert reserve(ledger, lease, 1, "0.07", "0.10", seconds=0.05)
    wait_until(lambda: reserve(ledger, lease, 2, "0.07", "0.10"), description="it lapses")


def test_a_reached_cap_keeps_jobs_from_starting_until_somebody_raises_it(ledger, others):
    lease = claim(ledger)
    cap = Decimal("0.10")
    write(ledger, lease, entry(0, "0.09"))
    assert not reserve(ledger, lease, 1, "0.02", "0.10")
    ledger.release(lease, "day_cap", Spent(1))
    for other in others:
        got = other.claim("t1", ClaimTerms("me", 60, day_cap_usd=cap))
        assert got == NotClaimed("day_cap")
        assert other.sweep().to_run == ()
    assert job(ledger).state is JobState.QUEUED
    assert ledger.spending.today().is_full
    got = ledger.claim("t1", ClaimTerms("me", 60, day_cap_usd=Decimal("0.20")))
    assert isinstance(got, Lease)
    assert not ledger.spending.today().is_full


def test_one_job_that_needs_much_keeps_no_other_from_starting(ledger):
    much, little = claim(ledger, "much"), claim(ledger, "little")
    write(ledger, little, entry(0, "0.05"))
    assert not reserve(ledger, much, 0, "0.20", "0.10"), "more than any day has"
    for lease in (much, little):
        ledger.release(lease, "x", Spent(1))
    got = {
        i: ledger.claim(i, ClaimTerms("me", 60, day_cap_usd=Decimal("0.10")))
        for i in ("much", "little")
    }
    assert got["much"] == NotClaimed("day_cap")
    assert isinstance(got["little"], Lease)


def test_the_next_day_begins_with_nothing_spent(ledger):
    lease = claim(ledger)
    write(ledger, lease, entry(0, "1.00"))
    assert not reserve(ledger, lease, 1, "0.01", "1.00")
    day = int(ledger.spending.today().began_at.timestamp()) // 86400
    ledger.client.rename(ledger.keys.spending(day), ledger.keys.spending(day - 1))
    assert ledger.spending.today().cost == Cost()
    assert reserve(ledger, lease, 1, "0.01", "1.00")


def test_many_spenders_at_once_overshoot_by_their_answers_in_flight_at_most(others, ledger):
    """Each of 16 threads on four connections buys until it is told to stop: a prompt of one cent, and an
    answer of two that nobody could know of before it was there."""
    spenders, prompt, answer, cap = 16, CENT, 2 * CENT, Decimal("1.00")
    leases = [claim(ledger, f"t{number}") for number in range(spenders)]
    bought: list[Decimal] = []
    start = threading.Barrier(spenders)

    def spend(number: int) -> None:
        mine, lease = others[number % len(others)], leases[number]
        start.wait()
        for ordinal in range(100):
            fits = mine.spending.reserve(lease, ordinal, prompt, cap_usd=cap, seconds=60)
            if not fits:
                return
            time.sleep(0.002)
            write(mine, lease, entry(ordinal, str(prompt + answer)))
            bought.append(prompt + answer)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(spenders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    day = ledger.spending.today()
    assert day.cost.usd == sum(bought), "nothing is lost, nothing is counted twice"
    assert day.reserved_usd == 0
    overshoot = day.cost.usd - cap
    assert -(prompt + answer) < overshoot <= spenders * answer
    print(f"spent ${day.cost.usd} of ${cap} by {spenders} spenders: {overshoot} over")


def test_a_run_that_may_not_spend_hands_its_job_back(ledger):
    ledger.accept(AssignedTask("t1", "general", "x"))
    keeper = LeaseKeeper(ledger, 5, Threads())

    def team(_lease: Lease, _stop_switch: StopSwitch, _journal: Journal) -> TeamResult:
        return TeamResult(Interrupted("day_cap"), Usage(1, 10, 10), "m")

    parts = function_worker(ledger, team, leases=keeper, lease_seconds=5.0, day_cap_usd=CENT)
    did = run_job("t1", parts)
    keeper.stop()
    assert (did["did"], did["why"]) == ("released", "day_cap")
    assert (job(ledger).state, job(ledger).reason) == (JobState.QUEUED, "day_cap")
    assert job(ledger).outcome is None


def test_a_limiter_waits_for_an_absent_redis_unless_its_run_is_stopped(ledger, monkeypatch):
    lease, stop_switch = claim(ledger), StopSwitch()
    limiter = LedgerSpendingLimiter(ledger, Decimal(1), lease, stop_switch)
    real, tries = Spending.reserve, []

    def absent_once(*args, **kwargs) -> bool:
        tries.append(args)
        if len(tries) == 1 or stop_switch.is_draining:
            raise LedgerUnavailableError("away")
        return real(*args, **kwargs)

    monkeypatch.setattr(Spending, "reserve", absent_once)
    assert asyncio.run(limiter.reserve(0, CENT, 60))
    assert len(tries) == 2
    stop_switch.drain()
    with pytest.raises(LedgerUnavailableError):
        asyncio.run(limiter.reserve(1, CENT, 60))


# --- the day's totals -----------------------------------------------------------------------------


def report(ledger: Ledger, job_id: str, receipt: dict, outcome: Outcome | None = None) -> None:
    ledger.controls.seed_guard(0)
    lease = claim(ledger, job_id)
    write(ledger, lease, entry(0))
    ledger.finish(lease, outcome or Completed("text", 1, "m"), Spent(1, Usage(1)))
    held = ledger.take_report(job_id)
    assert isinstance(held, ReportLease)
    ledger.settle(held, receipt)


def age(ledger: Ledger, job_id: str, minutes: float) -> None:
    changed = int(str(ledger.client.hget(ledger.keys.job(job_id), "changed_at")))
    earlier = changed - int(minutes * 60_000)
    ledger.client.hset(ledger.keys.job(job_id), "changed_at", earlier)


COMPLETED = {"verdict": "accepted", "answer": {"status": "completed"}}


def test_the_day_s_totals_name_what_is_settled_unsettled_and_unknown(ledger):
    report(ledger, "fresh", COMPLETED)
    report(ledger, "old", {**COMPLETED, "answer": {"status": "completed", "paidCents": 400}})
    report(ledger, "failed", {"verdict": "accepted"}, Failed("quality", "No."))
    report(ledger, "unclear", {"verdict": "already_settled", "standing": "unknown (no answer)"})
    report(ledger, "yesterday", COMPLETED)
    age(ledger, "yesterday", 24 * 60)
    now = ledger.now()
    if (now - ledger.spending.today().began_at).total_seconds() < 900:
        pytest.skip("the day has just begun")
    age(ledger, "old", 11)
    day_totals = read_day_totals(ledger)
    assert day_totals.settled_usd == 4
    assert (day_totals.unsettled_usd, day_totals.unsettled_jobs) == (Decimal("8.50"), 1)
    assert day_totals.unknown_jobs == 1
    assert day_totals.day.cost == Cost(5 * CENT)
    assert day_totals.margin_usd == Decimal("12.45")
    assert read_overview(ledger).day_totals == day_totals


def test_a_job_says_what_it_earns_and_until_when_that_is_unsettled(ledger):
    lease = claim(ledger)
    assert job(ledger).earnings(ledger.now()).stage == "expected"
    ledger.release(lease, "drain", Spent(1))
    report(ledger, "done", COMPLETED)
    fresh = job(ledger, "done").earnings(ledger.now())
    assert (fresh.stage, fresh.usd) == ("unsettled", Decimal("8.5"))
    age(ledger, "done", 10)
    assert job(ledger, "done").earnings(ledger.now()).stage == "settled"


def test_a_task_without_a_budget_is_known_by_that(ledger):
    ledger.accept(AssignedTask("t1", "general", "x"))
    assert job(ledger).earnings(ledger.now()).usd is None
    assert json.loads(json.dumps(job(ledger).to_json()))["cost"] == {
        "usd": "0",
        "unpriced_calls": 0,
    }
