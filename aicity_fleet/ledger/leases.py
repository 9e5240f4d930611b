"""What the ledger grants: a lease on a job, the right to report it, the work that a sweep found."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from aicity_fleet.models import AssignedTask, Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """The time-limited right to run a job."""

    job_id: str
    token: int
    """The fencing token: the number of the attempt. Every later write must show it."""
    task: AssignedTask
    nonce: str
    """The random text that the job's fences and markers are made of."""
    releases: int
    """How often provider trouble has sent the job back already."""
    breaks: int = 0
    """How often our own code has failed on it already."""
    spent_usd: Decimal = Decimal(0)
    """What all earlier attempts spent, as far as it is known, in US dollars."""

    @property
    def fence(self) -> str:
        """What every write shows. The nonce is in it because attempts begin at 1 again after a wipe."""
        return f"{self.token}:{self.nonce}"


@dataclasses.dataclass(frozen=True, slots=True)
class NotClaimed:
    """The job is not to be run now; ``reason`` is its state, or what stands against it."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class ReportLease:
    """The time-limited right to send one report."""

    job_id: str
    token: int
    """Which try this is, from 1."""
    nonce: str
    outcome: Outcome
    tried_for_seconds: float
    """How long ago the report was first tried."""
    refusals: int = 0
    """How many earlier outcomes of this job AI City refused for certain, each before a ``replay``."""

    @property
    def fence(self) -> str:
        """What every write shows."""
        return f"{self.token}:{self.nonce}"


@dataclasses.dataclass(frozen=True, slots=True)
class Renewal:
    """What became of the leases that were to be prolonged; all others are."""

    lost: frozenset[str] = frozenset()
    """Jobs that are no longer ours."""
    cancelled: frozenset[str] = frozenset()
    """Jobs that a person wants stopped."""


@dataclasses.dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep found due."""

    rescued: tuple[str, ...] = ()
    """Jobs whose lease lapsed: queued again."""
    to_run: tuple[str, ...] = ()
    """Jobs that need a message on the jobs queue (rescued ones among them)."""
    to_report: tuple[str, ...] = ()
    """Jobs whose report is due."""
    is_new: bool = False
    """Whether nobody swept before, for it is new or was wiped: AI City's list is all there is."""
