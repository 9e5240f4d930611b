"""One job, once: claim it, run its team, write down how it ended.

A message is only a hint: the claim decides whether anything runs. Every ending becomes exactly one
move in the ledger, and a move is refused when the lease is no longer ours.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import structlog

from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.errors import LeaseLostError, LedgerError, QueueUnavailableError
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.journal import Journal
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
from workers.lease_keeper import LeaseKeeper
from workers.ledger_journal import LedgerJournal

PROVIDER_BACKOFF_SECONDS = (5.0, 60.0)
"""First and longest wait of a job after trouble with the model's provider, in seconds; doubled each time.
An outage is the breaker's business; this is for the job that alone has trouble."""

MAX_BROKEN_ATTEMPTS = 3
"""After how many attempts a job that raises within our own code fails."""

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker process runs jobs with."""

    ledger: Ledger
    leases: LeaseKeeper
    run_team: Callable[[Lease, StopSwitch, Journal], TeamResult]
    """Runs a job's team to its ending: the job, what stops it from outside, what it bought before."""
    report: Callable[[str], None]
    """Sends the message that has an outcome reported."""
    requeue: Callable[[str], None]
    """Sends the message that has a job run."""
    owner: str
    """This process's name in the ledger."""
    lease_seconds: float
    max_running: int
    endpoint: str = ""
    """The model endpoint that this process calls, as its breaker is named."""
    run_alone: Callable[[str], JsonObject] | None = None
    """Runs an isolated job in a process of its own; None in such a process itself."""
    day_cap_usd: Decimal | None = None
    """What the whole fleet may spend in a day, in US dollars; None for any amount."""
    on_claim: Callable[[Lease], None] | None = None
    """Told of every lease before anything is done with it."""


def run_job(job_id: str, parts: WorkerParts) -> JsonObject:
    """Run a job if it is to be run now.

    Args:
        job_id: The job.
        parts: What this process works with.

    Returns:
        What happened, for Flower: ids, numbers and codes, never a text of the job.

    Raises:
        LedgerUnavailableError: Redis went away; the sweep finds the job again.
    """
    if parts.leases.is_draining:
        parts.requeue(job_id)
        return {"job_id": job_id, "did": "requeued", "why": "drain"}
    claimed_at = time.monotonic()
    lease = parts.ledger.claim(
        job_id,
        parts.owner,
        lease_seconds=parts.lease_seconds,
        max_running=parts.max_running,
        endpoint=parts.endpoint,
        alone=parts.run_alone is None,
        day_cap_usd=parts.day_cap_usd,
    )
    if isinstance(lease, NotClaimed):
        if lease.reason == "isolated" and parts.run_alone is not None:
            return parts.run_alone(job_id)
        return {"job_id": job_id, "did": "nothing", "why": lease.reason}
    if parts.on_claim is not None:
        parts.on_claim(lease)
    reached(Failpoint.CLAIMED, job_id)
    stop_switch = StopSwitch()
    log.info("job.started", job_id=job_id, attempt=lease.token, task_type=lease.task.task_type)
    with parts.leases.keep(lease, stop_switch, claimed_at=claimed_at):
        try:
            result = parts.run_team(
                lease, stop_switch, LedgerJournal(parts.ledger, lease, stop_switch)
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
            did = _settle_broken(lease, parts, Spent(ran_ms))
        else:
            did = _settle(lease, result, parts, Spent(ran_ms, result.usage, result.model))
    log.info("job.stopped", job_id=job_id, attempt=lease.token, **did)
    return {"job_id": job_id, "attempt": lease.token, "seconds": ran_ms / 1000, **did}


def _settle(lease: Lease, result: TeamResult, parts: WorkerParts, spent: Spent) -> JsonObject:
    """Turn the ending of a run into its one move in the ledger."""
    endpoint = result.endpoint or parts.endpoint
    if result.usage.model_calls and not isinstance(result.ending, ProviderTrouble | ProviderFatal):
        parts.ledger.controls.provider_works(endpoint)
    match result.ending:
        case Delivered(text=text, score=score):
            done = Completed(text, spent.ran_ms, result.model, result.agents)
            return _finish(lease, done, parts, spent, score)
        case Rejected(code=code, message=message):
            return _finish(lease, Failed(code, message, spent.ran_ms), parts, spent)
        case ProviderTrouble(message=message, retry_after_seconds=wait):
            closed = parts.ledger.controls.provider_trouble(
                endpoint, message, wait_seconds=wait or 0.0
            )
            closed = 0.0 if endpoint == parts.endpoint else closed  # claims wait for that one
            delay = max(
                wait or 0.0, closed, backoff_seconds(*PROVIDER_BACKOFF_SECONDS, lease.releases)
            )
            return _release(lease, parts, spent, message, delay, counts_as="releases")
        case ProviderFatal(message=message):
            closed = parts.ledger.controls.provider_trouble(endpoint, message, is_fatal=True)
            log.error("provider.fatal", job_id=lease.job_id, message=message)
            delay = 0.0 if endpoint == parts.endpoint else closed
            return _release(lease, parts, spent, message, delay)
        case Interrupted(reason="lease_lost"):
            return _let_go(lease, parts, spent)
        case Interrupted(reason=reason):
            return _release(lease, parts, spent, reason, 0)


def _let_go(lease: Lease, parts: WorkerParts, spent: Spent) -> JsonObject:
    """The lease may be lost: hand the job back if it is still ours, so that nobody waits for its end."""
    try:
        return _release(lease, parts, spent, "lease_lost", 0)
    except LedgerError:  # Redis is away, which is why
        return {"did": "dropped", "why": "lease_lost"}


def _settle_broken(lease: Lease, parts: WorkerParts, spent: Spent) -> JsonObject:
    """Our own code raised: again later, and not for ever."""
    if lease.breaks + 1 < MAX_BROKEN_ATTEMPTS:
        delay = backoff_seconds(*PROVIDER_BACKOFF_SECONDS, lease.breaks)
        return _release(lease, parts, spent, "internal error", delay, counts_as="breaks")
    message = "The agent's own software failed on this task."
    return _finish(lease, Failed("internal", message, spent.ran_ms), parts, spent)


def _finish(
    lease: Lease, outcome: Outcome, parts: WorkerParts, spent: Spent, score: int | None = None
) -> JsonObject:
    outcome = _with_total_time(outcome, parts.ledger, lease.job_id)
    state = parts.ledger.finish(lease, outcome, spent, score=score)
    if state is None:
        return {"did": "dropped", "why": "lease_lost"}
    if state is not JobState.FINISHED:
        return {"did": "laid_aside", "why": str(state)}
    reached(Failpoint.OUTCOME_WRITTEN, lease.job_id)
    try:
        parts.report(lease.job_id)
    except QueueUnavailableError as error:  # the sweep finds it due
        log.warning("report.not_sent", job_id=lease.job_id, message=str(error))
    why = outcome.code if isinstance(outcome, Failed) else "delivered"
    return {"did": outcome.kind, "why": why, "model_calls": spent.usage.model_calls}


def _with_total_time(outcome: Outcome, ledger: Ledger, job_id: str) -> Outcome:
    """Count the time of earlier attempts as well: the buyer's task took all of it."""
    job = ledger.get(job_id)
    earlier_ms = job.ran_ms if job else 0
    return dataclasses.replace(outcome, execution_time_ms=earlier_ms + outcome.execution_time_ms)


def _release(
    lease: Lease,
    parts: WorkerParts,
    spent: Spent,
    why: str,
    delay_seconds: float,
    *,
    counts_as: Literal["", "releases", "breaks"] = "",
) -> JsonObject:
    ours = parts.ledger.release(lease, why, spent, delay_seconds=delay_seconds, counts_as=counts_as)
    return {"did": "released" if ours else "dropped", "why": why}
