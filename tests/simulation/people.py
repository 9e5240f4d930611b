"""Buyers submit and withdraw tasks; an operator pauses, cancels, parks, reruns and sends reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simulation.stage import Process
from simulation.team import Plan, plan_for
from simulation.world import KEYS, World

from aicity_fleet.errors import FleetError
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.controls import Pausable

PAUSABLE: tuple[Pausable, ...] = ("intake", "starts", "reports")
RESTING = ("quarantined", "held")


class Buyers:
    """Submit tasks over time.

    Args:
        world: Whose marketplace.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.plans: dict[str, Plan] = {}
        self.malformed: set[str] = set()
        self.withdrawn: set[str] = set()

    def begin(self) -> None:
        """Plan every task of the profile; some come at once, the others later."""
        world, rng, profile = self._world, self._world.rng, self._world.profile
        for number in range(profile.jobs):
            plan = plan_for(rng, profile)
            name = f"t{number}"
            self.plans[name] = plan
            after = rng.choice((0.0, rng.random() * profile.fault_seconds * 0.8))
            is_malformed = world.happens(profile.malformed)
            world.stage.at(after, partial(self._submit, name, is_malformed))
            if world.happens(profile.withdrawn):
                later = after + rng.random() * 40
                world.stage.at(later, partial(self._withdraw, name))

    def submit_good(self) -> str:
        """Submit one task that will be delivered."""
        name = f"t{len(self.plans)}"
        self.plans[name] = Plan(1, "deliver")
        self._submit(name, False)
        return name

    def _submit(self, name: str, is_malformed: bool) -> None:
        self._world.note(f"a buyer submits {name}")
        if is_malformed:
            self.malformed.add(name)
        raw = {"id": name, "status": "submitted", "taskType": 7} if is_malformed else None
        self._world.market.submit(name, raw)

    def _withdraw(self, name: str) -> None:
        self._world.note(f"its buyer withdraws {name}")
        self.withdrawn.add(name)
        self._world.market.withdraw(name)


class Operator:
    """Makes moves at random while there is trouble, and puts everything right afterwards.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._process = Process("operator")
        self._ledger: Ledger = world.new_ledger()
        self.laid_aside: set[str] = set()
        """Jobs that the operator cancelled or parked."""

    def begin(self) -> None:
        """Plan the moves of the profile."""
        world = self._world
        for _ in range(round(world.profile.moves * world.rng.uniform(0.5, 1.5))):
            world.stage.spawn(
                self._process, self._move, world.rng.random() * world.profile.fault_seconds
            )
        for _ in range(round(world.profile.key_refused + world.rng.random() - 0.5)):
            world.stage.at(world.rng.random() * world.profile.fault_seconds, self._refuse_key)

    def put_right(self) -> None:
        """Take back what is paused or stopped."""
        self._world.key_is_refused = False
        for what in PAUSABLE:
            self._ledger.controls.resume(what)
        self._ledger.controls.lift_stop()

    def _refuse_key(self) -> None:
        world = self._world
        world.key_is_refused = True
        world.note("AI City refuses the key")
        world.count("key_refused")

        def accept_again() -> None:
            world.key_is_refused = False
            world.stage.spawn(self._process, lambda: self._try(self._ledger.controls.lift_stop))

        world.stage.at(world.rng.uniform(3, 30), accept_again)

    def _move(self) -> None:
        rng, ledger = self._world.rng, self._ledger
        job_id = rng.choice(sorted(self._world.market.tasks) or ["none"])
        what = rng.choice(PAUSABLE)
        self._world.count("moves")
        match rng.choice(
            ("pause", "cancel", "park", "rerun", "rerun", "send_report", "send_report")
        ):
            case "pause":
                self._try(lambda: ledger.controls.pause(what, "operator"))
                self._world.stage.sleep(rng.uniform(2, 15))
                self._try(lambda: ledger.controls.resume(what))
            case "cancel":
                self._lay_aside(job_id, lambda: ledger.operator.cancel(job_id, "operator"))
            case "park":
                job_id = self._one_of(("finished",), job_id)
                self._lay_aside(job_id, lambda: ledger.operator.park(job_id, "operator"))
            case "rerun":
                job_id = self._one_of(RESTING, job_id)
                self._try(lambda: ledger.operator.rerun(job_id, "operator"))
            case "send_report":
                job_id = self._one_of(RESTING, job_id)
                self._try(lambda: ledger.operator.send_report(job_id, "operator"))

    def _lay_aside(self, job_id: str, move: Callable[[], object]) -> None:
        self.laid_aside.add(job_id)  # also where the answer to the move is lost
        self._try(move)

    def _one_of(self, states: tuple[str, ...], otherwise: str) -> str:
        """A job in one of these states, if there is one."""
        rest = [
            str(job_id)
            for state in states
            for job_id in self._world.query("ZRANGE", KEYS.state(state), 0, -1)
        ]
        return self._world.rng.choice(rest) if rest else otherwise

    def _try(self, move: Callable[[], object]) -> None:
        try:
            move()
        except FleetError as error:
            self._world.note(f"operator: {type(error).__name__}")
