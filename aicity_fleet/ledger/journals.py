"""The two moves of a job's journal, made by the holder of its lease: append an entry, discard a tail.

Reading one is ``Records.journal``; the walk along it is ``LedgerJournal``.
"""

from __future__ import annotations

from aicity_fleet.errors import JournalFullError
from aicity_fleet.ledger.leases import Lease
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.packing import pack
from aicity_fleet.ledger.spending import booking_args
from aicity_fleet.money.cost import Charge

MAX_JOURNAL_BYTES = 2_000_000
"""How large one job's journal may grow where nobody says otherwise, in bytes as Redis holds them."""


class Journals:
    """Writes to the journals of running jobs.

    Args:
        scripts: The ledger's.
        max_bytes: How large one may grow.

    Raises from every method:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: Redis answered something that the ledger cannot use.
    """

    def __init__(self, scripts: Scripts, *, max_bytes: int) -> None:
        self._scripts, self._max_bytes = scripts, max_bytes

    def append(self, lease: Lease, ordinal: int, entry: str, charge: Charge | None = None) -> bool:
        """Keep an entry of a running job's journal; False when the job is no longer ours.

        Args:
            lease: Ours.
            ordinal: The entry's place.
            entry: It, as a JSON text.
            charge: What the call cost; None for one that costs nothing.

        Raises:
            JournalFullError: The journal would grow too large; the entry was not written.
        """
        text = pack(entry)
        reply = self._scripts.run(
            "journal_append",
            *(lease.job_id, lease.fence, ordinal, text, self._max_bytes),
            *booking_args(lease, ordinal, charge),
        )
        if reply == -1:
            raise JournalFullError(
                f"The journal of job '{lease.job_id}' takes no entry {ordinal} of {len(text)} bytes: "
                f"it would exceed the {self._max_bytes} that FLEET_MAX_JOURNAL_BYTES allows."
            )
        return bool(reply)

    def truncate(self, lease: Lease, ordinal: int) -> bool:
        """Discard a running job's journal from one entry on; False when it is no longer ours."""
        return bool(self._scripts.run("journal_truncate", lease.job_id, lease.fence, ordinal))
