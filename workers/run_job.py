"""Runs one job: claims it, runs its team, and writes down how it ended.

A message is only a hint: the claim decides whether anything runs. Every ending becomes exactly one
move in the ledger, and a move is refused when the lease is no longer ours.
"""

import dataclasses
import time

import structlog

from aicity_fleet import tracing
from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.errors import LeaseLostError, LedgerError
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Lease, NotClaimed
from aicity_fleet.models import (
    Completed,
    Delivered,
    Failed,
    Interrupted,
    JsonObject,
    ProviderFatal,
    ProviderTrouble,
    Rejected,
    Spent,
    TeamResult,
    Usage,
)
from aicity_fleet.stop_switch import StopSwitch
from workers.attempt import Attempt
from workers.ledger_journal import LedgerJournal
from workers.ledger_spending import LedgerSpendingLimiter
from workers.provider_trouble import PROVIDER_BACKOFF_SECONDS, after_trouble
from workers.worker import Worker

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
    ids = {"job_id": job_id, "attempt": lease.token, **tracing.trace_ids(job_id, lease.nonce)}
    with (
        structlog.contextvars.bound_contextvars(**ids),
        tracing.run(
            job_id,
            lease.nonce,
            attempt=lease.token,
            owner=worker.terms.owner,
            task_type=lease.task.task_type,
            accepted_ms=lease.accepted_ms,
        ) as noted,
    ):
        did = _run_claimed(lease, worker, claimed_at)
        noted.note({f"aicity_fleet.{name}": did[name] for name in ("did", "why") if name in did})
        if did["did"] == "dropped":  # the sweep took it, and writes its span
            noted.drop()
    return did


def _run_claimed(lease: Lease, worker: Worker, claimed_at: float) -> JsonObject:
    """Run a job that is ours.

    Args:
        claimed_at: ``time.monotonic()`` of just before the claim.
    """
    job_id, stop_switch = lease.job_id, StopSwitch()
    log.info("job.started", job_id=job_id, attempt=lease.token, task_type=lease.task.task_type)
    with worker.leases.keep(lease, stop_switch, claimed_at=claimed_at):
        try:
            journal = LedgerJournal(worker.ledger, lease, stop_switch)
            cap_usd = worker.terms.day_cap_usd
            limiter = LedgerSpendingLimiter(worker.ledger, cap_usd, lease, stop_switch)
            result = worker.teams.run(lease, stop_switch, journal, limiter)
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
            did = _settle_broken(Attempt(lease, worker, Spent(ran_ms), stop_switch))
        else:
            spent = _spent(result, ran_ms, worker.terms.endpoint_for(lease.task.task_type))
            did = _settle(Attempt(lease, worker, spent, stop_switch, result.team), result)
    log.info("job.stopped", job_id=job_id, attempt=lease.token, **did)
    return {"job_id": job_id, "attempt": lease.token, "seconds": ran_ms / 1000, **did}


def _settle(attempt: Attempt, result: TeamResult) -> JsonObject:
    """Turn the ending of a run into its one move in the ledger."""
    spent = attempt.spent
    match result.ending:
        case Delivered(text=text, score=score):
            done = Completed(text, spent.ran_ms, result.model, result.agents)
            return attempt.finish(done, score=score)
        case Rejected(code=code, message=message):
            return attempt.finish(Failed(code, message, spent.ran_ms))
        case ProviderTrouble() | ProviderFatal() as trouble:
            return after_trouble(attempt, trouble, result.endpoint or attempt.endpoint)
        case Interrupted(reason="lease_lost"):
            return _let_go(attempt)
        case Interrupted(reason=reason):
            return attempt.release(reason)


def _spent(result: TeamResult, ran_ms: int, endpoint: str) -> Spent:
    """Return what an attempt took, with what it showed of the model that answered."""
    spent = Spent(
        ran_ms,
        result.usage,
        result.model,
        result.hand_in,
        result.judgement,
        rounds=result.rounds,
    )
    # After trouble, the endpoint is that of the last call, which may have been the judge's.
    if isinstance(result.ending, ProviderTrouble | ProviderFatal) or not result.usage.model_calls:
        return spent
    endpoint = result.endpoint or endpoint
    if result.ignores_tools:
        log.info("model.ignores_tools", endpoint=endpoint, hand_in=result.hand_in)
    without_tool = result.hand_in if result.ignores_tools else ""
    return dataclasses.replace(
        spent, endpoint=endpoint, without_tool=None if result.hand_in is None else without_tool
    )


def _let_go(attempt: Attempt) -> JsonObject:
    """Hand the job back if the lease is still ours, so that nobody waits until it lapses."""
    try:
        return attempt.release("lease_lost")
    except LedgerError:  # Redis is down, and so the lease lapses
        return {"did": "dropped", "why": "lease_lost"}


def _settle_broken(attempt: Attempt) -> JsonObject:
    """Run the job again later, but not forever: our own code raised."""
    breaks = attempt.lease.breaks
    if breaks + 1 < MAX_BROKEN_ATTEMPTS:
        delay = backoff_seconds(*PROVIDER_BACKOFF_SECONDS, breaks)
        return attempt.release("internal error", delay, counts_as="breaks")
    message = "The agent's own software failed on this task."
    return attempt.finish(Failed("internal", message, attempt.spent.ran_ms))
