"""Reads tasks that left AI City's list before their jobs began, so that no withdrawn one is bought.

A buyer may have cancelled it, or the ledger may come from a backup. But a list may also be shorter than
what it stands for, so only the task itself tells. Called after each poll.
"""

import structlog

from aicity_fleet.aicity.answers import storable
from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.errors import AICityError, AICityRefusedError
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JsonObject
from scheduler.poll import leave_alone

MOST_READS = 30
"""The most tasks that are read after one poll."""

log = structlog.get_logger(__name__)


def check_unlisted(*, client: AICityClient, ledger: Ledger) -> int:
    """Read the tasks of jobs that wait for this, and let each job begin or withdraw it.

    Returns:
        How many were withdrawn.

    Raises:
        LedgerUnavailableError: Redis went away; the next poll goes on.
    """
    withdrawn = 0
    for job_id in ledger.unlisted(MOST_READS):
        try:
            why = _why_withdrawn(client.task(job_id), client)
        except AICityRefusedError as error:
            # Without a code it may come from the edge before AI City, or the contract's path may be wrong.
            why = f"AI City no longer shows its task: {error}"[:300] if error.code else ""
        except AICityError as error:
            leave_alone(error, client, ledger)
            log.warning("unlisted.not_read", job_id=job_id, message=str(error))
            break  # it waits until the next poll, and so do the others
        if ledger.note_unlisted(job_id, withdrawn=why) and why:
            withdrawn += 1
            log.warning("job.withdrawn", job_id=job_id, why=why)
    return withdrawn


def _why_withdrawn(task: JsonObject | None, client: AICityClient) -> str:
    """Return why a task is not to be done any more; empty when it is, or when nothing tells."""
    status = (task or {}).get("status")
    if not isinstance(status, str) or client.contract.is_runnable(status):
        return ""
    return f"AI City took its task back (status {storable(status[:100])})"
