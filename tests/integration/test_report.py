"""The report: every answer of AI City, and that no answer makes two endings of one."""

import threading

import httpx
import pytest
from support.messages import RecordedMessages
from support.waiting import wait_until

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, ReportLease
from aicity_fleet.models import AssignedTask, Completed, Failed, JobState, Spent
from scheduler import report as report_module
from scheduler.poll import poll
from scheduler.report import ReporterParts, idempotency_key, report, report_all

TEXT = "The answer to the question is stated here in full: " + "it is a matter of degree. " * 20
DONE = Completed(TEXT, 1200, "gpt-4o-mini")


@pytest.fixture
def parts(ledger, city):
    with city.client() as client:
        yield ReporterParts(ledger, client, agent="a", give_up_seconds=3600)


@pytest.fixture
def finished(ledger, city):
    """A job with an outcome in the outbox."""

    def make(outcome=DONE) -> str:
        (task_id,) = city.submit({})
        with city.client() as client:
            poll(client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
        lease = ledger.claim(task_id, ClaimTerms("me", 15))
        assert isinstance(lease, Lease)
        assert ledger.finish(lease, outcome, Spent(10))
        return task_id

    return make


def due_now(ledger: Ledger, job_id: str) -> None:
    ledger.client.hset(ledger.keys.job(job_id), "report_due", 0)
    ledger.client.hdel(f"{ledger.keys.prefix}controls", "quiet_until")


def due_later(ledger: Ledger, job_id: str) -> None:
    ledger.client.hset(ledger.keys.job(job_id), "report_due", 10**15)


def state(ledger: Ledger, job_id: str) -> JobState:
    job = ledger.get(job_id)
    assert job is not None
    return job.state


def test_a_deliverable_is_reported_once_with_its_receipt(parts, city, ledger, finished):
    job_id = finished()
    assert report(job_id, parts)["did"] == "settled"
    assert report(job_id, parts) == {"job_id": job_id, "did": "nothing", "why": "reported"}
    booked = city.task(job_id)
    assert (booked["acceptedEndings"], booked["status"]) == (1, "completed")
    (attempt,) = booked["attempts"]
    assert attempt["idempotencyKey"] == idempotency_key("a", job_id, "complete")
    job = ledger.get(job_id)
    assert job is not None
    assert job.receipt is not None
    assert job.receipt["verdict"] == "accepted"
    assert job.receipt["answer"]["status"] == "completed"


def test_one_message_reports_all_that_is_due(parts, city, ledger, finished):
    first, second, third = finished(), finished(), finished()
    postponed, sent = finished(), RecordedMessages()
    due_later(ledger, postponed)
    did = report_all(first, parts, sent)
    assert did == {"job_id": first, "did": "settled", "why": "accepted", "others": 2}
    assert [state(ledger, job_id) for job_id in (second, third)] == [JobState.REPORTED] * 2
    assert state(ledger, postponed) is JobState.FINISHED
    assert report_all(first, parts, sent)["others"] == 0, "a message that comes again does nothing"
    assert sent.sent == []


@pytest.mark.parametrize("why", ["it takes long", "the process stops"])
def test_what_is_left_gets_a_message_of_its_own(parts, ledger, finished, monkeypatch, why):
    monkeypatch.setattr(report_module, "MOST_SECONDS", 0.0 if why == "it takes long" else 60.0)
    first, second = finished(), finished()
    sent = RecordedMessages()
    stops = why == "the process stops"
    assert report_all(first, parts, sent, is_stopping=lambda: stops)["others"] == 0
    assert sent.sent == [("fleet.report", "")]
    assert state(ledger, second) is JobState.FINISHED
    monkeypatch.undo()
    assert report_all("", parts, sent)["job_id"] == second
    assert state(ledger, second) is JobState.REPORTED


def test_after_a_report_that_was_put_off_nothing_more_is_sent(parts, city, ledger, finished):
    """Also where AI City asks for no wait at all: the same report would be sent over and over."""
    first, second = finished(), finished()
    city.fault("complete", "status", status=429, retryAfter=0, count=None)
    assert report_all(first, parts, RecordedMessages())["did"] == "postponed"
    tasks = city.report()["tasks"]
    assert [len(tasks[job_id]["attempts"]) for job_id in (first, second)] == [1, 0]


def test_nothing_else_is_sent_while_reports_wait(parts, ledger, finished):
    first, second = finished(), finished()
    ledger.controls.pause("reports", "a test")
    did = report_all(first, parts, RecordedMessages())
    assert did == {"job_id": first, "did": "nothing", "why": "paused", "others": 0}
    assert state(ledger, second) is JobState.FINISHED


def test_an_ending_asks_for_a_message_only_while_none_waits(ledger, city):
    ids = city.submit({}, {})
    with city.client() as client:
        poll(client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
    leases = [ledger.claim(job_id, ClaimTerms("me", 15)) for job_id in ids]
    assert ledger.finish(leases[0], DONE, Spent(1)).reports_waiting == 0
    ledger.client.lpush(ledger.keys.queue("reports"), "a message")
    assert ledger.finish(leases[1], DONE, Spent(1)).reports_waiting == 1
    ledger.client.delete(ledger.keys.queue("reports"))


def test_a_failure_is_reported_as_one(parts, city, finished):
    job_id = finished(Failed("deadline", "It took too long."))
    report(job_id, parts)
    assert city.task(job_id)["failure"] == {"reason": "deadline", "message": "It took too long."}


def test_the_key_is_fixed_by_agent_task_and_kind():
    key = idempotency_key("a", "t", "complete")
    assert key == idempotency_key("a", "t", "complete")
    others = [("b", "t", "complete"), ("a", "u", "complete"), ("a", "t", "fail")]
    assert len({key, *(idempotency_key(*other) for other in others)}) == 4


def test_a_refused_report_that_was_replayed_goes_out_under_another_key(
    parts, city, ledger, finished
):
    job_id = finished()
    city.fault("complete", "status", status=422)
    assert report(job_id, parts)["did"] == "quarantined"
    assert ledger.operator.rerun(job_id, "shorter") == "quarantined"
    lease = ledger.claim(job_id, ClaimTerms("me", 15))
    assert isinstance(lease, Lease)
    assert ledger.finish(lease, Completed("Another answer. " + TEXT, 900, "gpt-4o-mini"), Spent(10))
    city.fault("complete", "reset")
    assert report(job_id, parts)["did"] == "postponed"
    due_now(ledger, job_id)
    assert report(job_id, parts)["did"] == "settled"
    first, *later = [attempt["idempotencyKey"] for attempt in city.task(job_id)["attempts"]]
    assert first == idempotency_key("a", job_id, "complete")
    assert set(later) == {idempotency_key("a", job_id, "complete", 1)} != {first}
    assert city.task(job_id)["acceptedEndings"] == 1


@pytest.mark.parametrize("kind", ["reply_lost_after_commit", "reset", "garbage", "status"])
def test_an_unclear_answer_is_repeated_unchanged_and_never_turned_into_a_failure(
    parts, city, ledger, finished, kind
):
    job_id = finished()
    city.fault("complete", kind, **({"status": 503} if kind == "status" else {}))
    assert report(job_id, parts)["did"] == "postponed"
    assert state(ledger, job_id) is JobState.FINISHED
    due_now(ledger, job_id)
    assert report(job_id, parts)["did"] == "settled"
    booked = city.task(job_id)
    assert booked["acceptedEndings"] == 1
    assert booked["status"] == "completed"
    tries = booked["attempts"]
    assert {attempt["kind"] for attempt in tries} == {"complete"}
    assert len({attempt["idempotencyKey"] for attempt in tries}) == 1
    assert len({attempt["bodySha256"] for attempt in tries}) == 1


def test_a_409_is_settled_and_records_which_ending_stands(parts, city, ledger, finished):
    job_id = finished()
    city.fault("complete", "reply_lost_after_commit")
    report(job_id, parts)
    due_now(ledger, job_id)
    assert report(job_id, parts)["why"] == "already_settled"
    job = ledger.get(job_id)
    assert job is not None
    assert job.receipt == {"verdict": "already_settled", "status": 409, "standing": "completed"}


def test_a_409_is_settled_also_when_the_task_cannot_be_read_back(parts, city, ledger, finished):
    job_id = finished()
    city.fault("complete", "status", status=409)
    city.fault("get", "status", status=500)
    assert report(job_id, parts)["did"] == "settled"
    job = ledger.get(job_id)
    assert job is not None
    assert job.receipt is not None
    assert job.receipt["standing"] == "unknown (500)"


@pytest.mark.parametrize("status", [404, 403])
def test_a_task_that_is_gone_is_settled_with_a_flag(parts, city, ledger, finished, status):
    job_id = finished()
    city.fault("complete", "status", status=status, code="ACCESS_DENIED")
    city.fault("get", "status", status=404, code="TASK_NOT_FOUND")
    assert report(job_id, parts)["why"] == "gone"
    assert state(ledger, job_id) is JobState.REPORTED


@pytest.mark.parametrize("status", [404, 403])
def test_a_task_that_can_be_read_is_not_gone(parts, city, ledger, finished, status):
    job_id = finished()
    city.fault("complete", "status", status=status, code="NOT_FOUND")  # a wrong path, say
    assert report(job_id, parts)["did"] == "quarantined"
    job = ledger.get(job_id)
    assert job is not None
    assert job.outcome == DONE


def test_a_page_of_the_edge_gives_no_delivery_up(ledger, finished):
    job_id = finished()
    edge = httpx.MockTransport(lambda _request: httpx.Response(403, text="<html>blocked</html>"))
    with AICityClient("http://city", "k", load_contract("api"), transport=edge) as client:
        assert report(job_id, ReporterParts(ledger, client, "a", 60))["did"] == "quarantined"


@pytest.mark.parametrize(
    ("kind", "verdict", "details", "meaning"),
    [
        ("complete", "accepted", {"answer": {"status": "completed"}}, "success"),
        ("complete", "accepted", {"answer": {}}, "success"),
        ("complete", "accepted", {"answer": {"status": "quality_check"}}, "undecided"),
        ("complete", "already_settled", {"standing": "quality_check"}, "nothing"),
        ("complete", "accepted", {"answer": {"status": "failed"}}, "failure"),
        ("complete", "already_settled", {"standing": "unknown (500)"}, "failure"),
        ("complete", "already_settled", {"standing": "executing"}, "nothing"),
        ("complete", "already_settled", {"standing": "completed"}, "nothing"),
        ("fail", "accepted", {"answer": {}}, "failure"),
        ("fail", "already_settled", {"standing": "unknown (500)"}, "failure"),
        ("fail", "already_settled", {"standing": "completed"}, "nothing"),
        ("fail", "gone", {"status": 404}, "nothing"),
    ],
)
def test_what_a_receipt_means_for_the_reputation(kind, verdict, details, meaning):
    outcome = DONE if kind == "complete" else Failed("x", "y")
    held = ReportLease("t", 1, "n", outcome, 0.0)
    assert report_module._meaning(held, verdict, details) == meaning


@pytest.mark.parametrize(
    ("kind", "standing", "meaning"),
    [
        ("fail", "failed", "failure"),
        ("complete", "failed", "failure"),
        ("fail", "", "failure"),
        ("complete", "", "failure"),
        ("complete", "completed", "nothing"),
        ("fail", "refunded", "nothing"),
    ],
)
def test_a_task_that_is_gone_may_have_been_ended_by_an_earlier_try(kind, standing, meaning):
    outcome = DONE if kind == "complete" else Failed("x", "y")
    held = ReportLease("t", 2, "n", outcome, 0.0)
    assert report_module._meaning(held, "gone", {"status": 404, "standing": standing}) == meaning


def test_a_page_of_the_edge_does_not_take_an_earlier_failure_back(parts, city, ledger, finished):
    job_id = finished(Failed("x", "y"))
    city.fault("fail", "reply_lost_after_commit")
    report(job_id, parts)
    ledger.client.hset(ledger.keys.job(job_id), "report_due", 0)
    edge = httpx.MockTransport(lambda _request: httpx.Response(403, text="<html>blocked</html>"))
    with AICityClient("http://city", "k", load_contract("api"), transport=edge) as client:
        report(job_id, ReporterParts(ledger, client, "a", 60))
    assert ledger.controls.read().failures_in_a_row == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_report_is_laid_aside_and_not_repeated(parts, city, ledger, finished, status):
    job_id = finished()
    city.fault("complete", "status", status=status, code="VALIDATION_ERROR")
    assert report(job_id, parts)["did"] == "quarantined"
    job = ledger.get(job_id)
    assert job is not None
    assert job.state is JobState.QUARANTINED
    assert str(status) in job.reason
    assert report(job_id, parts)["did"] == "nothing"
    assert city.task(job_id)["acceptedEndings"] == 0


@pytest.mark.parametrize(
    ("retry_after", "low", "high"), [(30, 25, 30), ("huge", 800, 900), (None, 0, 2)]
)
def test_a_429_is_due_again_after_retry_after(
    parts, city, ledger, finished, retry_after, low, high
):
    job_id = finished()
    fields = {} if retry_after is None else {"retryAfter": retry_after}
    city.fault("complete", "status", status=429, **fields)
    assert report(job_id, parts)["did"] == "postponed"
    due_ms = int(str(ledger.client.hget(ledger.keys.job(job_id), "report_due")))
    now = ledger.client.time()
    assert low <= (due_ms - now[0] * 1000) / 1000 + 1
    assert (due_ms - now[0] * 1000) / 1000 <= high + 1


def test_a_401_stops_all_reports_and_drops_nothing(parts, city, ledger, finished):
    first, second = finished(), finished()
    city.fault("complete", "status", status=401)
    assert report(first, parts)["did"] == "postponed"
    assert report(second, parts) == {"job_id": second, "did": "nothing", "why": "stopped"}
    assert city.task(second)["attempts"] == []
    assert ledger.sweep().to_report == ()
    stopped = ledger.controls.read().stopped
    assert stopped is not None
    assert "401" in stopped.why
    assert stopped.key == parts.client.key_fingerprint
    assert ledger.controls.lift_stop()
    for job_id in (first, second):
        due_now(ledger, job_id)
        assert report(job_id, parts)["did"] == "settled"


def test_a_retired_endpoint_lays_no_delivery_aside(parts, city, ledger, finished):
    job_id = finished()
    city.fault("complete", "status", status=410)
    assert report(job_id, parts)["did"] == "postponed"
    due_now(ledger, job_id)
    assert report(job_id, parts)["did"] == "settled"


def test_a_report_without_an_answer_for_too_long_goes_to_a_person(city, ledger, finished):
    job_id = finished()
    city.fault("complete", "status", status=500, count=None)
    with city.client() as client:
        parts = ReporterParts(ledger, client, agent="a", give_up_seconds=0.0)
        report(job_id, parts)
        due_now(ledger, job_id)

        def is_quarantined() -> bool:
            did = report(job_id, parts)["did"]
            if did != "quarantined":
                due_now(ledger, job_id)
            return did == "quarantined"

        wait_until(is_quarantined, description="the report is given up")
    job = ledger.get(job_id)
    assert job is not None
    assert "no definite answer" in job.reason


def test_ten_reporters_at_once_send_one_report(parts, city, finished):
    job_id = finished()
    did = []
    threads = [
        threading.Thread(target=lambda: did.append(report(job_id, parts)["did"])) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert did.count("settled") == 1
    assert len(city.task(job_id)["attempts"]) == 1


def test_the_wait_grows_and_is_capped(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    first, longest = report_module.REPORT_BACKOFF_SECONDS
    waits = [backoff_seconds(first, longest, times) for times in range(20)]
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == longest


def test_the_bridge_contract_reports_as_well(city, ledger):
    (task_id,) = city.submit({})
    ledger.accept(AssignedTask(task_id, "general", "x"))
    lease = ledger.claim(task_id, ClaimTerms("me", 15))
    assert isinstance(lease, Lease)
    ledger.finish(lease, DONE, Spent(1))
    with city.client("bridge") as client:
        assert report(task_id, ReporterParts(ledger, client, "a", 60))["did"] == "settled"
    assert city.task(task_id)["status"] == "completed"


def test_half_a_character_in_a_refusal_is_recorded_all_the_same(city, ledger, finished):
    job_id = finished()
    words = b'{"success": false, "error": {"code": "ODD", "message": "half \\ud800"}}'
    odd = httpx.MockTransport(lambda _request: httpx.Response(422, content=words))
    client = AICityClient(city.url, "key", load_contract("api"), transport=odd)
    assert report(job_id, ReporterParts(ledger, client, "a", 3600))["did"] == "quarantined"
    job = ledger.get(job_id)
    assert job is not None
    assert "half ?" in job.reason
