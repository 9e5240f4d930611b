"""Reads tasks that left AI City's list before their jobs began, so that no withdrawn one is bought.

A buyer may have cancelled it, or the ledger may come from a backup. But a list may also be shorter than
what it stands for, so only the task itself tells. Called after each poll.
"""

import time
from collections.abc import Sequence
from http import HTTPStatus

import structlog

from aicity_fleet.aicity.answers import storable
from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.errors import (
    AICityError,
    AICityRateLimitedError,
    AICityRefusedError,
    AICityUnauthorizedError,
)
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JsonObject
from scheduler.poll import leave_alone
from scheduler.read_back import MOST_READS, MOST_SECONDS, TURN_SECONDS

log = structlog.get_logger(__name__)


def check_unlisted(*, client: AICityClient, ledger: Ledger) -> int:
    """Read the tasks of jobs that wait for this, and let each job begin or withdraw it.

    One process does so at a time.

    Returns:
        How many were withdrawn.

    Raises:
        LedgerUnavailableError: Redis went away; the next poll goes on.
    """
    waiting = ledger.unlisted(MOST_READS)
    if not waiting:
        return 0
    with ledger.coordination.only_unlisted(TURN_SECONDS) as turn:
        return 0 if turn is None else _check(waiting, client, ledger)


def _check(waiting: Sequence[str], client: AICityClient, ledger: Ledger) -> int:
    withdrawn, ends_at = 0, time.monotonic() + MOST_SECONDS
    for job_id in waiting:
        if time.monotonic() > ends_at:
            break
        try:
            why = _why_withdrawn(client.task(job_id), client)
        except AICityRefusedError as error:
            # Without a code it may come from the edge before AI City, or the contract's path may be wrong.
            why = f"AI City no longer shows its task: {error}"[:300] if error.code else ""
        except (AICityUnauthorizedError, AICityRateLimitedError) as error:
            leave_alone(error, client, ledger)
            break  # it waits until the next poll, and so do the others
        except AICityError as error:
            log.warning("unlisted.not_read", job_id=job_id, message=str(error))
            is_wrong_path = error.status in {HTTPStatus.OK, HTTPStatus.GONE}
            ledger.note_unlisted(job_id, "begin" if is_wrong_path else "later")
            continue
        if ledger.note_unlisted(job_id, "withdraw" if why else "begin", why) and why:
            withdrawn += 1
            log.warning("job.withdrawn", job_id=job_id, why=why)
    return withdrawn


def _why_withdrawn(task: JsonObject | None, client: AICityClient) -> str:
    """Return why a task is not to be done any more; empty when it is, or when nothing tells."""
    status = (task or {}).get("status")
    if not isinstance(status, str) or client.contract.is_runnable(status):
        return ""
    return f"AI City took its task back (status {storable(status[:100])})"
