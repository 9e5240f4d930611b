"""Where a journal's entries are kept: the interface, and a store in memory."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from aicity_fleet.journal.entry import Entry


class Journal(Protocol):
    """Where entries are kept. Each method may be a plain function or a coroutine function.

    What a method raises stops the run and leaves ``run_team`` unchanged: a store that lost the
    lease says so by raising.
    """

    def recorded(self, ordinal: int) -> Entry | Awaitable[Entry | None] | None:
        """The entry at this place, if there is one."""
        ...

    def append(self, entry: Entry) -> Awaitable[None] | None:
        """Keep an entry; entries come in the order of their ordinals."""
        ...

    def truncate(self, ordinal: int) -> Awaitable[None] | None:
        """Discard the entry at this place and all later ones."""
        ...


class MemoryJournal:
    """A journal that lives as long as its process."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def recorded(self, ordinal: int) -> Entry | None:
        """The entry at this place, if there is one."""
        return self.entries[ordinal] if ordinal < len(self.entries) else None

    def append(self, entry: Entry) -> None:
        """Keep an entry."""
        if entry.ordinal != len(self.entries):
            raise ValueError(f"entry {entry.ordinal} does not follow {len(self.entries) - 1}")
        self.entries.append(entry)

    def truncate(self, ordinal: int) -> None:
        """Discard the entry at this place and all later ones."""
        del self.entries[ordinal:]
