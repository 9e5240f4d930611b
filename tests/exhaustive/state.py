"""What one state of the explored fleet is: plain values, so that states can be kept and compared."""

from __future__ import annotations

import dataclasses
from typing import Any

from exhaustive.programs import LOST, Effect
from exhaustive.store import Snapshot
from simulation.promises import Promises

Slot = tuple[tuple[str, ...], tuple[Any, ...], int] | None
"""Program, history, and the epoch in which it took a report; None for an idle one."""

City = tuple[tuple[tuple[str, str], ...], int]
"""The status of every task, and the row of failures."""

OPEN = "executing"


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """How large the fleet is, and how often each thing may happen on one path."""

    jobs: int = 1
    calls: int = 1
    workers: int = 2
    reporters: int = 1
    attempts: int = 2
    """Leases on one job, and tries of one report."""
    row: int = 0
    """Failures in a row that stand at the beginning."""
    polls: int = 0
    """Polls that are interleaved with all else, after the first one."""
    crashes: int = 1
    lost: int = 1
    doubled: int = 0
    flushes: int = 0
    moves: int = 0
    failed_checks: int = 0
    later_checks: int = 0
    """Deliveries that AI City judges some time after it took them."""
    taken_back: int = 0
    """Completed tasks that AI City fails later."""

    @property
    def readers(self) -> int:
        """How many processes read back; one where there is anything to learn."""
        return int(self.later_checks + self.taken_back > 0)


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """Everything that decides what may happen next."""

    ledger: Snapshot
    slots: tuple[tuple[Slot, ...], ...]
    """Workers, reporters, poll, reader; slots of one kind are alike, and so are kept in order."""
    city: City
    book: tuple[Any, ...]
    """What the promises know, see ``book_of``."""
    left: tuple[int, ...]
    """What is left of each budget, as in ``BUDGETS``."""


BUDGETS = (
    *("polls", "crashes", "lost", "doubled", "flushes", "moves", "failed_checks"),
    *("later_checks", "taken_back"),
)
KINDS = ("worker", "reporter", "poll", "reader")


def has(state: State, budget: str) -> bool:
    """Whether anything of a budget is left."""
    return state.left[BUDGETS.index(budget)] > 0


def spend(state: State, budget: str) -> State:
    """The state with one less of a budget."""
    at = BUDGETS.index(budget)
    left = (*state.left[:at], state.left[at] - 1, *state.left[at + 1 :])
    return dataclasses.replace(state, left=left)


_KNOWN = (
    "owner",
    "_finished_by",
    "_journaled",
    "_sent",
    "complete_tried",
    "_accepted",
    "_strays",
    "_failed_checks",
    "_taken",
    "_ended_in",
)


def book_of(promises: Promises) -> tuple[Any, ...]:
    """What the promises know, as a value."""
    return (promises.epoch, *(_plain(getattr(promises, name)) for name in _KNOWN))


def _plain(known: Any) -> tuple[Any, ...]:
    return tuple(sorted(known.items() if isinstance(known, dict) else known))


def opened(book: tuple[Any, ...]) -> Promises:
    """The promises that know this."""
    promises = Promises(lambda _id: 0)
    promises.epoch = book[0]
    for name, known in zip(_KNOWN, book[1:], strict=True):
        getattr(promises, name).update(known)
    return promises


def with_slot(state: State, kind: int, at: int, slot: Slot) -> State:
    """The state with another slot in a place; slots of one kind are alike, and so are kept in order."""
    slots = [*state.slots[kind]]
    slots[at] = slot
    slots.sort(key=repr)
    kinds = (*state.slots[:kind], tuple(slots), *state.slots[kind + 1 :])
    return dataclasses.replace(state, slots=kinds)


def takes_report(effect: Effect, reply: Any) -> bool:
    """Whether an effect took the right to report."""
    return effect[:2] == ("script", "take_report") and reply != LOST
