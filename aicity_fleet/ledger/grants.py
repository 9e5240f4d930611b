"""What the ledger grants: a lease on a job, the right to report it, the work that a sweep found."""

from __future__ import annotations

import dataclasses

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


@dataclasses.dataclass(frozen=True, slots=True)
class NotClaimed:
    """The job is not to be run now; ``reason`` is its state, or what stands against it."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class ReportLease:
    """The time-limited right to send one report."""

    job_id: str
    token: int
    outcome: Outcome
    tried_for_seconds: float
    """How long ago the report was first tried."""


@dataclasses.dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep found due."""

    rescued: tuple[str, ...] = ()
    """Jobs whose lease lapsed: queued again."""
    to_run: tuple[str, ...] = ()
    """Jobs that need a message on the jobs queue (rescued ones among them)."""
    to_report: tuple[str, ...] = ()
    """Jobs whose report is due."""
