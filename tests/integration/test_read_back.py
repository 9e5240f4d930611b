"""The read-back: what AI City changes after a report is learned once, and moves money and guard."""

import json
from decimal import Decimal

import httpx
import pytest
from support.messages import RecordedMessages
from support.waiting import wait_until

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger
from aicity_fleet.ledger.day_totals import read_day_totals
from aicity_fleet.ledger.read_backs import ReadLease, Seen
from aicity_fleet.models import Completed, Failed, JobState, Spent
from scheduler.poll import poll
from scheduler.read_back import MOST_READS, read_back
from scheduler.report import ReporterParts, report

DONE, FAILED = Completed("text", 1, "m"), Failed("quality", "No.")
DAY_MS = 86_400_000


@pytest.fixture
def parts(ledger, city):
    with city.client() as client:
        yield ReporterParts(ledger, client, agent="a", give_up_seconds=3600)


@pytest.fixture
def reported(parts, ledger, city):
    """Submit tasks, end them like this and report them; gives the job ids in order."""

    def make(*outcomes) -> list[str]:
        ids = city.submit(*[{} for _ in outcomes])
        poll(client=parts.client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
        for job_id, outcome in zip(ids, outcomes, strict=True):
            lease = ledger.claim(job_id, ClaimTerms("me", 15))
            assert isinstance(lease, Lease)
            ledger.finish(lease, outcome, Spent(1))
            report(job_id, parts)
        return ids

    return make


def changes_at_once(city, becomes: str, **fields) -> None:
    """Have the next delivery changed right after its completion."""
    city.fault("complete", "later", becomes=becomes, seconds=0, **fields)


def all_due(ledger: Ledger) -> None:
    for job_id in ledger.client.zrange(ledger.keys.read_backs, 0, -1):
        ledger.client.zadd(ledger.keys.read_backs, {str(job_id): 0})


def read_now(parts, times: int = 1) -> int:
    """Read everything that waits to be read, as if its time had come; gives how many reads that were."""
    reads = 0
    for _ in range(times):
        all_due(parts.ledger)
        reads += read_back(client=parts.client, ledger=parts.ledger)
    return reads


def kinds(ledger: Ledger, job_id: str) -> list[str]:
    job = ledger.get(job_id)
    assert job is not None
    return [event["kind"] for event in job.later]


def row(ledger: Ledger) -> int:
    return ledger.controls.read().failures_in_a_row


def aged(ledger: Ledger, job_id: str, ms: int) -> None:
    """Have a job reported earlier than it was."""
    ledger.client.hincrby(ledger.keys.job(job_id), "changed_at", -ms)


@pytest.mark.parametrize("becomes", ["refunded", "failed"])
def test_a_delivery_that_is_taken_back_shows_everywhere_and_once(
    parts, city, ledger, reported, becomes
):
    changes_at_once(city, becomes)
    (job_id,) = reported(DONE)
    assert row(ledger) == 0
    assert ledger.get(job_id).earnings(ledger.now()).usd == Decimal("0.85")
    assert read_now(parts, times=3) == 1, "what has ended is not read again"
    job = ledger.get(job_id)
    assert (job.standing, job.seen["status"], job.state) == (becomes, becomes, JobState.REPORTED)
    assert becomes in kinds(ledger, job_id)
    assert job.earnings(ledger.now()).stage == "nothing"
    totals = read_day_totals(ledger)
    assert (totals.settled_usd, totals.unsettled_usd) == (Decimal(0), Decimal(0))
    assert (totals.taken_back_usd, totals.taken_back_jobs) == (Decimal("0.85"), 1)
    assert row(ledger) == 1
    assert ledger.record()["general"] == {
        "delivered": 1,
        becomes: 1,
        **({"thumbs_down": 1} if becomes == "refunded" else {}),
    }
    events = [line for line in ledger.audit(job_id) if line["event"] == "read_back"]
    assert events[0]["detail"] == f"{becomes}: was completed"


def test_a_delivery_of_an_earlier_day_lowers_the_day_on_which_it_is_read(
    parts, city, ledger, reported
):
    changes_at_once(city, "refunded")
    taken, kept = reported(DONE, DONE)
    for job_id in (taken, kept):
        aged(ledger, job_id, DAY_MS)
    read_now(parts)
    totals = read_day_totals(ledger)
    assert (totals.settled_usd, totals.unsettled_usd) == (Decimal("-0.85"), Decimal(0))
    assert (totals.taken_back_usd, totals.taken_back_jobs) == (Decimal("0.85"), 1)
    assert totals.margin_usd == Decimal("-0.85")


def test_two_deliveries_that_fail_later_hold_the_next_failure(parts, city, ledger, reported):
    changes_at_once(city, "failed", count=2)
    reported(DONE, DONE)
    read_now(parts)
    assert row(ledger) == 2
    assert ledger.controls.read().guard_is_closed
    (bad,) = reported(FAILED)
    assert ledger.get(bad).state is JobState.HELD
    reported(DONE)
    assert row(ledger) == 0
    assert ledger.get(bad).state is JobState.FINISHED, "the success lets it go"


def test_a_success_that_is_taken_back_no_longer_ends_the_row_that_it_ended(
    parts, city, ledger, reported
):
    changes_at_once(city, "failed")
    reported(FAILED, DONE)
    assert row(ledger) == 0
    read_now(parts)
    assert row(ledger) == 2, "it may never have been a success at AI City"
    (bad,) = reported(FAILED)
    assert ledger.get(bad).state is JobState.HELD


def test_a_row_that_a_later_success_ended_too_stays_ended(parts, city, ledger, reported):
    changes_at_once(city, "failed")
    reported(FAILED, FAILED, DONE, DONE)
    read_now(parts)
    assert row(ledger) == 1


def test_the_worst_is_assumed_again_when_the_success_that_ended_it_is_taken_back(
    parts, city, ledger, reported
):
    ledger.controls.seed_guard(None)
    assert ledger.controls.read().failures_assumed == 2
    changes_at_once(city, "failed")
    reported(DONE)
    assert ledger.controls.read().failures_assumed == 0
    read_now(parts)
    controls = ledger.controls.read()
    assert (controls.failures_in_a_row, controls.failures_assumed) == (1, 2)


def test_a_check_that_is_passed_ends_nothing_of_what_a_person_said_meanwhile(
    parts, city, ledger, reported
):
    city.fault("complete", "later", becomes="completed", seconds=7200, in_check=True)
    _, good = reported(FAILED, DONE)
    ledger.controls.set_row(2)
    note_seen(ledger, Seen(status="completed", standing="completed"))
    assert (ledger.get(good).standing, row(ledger)) == ("completed", 2)


def test_what_a_person_said_of_the_row_outlasts_the_success_that_came_before(
    parts, city, ledger, reported
):
    ledger.controls.seed_guard(None)
    changes_at_once(city, "failed")
    reported(DONE)
    ledger.controls.set_row(0)
    read_now(parts)
    controls = ledger.controls.read()
    assert (controls.failures_in_a_row, controls.failures_assumed) == (1, 0)


@pytest.mark.parametrize(("becomes", "state"), [("completed", "finished"), ("failed", "held")])
def test_a_delivery_in_check_counts_against_a_further_failure_until_it_is_judged(
    parts, city, ledger, reported, becomes, state
):
    city.fault("complete", "later", becomes=becomes, seconds=0.3, in_check=True)
    _, good, worse = reported(FAILED, DONE, FAILED)
    assert ledger.get(good).standing == "quality_check"
    assert ledger.get(good).earnings(ledger.now()).stage == "unsettled"
    assert ledger.get(worse).state is JobState.HELD, "one failure stands, and one may"

    def is_judged() -> bool:
        read_now(parts)
        return ledger.get(good).standing != "quality_check"

    wait_until(is_judged, description="the check is over")
    assert ledger.get(worse).state == state
    assert row(ledger) == {"completed": 0, "failed": 2}[becomes]
    assert ledger.record()["general"] == {"delivered" if becomes == "completed" else "failed": 1}


def in_long_check(city, **fields) -> None:
    """Have the next delivery checked for longer than the test takes."""
    city.fault("complete", "later", becomes="completed", seconds=7200, in_check=True, **fields)


@pytest.mark.parametrize("get_fault", [None, "reset"])
def test_failures_wait_an_hour_for_a_check_that_is_never_over(
    parts, city, ledger, reported, get_fault
):
    in_long_check(city)
    _, good, worse = reported(FAILED, DONE, FAILED)
    if get_fault:
        city.fault("get", get_fault, count=2)
    for ms, state in ((3_500_000, JobState.HELD), (100_000, JobState.FINISHED)):
        aged(ledger, good, ms)
        assert read_now(parts) == 1
        assert ledger.get(worse).state is state
    assert report(worse, parts)["why"] == "accepted"
    assert ledger.client.zcard(ledger.keys.read_backs) == 1, "it is read on"


def test_two_deliveries_in_a_long_check_do_not_keep_a_closed_guard_closed(
    parts, city, ledger, reported
):
    in_long_check(city, count=2)
    first, second, bad = reported(DONE, DONE, FAILED)
    assert ledger.get(bad).state is JobState.HELD
    for job_id in (first, second):
        aged(ledger, job_id, 3_600_000)
    assert read_now(parts) == 2
    assert ledger.get(bad).state is JobState.FINISHED


def test_failures_do_not_wait_for_a_check_that_cannot_be_read(parts, city, ledger, reported):
    in_long_check(city)
    _, good, worse = reported(FAILED, DONE, FAILED)
    assert ledger.get(worse).state is JobState.HELD
    note_seen(ledger, Seen(refusal="404 from the edge"))
    assert ledger.get(worse).state is JobState.FINISHED
    note_seen(ledger, Seen(status="completed", standing="completed"))
    assert ledger.record()["general"] == {"delivered": 1}
    assert (kinds(ledger, good), row(ledger)) == (["unreadable", "completed"], 0)


def test_a_check_that_is_never_over_is_read_until_the_window_ends(parts, city, ledger, reported):
    in_long_check(city)
    _, good, worse = reported(FAILED, DONE, FAILED)
    aged(ledger, good, 8 * DAY_MS)
    assert read_now(parts) == 0
    assert ledger.client.zcard(ledger.keys.read_backs) == 0
    assert ledger.get(worse).state is JobState.FINISHED
    assert report(worse, parts)["why"] == "accepted"


def test_an_ending_that_was_unknown_is_learned(parts, city, ledger, reported):
    city.fault("complete", "status", status=409)
    city.fault("get", "status", status=500)
    (job_id,) = reported(DONE)
    assert (ledger.get(job_id).standing, row(ledger)) == ("unknown", 1)
    agent_ends_it(parts, job_id)
    read_now(parts)
    assert ledger.get(job_id).earnings(ledger.now()).usd == Decimal("0.85")
    assert kinds(ledger, job_id) == ["completed"]


@pytest.mark.parametrize(
    "shown", [["completed"], ["disputed", "completed"], ["quality_check", "completed"]]
)
def test_a_409_never_becomes_a_success(parts, city, ledger, reported, shown):
    ledger.controls.seed_guard(None)
    city.fault("complete", "status", status=409)
    city.fault("get", "status", status=500)
    (job_id,) = reported(DONE)
    before = ledger.controls.read()
    for standing in shown:
        note_seen(ledger, Seen(status=standing, standing=standing))
    assert ledger.get(job_id).standing == "completed"
    assert ledger.record()["general"] == {"delivered": 1}
    after = ledger.controls.read()
    assert (after.failures_assumed, after.failures_in_a_row) == (2, before.failures_in_a_row)
    (bad,) = reported(FAILED)
    assert ledger.get(bad).state is JobState.HELD, "the delivery may be older than the failures"


def test_a_409_in_check_never_becomes_a_success(parts, city, ledger, reported, monkeypatch):
    ledger.controls.seed_guard(None)
    city.fault("complete", "status", status=409)
    monkeypatch.setattr(parts.client, "task", lambda _id: {"status": "quality_check"})
    (job_id,) = reported(DONE)
    assert ledger.get(job_id).standing == "quality_check"
    note_seen(ledger, Seen(status="completed", standing="completed"))
    assert ledger.controls.read().failures_assumed == 2


def test_a_dispute_out_of_the_check_loses_neither_the_delivery_nor_the_success(
    parts, city, ledger, reported
):
    in_long_check(city)
    _, good, worse = reported(FAILED, DONE, FAILED)
    assert ledger.get(worse).state is JobState.HELD
    note_seen(ledger, Seen(status="disputed", standing="disputed"))
    assert ledger.get(worse).state is JobState.FINISHED, "nothing is waited for any more"
    assert row(ledger) == 1
    for standing in ("completed", "disputed", "completed"):
        note_seen(ledger, Seen(status=standing, standing=standing))
    assert row(ledger) == 0
    assert ledger.record()["general"] == {"delivered": 1}
    assert kinds(ledger, good) == ["disputed", "completed", "disputed", "completed"]


@pytest.mark.parametrize("shown", [["failed"], ["disputed", "failed"], ["disputed", "refunded"]])
def test_what_never_passed_the_check_was_never_earned(parts, city, ledger, reported, shown):
    in_long_check(city)
    (job_id,) = reported(DONE)
    aged(ledger, job_id, DAY_MS)
    for standing in shown:
        note_seen(ledger, Seen(status=standing, standing=standing))
    totals = read_day_totals(ledger)
    assert not any((totals.settled_usd, totals.taken_back_usd, totals.taken_back_jobs))
    assert row(ledger) == 1


def test_a_disputed_delivery_that_is_refunded_is_taken_back(parts, ledger, reported):
    reported(DONE)
    for standing in ("disputed", "refunded"):
        note_seen(ledger, Seen(status=standing, standing=standing))
    totals = read_day_totals(ledger)
    assert (totals.taken_back_usd, totals.taken_back_jobs) == (Decimal("0.85"), 1)


def agent_ends_it(parts, job_id: str) -> None:
    parts.client.report(job_id, DONE, "another key")


@pytest.fixture
def reported_unseen(parts, city, ledger, reported):
    """Deliver what AI City changes at once, and learn neither; gives the job id."""

    def make(becomes: str) -> str:
        city.fault("complete", "reply_lost_after_commit")
        changes_at_once(city, becomes)
        (job_id,) = reported(DONE)
        city.fault("get", "status", status=500)
        ledger.client.hset(ledger.keys.job(job_id), "report_due", 0)
        report(job_id, parts)
        assert (ledger.get(job_id).standing, row(ledger)) == ("unknown", 1)
        return job_id

    return make


def test_an_unknown_ending_that_failed_counts_once(parts, ledger, reported_unseen):
    job_id = reported_unseen("failed")
    read_now(parts)
    assert (ledger.get(job_id).standing, row(ledger)) == ("failed", 1)
    assert read_day_totals(ledger).taken_back_jobs == 0


def test_an_unknown_ending_that_is_refunded_after_a_success_counts_anew(
    parts, ledger, reported, reported_unseen
):
    job_id = reported_unseen("refunded")
    reported(DONE)
    assert row(ledger) == 0
    read_now(parts)
    assert (ledger.get(job_id).standing, row(ledger)) == ("refunded", 1)


def test_a_thumbs_down_alone_moves_neither_money_nor_guard(parts, city, ledger, reported):
    changes_at_once(city, "thumbs_down")
    (job_id,) = reported(DONE)
    read_now(parts, times=3)
    assert kinds(ledger, job_id) == ["thumbs_down"]
    assert ledger.record()["general"] == {"delivered": 1, "thumbs_down": 1}
    assert ledger.get(job_id).earnings(ledger.now()).usd == Decimal("0.85")
    assert row(ledger) == 0


def test_a_dispute_keeps_the_earnings_unsettled(parts, city, ledger, reported):
    (job_id,) = reported(DONE)
    aged(ledger, job_id, 3_600_000)
    assert ledger.get(job_id).earnings(ledger.now()).stage == "settled"
    note_seen(ledger, Seen(status="disputed", standing="disputed"))
    earned = ledger.get(job_id).earnings(ledger.now())
    assert (earned.usd, earned.stage, earned.settles_at) == (Decimal("0.85"), "unsettled", None)
    note_seen(ledger, Seen(status="completed", standing="completed"))
    assert ledger.get(job_id).earnings(ledger.now()).stage == "settled"
    assert kinds(ledger, job_id) == ["disputed", "completed"]


def note_seen(ledger: Ledger, seen: Seen) -> ReadLease:
    all_due(ledger)
    lease = ledger.read_backs.take()
    assert isinstance(lease, ReadLease)
    assert ledger.read_backs.note(lease, seen)
    return lease


def test_what_was_read_is_recorded_once_and_only_by_the_latest_read(ledger, reported):
    (job_id,) = reported(DONE)
    stale = note_seen(ledger, Seen(status="completed", standing="completed"))
    seen = Seen(status="refunded", standing="refunded", is_final=True)
    latest = note_seen(ledger, seen)
    assert ledger.read_backs.note(latest, seen), "a repetition gets the same reply"
    assert not ledger.read_backs.note(stale, Seen(status="completed", standing="completed"))
    assert kinds(ledger, job_id) == ["refunded"]
    assert row(ledger) == 1
    assert ledger.record()["general"]["refunded"] == 1


def test_a_failure_is_never_read_back(parts, ledger, reported):
    reported(FAILED)
    assert read_now(parts) == 0


def test_a_task_in_check_is_read_often(parts, city, ledger, reported):
    in_long_check(city)
    (job_id,) = reported(DONE)

    def next_seconds() -> float:
        due = ledger.client.zscore(ledger.keys.read_backs, job_id)
        return due / 1000 - ledger.now().timestamp()

    assert next_seconds() == pytest.approx(10, abs=2)
    for ms, wait in ((60_000, 10), (600_000, 82.5), (7_200_000, 982.5), (5 * DAY_MS, 54_982.5)):
        aged(ledger, job_id, ms)
        read_now(parts)
        assert next_seconds() == pytest.approx(wait, abs=3)


def test_reads_are_spaced_and_come_to_an_end(parts, ledger, reported):
    (job_id,) = reported(DONE)
    assert read_back(client=parts.client, ledger=ledger) == 0, "it is not due yet"
    for age, wait in (
        (31_000, 89.0),
        (121_000, 209.0),
        (331_000, 329.0),
        (661_000, 86_400.0),
        (6 * DAY_MS - 1000, 86_400.0),
    ):
        now_ms = int(ledger.now().timestamp() * 1000)
        ledger.client.hset(ledger.keys.job(job_id), "changed_at", now_ms - age)
        assert read_now(parts) == 1
        due = ledger.client.zscore(ledger.keys.read_backs, job_id) / 1000
        assert due - ledger.now().timestamp() == pytest.approx(wait, abs=2)
    aged(ledger, job_id, DAY_MS)
    assert read_now(parts, times=2) == 1, "the last time"
    assert ledger.client.zcard(ledger.keys.read_backs) == 0


@pytest.mark.parametrize("status", [404, 403, 405, 400])
def test_a_task_that_may_not_be_read_is_not_read_again(parts, city, ledger, reported, status):
    (job_id,) = reported(DONE)
    city.fault("get", "status", status=status)
    assert read_now(parts, times=3) == 1
    assert kinds(ledger, job_id) == ["unreadable"]
    assert str(status) in ledger.get(job_id).later[0]["detail"]
    assert ledger.get(job_id).earnings(ledger.now()).usd == Decimal("0.85")


def test_a_page_of_the_edge_ends_no_reading(parts, city, ledger, reported):
    (job_id,) = reported(DONE)
    edge = httpx.MockTransport(lambda _request: httpx.Response(403, text="<html>blocked</html>"))
    client = AICityClient(city.url, "key", load_contract("api"), transport=edge)
    for _ in range(2):
        all_due(ledger)
        assert read_back(client=client, ledger=ledger) == 1
    assert kinds(ledger, job_id) == ["unreadable"], "said once"
    assert read_now(parts) == 1
    assert ledger.get(job_id).seen["status"] == "completed"


@pytest.mark.parametrize("kind", ["reset", "garbage", "status"])
def test_a_read_without_an_answer_is_made_again_later(parts, city, ledger, reported, kind):
    ids = reported(DONE, DONE)
    city.fault("get", kind)
    assert read_now(parts) == 1, "no further read while AI City does not answer"
    assert [kinds(ledger, job_id) for job_id in ids] == [[], []]
    assert read_now(parts) == 2


def test_a_busy_city_is_left_alone(parts, city, ledger, reported):
    reported(DONE, DONE)
    city.fault("get", "status", status=429, retry_after=60)
    assert read_now(parts) == 1
    assert 50 < ledger.controls.read().quiet_seconds <= 60
    assert read_now(parts) == 0


def test_a_refused_key_stops_the_reads(parts, city, ledger, reported):
    reported(DONE, DONE)
    city.fault("get", "status", status=401)
    assert read_now(parts) == 1
    assert ledger.controls.read().stopped is not None
    assert read_now(parts) == 0


def test_reads_go_on_while_a_person_has_paused_everything(parts, ledger, reported):
    reported(DONE)
    for what in ("intake", "starts", "reports"):
        ledger.controls.pause(what, "maintenance")
    assert read_now(parts) == 1


def test_only_so_many_are_read_at_once_and_in_a_minute(parts, ledger, reported):
    reported(*[DONE] * (MOST_READS + 5))
    assert read_now(parts) == MOST_READS
    ledger.client.hset(ledger.keys.turns, "read_back:reads", 60)
    minute = int(ledger.now().timestamp()) // 60
    ledger.client.hset(ledger.keys.turns, "read_back:minute", minute)
    assert ledger.read_backs.take() == "minute_limit"


def test_two_dispatchers_read_a_task_once(ledger, reported):
    reported(DONE)
    all_due(ledger)
    assert isinstance(ledger.read_backs.take(), ReadLease)
    assert ledger.read_backs.take() == "none_due"


def test_a_ledger_that_was_wiped_in_between_takes_no_harm(parts, city, ledger, reported):
    changes_at_once(city, "failed")
    (job_id,) = reported(DONE)
    all_due(ledger)
    lease = ledger.read_backs.take()
    for key in ledger.client.scan_iter(f"{ledger.keys.prefix}*"):
        ledger.client.delete(key)
    assert not ledger.read_backs.note(lease, Seen(status="failed", standing="failed"))
    assert ledger.get(job_id) is None
    assert read_now(parts) == 0


def test_a_record_that_expired_leaves_the_index(parts, ledger, reported):
    (job_id,) = reported(DONE)
    ledger.client.delete(ledger.keys.job(job_id))
    assert read_now(parts) == 0
    assert ledger.client.zcard(ledger.keys.read_backs) == 0


def test_nothing_is_read_back_where_it_is_off_or_the_contract_has_no_path(
    parts, city, ledger, redis_client, reported
):
    off = Ledger(redis_client, ledger.keys, retention_seconds=3600, read_back_seconds=0)
    with city.client("bridge") as bridge:
        for settling, client in ((off, parts.client), (ledger, bridge)):
            reporter = ReporterParts(settling, client, agent="a", give_up_seconds=3600)
            (job_id,) = city.submit({})
            poll(
                client=parts.client,
                ledger=ledger,
                messages=RecordedMessages(),
                max_input_chars=1000,
            )
            lease = ledger.claim(job_id, ClaimTerms("me", 15))
            ledger.finish(lease, DONE, Spent(1))
            assert report(job_id, reporter)["did"] == "settled"
            assert ledger.client.zcard(ledger.keys.read_backs) == 0
        reported(DONE)
        all_due(ledger)
        assert read_back(client=bridge, ledger=ledger) == 0
        assert ledger.client.zcard(ledger.keys.read_backs) == 0, "it is taken off the index"


def test_a_task_with_odd_fields_changes_nothing(parts, ledger, reported, monkeypatch):
    (job_id,) = reported(DONE)
    odd = [
        {},
        {"status": None, "feedback": 3, "paidCents": True},
        {"status": ["refunded"], "feedback": {"rating": {}}, "paidCents": -1},
        {"status": "archived", "feedback": "thumbs_down", "paidCents": 10**40},
        {"status": "x" * 10_000, "more": json.loads("[" * 90 + "]" * 90)},
    ]
    for task in odd:
        monkeypatch.setattr(parts.client, "task", lambda _id, task=task: task)
        assert read_now(parts) == 1
    job = ledger.get(job_id)
    assert (job.standing, job.later, job.paid_cents) == ("completed", [], None)
    assert len(job.seen["status"]) <= 100


def test_what_ai_city_shows_as_paid_is_what_the_job_earned(parts, ledger, reported, monkeypatch):
    (job_id,) = reported(DONE)
    task = {"status": "completed", "paidCents": 40}
    monkeypatch.setattr(parts.client, "task", lambda _id: task)
    read_now(parts)
    assert ledger.get(job_id).earnings(ledger.now()).usd == Decimal("0.40")
    monkeypatch.setattr(parts.client, "task", lambda _id: {"status": "refunded", "paidCents": 0})
    read_now(parts)
    assert read_day_totals(ledger).taken_back_usd == Decimal("0.40")


def test_half_a_character_in_ai_city_s_words_does_no_harm(parts, city, ledger, reported):
    first, second = reported(DONE, DONE)
    answers = {
        first: httpx.Response(200, content=b'{"success": true, "data": {"status": "\\ud800"}}'),
        second: httpx.Response(
            404, content=b'{"success": false, "error": {"code": "\\ud800", "message": "\\udfff"}}'
        ),
    }
    odd = httpx.MockTransport(lambda request: answers[request.url.path.rpartition("/")[2]])
    client = AICityClient(city.url, "key", load_contract("api"), transport=odd)
    all_due(ledger)
    assert read_back(client=client, ledger=ledger) == 2
    assert ledger.get(first).seen["status"] == "?"
    assert kinds(ledger, second) == ["unreadable"]


def test_one_process_reads_back_at_a_time(parts, ledger, redis_client, reported):
    reported(DONE)
    all_due(ledger)
    other = Ledger(redis_client, ledger.keys, retention_seconds=3600)
    with other.coordination.only_read_back(30) as turn:
        assert turn is not None
        assert read_back(client=parts.client, ledger=ledger) == 0
    assert read_back(client=parts.client, ledger=ledger) == 1


def test_task_types_of_a_stranger_s_choice_do_not_fill_the_record(ledger, reported):
    many = {f"delivered:type {number}": 1 for number in range(2000)}
    ledger.client.hset(ledger.keys.record, mapping=many)
    ledger.client.expire(ledger.keys.record, 60)
    reported(DONE)
    assert ledger.client.hlen(ledger.keys.record) == 2001
    assert ledger.record()["general"] == {"delivered": 1}
