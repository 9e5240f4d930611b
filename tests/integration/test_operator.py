"""What a person may do with a job, from every place where it can stand, on a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
from support.waiting import wait_until

from aicity_fleet.errors import WrongStateError
from aicity_fleet.ledger import ClaimTerms, Finished, Lease, Ledger, NotClaimed, ReportLease
from aicity_fleet.ledger.operator import POSSIBLE_IN
from aicity_fleet.ledger.overview import read_overview
from aicity_fleet.models import AssignedTask, Completed, Failed, JobState, Outcome, Spent

DONE, FAILED = Completed("text", 1, "m"), Failed("quality", "No.")
SPENT = Spent(1)
JOB = "clx1"


@pytest.fixture(autouse=True)
def _known_row(ledger):
    """As after the first poll: the guard knows that no failure stands."""
    ledger.controls.seed_guard(0)


def accept(ledger: Ledger, job_id: str = JOB) -> None:
    assert ledger.accept(AssignedTask(job_id, "research", "Find out")) == "accepted"


def claim(ledger: Ledger, job_id: str = JOB, **kwargs: Any) -> Lease:
    lease = ledger.claim(job_id, ClaimTerms("me:1", **{"lease_seconds": 15, **kwargs}))
    assert isinstance(lease, Lease), lease
    return lease


def finish(ledger: Ledger, outcome: Outcome, job_id: str = JOB) -> None:
    accept(ledger, job_id)
    assert ledger.finish(claim(ledger, job_id), outcome, SPENT) == Finished(JobState.FINISHED)


def take(ledger: Ledger, job_id: str = JOB) -> ReportLease:
    report = ledger.take_report(job_id)
    assert isinstance(report, ReportLease), report
    return report


def close_guard(ledger: Ledger) -> None:
    for number in range(2):
        finish(ledger, FAILED, f"bad{number}")
        ledger.settle(take(ledger, f"bad{number}"), {}, "failure")


def deliver(ledger: Ledger, job_id: str) -> None:
    """A success, which AI City accepts."""
    finish(ledger, DONE, job_id)
    assert ledger.settle(take(ledger, job_id), {}, "success").is_ours


def state(ledger: Ledger, job_id: str = JOB) -> str:
    job = ledger.get(job_id)
    return str(job.state) if job else "unknown"


# --- where a job can stand ------------------------------------------------------------------------


def unknown(_ledger: Ledger) -> None:
    """Nothing of it is known."""


def queued(ledger: Ledger) -> None:
    accept(ledger)


def running(ledger: Ledger) -> None:
    accept(ledger)
    claim(ledger)


def finished(ledger: Ledger) -> None:
    finish(ledger, DONE)


def finished_and_being_sent(ledger: Ledger) -> None:
    finish(ledger, DONE)
    take(ledger)


def finished_and_sent_in_vain(ledger: Ledger) -> None:
    finish(ledger, DONE)
    ledger.postpone(take(ledger), "503", delay_seconds=60)


def reported(ledger: Ledger) -> None:
    finish(ledger, DONE)
    ledger.settle(take(ledger), {}, "success")


def held(ledger: Ledger) -> None:
    close_guard(ledger)
    finish(ledger, FAILED)
    assert ledger.take_report(JOB) == NotClaimed("held")


def malformed(ledger: Ledger) -> None:
    ledger.refuse(JOB, "input: missing")


def cancelled(ledger: Ledger) -> None:
    accept(ledger)
    ledger.operator.cancel(JOB, "no")


def delivery_refused(ledger: Ledger) -> None:
    finish(ledger, DONE)
    ledger.quarantine(take(ledger), "422: too long", was_refused=True)


def delivery_unanswered(ledger: Ledger) -> None:
    finish(ledger, DONE)
    ledger.quarantine(take(ledger), "no answer for 24 h", was_refused=False)


def failure_refused(ledger: Ledger) -> None:
    finish(ledger, FAILED)
    ledger.quarantine(take(ledger), "422: no", was_refused=True)


def failure_unanswered(ledger: Ledger) -> None:
    finish(ledger, FAILED)
    ledger.quarantine(take(ledger), "no answer for 24 h", was_refused=False)


def failure_after_a_refused_delivery(ledger: Ledger) -> None:
    delivery_refused(ledger)
    ledger.operator.rerun(JOB, "again")
    assert ledger.finish(claim(ledger), FAILED, SPENT) == Finished(JobState.QUARANTINED)


def parked_third_failure(ledger: Ledger) -> None:
    held(ledger)
    ledger.operator.park(JOB, "later")


UNKNOWN = "does not know it; 'aicity-fleet jobs'"
REPORTED = "is reported; AI City has its outcome, which is final"
AGAIN = "is quarantined; it is already in quarantine"
NO_OUTCOME = "is quarantined; it has no outcome to report; 'rerun'"
THIRD = "third failure in a row, after which AI City suspends.*--despite-guard"
MAYBE = "AI City may have accepted its report.*'send-report'"
ENDED = "it has ended; 'park' holds its report back"
STAYS = "quarantined"
CANCEL = "'cancel' stops it"
SENT_NOW = "is finished; its report is being sent right now"
SENDS = "is finished; the fleet will send its report by itself"
PARK = "is finished; 'park' it first"

# Each cell is where the job is afterwards, or what the refusal says (a pattern, with a blank in it).
TABLE = [
    # where it stands                  cancel         park           rerun          send report  acknowledge
    (unknown,                          UNKNOWN,       UNKNOWN,       UNKNOWN,       UNKNOWN,     UNKNOWN),
    (queued,                           "quarantined", "quarantined", "is queued; it will run by itself",
                                                 "it has no outcome yet", CANCEL),
    (running,                          "running",     "'cancel' stops it", "'cancel' it first",
                                                 "it has no outcome yet", CANCEL),
    (finished,                         ENDED,         "quarantined", PARK,          SENDS,       SENDS),
    (finished_and_being_sent,          ENDED,         SENT_NOW,      PARK,          SENDS,       SENDS),
    (finished_and_sent_in_vain,        ENDED,         "quarantined", PARK,          SENDS,       SENDS),
    (reported,                         REPORTED,      REPORTED,      REPORTED,      REPORTED,    REPORTED),
    (held,                             ENDED,         "quarantined", "queued",      THIRD,
                                                 "is held; the fleet sends its report after"),
    (malformed,                        AGAIN,         AGAIN,         "its task was malformed",
                                                                                NO_OUTCOME,  STAYS),
    (cancelled,                        AGAIN,         AGAIN,         "queued",      NO_OUTCOME,  STAYS),
    (delivery_refused,                 AGAIN,         AGAIN,         "queued",      "finished",  STAYS),
    (delivery_unanswered,              AGAIN,         AGAIN,         MAYBE,         "finished",  STAYS),
    (failure_refused,                  AGAIN,         AGAIN,         "queued",      "finished",  STAYS),
    (failure_unanswered,               AGAIN,         AGAIN,         MAYBE,         "finished",  STAYS),
    (failure_after_a_refused_delivery, AGAIN,         AGAIN,         "queued",
                                                 "a completion was sent to AI City before; 'rerun'", STAYS),
    (parked_third_failure,             AGAIN,         AGAIN,         "queued",      THIRD,       STAYS),
]  # fmt: skip
MOVES = ("cancel", "park", "rerun", "send_report", "acknowledge")
CELLS = [
    pytest.param(row[0], move, cell, id=f"{row[0].__name__}-{move}")
    for row in TABLE
    for move, cell in zip(MOVES, row[1:], strict=True)
]


@pytest.mark.parametrize(("stand", "move", "expected"), CELLS)
def test_every_move_from_everywhere(ledger, stand, move, expected):
    stand(ledger)
    before, trail = state(ledger), len(ledger.audit(JOB))
    make = getattr(ledger.operator, move)
    if " " not in expected:
        assert before in POSSIBLE_IN[move.replace("_", "-")]
        make(JOB, "why not")
        assert state(ledger) == expected
        assert ledger.audit(JOB)[-1]["detail"] == "why not"
        return
    with pytest.raises(WrongStateError, match=expected) as caught:
        make(JOB, "why not")
    assert str(caught.value).startswith(f"Job '{JOB}' cannot be ")
    assert state(ledger) == before
    assert len(ledger.audit(JOB)) == trail


# --- who waits for a decision --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stand", "decision"),
    [
        (malformed, "malformed"),
        (cancelled, "cancelled"),
        (delivery_refused, ""),
        (failure_unanswered, ""),
        (parked_third_failure, ""),
    ],
)
def test_a_quarantined_job_waits_for_a_person_unless_one_decided_or_nobody_can(
    ledger, stand, decision
):
    stand(ledger)
    overview = read_overview(ledger)
    assert overview.undecided == (not decision)
    assert {why for why, number in overview.decided.items() if number} == {decision} - {""}
    assert ledger.get(JOB).decision == decision
    ledger.operator.acknowledge(JOB, "seen")
    ledger.operator.acknowledge(JOB, "seen twice")
    overview = read_overview(ledger)
    assert overview.undecided == 0
    assert overview.decided[decision or "acknowledged"] == 1


def test_a_running_job_that_was_cancelled_waits_for_nobody_once_its_worker_stopped(ledger):
    accept(ledger)
    lease = claim(ledger)
    ledger.operator.cancel(JOB, "no")
    ledger.finish(lease, DONE, SPENT)
    assert state(ledger) == "quarantined"
    assert read_overview(ledger).decided["cancelled"] == 1
    ledger.operator.send_report(JOB, "after all")
    ledger.operator.park(JOB, "not yet")
    assert read_overview(ledger).undecided == 1, "what was decided no longer holds"


def test_a_corrected_task_and_an_expired_record_leave_no_decision_behind(ledger):
    ledger.refuse(JOB, "input: missing")
    ledger.refuse("other", "input: missing")
    assert read_overview(ledger).decided["malformed"] == 2
    accept(ledger)
    assert read_overview(ledger).decided["malformed"] == 1
    ledger.operator.park(JOB, "look")
    assert read_overview(ledger).undecided == 1
    ledger.client.delete(ledger.keys.job("other"))
    ledger.client.zadd(ledger.keys.state("quarantined"), {"other": 1})
    ledger.sweep()
    assert read_overview(ledger).decided["malformed"] == 0


# --- what each move means ------------------------------------------------------------------------


def write_journal(ledger: Ledger, lease: Lease) -> None:
    assert ledger.journals.append(lease, 0, '{"a": 1}')
    assert ledger.journals.append(lease, 1, '{"a": 2}')


def held_with_journal(ledger: Ledger, outcome: Failed = FAILED) -> Lease:
    """A held job with two journaled calls; returns the lease of its run."""
    close_guard(ledger)
    accept(ledger)
    lease = claim(ledger)
    write_journal(ledger, lease)
    ledger.finish(lease, outcome, SPENT, score=12)
    assert ledger.take_report(JOB) == NotClaimed("held")
    return lease


def test_a_rerun_keeps_the_journal_on_request(ledger):
    lease = held_with_journal(ledger)
    assert ledger.operator.rerun(JOB, "the gate was wrong", keep_journal=True) == "held"
    assert len(ledger.journal(JOB)) == 2
    again = claim(ledger)
    assert again.nonce == lease.nonce, "the fences are the same, so the journal fits"
    assert ledger.get(JOB).outcome is None


def test_a_rerun_failure_begins_afresh_without_its_journal(ledger):
    held_with_journal(ledger)
    assert ledger.operator.rerun(JOB, "better luck") == "held"
    assert ledger.journal(JOB) == []
    job = ledger.get(JOB)
    assert job is not None
    assert (job.outcome, job.score, job.reason, job.lapses) == (None, None, "", 0)
    assert ledger.finish(claim(ledger), DONE, SPENT) == Finished(JobState.FINISHED)
    assert take(ledger).outcome == DONE


@pytest.mark.parametrize("code", ["deadline", "over_budget", "unprofitable"])
def test_a_rerun_job_that_ran_out_of_something_goes_on_from_its_journal(ledger, code):
    lease = held_with_journal(ledger, Failed(code, "No more.", 5))
    assert ledger.operator.rerun(JOB, "with more of it") == "held"
    assert len(ledger.journal(JOB)) == 2
    assert claim(ledger).nonce == lease.nonce


def test_a_rerun_job_whose_leases_lapsed_goes_on_from_its_journal(ledger, monkeypatch):
    monkeypatch.setattr("aicity_fleet.ledger.ledger.MAX_LAPSES", 1)
    accept(ledger)
    lease = claim(ledger, lease_seconds=0.05)
    write_journal(ledger, lease)
    wait_until(
        lambda: ledger.sweep() and state(ledger) == "quarantined", description="its lease lapses"
    )
    ledger.operator.rerun(JOB, "the machine was at fault")
    assert len(ledger.journal(JOB)) == 2
    again = claim(ledger)
    assert again.token == lease.token + 1
    assert again.nonce == lease.nonce, "the fences are the same, so the journal fits"


def test_a_rerun_job_gets_its_message_from_the_next_sweep(ledger):
    cancelled(ledger)
    ledger.operator.rerun(JOB, "after all")
    assert ledger.sweep().to_run == (JOB,)


def test_a_report_sent_by_hand_is_handed_out_by_the_next_sweep_and_sent_unchanged(ledger):
    delivery_unanswered(ledger)
    ledger.operator.send_report(JOB, "once more")
    assert ledger.sweep().to_report == (JOB,)
    assert take(ledger).outcome == DONE


def test_a_delivery_that_was_refused_released_and_parked_unsent_can_be_rerun(ledger):
    delivery_refused(ledger)
    ledger.operator.send_report(JOB, "the limit was raised")
    ledger.operator.park(JOB, "it was not")
    assert ledger.operator.rerun(JOB, "shorter") == "quarantined"


def test_a_delivery_that_was_refused_and_then_unanswered_cannot_be_rerun(ledger):
    delivery_refused(ledger)
    ledger.operator.send_report(JOB, "the limit was raised")
    ledger.quarantine(take(ledger), "no answer for 24 h", was_refused=False)
    with pytest.raises(WrongStateError, match=MAYBE):
        ledger.operator.rerun(JOB, "shorter")


def test_the_third_failure_goes_only_despite_the_guard(ledger):
    held(ledger)
    with pytest.raises(WrongStateError, match=THIRD):
        ledger.operator.send_report(JOB, "go")
    assert ledger.take_report(JOB) == NotClaimed("held")
    assert ledger.operator.send_report(JOB, "I know", despite_guard=True) == "held"
    assert take(ledger).outcome == FAILED


def test_a_wish_to_defy_the_guard_ends_with_the_outcome_that_it_was_for(ledger):
    held(ledger)
    ledger.operator.send_report(JOB, "I know", despite_guard=True)
    ledger.operator.park(JOB, "on second thoughts")
    ledger.operator.rerun(JOB, "anew")
    ledger.finish(claim(ledger), FAILED, SPENT)
    assert ledger.take_report(JOB) == NotClaimed("held")


def test_a_later_release_takes_back_the_wish_to_defy_the_guard(ledger):
    held(ledger)
    ledger.operator.send_report(JOB, "I know", despite_guard=True)
    ledger.operator.park(JOB, "on second thoughts")
    with pytest.raises(WrongStateError, match=THIRD):
        ledger.operator.send_report(JOB, "go")
    deliver(ledger, "good")
    ledger.operator.send_report(JOB, "go")
    for number in range(2):  # two others are quicker
        finish(ledger, FAILED, f"worse{number}")
        ledger.settle(take(ledger, f"worse{number}"), {}, "failure")
    assert ledger.take_report(JOB) == NotClaimed("held")


def test_a_failure_sent_by_hand_goes_by_itself_once_the_guard_is_open(ledger):
    held(ledger)
    ledger.operator.park(JOB, "later")
    deliver(ledger, "good")
    assert ledger.operator.send_report(JOB, "now") == "quarantined"
    assert take(ledger).outcome == FAILED


def test_a_parked_failure_that_may_have_been_accepted_still_counts(ledger):
    finish(ledger, FAILED)
    ledger.postpone(take(ledger), "503", delay_seconds=0)
    assert ledger.controls.read().failures_in_a_row == 1
    ledger.operator.park(JOB, "later")
    assert ledger.controls.read().failures_in_a_row == 1


def test_a_parked_failure_that_is_sent_counts_anew_and_is_cleared_by_one_success(ledger):
    """Its first try may have been accepted as well as its second, with a success in between."""
    finish(ledger, FAILED)
    ledger.postpone(take(ledger), "503", delay_seconds=0)
    ledger.operator.park(JOB, "later")
    ledger.operator.send_report(JOB, "now")
    ledger.settle(take(ledger), {}, "failure")
    assert ledger.controls.read().failures_in_a_row == 2
    deliver(ledger, "good")
    assert ledger.controls.read().failures_in_a_row == 0


def test_cancelling_a_running_job_tells_its_worker_and_keeps_what_it_returns(ledger):
    accept(ledger)
    lease = claim(ledger)
    assert not ledger.operator.cancel(JOB, "no longer wanted")
    assert ledger.renew([lease], lease_seconds=15).cancelled == {JOB}
    assert ledger.release(lease, "cancelled", SPENT)
    job = ledger.get(JOB)
    assert job is not None
    assert (job.state, job.reason) == (JobState.QUARANTINED, "no longer wanted")
    assert ledger.take_report(JOB) == NotClaimed("quarantined")


def test_a_cancelled_job_that_ends_in_the_same_moment_is_not_reported(ledger):
    accept(ledger)
    lease = claim(ledger)
    ledger.operator.cancel(JOB, "no")
    assert ledger.finish(lease, DONE, SPENT) == Finished(JobState.QUARANTINED)
    assert ledger.take_report(JOB) == NotClaimed("quarantined")
    assert ledger.operator.send_report(JOB, "well, then") == "quarantined"
    assert take(ledger).outcome == DONE


def test_a_cancelled_job_whose_worker_died_is_quarantined_when_its_lease_lapses(ledger):
    accept(ledger)
    claim(ledger, lease_seconds=0.05)
    ledger.operator.cancel(JOB, "no")
    wait_until(
        lambda: ledger.sweep() and state(ledger) == "quarantined", description="its lease lapses"
    )
    assert ledger.sweep().to_run == ()


def test_a_cancelled_job_stays_cancelled_although_ai_city_still_lists_it(ledger):
    cancelled(ledger)
    assert ledger.accept(AssignedTask(JOB, "research", "Find out")) == "known"
    assert state(ledger) == "quarantined"
