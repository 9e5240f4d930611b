"""What is switched off and how every process obeys: pauses, the stop, quiet, the guard, breakers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import redis
from support.messages import RecordedMessages
from support.waiting import wait_until

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.errors import AICityUnavailableError, LedgerError
from aicity_fleet.journal import Caller
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, NotClaimed, ReportLease, runs
from aicity_fleet.ledger import controls as controls_module
from aicity_fleet.ledger.keys import SCHEMA_VERSION, Keys
from aicity_fleet.models import AssignedTask, Completed, Failed, Meaning, Outcome, Spent, Usage
from scheduler.availability import tell_availability, wants_to_be_busy
from scheduler.poll import poll
from scheduler.report import ReporterParts, report

DONE, FAILED = Completed("text", 1, "m"), Failed("quality", "No.")
HERE = "https://model.example/v1"


@pytest.fixture
def others(redis_server, ledger, agent) -> Iterator[list[Ledger]]:
    """Ledgers as three other processes hold them, each on a connection of its own."""
    clients = [redis.Redis.from_url(redis_server.url, decode_responses=True) for _ in range(3)]
    yield [Ledger(client, Keys(agent), retention_seconds=3600) for client in clients]
    for client in clients:
        client.close()


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch):
    monkeypatch.setattr(runs, "SEND_GRACE_MS", 0)


def accept(ledger: Ledger, *ids: str) -> None:
    for job_id in ids:
        ledger.accept(AssignedTask(job_id, "general", "x"))


def claim(ledger: Ledger, job_id: str, **kwargs) -> Lease | NotClaimed:
    return ledger.claim(job_id, ClaimTerms("me:1", **{"lease_seconds": 15, **kwargs}))


def claimed(ledger: Ledger, job_id: str, **kwargs) -> Lease:
    lease = claim(ledger, job_id, **kwargs)
    assert isinstance(lease, Lease), lease
    return lease


def finish(ledger: Ledger, job_id: str, outcome: Outcome) -> None:
    accept(ledger, job_id)
    ledger.finish(claimed(ledger, job_id), outcome, Spent(1))


def settle(ledger: Ledger, job_id: str, meaning: Meaning) -> None:
    held = ledger.take_report(job_id)
    assert isinstance(held, ReportLease), held
    ledger.settle(held, {}, meaning)


def fail_twice(ledger: Ledger) -> None:
    ledger.controls.seed_guard(0)
    for job_id in ("bad1", "bad2"):
        finish(ledger, job_id, FAILED)
        settle(ledger, job_id, "failure")


def poll_once(ledger: Ledger, city) -> str:
    with city.client() as client:
        return poll(
            client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000
        ).status


# --- pauses ---------------------------------------------------------------------------------------


def test_a_pause_keeps_its_beginning_and_its_reason(ledger):
    assert ledger.controls.pause("starts", "holiday")
    assert not ledger.controls.pause("starts", "another reason")
    switch = ledger.controls.read().paused["starts"]
    assert switch.why == "holiday"
    assert abs((ledger.controls.read().now - switch.since_at).total_seconds()) < 5
    assert ledger.controls.resume("starts")
    assert not ledger.controls.resume("starts")
    assert ledger.controls.read().paused == {}


def test_starts_that_are_paused_stop_every_process_and_go_on_where_they_stood(ledger, others):
    accept(ledger, "a", "b", "c")
    running = claimed(others[0], "a")
    ledger.controls.pause("starts", "x")
    for other in others:
        assert claim(other, "b") == NotClaimed("paused")
        assert other.sweep().to_run == ()
    assert others[0].renew([running], lease_seconds=15).lost == frozenset(), "running ones go on"
    assert others[0].finish(running, DONE, Spent(1))
    assert others[1].sweep().to_report == ("a",)
    ledger.controls.resume("starts")
    assert sorted(others[2].sweep().to_run) == ["b", "c"], "each is sent once, none is lost"
    assert others[1].sweep().to_run == ()


def test_reports_that_are_paused_stop_every_process_and_are_sent_once_afterwards(ledger, others):
    finish(ledger, "a", DONE)
    ledger.controls.pause("reports", "x")
    for other in others:
        assert other.take_report("a") == NotClaimed("paused")
        assert other.sweep().to_report == ()
    accept(ledger, "b")
    assert isinstance(claim(others[0], "b"), Lease), "jobs start all the same"
    ledger.controls.resume("reports")
    assert others[0].sweep().to_report == ("a",)
    got = [other.take_report("a") for other in others]
    assert sum(isinstance(item, ReportLease) for item in got) == 1


def test_a_paused_intake_takes_nothing_loses_nothing_and_tells_that_the_agent_is_busy(
    ledger, others, city
):
    ids = city.submit({}, {})
    ledger.controls.pause("intake", "x")
    assert {poll_once(other, city) for other in others} == {"paused"}
    assert sum(ledger.counts().values()) == 0
    with city.client() as client:
        assert client.profile()["availability"] == "busy"
    ledger.controls.resume("intake")
    assert poll_once(others[0], city) == "ok"
    with city.client() as client:
        assert client.profile()["availability"] == "available"
    assert {job.job_id for job in ledger.jobs()} == set(ids)


@pytest.mark.parametrize(
    ("shown", "then"), [("busy", "available"), ("offline", "offline"), ("available", "available")]
)
def test_a_wiped_ledger_ends_the_busyness_that_the_lost_one_had_set(ledger, city, shown, then):
    with city.client() as client:
        client.set_availability(shown)
        ledger.client.delete(*ledger.client.keys(ledger.keys.prefix + "*"))
        assert poll_once(ledger, city) == "ok"
        assert client.profile()["availability"] == then


def test_a_job_waits_for_the_endpoint_of_its_own_team_alone(ledger):
    for job_id, task_type in (
        ("here", "general"),
        ("there", "code_review"),
        ("later", "code_review"),
    ):
        ledger.accept(AssignedTask(job_id, task_type, "x"))
    terms = {"endpoint": "a.example", "endpoints": {"code_review": "b.example"}}
    for job_id in ("there", "later", "another"):
        ledger.controls.provider_trouble("b.example", job_id, "it is down")
    assert claim(ledger, "there", **terms) == NotClaimed("provider_down")
    assert isinstance(claim(ledger, "here", **terms), Lease)
    assert ledger.controls.provider_works("b.example")
    assert isinstance(claim(ledger, "there", **terms), Lease)


def test_a_busy_agent_whose_owner_said_so_later_stays_busy(ledger, city):
    assert poll_once(ledger, city) == "ok"
    with city.client() as client:
        client.set_availability("busy")
        assert poll_once(ledger, city) == "ok"
        assert client.profile()["availability"] == "busy"


def test_a_profile_that_could_not_be_read_is_read_at_the_next_poll(ledger, city, monkeypatch):
    def fails(_client):
        raise AICityUnavailableError("a network fault")

    with city.client() as client:
        client.set_availability("busy")
        with monkeypatch.context() as patched:
            patched.setattr(AICityClient, "profile", fails)
            assert poll_once(ledger, city) == "ok"
        assert poll_once(ledger, city) == "ok"
        assert client.profile()["availability"] == "available"


def test_a_pause_reaches_every_process_within_two_seconds(ledger, others):
    """Three processes claim and finish as fast as they can; once a pause is seen, none claims again."""
    ids = [f"t{number}" for number in range(1500)]
    accept(ledger, *ids)
    runs: list[list[str]] = [[], [], []]
    saw_pause = [threading.Event() for _ in others]
    late, stop = [], threading.Event()

    def work(number: int) -> None:
        mine = [job_id for job_id in ids if hash(job_id) % 3 == number]
        for job_id in mine:
            answer = claim(others[number], job_id)
            while answer == NotClaimed("paused") and not stop.wait(0.01):
                saw_pause[number].set()
                answer = claim(others[number], job_id)
            if not isinstance(answer, Lease):
                return
            if saw_pause[number].is_set():
                late.append(job_id)
            runs[number].append(job_id)
            others[number].finish(answer, DONE, Spent(1))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(runs), description="all three work")
    ledger.controls.pause("starts", "x")
    paused_at = time.monotonic()
    assert all(event.wait(2) for event in saw_pause)
    assert time.monotonic() - paused_at < 2
    stop.wait(0.5)
    assert late == []
    done = sum(map(len, runs))
    assert 0 < done < len(ids)
    ledger.controls.resume("starts")
    wait_until(lambda: sum(map(len, runs)) > done, description="they go on")
    ledger.controls.pause("starts", "x")
    stop.set()
    for thread in threads:
        thread.join()
    ran = [job_id for mine in runs for job_id in mine]
    assert len(ran) == len(set(ran)), "no job ran twice"
    assert len(ledger.jobs(limit=2000)) == len(ids), "no job is lost"


# --- the stop on a refused key, and quiet ---------------------------------------------------------


def test_a_refused_key_stops_reports_and_polls_until_it_is_lifted(ledger, others, city):
    finish(ledger, "a", DONE)
    assert ledger.controls.stop("401: revoked", "fingerprint")
    assert not ledger.controls.stop("401: revoked", "fingerprint")
    stopped = others[0].controls.read().stopped
    assert stopped is not None
    assert (stopped.why, stopped.key) == ("401: revoked", "fingerprint")
    assert others[0].take_report("a") == NotClaimed("stopped")
    assert others[1].sweep().to_report == ()
    assert poll_once(others[2], city) == "stopped"
    accept(ledger, "b")
    assert isinstance(claim(others[0], "b"), Lease), "what was accepted is worked"
    assert ledger.controls.lift_stop()
    assert not ledger.controls.lift_stop()
    assert isinstance(others[0].take_report("a"), ReportLease)
    assert poll_once(others[2], city) == "ok"


def test_one_poll_in_a_while_tries_a_refused_key_again_and_its_success_lifts_the_stop(
    ledger, others, city, monkeypatch
):
    ledger.controls.stop("401: revoked", "k")
    assert not any(other.controls.may_probe() for other in others), "it was tried just now"
    monkeypatch.setattr(controls_module, "UNAUTHORIZED_PROBE_SECONDS", (0.2, 10.0))
    wait_until(others[0].controls.may_probe, description="the time has come")
    assert not others[1].controls.may_probe()
    wait_until(lambda: poll_once(others[2], city) == "ok", description="a poll tries the key")
    assert ledger.controls.read().stopped is None


def test_a_refused_key_is_tried_again_although_intake_is_paused(ledger, others, city, monkeypatch):
    """Reports wait for the key, and must not wait for the intake."""
    city.submit({})
    ledger.controls.stop("401: revoked", "k")
    ledger.controls.pause("intake", "run dry")
    monkeypatch.setattr(controls_module, "UNAUTHORIZED_PROBE_SECONDS", (0.2, 10.0))
    wait_until(
        lambda: poll_once(others[0], city) == "paused" and not ledger.controls.read().stopped,
        description="a poll tries the key",
    )
    assert sum(ledger.counts().values()) == 0


def test_a_wish_for_quiet_holds_reports_and_polls_and_is_never_shortened(ledger, others, city):
    finish(ledger, "a", DONE)
    ledger.controls.keep_quiet(1)
    ledger.controls.keep_quiet(0.1)
    assert others[0].take_report("a") == NotClaimed("quiet")
    assert others[1].sweep().to_report == ()
    assert poll_once(others[2], city) == "quiet"
    wait_until(
        lambda: isinstance(others[0].take_report("a"), ReportLease), description="it is over"
    )
    assert ledger.controls.read().quiet_seconds == 0


# --- the guard ------------------------------------------------------------------------------------


def test_a_new_guard_learns_the_row_from_the_profile(ledger):
    assert ledger.controls.read().guard_is_new
    assert ledger.controls.seed_guard(1)
    assert not ledger.controls.seed_guard(0), "it knows by now"
    controls = ledger.controls.read()
    assert (controls.failures_in_a_row, controls.guard_is_new) == (1, False)
    finish(ledger, "bad", FAILED)
    settle(ledger, "bad", "failure")
    assert ledger.controls.read().guard_is_closed


def test_a_guard_that_cannot_know_assumes_the_worst_and_lets_jobs_start(ledger):
    assert ledger.controls.seed_guard(None)
    controls = ledger.controls.read()
    assert (controls.failures_assumed, controls.guard_is_closed, controls.holds_failures) == (
        *(2, False),
        True,
    )
    finish(ledger, "bad", FAILED)
    assert ledger.take_report("bad") == NotClaimed("held")
    accept(ledger, "a", "b")
    claimed(ledger, "a")
    claimed(ledger, "b")


def test_the_first_success_ends_the_assumption_and_lets_one_failure_go(ledger):
    ledger.controls.seed_guard(None)
    for job_id in ("bad1", "bad2"):
        finish(ledger, job_id, FAILED)
        assert ledger.take_report(job_id) == NotClaimed("held")
    finish(ledger, "good", DONE)
    settle(ledger, "good", "success")
    controls = ledger.controls.read()
    assert (controls.failures_in_a_row, controls.failures_assumed) == (0, 0)
    assert sorted(ledger.get(i).state for i in ("bad1", "bad2")) == ["finished", "held"]


def test_assumed_and_seen_failures_add_up(ledger):
    ledger.controls.seed_guard(None)
    finish(ledger, "bad", FAILED)
    ledger.take_report("bad")
    ledger.operator.send_report("bad", "x", despite_guard=True)
    settle(ledger, "bad", "failure")
    controls = ledger.controls.read()
    assert (controls.failures_in_a_row, controls.failures_assumed) == (1, 2)
    assert not controls.guard_is_closed


def test_a_guard_that_was_wiped_begins_anew_with_the_next_poll(ledger, city):
    fail_twice(ledger)
    for key in ledger.client.scan_iter(f"{ledger.keys.prefix}*"):
        ledger.client.delete(key)
    assert ledger.controls.read().guard_is_new
    poll_once(ledger, city)
    assert not ledger.controls.read().guard_is_new


def test_while_two_failures_stand_jobs_start_one_at_a_time_until_a_success(ledger, others):
    accept(ledger, "a", "b", "c", "d")
    fail_twice(ledger)
    assert len(ledger.sweep().to_run) == 1, "messages as well"
    first = claimed(others[0], "a")
    assert claim(others[1], "b") == NotClaimed("guard")
    assert ledger.sweep().to_run == ()
    others[0].finish(first, FAILED, Spent(1))
    assert ledger.take_report("a") == NotClaimed("held")
    second = claimed(others[1], "b")
    assert claim(others[2], "c") == NotClaimed("guard")
    others[1].finish(second, DONE, Spent(1))
    settle(ledger, "b", "success")
    claimed(others[0], "c")
    claimed(others[1], "d")
    assert ledger.get("a").state == "finished", "one failure goes between two successes"


# --- breakers -------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """A breaker that opens for a moment only, so that a test can wait for it."""
    monkeypatch.setattr(controls_module, "BREAKER_SECONDS", (0.2, 1.0))


def breaker(ledger: Ledger):
    (found,) = ledger.controls.read().breakers
    return found


def trouble(ledger: Ledger, job_id: str, why: str = "503", **more: Any) -> float:
    """A run of a job has trouble here; returns for how many seconds nothing starts."""
    return ledger.controls.provider_trouble(HERE, job_id, why, **more).closed_seconds


def troubles(ledger: Ledger, number: int = 3) -> float:
    return [trouble(ledger, f"other-{place}") for place in range(number)][-1]


def test_trouble_of_three_jobs_opens_it_for_all_on_that_endpoint_alone(ledger, others):
    accept(ledger, "a", "b")
    assert [trouble(others[n], f"job-{n}") for n in range(2)] == [0, 0]
    assert breaker(ledger).open_until is None
    assert 3 < trouble(others[2], "job-2") < 7
    assert claim(ledger, "a", endpoint=HERE) == NotClaimed("provider_down")
    assert isinstance(claim(ledger, "a", endpoint="https://other.example"), Lease)


def test_one_job_alone_never_opens_it(ledger):
    assert [trouble(ledger, "a") for _ in range(9)] == [0] * 9
    assert [trouble(ledger, job_id) for job_id in ("b", "a", "b", "a")] == [0] * 4


def test_while_the_endpoint_serves_no_trouble_opens_it(ledger):
    waits = [
        trouble(ledger, f"job-{n}", still_serves=True, wait_seconds=600, is_fatal=n == 8)
        for n in range(9)
    ]
    assert waits == [0] * 9


def test_trouble_at_an_endpoint_that_serves_closes_its_breaker(ledger, quick):
    accept(ledger, "a", "b")
    troubles(ledger)
    wait_until(lambda: isinstance(claim(ledger, "a", endpoint=HERE), Lease), description="probe")
    trouble(ledger, "a", still_serves=True)
    assert isinstance(claim(ledger, "b", endpoint=HERE), Lease)


def test_it_tells_how_many_other_jobs_had_the_same_trouble_recently(ledger, monkeypatch):
    def others_of(job_id: str, why: str) -> int:
        return ledger.controls.provider_trouble(HERE, job_id, why).other_jobs

    assert [others_of(job_id, "429") for job_id in ("a", "a", "b", "c", "a")] == [0, 0, 1, 2, 2]
    assert others_of("d", "529") == 0
    monkeypatch.setattr(controls_module, "RECENT_TROUBLE_SECONDS", 0.0)
    time.sleep(0.01)
    assert others_of("e", "429") == 0


def test_trouble_that_confirms_nothing_is_counted_for_no_other_job(ledger):
    for job_id in ("a", "b"):
        trouble(ledger, job_id, "429", still_serves=True, confirms=False)
    assert ledger.controls.provider_trouble(HERE, "c", "429").other_jobs == 0
    assert breaker(ledger).why == "429"


def test_such_trouble_opens_a_breaker_like_any_other(ledger):
    waits = [trouble(ledger, f"job-{n}", confirms=False) for n in range(3)]
    assert waits[:2] == [0, 0]
    assert waits[2] > 0


def test_a_success_does_not_make_a_busy_endpoint_less_busy(ledger):
    for job_id in ("a", "b"):
        trouble(ledger, job_id, "429", still_serves=True)
    ledger.controls.provider_works(HERE)
    assert ledger.controls.read().breakers == ()
    assert ledger.controls.provider_trouble(HERE, "c", "429").other_jobs == 2
    assert breaker(ledger).open_until is None, "the row of troubles began anew"


def test_only_the_latest_jobs_in_trouble_are_kept(ledger, redis_client):
    troubles(ledger, 40)
    kept = json.loads(redis_client.hget(f"{ledger.keys.prefix}breakers", HERE))
    assert len(kept["jobs"]) == 10
    assert kept["jobs"][-1][0] == "other-39"


def test_a_success_in_between_begins_the_count_anew(ledger):
    troubles(ledger, 2)
    assert ledger.controls.provider_works(HERE)
    assert not ledger.controls.provider_works(HERE)
    assert trouble(ledger, "other-2") == 0


def hand_in(ledger: Ledger, job_id: str, endpoint: str, without_tool: str | None) -> None:
    """Run a job whose model hands in like this."""
    accept(ledger, job_id)
    spent = Spent(1, Usage(1), "m", endpoint=endpoint, without_tool=without_tool)
    assert ledger.release(claimed(ledger, job_id), "drain", spent)


def test_a_model_that_ignores_its_tools_is_told_of_for_a_day(ledger, monkeypatch):
    assert ledger.controls.read().ignores_tools == {}
    hand_in(ledger, "a", HERE, "marker")
    hand_in(ledger, "b", "https://other.example", "plain")
    assert ledger.controls.read().ignores_tools == {
        HERE: "marker",
        "https://other.example": "plain",
    }
    hand_in(ledger, "c", HERE, None)
    assert len(ledger.controls.read().ignores_tools) == 2, "nothing was handed in"
    hand_in(ledger, "d", HERE, "")
    assert ledger.controls.read().ignores_tools == {"https://other.example": "plain"}
    monkeypatch.setattr(controls_module, "HAND_IN_SECONDS", 0.0)
    assert ledger.controls.read().ignores_tools == {}


def test_half_open_it_lets_one_through_whose_success_closes_it(ledger, others, quick):
    accept(ledger, "a", "b", "c")
    troubles(ledger)
    wait_until(lambda: isinstance(claim(others[0], "a", endpoint=HERE), Lease), description="one")
    assert claim(others[1], "b", endpoint=HERE) == NotClaimed("provider_down")
    assert claim(others[2], "c", endpoint=HERE) == NotClaimed("provider_down")
    ledger.controls.provider_works(HERE)
    assert ledger.controls.read().breakers == ()
    claimed(others[1], "b", endpoint=HERE)
    claimed(others[2], "c", endpoint=HERE)


def test_the_probe_is_another_job_than_the_one_that_failed_last(ledger, quick):
    accept(ledger, "a", "b")
    troubles(ledger, 2)
    trouble(ledger, "a")
    wait_until(lambda: breaker(ledger).open_until is None, description="it is half open")
    assert claim(ledger, "a", endpoint=HERE) == NotClaimed("provider_down")
    assert isinstance(claim(ledger, "b", endpoint=HERE), Lease)


def test_the_job_that_failed_last_is_the_probe_where_there_is_no_other(ledger, quick):
    accept(ledger, "a")
    troubles(ledger, 2)
    trouble(ledger, "a")
    wait_until(lambda: isinstance(claim(ledger, "a", endpoint=HERE), Lease), description="probe")


def test_the_job_that_failed_last_is_the_probe_when_no_other_comes_in_time(
    ledger, quick, monkeypatch
):
    monkeypatch.setattr(runs, "OTHER_PROBE_SECONDS", 0.3)
    accept(ledger, "a", "never claimed")
    troubles(ledger, 2)
    trouble(ledger, "a")
    wait_until(lambda: isinstance(claim(ledger, "a", endpoint=HERE), Lease), description="probe")


def test_the_first_answer_to_a_probe_closes_it_long_before_its_run_ends(ledger, others, quick):
    accept(ledger, "a", "b")
    troubles(ledger)
    probes: list[Lease] = []

    def begins() -> bool:
        lease = claim(ledger, "a", endpoint=HERE)
        probes.extend([lease] if isinstance(lease, Lease) else [])
        return bool(probes)

    wait_until(begins, description="it is the probe")
    ledger.journals.append(probes[0], 0, "{}")
    ledger.journals.append(probes[0], 1, "{}", caller=Caller(endpoint="https://other.example"))
    assert claim(others[0], "b", endpoint=HERE) == NotClaimed("provider_down"), (
        "no word of this one"
    )
    ledger.journals.append(probes[0], 2, "{}", caller=Caller(endpoint=HERE))
    claimed(others[0], "b", endpoint=HERE)


def test_an_answer_after_the_wait_closes_it_where_no_claim_looks(ledger, quick):
    accept(ledger, "a")
    lease = claimed(ledger, "a", endpoint="https://other.example")
    troubles(ledger)
    ledger.journals.append(lease, 0, "{}", caller=Caller(endpoint=HERE))
    assert breaker(ledger).open_until, "it may come from before"
    wait_until(lambda: not breaker(ledger).open_until, description="the wait is over")
    ledger.journals.append(lease, 1, "{}", caller=Caller(endpoint=HERE))
    assert ledger.controls.read().breakers == ()


def test_an_answer_ends_no_wait_that_the_provider_asked_for(ledger):
    accept(ledger, "a", "b")
    lease = claimed(ledger, "a", endpoint=HERE)
    trouble(ledger, "c", "429", wait_seconds=30)
    ledger.journals.append(lease, 0, "{}", caller=Caller(endpoint=HERE))
    assert claim(ledger, "b", endpoint=HERE) == NotClaimed("provider_down")


def test_the_job_that_was_held_off_is_sent_when_it_is_worth_trying(ledger, quick):
    accept(ledger, "a")
    assert ledger.sweep().to_run == ("a",)
    ledger.sent("a")
    troubles(ledger)
    assert claim(ledger, "a", endpoint=HERE) == NotClaimed("provider_down")
    assert ledger.sweep().to_run == ()
    wait_until(lambda: ledger.sweep().to_run == ("a",), description="the breaker is half open")


ENDS = {
    "a run got its answers": lambda ledger: ledger.controls.provider_works(HERE),
    "a health check passed": lambda ledger: trouble(ledger, "d", still_serves=True),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_jobs_that_were_held_off_are_sent_as_soon_as_it_closes(ledger, end):
    """A wrong key keeps it open for minutes; the person who corrects the key sees jobs start at once."""
    accept(ledger, "a", "b")
    trouble(ledger, "c", "401", is_fatal=True)
    for job_id in ("a", "b"):
        assert claim(ledger, job_id, endpoint=HERE) == NotClaimed("provider_down")
    assert ledger.sweep().to_run == ()
    end(ledger)
    assert set(ledger.sweep().to_run) == {"a", "b"}
    assert ledger.client.exists(f"{ledger.keys.prefix}waiting:{HERE}") == 0


def test_a_job_that_ran_meanwhile_is_not_sent_when_it_closes(ledger):
    accept(ledger, "a")
    trouble(ledger, "c", "401", is_fatal=True)
    assert claim(ledger, "a", endpoint=HERE) == NotClaimed("provider_down")
    claimed(ledger, "a", endpoint="https://other.example")
    ledger.controls.provider_works(HERE)
    assert ledger.sweep().to_run == ()


def test_a_probe_that_fails_opens_it_for_longer(ledger, quick):
    accept(ledger, "a")
    first = troubles(ledger)
    wait_until(lambda: isinstance(claim(ledger, "a", endpoint=HERE), Lease), description="probe")
    second = trouble(ledger, "a")
    assert first < 0.25
    assert 0.3 < second < 0.5


def test_a_probe_that_is_never_heard_of_again_makes_way_for_another(ledger, monkeypatch, quick):
    monkeypatch.setattr(runs, "PROBE_SECONDS", 0.2)
    accept(ledger, "a", "b")
    troubles(ledger)
    wait_until(lambda: isinstance(claim(ledger, "a", endpoint=HERE), Lease), description="probe")
    wait_until(lambda: isinstance(claim(ledger, "b", endpoint=HERE), Lease), description="another")


def test_troubles_that_were_under_way_do_not_escalate_it(ledger):
    waits = [trouble(ledger, f"job-{n}") for n in range(23)]
    assert waits[:2] == [0, 0]
    assert max(waits) == waits[2] < 7, "twenty jobs at once are one outage"
    assert breaker(ledger).troubles == 23


def test_what_the_provider_asks_for_is_waited_for_at_least(ledger):
    assert 28 < trouble(ledger, "b", "429", wait_seconds=30) <= 30
    accept(ledger, "a")
    assert claim(ledger, "a", endpoint=HERE) == NotClaimed("provider_down")


def test_what_only_a_person_can_mend_opens_it_at_once_and_for_long(ledger):
    assert 200 < trouble(ledger, "b", "401", is_fatal=True) < 400
    found = breaker(ledger)
    assert (found.is_fatal, found.why, found.open_until is not None) == (True, "401", True)
    accept(ledger, "a")
    assert claim(ledger, "a", endpoint=HERE) == NotClaimed("provider_down")
    ledger.controls.provider_works(HERE)
    claimed(ledger, "a", endpoint=HERE)


# --- what AI City is told of it -------------------------------------------------------------------


class ToldCity:
    """Counts what it is told."""

    def __init__(self, city) -> None:
        self.real, self.is_down = city.client(), False
        self.told: list[str] = []
        self.contract = self.real.contract

    def set_availability(self, wanted: str) -> None:
        if self.is_down:
            raise AICityUnavailableError("down", 503)
        self.real.set_availability(wanted)
        self.told.append(wanted)


@pytest.fixture
def told(city):
    client = ToldCity(city)
    yield client
    client.real.close()


def test_busy_and_available_are_each_told_once(ledger, told):
    def tell() -> None:
        for _ in range(3):
            tell_availability(told, ledger.controls)

    tell()
    assert told.told == []
    ledger.controls.pause("intake", "x")
    tell()
    ledger.controls.pause("starts", "x")
    tell()
    assert told.told == ["busy"]
    ledger.controls.resume("intake")
    tell()
    assert told.told == ["busy"]
    ledger.controls.resume("starts")
    tell()
    assert told.told == ["busy", "available"]
    assert ledger.controls.read().availability == "available"
    assert told.real.profile()["availability"] == "available"


def test_what_could_not_be_told_is_told_later(ledger, told):
    ledger.controls.pause("intake", "x")
    told.is_down = True
    tell_availability(told, ledger.controls)
    told.is_down = False
    ledger.controls.keep_quiet(100)
    tell_availability(told, ledger.controls)
    assert told.told == []
    ledger.client.hdel(f"{ledger.keys.prefix}controls", "quiet_until")
    tell_availability(told, ledger.controls)
    assert told.told == ["busy"]


def test_a_fatal_provider_makes_the_agent_busy_and_ordinary_trouble_does_not(ledger):
    troubles(ledger)
    assert not wants_to_be_busy(ledger.controls.read())
    trouble(ledger, "a", "401", is_fatal=True)
    assert wants_to_be_busy(ledger.controls.read())


def test_the_cap_of_the_day_makes_the_agent_busy_until_midnight(ledger):
    accept(ledger, "a")
    lease, cap_usd = claimed(ledger, "a"), Decimal("0.10")
    assert not wants_to_be_busy(ledger.controls.read())
    assert ledger.spending.reserve(lease, 0, Decimal("0.07"), cap_usd=cap_usd, seconds=60)
    assert not wants_to_be_busy(ledger.controls.read())
    assert not ledger.spending.reserve(lease, 1, Decimal("0.04"), cap_usd=cap_usd, seconds=60)
    assert wants_to_be_busy(ledger.controls.read())


def test_an_agent_for_whom_nothing_waits_any_more_is_available_again(ledger):
    """Otherwise it would get no task, and only a task can show that there is room."""
    accept(ledger, "a")
    lease, cap_usd, cents = claimed(ledger, "a"), Decimal("0.04"), Decimal("0.03")
    assert ledger.spending.reserve(lease, 0, cents, cap_usd=cap_usd, seconds=60)
    assert not ledger.spending.reserve(lease, 1, cents, cap_usd=cap_usd, seconds=60)
    assert wants_to_be_busy(ledger.controls.read())
    today = ledger.keys.spending(int(ledger.now().timestamp() // 86_400))
    ledger.client.hincrby(today, "kept_back_at", -120_000)
    assert not wants_to_be_busy(ledger.controls.read())
    assert not ledger.spending.reserve(lease, 1, cents, cap_usd=cap_usd, seconds=60)
    ledger.spending.set_cap(Decimal(1))
    assert not wants_to_be_busy(ledger.controls.read()), "a person made room"


def test_a_call_that_fits_no_day_does_not_make_the_agent_busy(ledger):
    accept(ledger, "a")
    lease, cap_usd = claimed(ledger, "a"), Decimal("0.10")
    assert not ledger.spending.reserve(lease, 0, Decimal("0.11"), cap_usd=cap_usd, seconds=60)
    assert not wants_to_be_busy(ledger.controls.read())
    assert ledger.spending.reserve(lease, 1, Decimal("0.10"), cap_usd=cap_usd, seconds=60)
    assert not ledger.spending.reserve(lease, 2, Decimal("0.01"), cap_usd=cap_usd, seconds=60)
    assert wants_to_be_busy(ledger.controls.read())


def test_a_closed_guard_makes_the_agent_busy_and_the_success_available_again(ledger, city):
    with city.client() as client:
        parts = ReporterParts(ledger, client, agent="a", give_up_seconds=3600)
        ids = city.submit({}, {}, {}, {})
        poll_once(ledger, city)
        for job_id in ids[:2]:
            ledger.finish(claimed(ledger, job_id), FAILED, Spent(1))
            report(job_id, parts)
        assert client.profile()["availability"] == "busy"
        ledger.finish(claimed(ledger, ids[2]), DONE, Spent(1))
        report(ids[2], parts)
        assert client.profile()["availability"] == "available"


def test_a_closed_guard_with_nothing_left_to_try_takes_work_again(ledger, told):
    """Only a success opens it, and a busy agent without a job would never have one."""
    fail_twice(ledger)
    finish(ledger, "bad3", FAILED)
    assert wants_to_be_busy(ledger.controls.read()), "a report waits: it may be held, or gone"
    tell_availability(told, ledger.controls)
    assert ledger.take_report("bad3") == NotClaimed("held")
    assert not wants_to_be_busy(ledger.controls.read())
    tell_availability(told, ledger.controls)
    accept(ledger, "new1", "new2")
    tell_availability(told, ledger.controls)
    assert told.told == ["busy", "available", "busy"]


# --- the layout's version -------------------------------------------------------------------------


def test_a_ledger_of_a_later_layout_is_refused(redis_client, ledger):
    redis_client.set(ledger.keys.schema, SCHEMA_VERSION + 1)
    with pytest.raises(LedgerError, match=r"layout 4, .* knows 3\. Upgrade this process"):
        Ledger(redis_client, ledger.keys, retention_seconds=60)


def test_a_ledger_of_an_earlier_layout_is_refused_and_left_as_it_is(redis_client, ledger):
    redis_client.set(ledger.keys.schema, SCHEMA_VERSION - 1)
    with pytest.raises(LedgerError, match=r"layout 2, .* knows 3\. .*finish its jobs"):
        Ledger(redis_client, ledger.keys, retention_seconds=60)
    assert redis_client.get(ledger.keys.schema) == "2"
