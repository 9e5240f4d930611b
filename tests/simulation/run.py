"""Runs one seed to its end: trouble, then calm, then the question whether everything rests for a reason."""

from __future__ import annotations

import dataclasses
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from simulation.fleet import Fleet
from simulation.people import Buyers, Operator
from simulation.profiles import Profile, profile_of
from simulation.promises import LEARNED, RELEASED, REST, UNKNOWN_ERROR, BrokenPromiseError
from simulation.team import Plan, VirtualAsyncio
from simulation.wire import Wire, packed, redis_socket
from simulation.world import KEYS, World

from aicity_fleet import background, backoff
from aicity_fleet.ledger import controls, coordination, runs
from aicity_fleet.ledger import ledger as ledger_module
from aicity_fleet.messaging import messages
from scheduler import availability, poll, read_back, report, sweep, unlisted
from workers import lease_keeper, ledger_journal, run_job

REST_SECONDS = 1500.0
"""How long after the last fault everything must rest, in virtual seconds."""

MOVING = ("queued", "running", "finished")


@dataclasses.dataclass(slots=True)
class Result:
    """One seed's run."""

    seed: int
    kind: str
    digest: str
    counts: Counter[str]
    broken: BrokenPromiseError | None
    trace: list[str]


class Silence:
    """A log that says nothing: structlog would take as long as the rest."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_fields: None


@contextmanager
def virtual(world: World) -> Iterator[None]:
    """Have the production modules see the world's clock, chance and loop for as long as this lasts."""
    stage, rng = world.stage, world.rng
    clock = SimpleNamespace(monotonic=lambda: stage.seconds)
    tokens = SimpleNamespace(token_hex=lambda size: f"{rng.getrandbits(8 * size):0{2 * size}x}")
    chance = SimpleNamespace(uniform=rng.uniform)
    with ExitStack() as patches:
        for module, name, value in (
            (run_job, "time", clock),
            (lease_keeper, "time", clock),
            (poll, "time", clock),
            (read_back, "time", clock),
            (unlisted, "time", clock),
            (backoff, "random", chance),
            (controls, "random", chance),
            (ledger_module, "secrets", tokens),
            (coordination, "secrets", tokens),
            (runs, "secrets", tokens),
            (ledger_journal, "asyncio", VirtualAsyncio(world)),
            *(
                (module, "log", Silence())
                for module in (
                    *(run_job, lease_keeper, report, poll, read_back, sweep, unlisted),
                    *(availability, background, messages),
                )
            ),
        ):
            patches.enter_context(mock.patch.object(module, name, value))
        yield


def run_seed(
    seed: int,
    wire: Wire,
    *,
    texts: Mapping[str, str] | None = None,
    profile: Profile | None = None,
) -> Result:
    """Run one seed; what is broken is in the result.

    Args:
        seed: Which.
        wire: A Redis that nobody else uses.
        texts: The scripts; the production ones by default.
        profile: What happens; drawn from the seed by default.
    """
    kind, drawn = profile_of(seed)
    world = World(seed, profile or drawn, wire, texts)
    broken = None
    with virtual(world):
        try:
            _Play(world).perform()
        except BrokenPromiseError as error:
            broken = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed is what shows it again
            broken = BrokenPromiseError(
                UNKNOWN_ERROR, "".join(traceback.format_exception(error)[-4:])
            )
        finally:
            world.stage.clear()
    counts = world.counts + Counter(
        endings=world.market.endings,
        jobs=len(world.market.tasks),
        bought=world.promises.bought,
        bought_in_vain=world.promises.bought_in_vain,
        virtual_seconds=int(world.stage.seconds),
    )
    return Result(seed, kind, world.digest(), counts, broken, world.trace)


def run_seeds(seeds: Sequence[int]) -> list[Result]:
    """Run seeds on a redis-server of their own."""
    with redis_socket() as path:
        wire = Wire(path)
        results = []
        for seed in seeds:
            result = run_seed(seed, wire)
            if result.broken is None:
                result.trace = []
            results.append(result)
        wire.close()
    return results


class _Play:
    """The acts of one seed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.buyers = Buyers(world)
        self.operator = Operator(world)
        self.fleet = Fleet(world, self._plan_of)

    def _plan_of(self, job_id: str) -> Plan:
        return self.buyers.plans[job_id]

    def perform(self) -> None:
        """All of it."""
        world, stage, profile = self.world, self.world.stage, self.world.profile
        self.buyers.begin()
        self.operator.begin()
        self.fleet.start()
        for happening, many in (
            (self.fleet.kill_one, profile.kills),
            (self.fleet.stop_one, profile.stops),
            (self.fleet.drain_one, profile.drains),
            (world.flush, profile.flushes),
        ):
            for _ in range(round(many * world.rng.uniform(0.3, 1.0))):
                stage.at(world.rng.random() * profile.fault_seconds, happening)
        stage.run(lambda: False, profile.fault_seconds)
        world.is_faulty = False
        world.note("no more faults")
        stage.at(0.1, self._put_right)
        stage.at(45, self._put_right)  # what was stopped or paused by an effect under way
        self._come_to_rest()
        self._learn_what_changed()
        self._come_to_rest()  # what was read may have let a held failure go
        self._let_the_held_go()
        self._explain_the_rest()

    def _put_right(self) -> None:
        self.fleet.resume_all()
        self.operator.put_right()

    def _come_to_rest(self) -> None:
        world, stage = self.world, self.world.stage
        latest = stage.seconds + REST_SECONDS
        looked_at = [stage.seconds + 1]

        def rests() -> bool:
            if stage.seconds < looked_at[0]:
                return False
            looked_at[0] = stage.seconds + 2
            return not self._restless()

        stage.at(2, self.fleet.broker.nudge)
        if not stage.run(rests, latest):
            raise BrokenPromiseError(REST, f"after {REST_SECONDS:.0f} s: {self._restless()}")
        world.note("everything rests")

    def _learn_what_changed(self) -> None:
        """AI City changes what it still does, and the fleet reads it."""
        world, stage = self.world, self.world.stage
        looked_at = [stage.seconds]

        def is_learned() -> bool:
            if stage.seconds < looked_at[0]:
                return False
            looked_at[0] = stage.seconds + 5
            return not self._unlearned()

        if self._unlearned() and not stage.run(is_learned, stage.seconds + REST_SECONDS):
            raise BrokenPromiseError(LEARNED, f"{self._unlearned()}")
        world.note("all is learned")

    def _unlearned(self) -> list[str]:
        """Deliveries that the ledger knows, and of which AI City has changed or will change something."""
        unlearned = []
        for task in self.world.market.tasks.values():
            if task.task_id not in self.world.to_change and not task.is_changed_later:
                continue
            state, standing = self.world.query("HMGET", KEYS.job(task.task_id), "state", "standing")
            is_pending = task.task_id in self.world.to_change
            if is_pending or (state == "reported" and standing not in {None, task.status}):
                unlearned.append(f"{task.task_id} is {task.status}, its job says {standing}")
        return unlearned

    def _restless(self) -> list[str]:
        """Jobs that are not where they may stay, and open tasks without one that rests."""
        world = self.world
        still_open = [task.task_id for task in world.market.tasks.values() if task.is_open]
        replies = world.wire.send(
            [
                *(packed("ZRANGE", KEYS.state(state), 0, -1) for state in MOVING),
                *(packed("HGET", KEYS.job(job_id), "state") for job_id in still_open),
            ]
        )
        moving = [
            f"{job_id} is {state}"
            for state, ids in zip(MOVING, replies, strict=False)
            for job_id in ids
        ]
        return moving or [
            f"{job_id} is open, its job {state}"
            for job_id, state in zip(still_open, replies[len(MOVING) :], strict=True)
            if state not in {"held", "quarantined"}
        ]

    def _let_the_held_go(self) -> None:
        """As successes come, whatever the guard held back is sent."""
        held = self.world.query("ZCARD", KEYS.state("held"))
        for _ in range(held + 1):
            if not self.world.query("ZCARD", KEYS.state("held")):
                return
            self.buyers.submit_good()
            self.fleet.poll_now()
            self._come_to_rest()
        left = self.world.query("ZRANGE", KEYS.state("held"), 0, -1)
        raise BrokenPromiseError(RELEASED, f"after {held + 1} successes still held: {left}")

    def _explain_the_rest(self) -> None:
        """Each open task rests for a reason that this run knows."""
        world = self.world
        for task in world.market.tasks.values():
            if not task.is_open:
                continue
            job_id = task.task_id
            state, reason = world.query("HMGET", KEYS.job(job_id), "state", "reason")
            if not self._is_explained(job_id, str(state), str(reason)):
                raise BrokenPromiseError(
                    REST, f"{job_id} is {state}, and nobody knows why: {reason}"
                )

    def _is_explained(self, job_id: str, state: str, reason: str) -> bool:
        if state != "quarantined":
            return False
        return (
            (job_id in self.buyers.malformed and "taskType" in reason)
            or (job_id in self.operator.laid_aside and reason == "operator")
            or (job_id in self.world.refused_ids and reason.startswith("4"))
            or ("lapsed" in reason and self.world.promises.lapses[job_id] >= 8)
            or ("completion" in reason and self._was_completion_tried(job_id))
        )

    def _was_completion_tried(self, job_id: str) -> bool:
        return (self.world.promises.epoch, job_id) in self.world.promises.complete_tried
