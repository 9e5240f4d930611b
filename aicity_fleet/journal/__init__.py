"""A job's journal: its entries, the interface of their store, and one run's walk along them.

It knows no Redis: ``ledger.journals`` writes entries into the ledger, and ``workers.ledger_journal`` is the
store over it that a team is handed.
"""

from aicity_fleet.journal.cursor import JournalCursor
from aicity_fleet.journal.entry import (
    NOBODY,
    REPEATED,
    Caller,
    Entry,
    ModelCall,
    canonical_sha256,
    estimated_tokens,
)
from aicity_fleet.journal.store import Journal, MemoryJournal

__all__ = [
    "NOBODY",
    "REPEATED",
    "Caller",
    "Entry",
    "Journal",
    "JournalCursor",
    "MemoryJournal",
    "ModelCall",
    "canonical_sha256",
    "estimated_tokens",
]
