"""The read-back: reported tasks are read again while AI City can still change them.

A refund, a failed check, a dispute or a thumbs-down comes after the report, and nothing tells the fleet.
Called after each poll. It reads few tasks at a time, and none while AI City wants to be left alone.
"""

import time

import structlog

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.standing import read_standing
from aicity_fleet.errors import AICityError, AICityRefusedError
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.read_backs import ReadLease, Seen
from aicity_fleet.models import TAKEN_BACK
from scheduler.availability import tell_availability
from scheduler.poll import leave_alone

MOST_READS = 30
"""The most tasks that are read after one poll."""

MOST_SECONDS = 15.0
"""How long the reads after one poll may take before no further one begins, in seconds."""

TURN_SECONDS = 60.0
"""How long a process that died holds off others, in seconds: ``MOST_SECONDS`` and the longest request."""

log = structlog.get_logger(__name__)


def read_back(*, client: AICityClient, ledger: Ledger) -> int:
    """Read the tasks that are due, and record what they show; one process does so at a time.

    Returns:
        How many were read.

    Raises:
        LedgerUnavailableError: Redis went away; what was not recorded is read again.
    """
    with ledger.coordination.only_read_back(TURN_SECONDS) as turn:
        return 0 if turn is None else _read_what_is_due(client, ledger)


def _read_what_is_due(client: AICityClient, ledger: Ledger) -> int:
    can_read, began = bool(client.contract.paths.task), time.monotonic()
    reads, changed = 0, False
    while reads < MOST_READS and time.monotonic() - began < MOST_SECONDS:
        lease = ledger.read_backs.take(can_read=can_read)
        if isinstance(lease, str):
            break
        reads += 1
        try:
            seen = _read(lease, client)
        except AICityError as error:
            leave_alone(error, client, ledger)
            log.warning("read_back.failed", job_id=lease.job_id, message=str(error))
            break  # it is due again later, and so are the others
        reached(Failpoint.READ_BACK, lease.job_id)
        if ledger.read_backs.note(lease, seen):
            changed = _tell(lease, seen) or changed
    if changed:  # it may have closed or opened the guard
        tell_availability(client, ledger.controls)
    return reads


def _read(lease: ReadLease, client: AICityClient) -> Seen:
    """Read one task.

    Raises:
        AICityError: No answer about this task.
    """
    try:
        task = client.task(lease.job_id) or {}
    except AICityRefusedError as error:
        # A 403 or 404 without a code may come from the edge before AI City, and pass.
        passes = error.status in {403, 404} and not error.code
        return Seen(refusal=str(error)[:300], is_final=not passes)
    found = read_standing(task, client.contract)
    return Seen(
        status=found.status,
        standing=found.standing,
        paid_cents=found.paid_cents,
        thumbs_down=found.thumbs_down,
        is_final=found.standing in TAKEN_BACK,
    )


def _tell(lease: ReadLease, seen: Seen) -> bool:
    """Log what is new; return whether it may have moved the guard."""
    if seen.refusal:
        log.warning(
            "read_back.refused",
            job_id=lease.job_id,
            message=seen.refusal,
            then="it is not read again" if seen.is_final else "it is read again later",
        )
    if seen.standing in {"", lease.standing}:
        return False
    level = log.warning if seen.standing in TAKEN_BACK | {"disputed"} else log.info
    level("read_back.changed", job_id=lease.job_id, was=lease.standing, now=seen.standing)
    return True
