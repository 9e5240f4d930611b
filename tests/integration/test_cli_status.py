"""What ``status`` says of a real ledger: what needs a person, and what passes by itself."""

import json

import pytest
from support.waiting import wait_until

from aicity_fleet.ledger import ClaimTerms, Lease
from aicity_fleet.models import AssignedTask, Completed, Spent

OK_POLL = {"status": "ok", "seen": 3, "accepted": 1, "known": 2, "refused": 0, "message": ""}


@pytest.fixture(autouse=True)
def _alive(ledger):
    """A dispatcher swept and polled just now."""
    ledger.sweep(turn_seconds=30)
    ledger.coordination.note_poll("id", OK_POLL)


def accept(ledger, *ids: str) -> None:
    for job_id in ids:
        ledger.accept(AssignedTask(job_id, "research", "Find out"))


def words(shown: str) -> str:
    return " ".join(shown.split())


# --- quarantine -----------------------------------------------------------------------------------


def test_cancelled_and_malformed_jobs_are_counted_and_are_no_alarm(run, ledger):
    accept(ledger, "a", "b")
    run("cancel", "a")
    ledger.refuse("bad", "input: missing")
    shown = words(run("status"))
    assert "works" in shown
    assert "quarantined 0 to decide, 1 malformed, 1 cancelled" in shown
    assert "needs" not in shown


def test_a_job_that_waits_for_a_decision_is_an_alarm_until_it_is_acknowledged(run, ledger):
    accept(ledger, "a", "b")
    lease = ledger.claim("a", ClaimTerms("host:1", 60))
    assert isinstance(lease, Lease)
    ledger.finish(lease, Completed("text", 1, "m"), Spent(1))
    ledger.quarantine(ledger.take_report("a"), "422", was_refused=True)
    shown = words(run("status", code=1))
    assert "1 job is in quarantine" in shown
    assert "'acknowledge' leaves it as it is" in shown
    assert run("acknowledge", "a") == "a: acknowledged (stays quarantined)\n"
    assert "it is queued; it will run by itself" in run("acknowledge", "b", code=1)
    assert "1 acknowledged" in words(run("status"))
    data = json.loads(run("status", "--json"))
    assert (data["undecided"], data["decided"]["acknowledged"]) == (0, 1)
    assert "complete, acknowledged" in run("jobs", "--state", "quarantined")
    assert "acknowledged" in run("job", "a").split("acknowledged by hand")[0]
    assert run("send-report", "a") == "a: report queued (was quarantined)\n"


# --- polls ----------------------------------------------------------------------------------------


def test_a_route_that_does_not_exist_needs_a_person_after_three_polls(run, ledger):
    failed = {**OK_POLL, "status": "error", "message": "GET /tasks/x: 404.", "may_pass": False}
    for _ in range(2):
        ledger.coordination.note_poll("id", failed)
    assert "The last 2 polls failed" in words(run("status"))
    ledger.coordination.note_poll("id", failed)
    shown = words(run("status", code=1))
    assert "The last 3 polls failed, for 0 s: GET /tasks/x: 404." in shown
    assert "FLEET_CONTRACT_FILE" in shown
    ledger.controls.stop("The key was revoked.", "k")
    assert "polls failed" not in run("status", code=1), "the refused key is the cause"
    json.loads(run("status", "--json", code=1))


# --- the clock ------------------------------------------------------------------------------------


def test_a_sweep_that_lies_ahead_is_not_called_recent(run, ledger):
    ahead = int((ledger.now().timestamp() + 3600) * 1000)
    ledger.client.hset(ledger.keys.turns, "sweep:until", ahead)
    shown = words(run("status", code=1))
    assert "No dispatcher has swept since the clock of Redis was set back by" in shown
    assert "last sweep 0 s ago" not in shown


# --- lapsed leases --------------------------------------------------------------------------------


def let_lapse(ledger, owner: str, *ids: str) -> None:
    """Have a process claim jobs and die."""
    for job_id in ids:
        assert isinstance(ledger.claim(job_id, ClaimTerms(owner, 0.01)), Lease)
    rescued: set[str] = set()

    def are_rescued() -> bool:
        rescued.update(ledger.sweep().rescued)
        return rescued >= set(ids)

    wait_until(are_rescued, description="the leases lapse")


def test_a_worker_that_died_under_its_jobs_leaves_a_trace_for_an_hour(run, ledger):
    accept(ledger, "a", "b", "c")
    ledger.sweep()
    let_lapse(ledger, "host:1", "a", "b")
    let_lapse(ledger, "other:22", "c")
    shown = words(run("status"))
    assert "works, with remarks" in shown
    assert (
        "3 leases lapsed in the last hour: 2 of process 1 at host, 1 of process 22 at other"
        in shown
    )
    assert 3500 < ledger.client.ttl(ledger.keys.lapsed) <= 3600
    for member in ledger.client.zrange(ledger.keys.lapsed, 0, 0):
        ledger.client.zincrby(ledger.keys.lapsed, -3_600_000, member)
    assert "2 leases lapsed" in words(run("status"))
    let_lapse(ledger, "other:22", "c")
    assert ledger.client.zcard(ledger.keys.lapsed) == 3, "what is older than an hour is gone"


def test_leases_that_lapse_in_an_outage_accuse_no_worker(run, ledger):
    accept(ledger, "a")
    ledger.sweep()
    assert isinstance(ledger.claim("a", ClaimTerms("host:1", 0.01)), Lease)

    def is_rescued_after_an_outage() -> bool:
        ledger.client.hset(ledger.keys.turns, "swept_at", 1)
        return bool(ledger.sweep().rescued)

    wait_until(is_rescued_after_an_outage, description="the lease lapses")
    assert "lapsed" not in run("status")
