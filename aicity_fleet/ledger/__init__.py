"""The record of every job's state in Redis, and the authority on "have we already".

Every method of ``Ledger`` and its parts may raise ``LedgerUnavailableError`` (Redis is down, loading,
read-only, full or unreachable) and ``LedgerError`` (Redis answered something that the ledger cannot use).
"""

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
