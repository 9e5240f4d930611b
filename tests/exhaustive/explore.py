"""Every state that a small fleet can reach, breadth first, and whether the promises hold in each.

Actions: the next effect of any process, its reply lost, the effect sent twice by the client, a crash, a
lease that lapses, anything that comes due, a sweep, a poll, FLUSHALL, a move of a person. Any message may
come at any time, which stands for every loss, repetition and order of messages. Budgets keep it finite.
From every state that is left when all processes die, the fleet has to come to rest again.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Mapping

from exhaustive.actions import DUE, LATER, Actions
from exhaustive.programs import replayed
from exhaustive.state import BUDGETS, OPEN, Bounds, City, State, book_of
from exhaustive.store import Snapshot, changed, look
from simulation.promises import REST, BrokenPromiseError, Promises
from simulation.wire import Wire, redis_socket
from simulation.world import virtual_texts

BROKEN = "BROKEN."

RECOVERY_ROUNDS = 12
"""After how many rounds without any fault everything has to rest."""


class BrokenPathError(AssertionError):
    """A promise is broken; the message holds the shortest way there."""


@dataclasses.dataclass(slots=True)
class Found:
    """What an exploration came to."""

    states: int = 0
    transitions: int = 0
    recoveries: int = 0
    seconds: float = 0.0
    is_whole: bool = True
    """Whether everything within the bounds was seen."""
    actions: Counter[str] = dataclasses.field(default_factory=Counter)


class Explorer:
    """Explores the states within some bounds.

    Args:
        wire: A Redis that nobody else uses.
        texts: The scripts, with the virtual clock.
        bounds: Theirs.
    """

    def __init__(self, wire: Wire, texts: Mapping[str, str], bounds: Bounds) -> None:
        self._bounds = bounds
        self._actions = Actions(wire, texts, bounds)
        self._restful: set[tuple[Snapshot, City]] = set()
        self.found = Found()

    # --- the walk -----------------------------------------------------------------------------------

    def explore(self, most_states: int) -> Found:
        """Walk until everything, or as many states as this, was seen.

        Raises:
            BrokenPathError: A promise is broken somewhere.
        """
        began = time.monotonic()
        first = self.first_state()
        came_from: dict[State, tuple[State, str] | None] = {first: None}
        wave = [first]
        while wave:
            following = []
            for state in wave:
                try:
                    self._must_recover(state)
                    for label, after in self._actions.actions(state):
                        self.found.transitions += 1
                        self.found.actions[label.split()[0]] += 1
                        if after not in came_from:
                            came_from[after] = (state, label)
                            following.append(after)
                except BrokenPromiseError as broken:
                    steps = [*_path(came_from, state), str(broken)]
                    raise BrokenPathError("\n".join(steps)) from None
                if len(came_from) >= most_states:
                    self.found.is_whole = False
                    following = []
                    break
            wave = following
        self.found.states = len(came_from)
        self.found.seconds = time.monotonic() - began
        return self.found

    def first_state(self) -> State:
        """One poll was made, and nothing else happened."""
        left = tuple(getattr(self._bounds, name) for name in BUDGETS)
        bounds = self._bounds
        slots = tuple((None,) * n for n in (bounds.workers, bounds.reporters, 1, bounds.readers))
        city = (tuple((job_id, OPEN) for job_id in self._actions.ids), self._bounds.row)
        state = State((), slots, city, book_of(Promises(lambda _id: 0)), left)
        return self._actions.to_its_end(state, ("poll",))

    def _must_recover(self, state: State) -> None:
        """Whatever dies now, the sweep and the poll bring everything to rest."""
        pairs = []
        none_left = dataclasses.replace(state, left=(0,) * len(BUDGETS))
        for _ in range(RECOVERY_ROUNDS):
            pair = (none_left.ledger, none_left.city)
            if pair in self._restful:
                break
            pairs.append(pair)
            if not self._restless(none_left):
                break
            none_left = self._round(none_left)
        else:
            raise BrokenPromiseError(REST, f"{self._restless(none_left)}")
        self.found.recoveries += len(pairs) > 0
        self._restful.update(pairs)

    def _round(self, state: State) -> State:
        """Everything comes due; a sweep, a poll, and every message once."""
        for name in (
            "state:running",
            "turns",
            "read_backs",
            *(f"job:{job_id}" for job_id in self._actions.ids),
        ):
            for field, value in look(state.ledger, name).items():
                if value == LATER:
                    ledger = changed(state.ledger, name, field, DUE)
                    state = dataclasses.replace(state, ledger=ledger)
        for program in (("sweep",), ("poll",)):
            state = self._actions.to_its_end(state, program)
        for job_id in self._actions.ids:
            for act in ("run", "report"):
                state = self._actions.to_its_end(state, (act, job_id))
        return self._actions.to_its_end(state, ("read_back",))

    def _restless(self, state: State) -> list[str]:
        restless = []
        for job_id, status in state.city[0]:
            where = look(state.ledger, f"job:{job_id}").get("state", "unknown")
            is_over = where in {"held", "quarantined"} or (where == "reported" and status != OPEN)
            standing = look(state.ledger, f"job:{job_id}").get("standing", status)
            if standing not in {status, "unknown"}:
                restless.append(f"{job_id}: its task became {status}, which was not learned")
            if not is_over and not (where == "unknown" and status != OPEN):
                restless.append(f"{job_id} is {where}, its task {status}")
        return restless


def _path(came_from: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    steps = []
    while (before := came_from[state]) is not None:
        state, label = before
        steps.append(label)
    return steps[::-1]


def explore_within(name: str, bounds: Bounds, most_states: int) -> str:
    """Explore within some bounds; gives one line, or the way to a broken promise."""
    with redis_socket() as path, replayed():
        wire = Wire(path)
        try:
            found = Explorer(wire, virtual_texts(), bounds).explore(most_states)
        except BrokenPathError as broken:
            return f"{name}: {BROKEN} The shortest way there:\n{broken}"
        finally:
            wire.close()
    whole = "all" if found.is_whole else "not all"
    return (
        f"{name}: {found.states} states ({whole}), {found.transitions} transitions, "
        f"{found.recoveries} recoveries, {found.seconds:.1f} s"
    )
