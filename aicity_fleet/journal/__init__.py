"""A job's journal: every model call and tool call with its answer, and one run's walk along them."""

from aicity_fleet.journal.cursor import JournalCursor
from aicity_fleet.journal.entry import Bill, Entry, canonical_sha256, estimated_tokens
from aicity_fleet.journal.store import Journal, MemoryJournal

__all__ = [
    "Bill",
    "Entry",
    "Journal",
    "JournalCursor",
    "MemoryJournal",
    "canonical_sha256",
    "estimated_tokens",
]
