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
from collections.abc import Iterator, Mapping
from typing import Any

from exhaustive.programs import KEYS, LOST, Effect, Programs, frozen
from exhaustive.store import LATER_MS, NOW_MS, Snapshot, Store, changed, look
from simulation.promises import REST, BrokenPromiseError, Promises
from simulation.wire import Wire

Slot = tuple[tuple[str, ...], tuple[Any, ...], int] | None
"""Program, history, and the epoch in which it took a report; None for an idle one."""

City = tuple[tuple[tuple[str, str], ...], int]
"""The status of every task, and the row of failures."""

DUE, LATER = str(NOW_MS), str(LATER_MS)
OPEN = "executing"
MOVES = ("cancel", "park", "replay", "release")
RECOVERY_ROUNDS = 12


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


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """Everything that decides what may happen next."""

    ledger: Snapshot
    slots: tuple[tuple[Slot, ...], ...]
    """Workers, reporters, poll; slots of one kind are alike, and so are kept in order."""
    city: City
    book: tuple[Any, ...]
    """What the promises know, see ``_book``."""
    left: tuple[int, ...]
    """What is left of polls, crashes, lost, doubled, flushes, moves, failed checks."""


BUDGETS = ("polls", "crashes", "lost", "doubled", "flushes", "moves", "failed_checks")
KINDS = ("worker", "reporter", "poll")


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
        shas = {name: wire.call("SCRIPT", "LOAD", text) for name, text in texts.items()}
        self.bounds = bounds
        self.ids = [f"t{number}" for number in range(bounds.jobs)]
        self._store = Store(wire, shas)
        self._programs = Programs(texts, bounds.calls)
        self._effects: dict[tuple[Any, ...], tuple[Any, Snapshot]] = {}
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
                    for label, after in self.actions(state):
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
        left = tuple(getattr(self.bounds, name) for name in BUDGETS)
        slots = ((None,) * self.bounds.workers, (None,) * self.bounds.reporters, (None,))
        city = (tuple((job_id, OPEN) for job_id in self.ids), self.bounds.row)
        state = State((), slots, city, _book(Promises(lambda _id: 0)), left)
        return self._to_its_end(state, ("poll",))

    # --- what may happen ------------------------------------------------------------------------------

    def actions(self, state: State) -> Iterator[tuple[str, State]]:
        """Everything that may happen next, and where it leads."""
        for kind, slots in enumerate(state.slots):
            for at, slot in enumerate(slots):
                if slot is None or slot in slots[:at]:
                    continue
                name = f"{KINDS[kind]} {' '.join(slot[0])}"
                yield from self._steps(state, kind, at, name)
                if self._has(state, "crashes"):
                    dead = self._spend(_with_slot(state, kind, at, None), "crashes")
                    yield f"crash of {name}", dead
            if None in slots:
                for program in self._startable(state, kind):
                    at = slots.index(None)
                    started = _with_slot(state, kind, at, (program, (), 0))
                    if kind == KINDS.index("poll"):
                        started = self._spend(started, "polls")
                    yield from self._steps(started, kind, -1, f"{KINDS[kind]} {' '.join(program)}")
        yield from self._passing_of_time(state)
        if self._has(state, "flushes"):
            promises = _opened(state.book)
            promises.flushed()
            wiped = dataclasses.replace(state, ledger=(), book=_book(promises))
            yield "FLUSHALL", self._spend(wiped, "flushes")
        if self._has(state, "moves"):
            for move in MOVES:
                for job_id in self.ids:
                    after = self._to_its_end(state, (move, job_id))
                    if after.ledger != state.ledger:
                        yield f"operator: {move} {job_id}", self._spend(after, "moves")

    def _startable(self, state: State, kind: int) -> Iterator[tuple[str, ...]]:
        """Programs of this kind that would do anything."""
        if kind == KINDS.index("poll"):
            if self._has(state, "polls"):
                yield ("poll",)
            return
        for job_id in self.ids:
            job = look(state.ledger, f"job:{job_id}")
            if kind == KINDS.index("worker"):
                if job.get("state") == "queued" and int(job["attempt"]) < self.bounds.attempts:
                    yield ("run", job_id)
            elif job.get("state") == "finished" and self._may_try(job):
                yield ("report", job_id)

    def _may_try(self, job: Mapping[str, str]) -> bool:
        tries = int(job.get("report_attempt", 0))
        is_due = job.get("report_due") == DUE and job.get("report_lease_until", DUE) == DUE
        return is_due and tries < self.bounds.attempts

    def _passing_of_time(self, state: State) -> Iterator[tuple[str, State]]:
        """One lease lapses, one thing comes due, one sweep."""
        running = look(state.ledger, "state:running")
        for job_id, score in running.items():
            if score == LATER:
                ledger = changed(state.ledger, "state:running", job_id, DUE)
                yield f"lapse of {job_id}", dataclasses.replace(state, ledger=ledger)
        for job_id in self.ids:
            job = look(state.ledger, f"job:{job_id}")
            for field in ("not_before", "report_due", "report_lease_until"):
                if job.get(field) == LATER:
                    ledger = changed(state.ledger, f"job:{job_id}", field, DUE)
                    yield f"due: {field} of {job_id}", dataclasses.replace(state, ledger=ledger)
        if look(state.ledger, "turns").get("poll:until") == LATER:
            ledger = changed(state.ledger, "turns", "poll:until", DUE)
            yield "due: the next poll", dataclasses.replace(state, ledger=ledger)
        if DUE in running.values():
            yield "sweep", self._to_its_end(state, ("sweep",))

    def _steps(self, state: State, kind: int, at: int, name: str) -> Iterator[tuple[str, State]]:
        """The next effect of one process, with everything that may become of it."""
        slots = state.slots[kind]
        slot = slots[at] if at >= 0 else next(s for s in slots if s is not None and not s[1])
        at = slots.index(slot)
        assert slot is not None
        effect = self._programs.next_effect(slot[0], slot[1])
        assert effect is not None
        what = f"{name}: {effect[1]}" if effect[0] != "city" else f"{name}: city {effect[1]}"
        for how, after, reply in self._outcomes(state, slot, effect):
            epoch = _opened(after.book).epoch if _takes_report(effect, reply) else slot[2]
            gone_on: Slot = (slot[0], (*slot[1], reply), epoch)
            assert gone_on is not None
            if self._programs.next_effect(gone_on[0], gone_on[1]) is None:
                gone_on = None
            yield f"{what}{how} -> {_brief(reply)}", _with_slot(after, kind, at, gone_on)

    def _outcomes(
        self, state: State, slot: Any, effect: Effect
    ) -> Iterator[tuple[str, State, Any]]:
        """What may become of one effect: how, the state, the reply that the process sees."""
        match effect:
            case ("script", name, args):
                after, reply = self._script(state, name, args)
                yield "", after, reply
                if self._has(state, "lost"):
                    yield " (reply lost)", self._spend(after, "lost"), LOST
                if self._has(state, "doubled"):
                    twice, second = self._script(after, name, args)
                    yield " (sent twice)", self._spend(twice, "doubled"), second
            case ("read", _, key):
                name = key.removeprefix(KEYS.prefix)
                found = next((content for n, _, content in state.ledger if n == name), ())
                yield "", state, found
            case ("model", job_id, fence, ordinal):
                promises = _opened(state.book)
                promises.buys(job_id, fence, ordinal)
                yield "", state, "answer"
            case ("choose", _):
                yield "", state, "deliver"
                yield "", state, "reject"
            case ("city", "report", job_id, kind, key, body):
                yield from self._report(state, slot, (job_id, kind, key, body))
            case ("city", name, job_id):
                statuses = dict(state.city[0])
                reply: Any = {
                    "list": tuple(i for i, status in state.city[0] if status == OPEN),
                    "profile": state.city[1],
                    "read": statuses.get(job_id),
                }[name]
                yield "", state, reply
                if self._has(state, "lost"):
                    yield " (no answer)", self._spend(state, "lost"), LOST

    def _report(
        self, state: State, slot: Any, sent: tuple[str, str, str, str]
    ) -> Iterator[tuple[str, State, Any]]:
        job_id, kind, key, body = sent
        promises = _opened(state.book)
        promises.reports(slot[2], job_id, kind, key, body)
        state = dataclasses.replace(state, book=_book(promises))
        if self._has(state, "lost"):
            yield " (not reached)", self._spend(state, "lost"), LOST
        statuses, row = dict(state.city[0]), state.city[1]
        if statuses[job_id] != OPEN:
            yield "", state, 409
            if self._has(state, "lost"):
                yield " (reply lost)", self._spend(state, "lost"), LOST
            return
        verdicts = ["completed" if kind == "complete" else "failed"]
        if kind == "complete" and self._has(state, "failed_checks"):
            verdicts.append("failed check")
        for verdict in verdicts:
            status = verdict.split()[0]
            after = state if verdict == status else self._spend(state, "failed_checks")
            told = _opened(state.book)
            told.ended(slot[2], job_id, kind, row)
            city = (tuple(sorted({**statuses, job_id: status}.items())), 0 if status == "completed" else row + 1)
            after = dataclasses.replace(after, city=city, book=_book(told))
            yield f" ({verdict})", after, status
            if self._has(after, "lost"):
                yield f" ({verdict}, reply lost)", self._spend(after, "lost"), LOST

    # --- below: how it is done --------------------------------------------------------------------------

    def _script(self, state: State, name: str, args: tuple[Any, ...]) -> tuple[State, Any]:
        promises = _opened(state.book)
        if name == "accept":  # a nonce that no earlier ledger had
            args = (*args[:3], f"n{promises.epoch}", *args[4:])
        known = (state.ledger, name, args)
        if known not in self._effects:
            if len(self._effects) > 200_000:
                self._effects.clear()
            reply, ledger = self._store.run(state.ledger, name, args)
            self._effects[known] = (frozen(reply), ledger)
        reply, ledger = self._effects[known]
        promises._journal_length = lambda job_id: sum(
            len(content) for n, _, content in ledger if n == f"journal:{job_id}"
        )
        promises.saw("-", name, list(args), reply)
        return dataclasses.replace(state, ledger=ledger, book=_book(promises)), reply

    def _to_its_end(self, state: State, program: tuple[str, ...]) -> State:
        """Run a program without anything in between."""
        history: tuple[Any, ...] = ()
        slot = (program, history, _opened(state.book).epoch)
        while (effect := self._programs.next_effect(program, history)) is not None:
            _, state, reply = next(iter(self._outcomes(state, slot, effect)))
            history = (*history, reply)
        return state

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
        for name in ("state:running", "turns", *(f"job:{job_id}" for job_id in self.ids)):
            for field, value in look(state.ledger, name).items():
                if value == LATER:
                    ledger = changed(state.ledger, name, field, DUE)
                    state = dataclasses.replace(state, ledger=ledger)
        for program in (("sweep",), ("poll",)):
            state = self._to_its_end(state, program)
        for job_id in self.ids:
            for program in (("run", job_id), ("report", job_id)):
                state = self._to_its_end(state, program)
        return state

    def _restless(self, state: State) -> list[str]:
        restless = []
        for job_id, status in state.city[0]:
            where = look(state.ledger, f"job:{job_id}").get("state", "unknown")
            is_over = where in {"held", "quarantined"} or (where == "reported" and status != OPEN)
            if not is_over and not (where == "unknown" and status != OPEN):
                restless.append(f"{job_id} is {where}, its task {status}")
        return restless

    def _has(self, state: State, budget: str) -> bool:
        return state.left[BUDGETS.index(budget)] > 0

    def _spend(self, state: State, budget: str) -> State:
        at = BUDGETS.index(budget)
        left = (*state.left[:at], state.left[at] - 1, *state.left[at + 1 :])
        return dataclasses.replace(state, left=left)


_KNOWN = ("owner", "_finished_by", "_journaled", "_sent", "complete_tried", "_accepted", "_strays", "_failed_checks", "_taken")


def _book(promises: Promises) -> tuple[Any, ...]:
    """What the promises know, as a value."""
    return (promises.epoch, *(_plain(getattr(promises, name)) for name in _KNOWN))


def _plain(known: Any) -> tuple[Any, ...]:
    return tuple(sorted(known.items() if isinstance(known, dict) else known))


def _opened(book: tuple[Any, ...]) -> Promises:
    """The promises that know this."""
    promises = Promises(lambda _id: 0)
    promises.epoch = book[0]
    for name, known in zip(_KNOWN, book[1:], strict=True):
        getattr(promises, name).update(known)
    return promises


def _with_slot(state: State, kind: int, at: int, slot: Slot) -> State:
    slots = [*state.slots[kind]]
    slots[at] = slot
    slots.sort(key=repr)
    kinds = (*state.slots[:kind], tuple(slots), *state.slots[kind + 1 :])
    return dataclasses.replace(state, slots=kinds)


def _takes_report(effect: Effect, reply: Any) -> bool:
    return effect[:2] == ("script", "take_report") and reply != LOST


def _path(came_from: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    steps = []
    while (before := came_from[state]) is not None:
        state, label = before
        steps.append(label)
    return steps[::-1]


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
