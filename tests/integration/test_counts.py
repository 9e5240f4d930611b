"""What the scripts count: each move once, by words of a closed set, in a bounded number of fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import redis

from aicity_fleet.journal import Caller
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, NotClaimed, ReportLease, runs
from aicity_fleet.ledger.read_backs import ReadLease, Seen
from aicity_fleet.ledger.runs import Count
from aicity_fleet.models import AssignedTask, Completed, Failed, Outcome, Spent, Usage
from aicity_fleet.money.cost import Charge

DONE, FAILED = Completed("text", 1, "m"), Failed("quality", "No.")


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch):
    monkeypatch.setattr(runs, "SEND_GRACE_MS", 0)


@pytest.fixture
def counted(ledger, redis_client):
    """Gives what was counted since this was asked last, without the sums of times that passed here."""
    before: dict[str, int] = {}

    def counts(*names: str) -> dict[str, int]:
        now: Any = redis_client.hgetall(ledger.keys.metrics)
        new = {field: int(text) - before.get(field, 0) for field, text in now.items()}
        before.update({field: int(text) for field, text in now.items()})
        return {
            field: number
            for field, number in new.items()
            if number
            and field not in {"wait_sum", "report_sum"}
            and (not names or field.split("|")[0] in names)
        }

    return counts


def claimed(ledger: Ledger, job_id: str = "a", **terms: Any) -> Lease:
    ledger.accept(AssignedTask(job_id, "general", "x", max_budget_cents=1000))
    lease = ledger.claim(job_id, ClaimTerms("me:1", **{"lease_seconds": 15, **terms}))
    assert isinstance(lease, Lease), lease
    return lease


def finished(ledger: Ledger, job_id: str = "a", outcome: Outcome = DONE) -> ReportLease:
    ledger.finish(claimed(ledger, job_id), outcome, Spent(1))
    held = ledger.take_report(job_id)
    assert isinstance(held, ReportLease), held
    return held


def wait_ended(ledger: Ledger, job_id: str) -> None:
    """The wait of a released job is over."""
    ledger.client.zadd(ledger.keys.state("queued"), {job_id: 0})
    ledger.client.hset(ledger.keys.job(job_id), "not_before", 0)


def repeated(ledger: Ledger, monkeypatch) -> None:
    """From now on every script runs twice, as when its first reply was lost."""
    run = ledger._scripts.run

    def twice(*args: Any, **named: Any) -> Any:
        run(*args, **named)
        return run(*args, **named)

    monkeypatch.setattr(ledger._scripts, "run", twice)


def test_a_normal_job_is_counted_at_each_of_its_moves(ledger, counted):
    lease = claimed(ledger)
    assert counted() == {"accepted": 1, "wait|250": 1}
    usage = Usage(1, 1000, 50)
    charge = Charge(Decimal("0.25"), None, "prices")
    caller = Caller("research", "fast", "host model")
    ledger.journals.append(lease, 0, "{}", charge, caller=caller, usage=usage)
    assert counted() == {
        "model_calls|fast|research": 1,
        "prompt_tokens|fast|research": 1000,
        "completion_tokens|fast|research": 50,
        "cost|fast|research": 250_000_000_000,
    }
    ledger.journals.append(lease, 1, "{}", caller=Caller("research"))
    assert counted() == {"tool_calls|research": 1}
    ledger.finish(lease, DONE, Spent(3000, rounds=2), score=87, team="research")
    assert counted() == {
        "endings|complete|research": 1,
        "run|4000": 1,
        "run_sum": 3000,
        "rework|research": 1,
        "score|87": 1,
    }
    held = ledger.take_report("a")
    answer = {"status": "completed", "paidCents": 700, "updatedScore": 4.5}
    assert counted() == {}, "a try is counted by what came of it"
    ledger.settle(held, {"verdict": "accepted", "answer": answer}, "success", standing="completed")
    assert counted("reports", "report", "unpriced_deliveries", "earned") == {
        "reports|accepted": 1,
        "report|250": 1,
        "earned": 70_000,
    }


def test_the_reputation_is_kept_as_the_latest_receipt_shows_it(ledger):
    assert ledger.controls.read().reputation is None
    ledger.settle(finished(ledger), {"answer": {"updatedScore": 4.5}})
    ledger.settle(finished(ledger, "b"), {"answer": {}})
    assert ledger.controls.read().reputation == 4.5


@pytest.mark.parametrize("odd", [True, -5, 10**99, 10**14, 1e300, float("nan"), "7"])
def test_a_receipt_with_odd_numbers_is_settled_all_the_same(ledger, odd):
    receipt = {"answer": {"paidCents": odd, "updatedScore": odd}}
    settled = ledger.settle(finished(ledger), receipt, "success", standing="completed")
    assert settled.is_ours
    ledger.controls.read()


def test_a_delivery_without_a_receipt_of_its_pay_earns_our_share_of_the_price(ledger, counted):
    ledger.settle(finished(ledger), {"verdict": "accepted"}, "success", standing="completed")
    assert counted("earned") == {"earned": 85_000}


def test_what_a_call_without_a_price_cost_is_counted_as_unknown(ledger, counted):
    lease = claimed(ledger)
    ledger.journals.append(lease, 0, "{}", Charge(), caller=Caller("t", "m"))
    assert counted("unpriced_calls", "cost") == {"unpriced_calls|m|t": 1}
    for _ in range(2):
        ledger.spending.book_unanswered(lease, 1, Decimal(1), call_id="one")
    assert counted() == {"unanswered_calls": 1}


@pytest.mark.parametrize(
    ("why", "counts_as", "cause"),
    [
        ("503", "releases", "endpoint"),
        ("429", "excuses", "endpoint_busy"),
        ("a text of a provider | with a bar", "troubles", "own_trouble"),
        ("internal error", "breaks", "internal_error"),
        ("drain", "", "drain"),
        ("day_cap", "", "day_cap"),
        ("the key is wrong", "", "endpoint_fatal"),
    ],
)
def test_a_release_is_counted_by_its_cause(ledger, counted, why: str, counts_as: Count, cause: str):
    lease = claimed(ledger)
    counted()
    ledger.release(lease, why, Spent(1), counts_as=counts_as)
    assert counted() == {f"releases|{cause}": 1}
    wait_ended(ledger, "a")
    claimed(ledger)
    assert counted() == {"restarts": 1}


def test_a_refused_claim_is_counted_by_its_reason(ledger, counted):
    ledger.controls.pause("starts", "x")
    ledger.accept(AssignedTask("a", "general", "x"))
    assert ledger.claim("a", ClaimTerms("me:1", 15)) == NotClaimed("paused")
    assert counted() == {"accepted": 1, "claims_refused|paused": 1}
    assert ledger.claim("b", ClaimTerms("me:1", 15)) == NotClaimed("unknown")
    assert counted() == {}, "a message that came too often is no refusal"


def test_a_lapse_and_its_rescue_are_counted(ledger, counted, redis_client):
    ledger.sweep()
    for lapses in range(1, 9):
        wait_ended(ledger, "a")
        claimed(ledger)
        redis_client.zadd(ledger.keys.state("running"), {"a": 0})
        counted()
        ledger.sweep()
        expected = {"lapses|process": 1}
        expected |= {"rescues": 1} if lapses < 8 else {"quarantined|lapses": 1}
        expected |= {"isolated": 1} if lapses == 2 else {}
        assert counted() == expected
        if lapses == 1:
            redis_client.hset(ledger.keys.job("a"), "isolated", "")
        redis_client.hdel(ledger.keys.job("a"), "isolated")


def test_a_lapse_in_an_outage_blames_no_process(ledger, counted, redis_client):
    ledger.sweep()
    claimed(ledger)
    redis_client.zadd(ledger.keys.state("running"), {"a": 0})
    redis_client.hset(ledger.keys.turns, "swept_at", 1)
    ledger.sweep()
    assert counted("lapses", "rescues") == {"lapses|outage": 1, "rescues": 1}


def test_a_death_is_counted_and_so_is_the_ending_that_it_leads_to(ledger, counted):
    for number in range(1, 4):
        wait_ended(ledger, "a")
        lease = claimed(ledger)
        counted()
        ledger.died("a", lease.fence)
        expected = {"deaths": 1} | ({"endings|poison|": 1} if number == 3 else {})
        assert counted() == expected


def test_each_way_into_quarantine_has_its_word(ledger, counted):
    ledger.refuse("malformed", "no description")
    assert counted() == {"quarantined|refused": 1}
    ledger.accept(AssignedTask("a", "general", "x"))
    ledger.operator.cancel("a", "why")
    assert counted("quarantined") == {"quarantined|cancelled": 1}
    ledger.accept(AssignedTask("b", "general", "x"))
    ledger.operator.park("b", "why")
    assert counted("quarantined") == {"quarantined|parked": 1}
    lease = claimed(ledger, "c")
    ledger.operator.cancel("c", "why")
    ledger.finish(lease, DONE, Spent(1))
    assert counted("quarantined") == {"quarantined|cancelled": 1}
    ledger.quarantine(finished(ledger, "d"), "400", was_refused=True)
    assert counted("quarantined") == {"quarantined|report_refused": 1}
    ledger.quarantine(finished(ledger, "e"), "none", was_refused=False)
    assert counted("quarantined") == {"quarantined|report_unanswered": 1}
    ledger.accept(AssignedTask("f", "general", "x"))
    ledger.client.hset(ledger.keys.job("f"), "task", "{")
    ledger.claim("f", ClaimTerms("me:1", 15))
    assert counted("quarantined") == {"quarantined|unreadable": 1}
    ledger.accept(AssignedTask("g", "general", "x"))
    ledger.note_unlisted("g", "withdraw", "gone")
    assert counted("quarantined") == {"quarantined|withdrawn": 1}


def test_a_report_that_is_put_off_is_counted_by_the_answer_once(ledger, counted, monkeypatch):
    held = finished(ledger)
    counted()
    repeated(ledger, monkeypatch)
    ledger.postpone(held, "503", delay_seconds=0, answer="503")
    assert counted() == {"reports_postponed|503": 1}
    monkeypatch.undo()
    again = ledger.take_report("a")
    assert isinstance(again, ReportLease)
    ledger.postpone(again, "no answer", delay_seconds=0)
    assert counted() == {"reports_postponed|none": 1}


def test_the_guard_counts_what_it_holds_and_lets_go(ledger, counted):
    ledger.controls.seed_guard(0)
    for job_id in ("a", "b"):
        ledger.settle(finished(ledger, job_id, FAILED), {}, "failure")
    ledger.finish(claimed(ledger, "c"), FAILED, Spent(1))
    counted()
    assert ledger.take_report("c") == NotClaimed("held", "c")
    assert counted() == {"held": 1}
    ledger.settle(finished(ledger, "d"), {"verdict": "accepted"}, "success", standing="completed")
    assert counted("let_go") == {"let_go": 1}


def test_what_is_taken_back_is_what_was_earned(ledger, counted, redis_client, monkeypatch):
    receipt = {"verdict": "accepted", "answer": {"paidCents": 700}}
    ledger.settle(finished(ledger), receipt, "success", standing="completed")
    redis_client.zadd(ledger.keys.read_backs, {"a": 0})
    lease = ledger.read_backs.take()
    assert isinstance(lease, ReadLease)
    counted()
    repeated(ledger, monkeypatch)
    ledger.read_backs.note(lease, Seen("refunded", "refunded", thumbs_down=True))
    assert counted() == {
        "read_backs|refunded": 1,
        "read_backs|thumbs_down": 1,
        "taken_back|refunded": 70_000,
    }


@pytest.mark.parametrize(
    ("paid", "change"),
    [
        (900, {"earned": 5_000}),
        (800, {"taken_back|corrected": 5_000}),
        (850, {}),
    ],
)
def test_a_guess_of_what_was_earned_is_corrected_once(ledger, counted, redis_client, paid, change):
    ledger.settle(finished(ledger), {"verdict": "accepted"}, "success", standing="completed")
    assert counted("earned") == {"earned": 85_000}
    for _ in range(2):
        redis_client.zadd(ledger.keys.read_backs, {"a": 0})
        lease = ledger.read_backs.take()
        assert isinstance(lease, ReadLease)
        ledger.read_backs.note(lease, Seen("completed", "completed", paid_cents=paid))
    assert counted("earned", "taken_back") == change


def test_a_delivery_that_the_version_before_counted_is_not_counted_again(
    ledger, counted, redis_client
):
    ledger.settle(finished(ledger), {"verdict": "accepted"}, "success", standing="completed")
    redis_client.hdel(ledger.keys.job("a"), "earned")
    counted()
    redis_client.zadd(ledger.keys.read_backs, {"a": 0})
    lease = ledger.read_backs.take()
    assert isinstance(lease, ReadLease)
    ledger.read_backs.note(lease, Seen("completed", "completed", paid_cents=900))
    assert counted("earned", "taken_back") == {}


def test_a_delivery_in_the_check_earns_when_it_has_passed(ledger, counted, redis_client):
    answer = {"status": "quality_check", "paidCents": 700}
    ledger.settle(finished(ledger), {"answer": answer}, "undecided", standing="quality_check")
    assert counted("earned", "unpriced_deliveries") == {}
    redis_client.zadd(ledger.keys.read_backs, {"a": 0})
    lease = ledger.read_backs.take()
    assert isinstance(lease, ReadLease)
    ledger.read_backs.note(lease, Seen("completed", "completed", paid_cents=800))
    assert counted("earned", "unpriced_deliveries") == {"earned": 80_000}


def test_a_poll_is_counted_once_by_how_it_ended(ledger, counted, monkeypatch):
    repeated(ledger, monkeypatch)
    ledger.coordination.note_poll("one", {"status": "ok"})
    ledger.coordination.note_poll("two", {"status": "busy"})
    assert counted() == {"polls|ok": 1, "polls|busy": 1}


def test_a_breaker_that_opens_is_counted(ledger, counted):
    for job_id in ("a", "b", "c"):
        ledger.controls.provider_trouble("host model", job_id, "503")
    assert counted() == {"breaker_opens|trouble": 1}


def test_a_repeated_call_is_counted_once(ledger, counted, monkeypatch):
    repeated(ledger, monkeypatch)
    ledger.accept(AssignedTask("a", "general", "x"))
    lease = ledger.claim("a", ClaimTerms("me:1", 15))
    assert isinstance(lease, Lease)
    ledger.journals.append(lease, 0, "{}", Charge(), caller=Caller("t", "m"))
    ledger.finish(lease, DONE, Spent(1), score=100)
    names = ("accepted", "wait", "restarts", "model_calls", "endings", "run", "score")
    assert counted(*names) == {
        "accepted": 1,
        "wait|250": 1,
        "model_calls|m|t": 1,
        "endings|complete|": 1,
        "run|250": 1,
        "score|100": 1,
    }
    monkeypatch.undo()
    held = ledger.take_report("a")
    assert isinstance(held, ReportLease)
    repeated(ledger, monkeypatch)
    ledger.settle(held, {"verdict": "accepted"}, "success", standing="completed")
    assert counted("reports", "unpriced_deliveries") == {
        "reports|accepted": 1,
        "unpriced_deliveries": 1,
    }


def test_names_that_are_one_too_many_are_counted_together(ledger, counted, redis_client):
    fields = {f"endings|quality|t{number}": 1 for number in range(2000)}
    redis_client.hset(ledger.keys.metrics, mapping=fields)
    counted()
    ledger.finish(claimed(ledger), FAILED, Spent(1), team="new")
    assert counted("endings") == {"endings|other|other": 1}
    ledger.finish(claimed(ledger, "b"), FAILED, Spent(1), team="t7")
    assert counted("endings") == {"endings|quality|t7": 1}
    assert redis_client.hlen(ledger.keys.metrics) < 2020


def test_a_count_that_cannot_be_made_stops_no_move(ledger, redis_client):
    redis_client.set(ledger.keys.metrics, "not a hash")
    held = finished(ledger)
    assert ledger.settle(held, {"answer": {"updatedScore": 4}}, "success", standing="completed")


def test_a_job_that_waited_for_long_is_in_a_higher_bucket(ledger, counted, redis_client):
    ledger.accept(AssignedTask("a", "general", "x"))
    redis_client.hincrby(ledger.keys.job("a"), "accepted_at", -3_000)
    assert isinstance(ledger.claim("a", ClaimTerms("me:1", 15)), Lease)
    assert "wait|4000" in counted("wait")
    assert int(redis_client.hget(ledger.keys.metrics, "wait_sum")) >= 3000
    ledger.accept(AssignedTask("b", "general", "x"))
    redis_client.hincrby(ledger.keys.job("b"), "accepted_at", -200_000_000)
    assert isinstance(ledger.claim("b", ClaimTerms("me:1", 15)), Lease)
    assert "wait|more" in counted("wait")


def test_the_counts_outlive_a_flush_of_the_scripts(ledger, counted, redis_client: redis.Redis):
    claimed(ledger)
    redis_client.script_flush()
    claimed(ledger, "b")
    assert counted("accepted") == {"accepted": 2}
