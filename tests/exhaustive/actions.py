"""What may happen next in a state: the next effect of any process, and everything that may become of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from exhaustive.programs import KEYS, LOST, Effect, Programs, frozen
from exhaustive.state import (
    KINDS,
    OPEN,
    Bounds,
    Slot,
    State,
    book_of,
    has,
    opened,
    spend,
    takes_report,
    with_slot,
)
from exhaustive.store import LATER_MS, NOW_MS, Snapshot, Store, changed, look
from simulation.promises import Promises
from simulation.wire import Wire

DUE, LATER = str(NOW_MS), str(LATER_MS)
MOVES = ("cancel", "park", "rerun", "send_report")


class Actions:
    """The actions of a fleet within some bounds.

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

    # --- what may happen ------------------------------------------------------------------------------

    def actions(self, state: State) -> Iterator[tuple[str, State]]:
        """Everything that may happen next, and where it leads."""
        for kind, slots in enumerate(state.slots):
            for at, slot in enumerate(slots):
                if slot is None or slot in slots[:at]:
                    continue
                name = f"{KINDS[kind]} {' '.join(slot[0])}"
                yield from self._steps(state, kind, at, name)
                if has(state, "crashes"):
                    dead = spend(with_slot(state, kind, at, None), "crashes")
                    yield f"crash of {name}", dead
            if None in slots:
                for program in self._startable(state, kind):
                    at = slots.index(None)
                    started = with_slot(state, kind, at, (program, (), 0))
                    if kind == KINDS.index("poll"):
                        started = spend(started, "polls")
                    yield from self._steps(started, kind, -1, f"{KINDS[kind]} {' '.join(program)}")
        yield from self._passing_of_time(state)
        yield from self._changes_later(state)
        if has(state, "flushes"):
            promises = opened(state.book)
            promises.flushed()
            wiped = dataclasses.replace(state, ledger=(), book=book_of(promises))
            yield "FLUSHALL", spend(wiped, "flushes")
        if has(state, "moves"):
            for move in MOVES:
                for job_id in self.ids:
                    after = self.to_its_end(state, (move, job_id))
                    if after.ledger != state.ledger:
                        yield f"operator: {move} {job_id}", spend(after, "moves")

    def _startable(self, state: State, kind: int) -> Iterator[tuple[str, ...]]:
        """Programs of this kind that would do anything."""
        if kind == KINDS.index("poll"):
            if has(state, "polls"):
                yield ("poll",)
            return
        if kind == KINDS.index("reader"):
            if DUE in look(state.ledger, "read_backs").values():
                yield ("read_back",)
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
        for job_id, score in look(state.ledger, "read_backs").items():
            standing = look(state.ledger, f"job:{job_id}").get("standing")
            if score == LATER and standing != dict(state.city[0])[job_id]:
                ledger = changed(state.ledger, "read_backs", job_id, DUE)
                yield f"due: the reading of {job_id}", dataclasses.replace(state, ledger=ledger)
        if look(state.ledger, "turns").get("poll:until") == LATER:
            ledger = changed(state.ledger, "turns", "poll:until", DUE)
            yield "due: the next poll", dataclasses.replace(state, ledger=ledger)
        if DUE in running.values():
            yield "sweep", self.to_its_end(state, ("sweep",))

    def _changes_later(self, state: State) -> Iterator[tuple[str, State]]:
        """AI City judges a delivery that is in check, or takes a completed one back."""
        for job_id, status in state.city[0]:
            if status == "quality_check":
                for verdict in ("completed", "failed"):
                    yield f"AI City judges {job_id}: {verdict}", _changed(state, job_id, verdict)
            if status == "completed" and has(state, "taken_back"):
                after = spend(_changed(state, job_id, "failed"), "taken_back")
                yield f"AI City takes {job_id} back", after

    def _steps(self, state: State, kind: int, at: int, name: str) -> Iterator[tuple[str, State]]:
        """The next effect of one process, with everything that may become of it."""
        slots = state.slots[kind]
        slot = slots[at] if at >= 0 else next(s for s in slots if s is not None and not s[1])
        at = slots.index(slot)
        assert slot is not None
        effect = self._programs.next_effect(slot[0], slot[1])
        assert effect is not None
        what = f"{name}: {effect[1] if effect[0] in {'script', 'read'} else ' '.join(effect[:2])}"
        for how, after, reply in self._outcomes(state, slot, effect):
            epoch = after.book[0] if takes_report(effect, reply) else slot[2]
            gone_on: Slot = (slot[0], (*slot[1], reply), epoch)
            assert gone_on is not None
            if self._programs.next_effect(gone_on[0], gone_on[1]) is None:
                gone_on = None
            yield f"{what}{how} -> {_brief(reply)}", with_slot(after, kind, at, gone_on)

    def _outcomes(
        self, state: State, slot: Any, effect: Effect
    ) -> Iterator[tuple[str, State, Any]]:
        """What may become of one effect: how, the state, the reply that the process sees."""
        match effect:
            case ("script", name, args):
                after, reply = self._script(state, name, args)
                yield "", after, reply
                if has(state, "lost"):
                    yield " (reply lost)", spend(after, "lost"), LOST
                if has(state, "doubled"):
                    twice, second = self._script(after, name, args)
                    yield " (sent twice)", spend(twice, "doubled"), second
            case ("read", _, key):
                name = key.removeprefix(KEYS.prefix)
                found = next((content for n, _, content in state.ledger if n == name), ())
                yield "", state, found
            case ("model", job_id, fence, ordinal):
                promises = opened(state.book)
                promises.buys(job_id, fence, ordinal)
                yield "", state, "answer"
            case ("choose", _):
                yield "", state, "deliver"
                yield "", state, "reject"
            case ("city", "report", job_id, kind, key, body):
                yield from self._report(state, slot, (job_id, kind, key, body))
            case ("city", name, job_id):
                statuses = dict(state.city[0])
                reply = {
                    "list": tuple(i for i, status in state.city[0] if status == OPEN),
                    "profile": state.city[1],
                    "read": statuses.get(job_id),
                }[name]
                yield "", state, reply
                if has(state, "lost"):
                    yield " (no answer)", spend(state, "lost"), LOST

    def _report(
        self, state: State, slot: Any, sent: tuple[str, str, str, str]
    ) -> Iterator[tuple[str, State, Any]]:
        job_id, kind, key, body = sent
        promises = opened(state.book)
        promises.reports(slot[2], job_id, kind, key, body)
        state = dataclasses.replace(state, book=book_of(promises))
        if has(state, "lost"):
            yield " (not reached)", spend(state, "lost"), LOST
        statuses, row = dict(state.city[0]), state.city[1]
        if statuses[job_id] != OPEN:
            yield "", state, 409
            if has(state, "lost"):
                yield " (reply lost)", spend(state, "lost"), LOST
            return
        verdicts = ["completed" if kind == "complete" else "failed"]
        if kind == "complete" and has(state, "failed_checks"):
            verdicts.append("failed check")
        if kind == "complete" and has(state, "later_checks"):
            verdicts.append("quality_check later")
        for verdict in verdicts:
            status = verdict.split()[0]
            after = state
            if verdict != status:
                after = spend(
                    state, "failed_checks" if verdict == "failed check" else "later_checks"
                )
            told = opened(state.book)
            told.ended(slot[2], job_id, kind, row)
            city = (
                tuple(sorted({**statuses, job_id: status}.items())),
                {"completed": 0, "failed": row + 1}.get(status, row),
            )
            after = dataclasses.replace(after, city=city, book=book_of(told))
            yield f" ({verdict})", after, status
            if has(after, "lost"):
                yield f" ({verdict}, reply lost)", spend(after, "lost"), LOST

    # --- below: how it is done --------------------------------------------------------------------------

    def _script(self, state: State, name: str, args: tuple[Any, ...]) -> tuple[State, Any]:
        if name == "accept":  # nonces that no earlier ledger had
            nonce = f"n{state.book[0]}"
            args = tuple(nonce if at in range(5, len(args), 6) else a for at, a in enumerate(args))
        known = (state.ledger, name, args)
        if known not in self._effects:
            if len(self._effects) > 200_000:
                self._effects.clear()
            reply, ledger = self._store.run(state.ledger, name, args)
            self._effects[known] = (frozen(reply), ledger)
        reply, ledger = self._effects[known]
        if not Promises.looks_at(name):
            return dataclasses.replace(state, ledger=ledger), reply
        promises = opened(state.book)
        promises._journal_length = lambda job_id: sum(
            len(content) for n, _, content in ledger if n == f"journal:{job_id}"
        )
        promises.saw("-", name, list(args), reply)
        return dataclasses.replace(state, ledger=ledger, book=book_of(promises)), reply

    def to_its_end(self, state: State, program: tuple[str, ...]) -> State:
        """Run a program without anything in between."""
        history: tuple[Any, ...] = ()
        slot = (program, history, state.book[0])
        while (effect := self._programs.next_effect(program, history)) is not None:
            _, state, reply = next(iter(self._outcomes(state, slot, effect)))
            history = (*history, reply)
        return state


def _changed(state: State, job_id: str, status: str) -> State:
    """The state after AI City changed a delivery."""
    statuses, row = dict(state.city[0]), state.city[1]
    was_in_check = statuses[job_id] == "quality_check"
    promises = opened(state.book)
    promises.changed_later(job_id, status, row, was_in_check=was_in_check)
    city = (
        tuple(sorted({**statuses, job_id: status}.items())),
        0 if status == "completed" else row + 1,
    )
    return dataclasses.replace(state, city=city, book=book_of(promises))


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
