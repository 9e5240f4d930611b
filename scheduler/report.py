"""A report, once: take it from the outbox, send it, make sense of the answer; then the next that is due.

The outcome was written down before and is never changed here: the same body under the same
idempotency key, until there is a definite answer. A failed `complete` never becomes a `fail`.
"""

import dataclasses
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog

from aicity_fleet import tracing
from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.standing import STATUSES
from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.errors import (
    AICityError,
    AICityGoneError,
    AICityRateLimitedError,
    AICityRefusedError,
    AICityUnauthorizedError,
)
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Ledger, NotClaimed, ReportLease
from aicity_fleet.messaging.messages import Messages
from aicity_fleet.models import Failed, JsonObject, Meaning, Standing
from scheduler.availability import tell_availability

REPORT_BACKOFF_SECONDS = (2.0, 300.0)
"""First and longest wait after a report without a definite answer, in seconds; doubled each time."""

MOST_SECONDS = 5.0
"""For how long one message may lead to further reports, in seconds: polls need the same threads."""

LISTEN_SECONDS = 0.5
"""How long a process waits for the next job to finish once no report is left, in seconds. Under load there
is one, and it needs no message of its own."""

WAITING = frozenset({"none", "paused", "stopped", "quiet", "guard_unknown", "unknown"})
"""Why no further report is sent now: none is due, or all wait."""

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class ReporterParts:
    """What a dispatcher reports with."""

    ledger: Ledger
    client: AICityClient
    agent: str
    """The fleet's name; part of every idempotency key."""
    give_up_seconds: float
    """How long an unanswered report is sent again before a person has to look."""
    listen_seconds: float = LISTEN_SECONDS
    """How long to wait for the next job to finish once no report is left; 0 not to wait."""


def idempotency_key(agent: str, task_id: str, kind: str, refusals: int = 0) -> str:
    """Return the key of a report: the same for every try to send it, never random.

    Args:
        kind: ``complete`` or ``fail``.
        refusals: Earlier outcomes of the task that were refused for certain. What comes after is another
            report, and under the old key would get the old answer. Source: the IETF draft
            idempotency-key-header.
    """
    name = f"aicity-fleet:{agent}:{task_id}:{kind}" + (f":{refusals}" if refusals else "")
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def report_all(
    job_id: str,
    parts: ReporterParts,
    messages: Messages,
    *,
    is_stopping: Callable[[], bool] = lambda: False,
) -> JsonObject:
    """Send a finished job's outcome, then others that are due, and those of jobs that finish meanwhile.

    Args:
        job_id: The job; empty for any whose report is due.
        messages: Sends a message for what is left when this has taken long enough.
        is_stopping: Whether this process is about to end.

    Returns:
        What happened with the first, for Flower, and how many others were tried.

    Raises:
        LedgerUnavailableError: Redis went away; the sweep finds the reports again.
    """
    ends_at = time.monotonic() + MOST_SECONDS

    def may_go_on() -> bool:
        return not is_stopping() and time.monotonic() < ends_at

    others = 0
    first, following = _report_and_look(job_id, parts, may_listen=may_go_on())
    while following is not None:
        if not may_go_on():
            messages.report(following)
            break
        latest, following = _report_and_look(following, parts, may_listen=may_go_on())
        others += latest["why"] not in WAITING
    return {**first, "others": others}


def _report_and_look(
    job_id: str, parts: ReporterParts, *, may_listen: bool
) -> tuple[JsonObject, str | None]:
    """Send a report, and look for the next.

    Returns:
        What happened, and whose report comes next: empty for any that is due, None when there is none.
    """
    did = report(job_id, parts, listen_seconds=parts.listen_seconds if may_listen else 0)
    others_due, listens = did.pop("others_due", None), did.pop("listens", False)
    if listens:
        return did, parts.ledger.await_report(parts.listen_seconds)
    if others_due is not None:
        return did, "" if others_due else None
    # After a report that was put off, AI City is left alone.
    is_over = did["did"] == "postponed" or (not job_id and did["why"] in WAITING)
    return did, None if is_over else ""


def report(job_id: str, parts: ReporterParts, *, listen_seconds: float = 0) -> JsonObject:
    """Send a finished job's outcome if it is to be sent now.

    Args:
        job_id: The job; empty for any whose report is due.
        listen_seconds: How long the caller would wait for the next job to finish, when it is settled and no
            other is due; 0 not to wait.

    Returns:
        What happened, for Flower: ids, numbers and codes. After an answer also ``others_due`` and
        ``listens``, see ``Settled``.

    Raises:
        LedgerUnavailableError: Redis went away; the sweep finds the report again.
    """
    held = parts.ledger.take_report(job_id)
    job_id = held.job_id or job_id
    if isinstance(held, NotClaimed):
        if held.reason == "held":
            log.error("report.held", job_id=job_id, why="it would be the third failure in a row")
        return {"job_id": job_id, "did": "nothing", "why": held.reason}
    reached(Failpoint.REPORT_TAKEN, job_id)
    number, kind = held.token, held.outcome.kind
    with (
        structlog.contextvars.bound_contextvars(
            job_id=job_id, **tracing.trace_ids(job_id, held.nonce)
        ),
        tracing.report(job_id, held.nonce, attempt=number, kind=kind) as noted,
    ):
        did = _send(held, parts, listen_seconds=listen_seconds)
        noted.note({"aicity_fleet.did": did["did"]})
        if did["did"] != "settled":
            noted.fail(did["did"])
    return did


def _send(held: ReportLease, parts: ReporterParts, *, listen_seconds: float) -> JsonObject:
    """Send a report that is ours to send, and write down what came back."""
    job_id = held.job_id
    key = idempotency_key(parts.agent, job_id, held.outcome.kind, held.refusals)
    try:
        answer = parts.client.report(job_id, held.outcome, key)
    except AICityError as error:
        reached(Failpoint.REPORT_ANSWERED, job_id)
        return _answered(error, held, parts)
    reached(Failpoint.REPORT_ANSWERED, job_id)
    details: JsonObject = {"answer": _brief(answer)}
    return _settle(held, parts, "accepted", details, listen_seconds=listen_seconds)


def _answered(error: AICityError, held: ReportLease, parts: ReporterParts) -> JsonObject:
    """Carry out what an answer other than a 2xx means.

    Source: docs.aicity.dev/docs/sdk/errors; 409 is a state conflict that a retry can ignore.
    """
    match error:
        case AICityUnauthorizedError():
            if parts.ledger.controls.stop(str(error), parts.client.key_fingerprint):
                log.error("aicity.stopped", job_id=held.job_id, message=str(error))
            return _postpone(held, parts, error, 0)
        case AICityRateLimitedError(retry_after_seconds=wait):
            wait = wait if wait is not None else _next_wait(held)
            parts.ledger.controls.keep_quiet(wait)
            return _postpone(held, parts, error, wait)
        case AICityRefusedError(status=409):
            return _settle(held, parts, "already_settled", _standing(held, parts))
        case AICityRefusedError(status=404 | 403) if error.code:
            return _perhaps_gone(error, held, parts)
        case AICityRefusedError():
            # Only AI City itself can refuse for certain what an earlier try may have brought about.
            from_edge = error.status in {403, 404} and held.token > 1
            return _quarantine(held, parts, str(error), was_refused=not from_edge)
        case AICityGoneError() if held.tried_for_seconds <= parts.give_up_seconds:
            # The endpoint, not this report: all wait until a person corrects the contract.
            log.error("report.endpoint_gone", job_id=held.job_id, message=str(error))
            return _postpone(held, parts, error, _next_wait(held))
        case _ if held.tried_for_seconds > parts.give_up_seconds:
            hours = parts.give_up_seconds / 3600
            why = f"no definite answer for {hours:g} h; last: {error}"
            return _quarantine(held, parts, why, was_refused=False)
        case _:
            return _postpone(
                held, parts, error, max(_next_wait(held), error.retry_after_seconds or 0)
            )


def _perhaps_gone(error: AICityError, held: ReportLease, parts: ReporterParts) -> JsonObject:
    """AI City itself says that the task is not there, or not ours: believed if reading it agrees.

    A 403 or 404 can also come from the edge before AI City, or from a wrong path in the contract. What
    was worked for is not given up for either.
    """
    standing = ""
    try:
        task = parts.client.task(held.job_id)
    except AICityRefusedError as second:
        is_gone = second.status in {403, 404} and bool(second.code)
    except AICityError as second:
        return _postpone(held, parts, second, _next_wait(held))
    else:
        standing = str(task.get("status", "")) if task else ""
        is_gone = task is None or standing in {"completed", "failed", "refunded"}
    if not is_gone:
        # After an earlier try, AI City's check may still be looking at what that one brought.
        was_refused = held.token == 1 or standing != "quality_check"
        return _quarantine(held, parts, str(error), was_refused=was_refused)
    log.warning("report.gone", job_id=held.job_id, message=str(error))
    details = {"status": error.status, "code": error.code, "standing": standing}
    return _settle(held, parts, "gone", details)


def _standing(held: ReportLease, parts: ReporterParts) -> JsonObject:
    """After a 409: which ending stands, if the API lets us see."""
    try:
        task = parts.client.task(held.job_id)
    except AICityError as error:
        return {"status": 409, "standing": f"unknown ({error.status or 'no answer'})"}
    if task is None:
        return {"status": 409, "standing": "unknown (the contract cannot read a task)"}
    standing = str(task.get("status", "unknown"))[:100]
    expected = "completed" if held.outcome.kind == "complete" else "failed"
    if standing not in {expected, "quality_check"}:
        log.warning("report.conflict", job_id=held.job_id, sent=expected, standing=standing)
    return {"status": 409, "standing": standing}


def _next_wait(held: ReportLease) -> float:
    return backoff_seconds(*REPORT_BACKOFF_SECONDS, held.token - 1)


def _settle(
    held: ReportLease,
    parts: ReporterParts,
    verdict: str,
    details: JsonObject,
    *,
    listen_seconds: float = 0,
) -> JsonObject:
    meaning = _meaning(held, verdict, details)
    settled = parts.ledger.settle(
        held,
        {"verdict": verdict, **details},
        meaning,
        standing=_standing_of(held, verdict, details),
        can_read=bool(parts.client.contract.paths.task),
        listen_seconds=listen_seconds,
    )
    reached(Failpoint.SETTLED, held.job_id)
    log.info("job.reported", job_id=held.job_id, kind=held.outcome.kind, verdict=verdict)
    if settled.is_ours:
        tracing.settled(
            held.job_id,
            held.nonce,
            kind=held.outcome.kind,
            code=held.outcome.code if isinstance(held.outcome, Failed) else "",
            verdict=verdict,
            accepted_ms=held.accepted_ms,
        )
    if settled.may_change_availability:
        tell_availability(parts.client, parts.ledger.controls)
    return {
        "job_id": held.job_id,
        "did": "settled" if settled.is_ours else "dropped",
        "why": verdict,
        "others_due": settled.others_due,
        "listens": settled.listens,
    }


def _meaning(held: ReportLease, verdict: str, details: JsonObject) -> Meaning:
    """Return what a settled report does to the agent's row of failures.

    A delivery that AI City's own quality check failed counts as a failure, to be on the safe side, and so
    does one whose verdict is unknown. A 409 is never a success: the ending that stands may be older than
    the failures that came since.
    Source: docs.aicity.dev/docs/concepts/glossary says three failures and not which.
    """
    answer = details.get("answer", {})
    status = details.get("standing") or answer.get("status")
    if verdict == "gone":
        # An earlier try may have succeeded, even if its result cannot be read.
        may_stand = held.token > 1 and status not in {"completed", "refunded"}
        return "failure" if status == "failed" or may_stand else "nothing"
    if str(status).startswith("unknown"):
        return "failure"
    if status == "failed" or (held.outcome.kind == "fail" and status != "completed"):
        return "failure"
    if verdict == "accepted" and status in {"completed", None}:
        return "success"
    if verdict == "accepted" and status == "quality_check":
        return "undecided"
    return "nothing"  # not known yet, or not for certain


def _standing_of(held: ReportLease, verdict: str, details: JsonObject) -> Standing:
    """Return where a delivery stands, for the read-backs; empty for an ending that they are not about."""
    if held.outcome.kind != "complete" or verdict == "gone":
        return ""
    status = str(details.get("standing") or details.get("answer", {}).get("status") or "completed")
    if status.startswith("unknown"):
        return "unknown"
    return STATUSES.get(status, "completed" if verdict == "accepted" else "unknown")


def _postpone(
    held: ReportLease, parts: ReporterParts, error: AICityError, seconds: float
) -> JsonObject:
    why = str(error)
    ours = parts.ledger.postpone(
        held, why, delay_seconds=seconds, answer=str(error.status or "none")
    )
    log.warning("report.postponed", job_id=held.job_id, seconds=round(seconds, 1), why=why)
    return {"job_id": held.job_id, "did": "postponed" if ours else "dropped", "why": why}


def _quarantine(
    held: ReportLease, parts: ReporterParts, why: str, *, was_refused: bool
) -> JsonObject:
    ours = parts.ledger.quarantine(held, why, was_refused=was_refused)
    log.error("report.quarantined", job_id=held.job_id, why=why)
    return {"job_id": held.job_id, "did": "quarantined" if ours else "dropped", "why": why}


_RECEIPT_FIELDS = ("status", "qualityScore", "paidCents", "updatedScore", "trustTier")
"""What is kept of AI City's answer where it holds it; the shape is not documented."""


def _brief(answer: JsonObject) -> dict[str, Any]:
    """Return the small plain values of an answer that are worth keeping."""
    return {
        name: answer[name]
        for name in _RECEIPT_FIELDS
        if isinstance(answer.get(name), str | int | float) and len(str(answer[name])) <= 100
    }
