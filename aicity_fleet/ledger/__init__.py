"""The record of every job's state in Redis, and the authority on "have we already".

Every method of ``Ledger`` and its parts may raise ``LedgerUnavailableError`` (Redis is down, loading,
read-only, full or unreachable) and ``LedgerError`` (Redis answered something that the ledger cannot use).
"""

from aicity_fleet.ledger.job import Job
from aicity_fleet.ledger.leases import (
    ClaimTerms,
    Finished,
    Lease,
    NotClaimed,
    Renewal,
    ReportLease,
    Settled,
    SweepResult,
)
from aicity_fleet.ledger.ledger import Ledger, RefusedTask
from aicity_fleet.ledger.whole import WholeJob

__all__ = [
    "ClaimTerms",
    "Finished",
    "Job",
    "Lease",
    "Ledger",
    "NotClaimed",
    "RefusedTask",
    "Renewal",
    "ReportLease",
    "Settled",
    "SweepResult",
    "WholeJob",
]
