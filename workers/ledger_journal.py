"""A job's journal in Redis: each answer is written before it is used.

It survives the worker: the next attempt replays it and continues at the first new call. Only the holder of
the lease can write. ``run_job`` creates it, and the team uses it on the event loop.
"""

import asyncio
import json
from collections.abc import Callable

from aicity_fleet.errors import LeaseLostError, LedgerUnavailableError
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.journal import NOBODY, Caller, Entry
from aicity_fleet.ledger.leases import Lease
from aicity_fleet.ledger.ledger import Ledger
from aicity_fleet.ledger.packing import unpack
from aicity_fleet.models import Usage
from aicity_fleet.stop_switch import StopSwitch

RETRY_SECONDS = 0.5
"""How long to wait before Redis is asked again to take an answer, in seconds."""


class LedgerJournal:
    """The journal of one attempt, which begins with the entries that came with the lease.

    Args:
        stop_switch: Ends the wait for Redis when the run is stopped.

    Raises:
        LedgerError: An entry cannot be read.
    """

    def __init__(self, ledger: Ledger, lease: Lease, stop_switch: StopSwitch) -> None:
        self._ledger, self._lease, self._stop_switch = ledger, lease, stop_switch
        self._recorded = [Entry.from_json(json.loads(unpack(text))) for text in lease.journal]

    def recorded(self, ordinal: int) -> Entry | None:
        """Return the entry that an earlier attempt left at this place, if any."""
        return self._recorded[ordinal] if ordinal < len(self._recorded) else None

    async def append(self, entry: Entry, caller: Caller = NOBODY) -> None:
        """Append an entry; wait for Redis while the lease may still be ours.

        Raises:
            LeaseLostError: The job is another's by now.
            JournalFullError: The journal would grow too large.
        """
        text, charge = json.dumps(entry.to_json()), entry.charge
        reached(Failpoint.CALL_ANSWERED, self._lease.job_id)
        journals = self._ledger.journals
        usage = Usage(1, entry.prompt_tokens, entry.completion_tokens)
        await self._write(
            lambda: journals.append(
                self._lease, entry.ordinal, text, charge, caller=caller, usage=usage
            )
        )
        reached(Failpoint.CALL_JOURNALED, self._lease.job_id)

    async def truncate(self, ordinal: int) -> None:
        """Discard the entry at this place and all later ones.

        Raises:
            LeaseLostError: The job is another's by now.
        """
        del self._recorded[ordinal:]
        await self._write(lambda: self._ledger.journals.truncate(self._lease, ordinal))

    async def _write(self, write: Callable[[], bool]) -> None:
        while True:
            try:
                ours = await asyncio.to_thread(write)
            except LedgerUnavailableError:
                if self._stop_switch.abort_reason is not None:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if not ours:
                raise LeaseLostError("The lease went to another process; its answers are not ours.")
            return
