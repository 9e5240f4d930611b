"""The interface of a journal's store, and a store in memory."""

from collections.abc import Awaitable
from typing import Protocol

from aicity_fleet.journal.entry import NOBODY, Caller, Entry


class Journal(Protocol):
    """A store of entries. Each method may be a plain function or a coroutine function.

    An exception from a method stops the run and leaves ``run_team`` as it is: a store raises when it has
    lost the lease.
    """

    def recorded(self, ordinal: int) -> Entry | Awaitable[Entry | None] | None:
        """Return the entry at this place, if there is one."""
        ...

    def append(self, entry: Entry, caller: Caller = NOBODY) -> Awaitable[None] | None:
        """Store an entry; entries come in the order of their ordinals."""
        ...

    def truncate(self, ordinal: int) -> Awaitable[None] | None:
        """Discard the entry at this place and all later ones."""
        ...


class MemoryJournal:
    """A store in the memory of the process."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def recorded(self, ordinal: int) -> Entry | None:
        """Return the entry at this place, if there is one."""
        return self.entries[ordinal] if ordinal < len(self.entries) else None

    def append(self, entry: Entry, caller: Caller = NOBODY) -> None:  # noqa: ARG002 -- nobody asks
        """Store an entry."""
        if entry.ordinal != len(self.entries):
            raise ValueError(f"entry {entry.ordinal} does not follow {len(self.entries) - 1}")
        self.entries.append(entry)

    def truncate(self, ordinal: int) -> None:
        """Discard the entry at this place and all later ones."""
        del self.entries[ordinal:]
