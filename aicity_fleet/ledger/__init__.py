"""The record of every job's state in Redis, and the authority on "have we already"."""

from aicity_fleet.ledger.job import Job
from aicity_fleet.ledger.leases import (
    ClaimTerms,
    Lease,
    NotClaimed,
    Renewal,
    ReportLease,
    SweepResult,
)
from aicity_fleet.ledger.ledger import Ledger

__all__ = [
    "ClaimTerms",
    "Job",
    "Lease",
    "Ledger",
    "NotClaimed",
    "Renewal",
    "ReportLease",
    "SweepResult",
]
