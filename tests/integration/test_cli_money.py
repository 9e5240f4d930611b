"""What a person sees of money: one job's, the list's, the day's; exact, and unknown where it is."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from aicity_fleet.cli.display import console
from aicity_fleet.journal import Entry
from aicity_fleet.ledger import ClaimTerms, Lease, ReportLease
from aicity_fleet.ledger.read_backs import ReadLease, Seen
from aicity_fleet.models import AssignedTask, Completed, Spent, Standing, Usage
from aicity_fleet.stop_switch import StopSwitch
from workers.ledger_journal import LedgerJournal

ACCEPTED = {"verdict": "accepted", "answer": {"status": "completed"}}


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    """The console took its width from the environment when it was made."""
    monkeypatch.setattr(console, "_width", 200)


def finish(ledger, job_id: str, *costs: str | None, cents: int | None = 1000) -> None:
    ledger.accept(AssignedTask(job_id, "research", "Find out", max_budget_cents=cents))
    lease = ledger.claim(job_id, ClaimTerms("host:1", 60))
    assert isinstance(lease, Lease)
    journal = LedgerJournal(ledger, lease, StopSwitch())
    for ordinal, cost in enumerate(costs):
        more: dict[str, Any] = {"cost_usd": cost, "prices": "own" if cost else ""}
        entry = Entry(ordinal, "model", f"h{ordinal}", {"content": "x"}, **more)
        asyncio.run(journal.append(entry))
    spent = Spent(1, Usage(len(costs), 100, 20), "gpt-4o-mini")
    ledger.finish(lease, Completed("text", 1, "m"), spent)


def settle(ledger, job_id: str) -> None:
    held = ledger.take_report(job_id)
    assert isinstance(held, ReportLease)
    ledger.settle(held, ACCEPTED, standing="completed")


def take_back(ledger, job_id: str, standing: Standing) -> None:
    """Read in the ledger's name that a delivery was taken back."""
    ledger.client.zadd(ledger.keys.read_backs, {job_id: 0})
    lease = ledger.read_backs.take()
    assert isinstance(lease, ReadLease)
    assert lease.job_id == job_id
    ledger.read_backs.note(lease, Seen(standing, standing, thumbs_down=True, is_final=True))


@pytest.fixture
def three_jobs(ledger):
    finish(ledger, "waiting", "0.25")
    finish(ledger, "unsettled", "0.25", "0.0000015")
    settle(ledger, "unsettled")
    finish(ledger, "unpriced", "0.25", None)
    settle(ledger, "unpriced")


def test_one_job_shows_what_it_cost_earns_and_leaves(run, three_jobs):
    shown = run("job", "unsettled")
    for part in ("$0.2500015 (own)", "$8.50, unsettled: the buyer can take it back", "$8.2499985"):
        assert part in shown
    assert "$8.50, if delivered" in run("job", "waiting")
    shown = run("job", "unpriced")
    for part in ("at least $0.25 (own); 1 call has no known price", "at most $8.25"):
        assert part in shown


def test_scripts_get_exact_decimals_and_null_for_what_is_unknown(run, three_jobs):
    money = json.loads(run("job", "unsettled", "--json"))["money"]
    assert money.pop("settles_at").endswith("+00:00")
    assert money == {
        "cost_usd": "0.2500015", "spent_at_least_usd": "0.2500015", "unpriced_calls": 0,
        "prices": "own", "earnings_usd": "8.50", "earnings": "unsettled", "margin_usd": "8.2499985",
    }  # fmt: skip
    jobs = json.loads(run("jobs", "--json"))["jobs"]
    money = {job["job_id"]: job["money"] for job in jobs}
    assert (money["unpriced"]["cost_usd"], money["unpriced"]["margin_usd"]) == (None, None)
    assert money["unpriced"]["spent_at_least_usd"] == "0.25"
    assert money["waiting"]["earnings"] == "expected"


def test_the_list_marks_what_is_not_certain(run, three_jobs, monkeypatch):
    shown = run("jobs")
    assert "$8.2499985*" in shown
    assert "<$8.25*" in shown
    assert "* unsettled: the buyer can take it back for ten minutes" in shown
    monkeypatch.setattr(console, "_width", 80)
    assert "margin" not in run("jobs"), "a narrow list keeps what it had"


def test_a_task_without_a_price_earns_an_unknown_amount(run, ledger):
    finish(ledger, "priceless", "0.25", cents=None)
    assert "unknown (the task has no price)" in run("job", "priceless")


def test_the_day_is_added_up_with_what_is_unsettled_and_unknown(run, ledger, three_jobs):
    ledger.sweep(turn_seconds=1)
    shown = run("status", code=1)
    for part in (
        "spent at least $0.7500015; 1 call has no known price",
        "unsettled $17.00 (2 jobs: the buyers can take it back for ten minutes)",
        "margin at most $16.2499985, including unsettled",
        "none, or not used yet today",
    ):
        assert part in " ".join(shown.split())
    data = json.loads(run("status", "--json", code=1))
    assert data["day_totals"]["unsettled_usd"] == "17.00"
    assert data["day_totals"]["day"]["cost"]["unpriced_calls"] == 1
    assert data["margin_today_usd"] == "16.2499985"


def test_what_ai_city_took_back_is_shown_and_lowers_the_day(run, ledger, three_jobs):
    ledger.sweep(turn_seconds=1)
    take_back(ledger, "unsettled", "refunded")
    shown = " ".join(run("job", "unsettled").split())
    for part in (
        "refunded (read 20",
        "refunded to the buyer; it counts as a failure and earns nothing (was completed)",
        "the buyer gave a thumbs-down",
        "complete, refunded later",
        "-$0.2500015",
    ):
        assert part in shown
    job = json.loads(run("job", "unsettled", "--json"))
    assert [event["kind"] for event in job["later"]] == ["refunded", "thumbs_down"]
    assert (job["standing"], job["seen"]["status"]) == ("refunded", "refunded")
    assert job["money"]["earnings"] == "nothing"
    shown = " ".join(run("status", code=1).split())
    assert "earned $0.00 after $8.50 taken back (1 job)" in shown
    assert "open, 1 failures in a row" in shown
    data = json.loads(run("status", "--json", code=1))["day_totals"]
    assert (data["taken_back_usd"], data["taken_back_jobs"]) == ("8.50", 1)
    assert data["unsettled_usd"] == "8.50"


def test_the_record_of_a_team_counts_its_deliveries(run, ledger, three_jobs):
    take_back(ledger, "unpriced", "failed")
    ledger.client.hset(ledger.keys.record, "delivered:a type of nobody", 3)
    found = json.loads(run("teams", "record", "--json"))
    assert found["research"] == {"delivered": 2, "refunded": 0, "failed": 1, "thumbs_down": 1}
    assert found["general"]["delivered"] == 3
    assert "thumbs-down" in run("teams", "record")


# --- the cap of the day ---------------------------------------------------------------------------


def test_the_cap_of_the_day_is_raised_without_a_restart(run, ledger):
    ledger.accept(AssignedTask("t1", "research", "Find out"))
    lease = ledger.claim("t1", ClaimTerms("host:1", 60, day_cap_usd=Decimal(5)))
    assert isinstance(lease, Lease)
    assert "$7.50. Before, it was $5.00" in run("cap", "7.50")
    assert ledger.spending.today().cap_usd == Decimal("7.5")
    assert "holds again" in run("cap", "none")


@pytest.mark.parametrize("text", ["abc", "-1", "nan", "inf", "1e9", "1 0"])
def test_a_cap_that_is_no_amount_is_refused(run, text):
    assert "is no amount from 0 to" in run("cap", "--", text, code=2)


def test_a_cap_that_nobody_would_ask_for_is_refused(run):
    assert "FLEET_MAX_DAY_USD" in run("cap", "5", code=2)
