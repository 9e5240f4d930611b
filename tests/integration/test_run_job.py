"""One job, once: each ending of a team's run and the one move that it becomes."""

import contextlib
import dataclasses
import threading
import time
from typing import Any

import pytest
from support.messages import RecordedMessages
from support.waiting import wait_until
from support.workers import function_worker

from aicity_fleet.background import Threads
from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.journal import Journal
from aicity_fleet.ledger import ClaimTerms, Lease, controls
from aicity_fleet.messaging.routes import REPORT, RUN_JOB
from aicity_fleet.models import (
    AssignedTask,
    Completed,
    Delivered,
    Failed,
    Interrupted,
    JobState,
    Judgement,
    ProviderFatal,
    ProviderTrouble,
    Rejected,
    Spent,
    TeamResult,
    Usage,
)
from aicity_fleet.stop_switch import StopSwitch
from workers import provider_trouble
from workers.lease_keeper import LeaseKeeper
from workers.provider_trouble import MAX_TROUBLES
from workers.run_job import MAX_BROKEN_ATTEMPTS, run_job
from workers.worker import Worker

TASK = AssignedTask("t1", "research", "Find out.")


@pytest.fixture
def leases(ledger):
    keeper = LeaseKeeper(ledger, 0.6, Threads())
    yield keeper
    keeper.stop()


@pytest.fixture
def worker(ledger, leases):
    """Parts whose team ends as the test says."""
    messages = RecordedMessages()

    def make(ending, *, on_run=None) -> Worker:
        def run_team(lease: Lease, stop_switch: StopSwitch, journal: Journal) -> TeamResult:
            if on_run is not None:
                on_run(stop_switch)
            if isinstance(ending, Exception):
                raise ending
            if isinstance(ending, TeamResult):
                return ending
            return TeamResult(ending, Usage(3, 20, 10), "gpt-4o-mini")

        return function_worker(
            ledger, run_team, leases=leases, messages=messages, lease_seconds=0.6
        )

    make.messages = messages  # type: ignore[attr-defined]  # a test looks at them
    ledger.accept(TASK)
    return make


def job(ledger):
    found = ledger.get("t1")
    assert found is not None
    return found


def test_a_deliverable_goes_into_the_outbox_and_its_report_is_sent(worker, ledger):
    did = run_job("t1", worker(Delivered("The text.", 88)))
    assert (did["did"], did["why"]) == ("complete", "delivered")
    found = job(ledger)
    assert found.state is JobState.FINISHED
    assert isinstance(found.outcome, Completed)
    assert (found.outcome.text, found.score, found.model_calls) == ("The text.", 88, 3)
    assert worker.messages.sent == [(REPORT, "t1")]


@pytest.mark.parametrize(("ignores_tools", "told"), [(True, {"here m-1": "plain"}), (False, {})])
def test_how_the_model_handed_in_is_recorded(worker, ledger, ignores_tools, told):
    result = TeamResult(
        Delivered("The text.", 88), Usage(3, 20, 10), "m-1",
        endpoint="here m-1", hand_in="plain", ignores_tools=ignores_tools,
    )  # fmt: skip
    run_job("t1", worker(result))
    assert job(ledger).hand_in == "plain"
    assert ledger.controls.read().ignores_tools == told


@pytest.mark.parametrize("said", [None, Judgement(72, ("One.",)), Judgement(silence="refused")])
def test_what_the_judge_said_is_recorded_until_a_rerun(worker, ledger, said):
    run_job("t1", worker(TeamResult(Interrupted("drain"), Usage(), "m-1", judgement=said)))
    assert job(ledger).judgement == (said and said.to_json())
    ledger.operator.cancel("t1", "by the test")
    assert ledger.operator.rerun("t1", "by the test")
    assert job(ledger).judgement is None


def test_trouble_at_the_judge_says_nothing_of_how_the_team_hands_in(worker, ledger):
    trouble = ProviderFatal("the model's provider refuses the key (401)")
    result = TeamResult(
        trouble, Usage(2, 20, 10), "m-1", endpoint="judge m-2", hand_in="marker", ignores_tools=True
    )
    run_job("t1", worker(result))
    assert ledger.controls.read().ignores_tools == {}


@pytest.mark.parametrize("code", ["quality", "refused", "over_budget", "deadline"])
def test_a_rejected_job_fails_with_its_code(worker, ledger, code):
    run_job("t1", worker(Rejected(code, "A sentence.")))
    outcome = job(ledger).outcome
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.message) == (code, "A sentence.")


def test_provider_trouble_releases_the_job_with_backoff_and_fails_nobody(worker, ledger):
    run_job("t1", worker(ProviderTrouble("503 from the model", retry_after_seconds=40)))
    found = job(ledger)
    assert (found.state, found.outcome) == (JobState.QUEUED, None)
    assert found.not_before is not None
    assert found.changed_at is not None
    assert (found.not_before - found.changed_at).total_seconds() >= 39
    assert found.model_calls == 3


def in_trouble(worker, ending, *, serves: bool | None, calls: int = 0) -> Worker:
    """A worker whose team meets trouble after some answers, at an endpoint that serves or does not."""
    parts = worker(ending)
    parts.teams.is_serving = serves
    run_team = parts.teams.run_team
    parts.teams.run_team = lambda *args: dataclasses.replace(run_team(*args), usage=Usage(calls))
    return parts


def at_once(ledger) -> None:
    """Have the job be due now."""
    ledger.client.hset(ledger.keys.job("t1"), "not_before", 0)


OWN: dict[str, ProviderTrouble | ProviderFatal] = {
    "timeout": ProviderTrouble("the model call timed out"),
    "500": ProviderTrouble("the model's provider is down (500)"),
    "busy": ProviderTrouble("the model's provider is busy (429)", is_busy=True),
    "403": ProviderFatal("the model's provider refuses the key (403)"),
}


@pytest.mark.parametrize("name", OWN)
def test_trouble_at_an_endpoint_that_serves_fails_the_job_after_a_few_attempts(
    worker, ledger, name
):
    parts = in_trouble(worker, OWN[name], serves=True)
    waits = []
    for number in range(1, MAX_TROUBLES):
        assert run_job("t1", parts)["did"] == "released"
        found = job(ledger)
        assert found.state is JobState.QUEUED, number
        waits.append((found.not_before - found.changed_at).total_seconds())
        at_once(ledger)
    assert run_job("t1", parts)["why"] == "provider"
    outcome = job(ledger).outcome
    assert isinstance(outcome, Failed)
    assert outcome.code == "provider"
    assert OWN[name].message in outcome.message
    assert waits == sorted(waits)
    assert waits[0] >= 4
    assert all(b.open_until is None for b in ledger.controls.read().breakers), "nobody else waits"


@pytest.mark.parametrize("name", OWN)
def test_a_probe_with_a_trouble_of_its_own_holds_nobody_off(worker, ledger, name, monkeypatch):
    monkeypatch.setattr(controls, "BREAKER_SECONDS", (0.1, 0.1))
    for number in range(3):
        ledger.controls.provider_trouble("e", f"other {number}", "503")
    parts = in_trouble(worker, OWN[name], serves=True)
    parts = dataclasses.replace(parts, terms=dataclasses.replace(parts.terms, endpoint="e"))
    wait_until(lambda: run_job("t1", parts)["did"] == "released", description="it is the probe")
    ledger.accept(AssignedTask("t2", "general", "Say something."))
    assert isinstance(ledger.claim("t2", ClaimTerms("me", 15, endpoint="e")), Lease)


@pytest.mark.parametrize("name", OWN)
def test_trouble_in_an_outage_never_counts_against_the_job(worker, ledger, name):
    parts = in_trouble(worker, OWN[name], serves=False)
    for _ in range(3 * MAX_TROUBLES):
        ledger.client.delete(f"{ledger.keys.prefix}breakers")  # claims wait for it
        run_job("t1", parts)
        assert job(ledger).state is JobState.QUEUED
        at_once(ledger)


def test_an_error_about_the_models_own_words_is_the_jobs_although_nothing_serves(worker, ledger):
    ending = ProviderTrouble("the provider could not read the call", is_of_job=True)
    parts = in_trouble(worker, ending, serves=False)
    for _ in range(MAX_TROUBLES):
        run_job("t1", parts)
        at_once(ledger)
    assert isinstance(job(ledger).outcome, Failed)
    assert job(ledger).outcome.code == "provider"
    assert ledger.controls.read().breakers == ()


def test_an_answer_between_two_troubles_begins_the_count_anew(worker, ledger):
    parts = in_trouble(worker, OWN["500"], serves=True, calls=1)
    for _ in range(3 * MAX_TROUBLES):
        run_job("t1", parts)
        assert job(ledger).state is JobState.QUEUED
        at_once(ledger)


def test_an_endpoint_that_tells_several_jobs_that_it_is_busy_is_busy(worker, ledger):
    parts = in_trouble(worker, OWN["busy"], serves=True)
    for _ in range(3 * MAX_TROUBLES):
        for other in ("t2", "t3"):
            ledger.controls.provider_trouble("", other, OWN["busy"].message, still_serves=True)
        run_job("t1", parts)
        assert job(ledger).state is JobState.QUEUED
        at_once(ledger)


def test_an_outage_uses_up_no_excuse(worker, ledger, monkeypatch):
    monkeypatch.setattr(provider_trouble, "MAX_EXCUSES", 2)
    parts = in_trouble(worker, OWN["busy"], serves=False)
    for _ in range(5):
        ledger.client.delete(f"{ledger.keys.prefix}breakers")
        run_job("t1", parts)
        at_once(ledger)
    parts = in_trouble(worker, OWN["busy"], serves=True)
    for other in ("t2", "t3"):
        ledger.controls.provider_trouble("", other, OWN["busy"].message, still_serves=True)
    run_job("t1", parts)
    assert ledger.client.hget(ledger.keys.job("t1"), "troubles") is None


def test_a_worker_that_drains_during_the_check_hands_the_job_back(worker, ledger):
    parts = in_trouble(worker, OWN["500"], serves=None)
    assert run_job("t1", parts)["why"] == "drain"
    assert ledger.controls.read().breakers == ()
    assert job(ledger).state is JobState.QUEUED


def test_jobs_that_are_always_told_so_excuse_each_other_for_a_while_only(
    worker, ledger, monkeypatch
):
    monkeypatch.setattr(provider_trouble, "MAX_EXCUSES", 2)
    parts = in_trouble(worker, OWN["busy"], serves=True)
    for _ in range(2 + MAX_TROUBLES):
        assert job(ledger).state is JobState.QUEUED
        for other in ("t2", "t3"):
            ledger.controls.provider_trouble("", other, OWN["busy"].message, still_serves=True)
        run_job("t1", parts)
        at_once(ledger)
    assert isinstance(job(ledger).outcome, Failed)
    assert job(ledger).outcome.code == "provider"


def test_jobs_that_are_never_served_do_not_excuse_each_other_for_long(worker, ledger):
    """Each is told that the endpoint is busy, as often as it asks."""
    jobs = ("t1", "t2", "t3", "t4")
    parts = in_trouble(worker, OWN["busy"], serves=True)
    for job_id in jobs[1:]:
        ledger.accept(dataclasses.replace(TASK, task_id=job_id))
    for _ in range(16):
        for job_id in jobs:
            run_job(job_id, parts)
            ledger.client.hset(ledger.keys.job(job_id), "not_before", "0")
    states = {job_id: ledger.get(job_id).state for job_id in jobs}
    assert states == dict.fromkeys(jobs, JobState.FINISHED)


def test_a_provider_that_only_a_person_can_mend_releases_the_job(worker, ledger):
    run_job("t1", worker(ProviderFatal("invalid model key")))
    found = job(ledger)
    assert (found.state, found.outcome) == (JobState.QUEUED, None)
    assert found.reason == "invalid model key"


@pytest.mark.parametrize("ending", [ProviderFatal("401"), ProviderTrouble("503")])
def test_a_job_waits_itself_for_an_endpoint_that_claims_do_not_wait_for(
    worker, ledger, ending, monkeypatch
):
    monkeypatch.setattr(provider_trouble, "PROVIDER_BACKOFF_SECONDS", (0.0, 0.0))
    parts = worker(ending)
    run_team = parts.teams.run_team
    parts.teams.run_team = lambda *args: dataclasses.replace(run_team(*args), endpoint="strong")
    terms = dataclasses.replace(parts.terms, endpoint="default")
    for other in ("t2", "t3"):
        ledger.controls.provider_trouble("strong", other, ending.message)
    run_job("t1", dataclasses.replace(parts, terms=terms))
    found = job(ledger)
    assert found.not_before is not None
    assert (found.not_before - found.changed_at).total_seconds() > 3


def test_a_job_that_comes_back_while_its_first_run_is_on_its_way_out_keeps_its_lease(
    ledger, leases
):
    """As after a sleep of the machine: the sweep came first, and the same process claimed again."""
    ledger.accept(TASK)
    first, second = StopSwitch(), StopSwitch()
    began = time.monotonic()
    lease = ledger.claim("t1", ClaimTerms("me", 0.6))
    out = contextlib.ExitStack()
    out.enter_context(leases.keep(lease, first, claimed_at=began))
    ledger.release(lease, "drain", Spent(1))
    again = ledger.claim("t1", ClaimTerms("me", 0.6))
    with leases.keep(again, second, claimed_at=time.monotonic()):
        assert first.abort_reason == "lease_lost"
        out.close()
        time.sleep(1.5)
        assert second.abort_reason is None
        assert ledger.sweep().rescued == ()
        assert ledger.get("t1").state is JobState.RUNNING


def test_a_drained_job_may_run_again_at_once(worker, ledger):
    run_job("t1", worker(Interrupted("drain")))
    assert job(ledger).state is JobState.QUEUED
    assert isinstance(ledger.claim("t1", ClaimTerms("other", 15)), Lease)


def test_a_job_stopped_for_its_lease_is_handed_back_where_it_is_still_ours(worker, ledger):
    assert run_job("t1", worker(Interrupted("lease_lost")))["did"] == "released"
    assert (job(ledger).state, job(ledger).outcome) == (JobState.QUEUED, None)


def test_a_lost_lease_is_dropped_without_a_word(worker, ledger):
    def lose_it(_stop_switch: StopSwitch) -> None:
        ledger.client.hincrby(ledger.keys.job("t1"), "attempt", 1)

    parts = worker(Interrupted("lease_lost"), on_run=lose_it)
    assert run_job("t1", parts)["did"] == "dropped"
    assert (job(ledger).state, job(ledger).outcome) == (JobState.RUNNING, None)


def test_a_job_stopped_for_its_lease_while_redis_is_away_waits_for_the_sweep(
    worker, ledger, monkeypatch
):
    parts = worker(Interrupted("lease_lost"))
    monkeypatch.setattr(ledger, "release", _no_redis)
    assert run_job("t1", parts)["did"] == "dropped"


def test_a_second_message_for_a_running_job_does_nothing(worker, ledger):
    inside: list[Any] = []
    again = worker(AssertionError("must not run"))
    parts = worker(
        Delivered("x", 80), on_run=lambda _stop_switch: inside.append(run_job("t1", again))
    )
    run_job("t1", parts)
    assert inside == [{"job_id": "t1", "did": "nothing", "why": "running"}]


def test_a_job_that_nobody_knows_does_nothing(worker):
    assert run_job("nobody", worker(Delivered("x", 80)))["why"] == "unknown"


def test_our_own_fault_is_tried_again_and_not_for_ever(worker, ledger, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda _low, _high: 0)
    parts = worker(RuntimeError("a bug"))
    for _ in range(MAX_BROKEN_ATTEMPTS - 1):
        assert run_job("t1", parts)["did"] == "released"
    assert run_job("t1", parts)["did"] == "fail"
    outcome = job(ledger).outcome
    assert isinstance(outcome, Failed)
    assert outcome.code == "internal"
    assert "bug" not in outcome.message


def test_drains_and_provider_trouble_do_not_count_as_our_own_fault(worker, ledger, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda _low, _high: 0)
    for _ in range(MAX_BROKEN_ATTEMPTS):
        run_job("t1", worker(ProviderTrouble("503")))
        run_job("t1", worker(Interrupted("drain")))
    assert run_job("t1", worker(RuntimeError("a bug")))["did"] == "released"


def test_an_absent_redis_is_no_fault_of_the_job(worker, ledger):
    for _ in range(MAX_BROKEN_ATTEMPTS + 1):
        assert run_job("t1", worker(LedgerUnavailableError("gone")))["did"] == "released"
    assert job(ledger).outcome is None


def test_a_broker_that_takes_no_message_loses_no_outcome(worker, ledger):
    parts = worker(Delivered("x", 80))
    worker.messages.is_refusing = True
    assert run_job("t1", parts)["did"] == "complete"
    assert job(ledger).state is JobState.FINISHED


def test_a_draining_worker_claims_nothing_and_passes_the_message_on(worker, ledger, leases):
    leases.drain(0)
    assert run_job("t1", worker(Delivered("x", 80)))["did"] == "requeued"
    assert worker.messages.sent == [(RUN_JOB, "t1")]
    assert job(ledger).attempt == 0


def test_the_lease_is_renewed_while_the_team_runs(worker, ledger):
    rescued = []

    def run_long(_stop_switch: StopSwitch) -> None:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            rescued.extend(ledger.sweep().rescued)
            time.sleep(0.05)

    assert run_job("t1", worker(Delivered("x", 80), on_run=run_long))["did"] == "complete"
    assert rescued == []


def test_the_time_of_earlier_attempts_counts(worker, ledger):
    run_job("t1", worker(Interrupted("drain"), on_run=lambda _stop_switch: time.sleep(0.2)))
    run_job("t1", worker(Delivered("x", 80)))
    outcome = job(ledger).outcome
    assert isinstance(outcome, Completed)
    assert outcome.execution_time_ms >= 200


def test_a_run_whose_lease_went_to_another_is_stopped_and_writes_nothing(worker, ledger):
    stopped = threading.Event()

    def lose_it(stop_switch: StopSwitch) -> None:
        ledger.client.hincrby(ledger.keys.job("t1"), "attempt", 1)  # another process owns it now
        wait_until(
            lambda: stop_switch.abort_reason == "lease_lost", description="the run is stopped"
        )
        stopped.set()

    did = run_job("t1", worker(Delivered("x", 80), on_run=lose_it))
    assert stopped.is_set()
    assert did["did"] == "dropped"
    assert job(ledger).outcome is None


def test_a_process_that_cannot_renew_stops_its_jobs_before_the_lease_ends(
    worker, ledger, leases, monkeypatch
):
    began = time.monotonic()
    took = []

    def cut_off(stop_switch: StopSwitch) -> None:
        monkeypatch.setattr(ledger, "renew", _no_redis)
        wait_until(
            lambda: stop_switch.abort_reason == "lease_lost", description="the run is fenced"
        )
        took.append(time.monotonic() - began)

    run_job("t1", worker(Interrupted("lease_lost"), on_run=cut_off))
    assert took[0] < 0.6  # before the lease ends


def _no_redis(*_args: object, **_kwargs: object) -> None:
    raise LedgerUnavailableError("gone")


def test_drain_asks_first_and_aborts_after_the_grace(ledger, leases):
    ledger.accept(TASK)
    lease = ledger.claim("t1", ClaimTerms("me", 15))
    assert isinstance(lease, Lease)
    stop_switch = StopSwitch()
    with leases.keep(lease, stop_switch, claimed_at=time.monotonic()):
        leases.drain(0.3)
        wait_until(lambda: stop_switch.is_draining, description="asked to stop")
        assert stop_switch.abort_reason is None
        wait_until(lambda: stop_switch.abort_reason == "drain", description="told to stop")


def test_backoff_is_jittered_between_zero_and_its_cap():
    waits = [backoff_seconds(5, 300, 3) for _ in range(200)]
    assert 0 <= min(waits) < 10
    assert 30 < max(waits) <= 40
