"""Trouble with a model's provider: whose is it, and what follows?

The trouble of an endpoint sends the job back, and holds up the others there. The trouble of a job, which
its provider cannot serve while it serves others, is tried a few times and then fails that job alone.
"""

import structlog

from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.ledger.runs import Count
from aicity_fleet.models import Failed, JsonObject, ProviderFatal, ProviderTrouble
from workers.attempt import Attempt

PROVIDER_BACKOFF_SECONDS = (5.0, 60.0)
"""The first and longest wait of a job after trouble with its endpoint, in seconds; it doubles each time."""

MAX_TROUBLES = 4
"""After how many attempts in a row without an answer a job fails, for a trouble of its own."""

OWN_TROUBLE_SECONDS = 5.0
"""How long a job waits after its first trouble of its own, in seconds; each further wait is four times as
long, so that a short disturbance of the provider is over by then."""

BUSY_JOBS = 2
"""With so many other jobs that are told the same, an endpoint that says it is busy is busy."""

MAX_EXCUSES = 20
"""A job that was sent back so often for that reason is no longer excused by those others."""

MAX_CONFIRMED = 10
"""A job that was sent back so often for that reason no longer excuses others. Otherwise jobs that are never
served excuse each other."""

log = structlog.get_logger(__name__)


def after_trouble(
    attempt: Attempt, trouble: ProviderTrouble | ProviderFatal, endpoint: str
) -> JsonObject:
    """Attribute the trouble, and make the move that follows from it.

    An endpoint that passes a health check serves, so the trouble is the job's own. But an endpoint that
    says it is busy serves one call and not the next: no job is to blame while several are told so.

    Args:
        endpoint: The name of the breaker of the model that was called last.
    """
    if isinstance(trouble, ProviderFatal) and trouble.is_of_setup:
        return _needs_a_person(attempt, trouble, endpoint)
    if isinstance(trouble, ProviderTrouble) and trouble.is_of_job:
        attempt.worker.ledger.controls.provider_works(endpoint)
        return _own_trouble(attempt, trouble.message)
    is_silence = isinstance(trouble, ProviderTrouble) and trouble.is_silence
    serves = attempt.worker.teams.serves(endpoint, attempt.stop_switch, after_silence=is_silence)
    match trouble:
        case _ if serves is None:
            return attempt.release(attempt.stop_switch.abort_reason or "drain")
        case ProviderTrouble(is_busy=True):
            wait, other_jobs = _note_trouble(attempt, trouble, endpoint, serves=serves)
            is_shared = other_jobs >= BUSY_JOBS and attempt.lease.excuses < MAX_EXCUSES
            if serves and not is_shared:
                return _own_trouble(attempt, trouble.message, wait)
            counts_as: Count = "excuses" if serves else "releases"
            return _send_back(attempt, trouble.message, wait, counts_as)
        case _ if serves:
            attempt.worker.ledger.controls.provider_works(endpoint)
            return _own_trouble(attempt, trouble.message)
        case ProviderTrouble():
            wait, _ = _note_trouble(attempt, trouble, endpoint)
            return _send_back(attempt, trouble.message, wait, "releases")
        case ProviderFatal():
            return _needs_a_person(attempt, trouble, endpoint)


def _needs_a_person(attempt: Attempt, trouble: ProviderFatal, endpoint: str) -> JsonObject:
    """Have every job wait there until a person has acted."""
    log.error("provider.fatal", job_id=attempt.lease.job_id, message=trouble.message)
    wait, _ = _note_trouble(attempt, trouble, endpoint)
    return attempt.release(trouble.message, wait)


def _note_trouble(
    attempt: Attempt,
    trouble: ProviderTrouble | ProviderFatal,
    endpoint: str,
    *,
    serves: bool = False,
) -> tuple[float, int]:
    """Record the trouble at its endpoint.

    Returns:
        How long the job itself has to wait, in seconds, and how many other jobs had the same trouble.
    """
    asked = 0.0 if isinstance(trouble, ProviderFatal) else trouble.retry_after_seconds or 0.0
    seen = attempt.worker.ledger.controls.provider_trouble(
        endpoint,
        attempt.lease.job_id,
        trouble.message,
        wait_seconds=asked,
        is_fatal=isinstance(trouble, ProviderFatal),
        still_serves=serves,
        confirms=attempt.lease.excuses < MAX_CONFIRMED,
    )
    # Claims wait for the endpoint of the job's team; a job waits for another one itself.
    return asked if endpoint == attempt.endpoint else max(
        asked, seen.closed_seconds
    ), seen.other_jobs


def _send_back(attempt: Attempt, why: str, wait_seconds: float, counts_as: Count) -> JsonObject:
    lease = attempt.lease
    number = lease.excuses if counts_as == "excuses" else lease.releases
    backoff = backoff_seconds(*PROVIDER_BACKOFF_SECONDS, number)
    return attempt.release(why, max(wait_seconds, backoff), counts_as=counts_as)


def _own_trouble(attempt: Attempt, why: str, wait_seconds: float = 0.0) -> JsonObject:
    """Try the job again, but not forever."""
    lease, spent = attempt.lease, attempt.spent
    before = 0 if spent.usage.model_calls else lease.troubles
    log.warning("job.trouble", job_id=lease.job_id, attempt=lease.token, number=before + 1, why=why)
    if before + 1 < MAX_TROUBLES:
        delay = max(wait_seconds, OWN_TROUBLE_SECONDS * 4**before)
        return attempt.release(why, delay, counts_as="troubles")
    message = f"The model could not be used for this task: {why}, in {MAX_TROUBLES} attempts."
    return attempt.finish(Failed("provider", message, spent.ran_ms))
