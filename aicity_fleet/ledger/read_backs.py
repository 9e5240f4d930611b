"""The read-backs: which reported tasks are due to be read again, and what that changes in the ledger.

AI City can change a delivery after its report: fail it in its own check, or refund it. This module decides
when a task is read and records what it shows. It sends nothing. Called by ``scheduler.read_back``.
"""

import dataclasses

from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.models import Standing

READ_AT_SECONDS = (30.0, 120.0, 330.0, 660.0)
"""How long after its report a task is read, in seconds; then once a day. The last of these comes soon after
the ten minutes in which a buyer can get a refund."""

IN_CHECK_SECONDS = 10.0
"""How soon a task in AI City's own check is read again, in seconds: this, or later an eighth of the time
since its report, and at most a day. Failures may wait for it."""

CHECK_MS = 3_600_000
"""How long after a report failures wait for AI City's check of it, in milliseconds."""

DAY_SECONDS = 86_400.0

READ_LEASE_MS = 600_000
"""After how long a read without an answer is repeated at the earliest, in milliseconds."""

READS_PER_MINUTE = 60
"""The most tasks that the whole fleet reads back in a minute. AI City does not say what it allows."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReadLease:
    """The right to read one reported task back."""

    job_id: str
    number: int
    """The number of this read, from 1."""
    nonce: str
    age_seconds: float
    """How long ago its report was settled."""
    standing: Standing
    """Where it stood before."""

    @property
    def fence(self) -> str:
        """What the write that follows shows."""
        return f"{self.number}:{self.nonce}"


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a task that was read back shows."""

    status: str = ""
    """As AI City wrote it; empty when it wrote none."""
    standing: Standing = ""
    paid_cents: int | None = None
    thumbs_down: bool = False
    """Whether the buyer gave one."""
    refusal: str = ""
    """Why AI City does not let us read the task; empty when it does."""
    is_final: bool = False
    """Whether it makes no sense to read the task again."""


class ReadBacks:
    """The read-backs of one fleet.

    Args:
        window_seconds: How long after its report a task is read back; 0 for never.
    """

    def __init__(self, scripts: Scripts, *, window_seconds: float) -> None:
        self._scripts, self._window_seconds = scripts, window_seconds

    def next_ms(self, age_seconds: float, standing: Standing) -> int | None:
        """Return after how many milliseconds a task is read next; None when its time is over.

        Args:
            age_seconds: How long ago its report was settled.
            standing: Where its delivery stands.
        """
        due = next((at for at in READ_AT_SECONDS if at > age_seconds), age_seconds + DAY_SECONDS)
        if standing == "quality_check":
            due = age_seconds + min(max(IN_CHECK_SECONDS, age_seconds / 8), DAY_SECONDS)
        return int((due - age_seconds) * 1000) if due < self._window_seconds else None

    def take(self, *, can_read: bool = True) -> ReadLease | str:
        """Take the right to read back the task that has been due the longest; or return why there is none.

        Args:
            can_read: Whether the contract has a path to read a task. If not, every task's time is over.
        """
        reply = self._scripts.run(
            "take_read_back",
            window_ms=int(self._window_seconds * 1000) if can_read else 0,
            lease_ms=READ_LEASE_MS,
            check_ms=CHECK_MS,
            minute_limit=READS_PER_MINUTE,
        )
        if not reply[0]:
            return str(reply[1])
        job_id, number, nonce, age_ms, standing = reply
        return ReadLease(job_id, int(number), nonce, int(age_ms) / 1000, standing)

    def note(self, lease: ReadLease, seen: Seen) -> bool:
        """Record what a task shows; False when a later read has the right to.

        A change is recorded once, with what it means for the earnings, the guard and the team's record.
        """
        standing = seen.standing or lease.standing
        next_ms = None if seen.is_final else self.next_ms(lease.age_seconds, standing)
        reply = self._scripts.run(
            "note_read_back",
            *(lease.job_id, lease.fence),
            status=seen.status,
            standing=seen.standing,
            paid_cents=seen.paid_cents,
            thumbs_down=int(seen.thumbs_down),
            refusal=seen.refusal,
            next_ms=next_ms,
        )
        return bool(reply)
