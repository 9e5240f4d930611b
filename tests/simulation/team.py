"""The team of the simulation: it makes its model calls along the production journal, and ends as planned.

It stands in for ``workers.team_runner.TeamRunner.run`` and stops where that one stops: between calls, and
within one when its run is aborted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from simulation.profiles import Profile
from simulation.stage import Process
from simulation.world import World

from aicity_fleet.journal import Journal, JournalCursor, ModelCall, canonical_sha256
from aicity_fleet.ledger import Lease
from aicity_fleet.models import (
    Delivered,
    Ending,
    Interrupted,
    ProviderFatal,
    ProviderTrouble,
    Rejected,
    TeamResult,
)
from aicity_fleet.stop_switch import StopSwitch

T = TypeVar("T")

POISONOUS_CALL = 1
"""The call within which a poisonous job ends its process."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a job's team would do if nothing came in between."""

    calls: int
    ending: str
    """``deliver``, ``reject`` or ``waver``: any of the two, anew with every attempt."""
    is_poison: bool = False


class VirtualAsyncio:
    """What ``LedgerJournal`` uses of asyncio, on a stage instead of a loop."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def to_thread(self, function: Callable[[], T]) -> T:
        """As asyncio's: here the strand itself waits."""
        return function()

    async def sleep(self, seconds: float) -> None:
        """As asyncio's, in virtual time."""
        self._world.stage.sleep(seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits on a loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits on a loop")


class ScriptedTeam:
    """The team of one process.

    Args:
        world: Where it works.
        process: Whose team; a poisonous job kills it.
        plan_of: What the team of a job would do.
    """

    def __init__(self, world: World, process: Process, plan_of: Callable[[str], Plan]) -> None:
        self._world, self._process, self._plan_of = world, process, plan_of

    def __call__(self, lease: Lease, stop_switch: StopSwitch, journal: Journal) -> TeamResult:
        """As ``TeamRunner.run``."""
        world, plan = self._world, self._plan_of(lease.job_id)
        cursor, text = JournalCursor(journal), ""
        for ordinal in range(plan.calls):
            stopped = self._stopped(stop_switch)
            if stopped is not None:
                return self._result(stopped, cursor)
            if world.happens(world.profile.broken):
                world.count("broken")
                raise RuntimeError("our own code")
            request = canonical_sha256({"job": lease.job_id, "call": ordinal, "text": text})
            entry = run_now(cursor.replay("model", request))
            if entry is None:
                ending = self._buy(lease, stop_switch, ordinal, plan)
                if ending is not None:
                    return self._result(ending, cursor)
                answer = {"text": f"answer {world.rng.randrange(10**9)}"}
                call = ModelCall(usage=(7, 3))
                entry = run_now(cursor.record("model", request, answer, seconds=1.0, call=call))
            text = entry.answer["text"]
        stopped = self._stopped(stop_switch, also_drain=False)
        return self._result(stopped or self._ending(lease, plan, text), cursor)

    def _stopped(self, stop_switch: StopSwitch, *, also_drain: bool = True) -> Interrupted | None:
        if stop_switch.abort_reason is not None:
            return Interrupted(stop_switch.abort_reason)
        return Interrupted("drain") if also_drain and stop_switch.is_draining else None

    def _buy(
        self, lease: Lease, stop_switch: StopSwitch, ordinal: int, plan: Plan
    ) -> Ending | None:
        """One call of the model; gives the ending of the run when it gets no answer."""
        world = self._world
        world.pause()
        rest = world.rng.choice((0.2, 0.5, 1.0, 3.0, 9.0, 16.0)) if world.is_faulty else 0.3
        while rest > 0:
            world.stage.sleep(min(rest, 1.0))
            rest -= 1.0
            if stop_switch.abort_reason is not None:
                return Interrupted(stop_switch.abort_reason)
        if plan.is_poison and ordinal == POISONOUS_CALL:
            world.note(f"{lease.job_id} kills its process")
            world.count("poisonings")
            world.kill(self._process)
            world.pause()
        if world.happens(world.profile.trouble):
            world.count("trouble")
            wait, is_busy = world.rng.choice((None, 4.0)), world.rng.random() < 0.5
            return ProviderTrouble("the provider is busy", wait, is_busy=is_busy)
        if world.happens(world.profile.fatal):
            world.count("fatal")
            return ProviderFatal("the provider refuses the key")
        world.promises.buys(lease.job_id, lease.fence, ordinal)
        world.note(f"bought call {ordinal} of {lease.job_id} as {lease.fence}")
        world.pause()
        return None

    def _ending(self, lease: Lease, plan: Plan, text: str) -> Ending:
        delivers = plan.ending == "deliver"
        if plan.ending == "waver":
            delivers = self._world.rng.random() < 0.5
        if delivers:
            return Delivered(f"{lease.job_id} by attempt {lease.fence}: {text}", 90)
        return Rejected("quality", f"Attempt {lease.token} could not: {text}.")

    def _result(self, ending: Ending, cursor: JournalCursor) -> TeamResult:
        return TeamResult(ending, cursor.bought, "scripted")


def plan_for(rng: random.Random, profile: Profile) -> Plan:
    """Draw the plan of one job."""
    ending = "reject" if rng.random() < profile.rejects else "deliver"
    if rng.random() < profile.wavers:
        ending = "waver"
    is_poison = rng.random() < profile.poison
    least = POISONOUS_CALL + 1 if is_poison else 1
    return Plan(rng.randint(least, max(least, profile.most_calls)), ending, is_poison)
