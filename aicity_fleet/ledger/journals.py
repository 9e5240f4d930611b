"""Writes the journals of running jobs: the holder of a job's lease appends an entry or discards a tail.

``Records.journal`` reads them. ``aicity_fleet.journal`` knows what an entry means, and
``workers.ledger_journal`` waits for an absent Redis on behalf of a run.
"""

from aicity_fleet.errors import JournalFullError
from aicity_fleet.journal import NOBODY, Caller
from aicity_fleet.ledger.controls import RECENT_TROUBLE_SECONDS
from aicity_fleet.ledger.leases import Lease
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.packing import pack
from aicity_fleet.ledger.spending import booking_args
from aicity_fleet.models import Usage
from aicity_fleet.money.cost import Charge

MAX_JOURNAL_BYTES = 2_000_000
"""The default for the most that one job's journal may hold, in bytes as Redis stores them."""


NO_USAGE = Usage()


class Journals:
    """Writes the journals of running jobs.

    Args:
        max_bytes: The most that one journal may hold.
    """

    def __init__(self, scripts: Scripts, *, max_bytes: int) -> None:
        self._scripts, self._max_bytes = scripts, max_bytes

    def append(
        self,
        lease: Lease,
        ordinal: int,
        entry: str,
        charge: Charge | None = None,
        *,
        caller: Caller = NOBODY,
        usage: Usage = NO_USAGE,
    ) -> bool:
        """Append an entry and book what its call cost; False when the job is no longer ours.

        Args:
            entry: The entry as JSON text.
            charge: What the call cost; None for a tool call.
            caller: Whom the metrics count the call for, and where a model answered: a probe there has
                succeeded.
            usage: The tokens that the provider counted, for the metrics.

        Raises:
            JournalFullError: The journal would grow too large. The entry is not written, its cost is.
        """
        text = pack(entry)
        reply = self._scripts.run(
            "journal_append",
            *(lease.job_id, lease.fence, ordinal),
            entry=text,
            max_bytes=self._max_bytes,
            endpoint=caller.endpoint,
            recent_ms=int(RECENT_TROUBLE_SECONDS * 1000),
            alias=caller.alias,
            team=caller.team,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            **booking_args(lease, ordinal, charge),
        )
        if reply == -1:
            raise JournalFullError(
                f"The journal of job '{lease.job_id}' cannot take entry {ordinal} of {len(text)} bytes: "
                f"it would exceed the {self._max_bytes} that FLEET_MAX_JOURNAL_BYTES allows."
            )
        return bool(reply)

    def truncate(self, lease: Lease, ordinal: int) -> bool:
        """Discard a running job's journal from one entry on; False when the job is no longer ours."""
        return bool(self._scripts.run("journal_truncate", lease.job_id, lease.fence, ordinal))
