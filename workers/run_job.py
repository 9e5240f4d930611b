"""Runs one job: claims it, runs its team, and writes down how it ended.

A message is only a hint: the claim decides whether anything runs. Every ending becomes exactly one
move in the ledger, and a move is refused when the lease is no longer ours.
"""

import dataclasses
import time
from typing import Literal

import structlog

from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.errors import LeaseLostError, LedgerError
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Lease, Ledger, NotClaimed
from aicity_fleet.models import (
    Completed,
    Delivered,
    Failed,
    Interrupted,
    JobState,
    JsonObject,
    Outcome,
    ProviderFatal,
    ProviderTrouble,
    Rejected,
    Spent,
    TeamResult,
    Usage,
)
from aicity_fleet.stop_switch import StopSwitch
from workers.ledger_journal import LedgerJournal
from workers.ledger_spending import LedgerSpendingLimiter
from workers.worker import Worker

PROVIDER_BACKOFF_SECONDS = (5.0, 60.0)
"""The first and longest wait of a job after trouble with the model's provider, in seconds; it doubles each
time. This is for one job with trouble. The breaker handles an outage."""

MAX_BROKEN_ATTEMPTS = 3
"""After how many attempts a job that raises within our own code fails."""

log = structlog.get_logger(__name__)


def run_job(job_id: str, worker: Worker) -> JsonObject:
    """Run a job, unless the ledger says otherwise.

    Returns:
        What happened, for Flower: ids, numbers and codes, never a text of the job.

    Raises:
        LedgerUnavailableError: Redis went away; the sweep finds the job again.
    """
    if worker.leases.is_draining:
        worker.messages.run_job(job_id)
        return {"job_id": job_id, "did": "requeued", "why": "drain"}
    claimed_at = time.monotonic()
    lease = worker.ledger.claim(job_id, worker.terms, is_alone=worker.isolation is None)
    if isinstance(lease, NotClaimed):
        if lease.reason == "isolated" and worker.isolation is not None:
            return worker.isolation.run(job_id)
        return {"job_id": job_id, "did": "nothing", "why": lease.reason}
    if worker.on_claim is not None:
        worker.on_claim(lease)
    reached(Failpoint.CLAIMED, job_id)
    stop_switch = StopSwitch()
    log.info("job.started", job_id=job_id, attempt=lease.token, task_type=lease.task.task_type)
    with worker.leases.keep(lease, stop_switch, claimed_at=claimed_at):
        try:
            journal = LedgerJournal(worker.ledger, lease, stop_switch)
            result = worker.teams.run(
                lease, stop_switch, journal, _limiter(lease, stop_switch, worker)
            )
        except LeaseLostError:
            return {"job_id": job_id, "attempt": lease.token, "did": "dropped", "why": "lease_lost"}
        except LedgerError as error:
            log.warning("job.ledger_absent", job_id=job_id, attempt=lease.token, message=str(error))
            result = TeamResult(Interrupted("drain"), Usage(), "")
        except Exception:
            log.exception("job.broken", job_id=job_id, attempt=lease.token)
            result = None
        reached(Failpoint.TEAM_ENDED, job_id)
        ran_ms = int((time.monotonic() - claimed_at) * 1000)
        if result is None:
            did = _settle_broken(lease, worker, Spent(ran_ms))
        else:
            spent = Spent(ran_ms, result.usage, result.model, result.hand_in)
            did = _settle(lease, result, worker, spent)
    log.info("job.stopped", job_id=job_id, attempt=lease.token, **did)
    return {"job_id": job_id, "attempt": lease.token, "seconds": ran_ms / 1000, **did}


def _limiter(lease: Lease, stop_switch: StopSwitch, worker: Worker) -> LedgerSpendingLimiter | None:
    """Return the attempt's share of the day's cap; None without a cap."""
    cap_usd = worker.terms.day_cap_usd
    if cap_usd is None:
        return None
    return LedgerSpendingLimiter(worker.ledger, cap_usd, lease, stop_switch)


def _settle(lease: Lease, result: TeamResult, worker: Worker, spent: Spent) -> JsonObject:
    """Turn the ending of a run into its one move in the ledger."""
    endpoint = result.endpoint or worker.terms.endpoint
    if result.usage.model_calls and not isinstance(result.ending, ProviderTrouble | ProviderFatal):
        worker.ledger.controls.provider_works(endpoint)
    if result.hand_in is not None:
        worker.ledger.controls.note_hand_in(
            endpoint, result.hand_in if result.ignores_tools else ""
        )
    if result.ignores_tools:
        log.info("model.ignores_tools", endpoint=endpoint, hand_in=result.hand_in)
    match result.ending:
        case Delivered(text=text, score=score):
            done = Completed(text, spent.ran_ms, result.model, result.agents)
            return _finish(lease, done, worker, spent, score)
        case Rejected(code=code, message=message):
            return _finish(lease, Failed(code, message, spent.ran_ms), worker, spent)
        case ProviderTrouble(message=message, retry_after_seconds=wait):
            closed = worker.ledger.controls.provider_trouble(
                endpoint, message, wait_seconds=wait or 0.0
            )
            closed = (
                0.0 if endpoint == worker.terms.endpoint else closed
            )  # claims wait for that one
            delay = max(
                wait or 0.0, closed, backoff_seconds(*PROVIDER_BACKOFF_SECONDS, lease.releases)
            )
            return _release(lease, worker, spent, message, delay, counts_as="releases")
        case ProviderFatal(message=message):
            closed = worker.ledger.controls.provider_trouble(endpoint, message, is_fatal=True)
            log.error("provider.fatal", job_id=lease.job_id, message=message)
            delay = 0.0 if endpoint == worker.terms.endpoint else closed
            return _release(lease, worker, spent, message, delay)
        case Interrupted(reason="lease_lost"):
            return _let_go(lease, worker, spent)
        case Interrupted(reason=reason):
            return _release(lease, worker, spent, reason, 0)


def _let_go(lease: Lease, worker: Worker, spent: Spent) -> JsonObject:
    """Hand the job back if the lease is still ours, so that nobody waits until it lapses."""
    try:
        return _release(lease, worker, spent, "lease_lost", 0)
    except LedgerError:  # Redis is down, and so the lease lapses
        return {"did": "dropped", "why": "lease_lost"}


def _settle_broken(lease: Lease, worker: Worker, spent: Spent) -> JsonObject:
    """Run the job again later, but not forever: our own code raised."""
    if lease.breaks + 1 < MAX_BROKEN_ATTEMPTS:
        delay = backoff_seconds(*PROVIDER_BACKOFF_SECONDS, lease.breaks)
        return _release(lease, worker, spent, "internal error", delay, counts_as="breaks")
    message = "The agent's own software failed on this task."
    return _finish(lease, Failed("internal", message, spent.ran_ms), worker, spent)


def _finish(
    lease: Lease, outcome: Outcome, worker: Worker, spent: Spent, score: int | None = None
) -> JsonObject:
    outcome = _with_total_time(outcome, worker.ledger, lease.job_id)
    state = worker.ledger.finish(lease, outcome, spent, score=score)
    if state is None:
        return {"did": "dropped", "why": "lease_lost"}
    if state is not JobState.FINISHED:
        return {"did": "laid_aside", "why": str(state)}
    reached(Failpoint.OUTCOME_WRITTEN, lease.job_id)
    worker.messages.report(lease.job_id)
    why = outcome.code if isinstance(outcome, Failed) else "delivered"
    return {"did": outcome.kind, "why": why, "model_calls": spent.usage.model_calls}


def _with_total_time(outcome: Outcome, ledger: Ledger, job_id: str) -> Outcome:
    """Add the time of earlier attempts: the buyer's task took all of it."""
    job = ledger.get(job_id)
    earlier_ms = job.ran_ms if job else 0
    return dataclasses.replace(outcome, execution_time_ms=earlier_ms + outcome.execution_time_ms)


def _release(
    lease: Lease,
    worker: Worker,
    spent: Spent,
    why: str,
    delay_seconds: float,
    *,
    counts_as: Literal["", "releases", "breaks"] = "",
) -> JsonObject:
    ours = worker.ledger.release(
        lease, why, spent, delay_seconds=delay_seconds, counts_as=counts_as
    )
    return {"did": "released" if ours else "dropped", "why": why}
