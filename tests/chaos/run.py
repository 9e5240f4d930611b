"""One chaos run from start to verdict: feeds tasks, lets the plan happen, waits for rest, judges."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from chaos.injector import Injector
from chaos.judge import Verdict, judge
from chaos.ledger_eyes import Rescue
from chaos.options import Options
from chaos.plan import BY_NAME, Event, make_plan
from chaos.stage import MakePrograms, Stage, the_fleet
from chaos.victims import Death

TICK_SECONDS = 0.05
LOOK_SECONDS = 0.5
"""How often the books and the ledger are looked at, in seconds."""

START_SECONDS = 180.0
"""How long it may take until the first job calls its model, in seconds."""

PATIENCE_SECONDS = 20.0
"""How long an event waits for a victim, or for the work to keep pace with the kills, in seconds."""

STRIKE_SECONDS = 15.0
"""How long faults that stand after the last event get to strike, in seconds."""

FREE_ROUNDS = 60
"""How often further tasks are submitted at the end, so that successes let held failures go."""

FREE_SECONDS = 5.0
"""How long the fleet gets for such tasks before it is given more, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, for whoever watches."""

    phase: str
    seconds: float
    submitted: int
    ended: int
    kills: int
    last_event: str


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    options: Options
    verdict: Verdict
    injected: Mapping[str, int]
    """How often each kind of fault happened."""
    skipped: Mapping[str, int]
    """Events whose victim did not come in time."""
    kills: int
    kills_that_hit: int
    hits: int
    """Jobs that were held by a process when it was killed, stopped, or ended by itself."""
    went_otherwise: int
    own_deaths: Mapping[str, int]
    """Processes that ended by themselves, by name and exit status."""
    rescues: tuple[Rescue, ...]
    """The slowest first."""
    impossible: int
    """Tasks that could not be done."""
    fault_seconds: float
    settle_seconds: float
    came_to_rest: bool
    lost_jobs: Mapping[str, Any]
    """What the ledger says of lost tasks."""


class Run:
    """One run.

    Args:
        options: The run's.
        folder: Where everything runs and logs.
        programs: What is tested.
        watch: Told how far the run is, a few times a second.
        is_fleet: Whether the ledger is there to be read.
    """

    def __init__(
        self,
        options: Options,
        folder: Path,
        *,
        programs: MakePrograms = the_fleet,
        watch: Callable[[Progress], None] = lambda _progress: None,
        is_fleet: bool = True,
    ) -> None:
        self.options = options
        self._watch, self._is_fleet = watch, is_fleet
        self.stage = Stage(options, folder, programs)
        self.injector = Injector(self.stage)
        self._dice = random.Random(options.seed + 1)  # noqa: S311 - a plan's dice
        self._submitted = self._open = 0
        self._own_deaths: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._began = time.monotonic()
        self._last_look = 0.0
        self._phase = self._last_event = ""

    def execute(self) -> Outcome:
        """Run it to the end; the stage is taken down in any case."""
        try:
            self.stage.start()
            self._phase = "faults"
            self._submit(self.options.open_at_once)
            self._wait_for_work()
            faults_began = time.monotonic()
            for number, event in enumerate(self._plan()):
                self._wait(event.wait_seconds)
                self._keep_pace(number)
                self._let_happen(event)
            self._let_faults_strike()
            faults_ended = time.monotonic()
            self.injector.put_everything_right()
            came_to_rest = self._settle()
            return self._outcome(faults_ended - faults_began, faults_ended, came_to_rest)
        finally:
            self.stage.stop()

    def _wait_for_work(self) -> None:
        """Break nothing before the first model call: a kill that meets a starting process proves little."""
        deadline = time.monotonic() + START_SECONDS
        while not self.stage.market.report()["model"]["started"]:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"no model was called within {START_SECONDS:.0f} s; see the logs"
                )
            self._wait(LOOK_SECONDS)

    def _plan(self) -> list[Event]:
        plan = make_plan(self.options.kills, self.options.seed, self.options.kinds)
        self._events = len(plan)
        return plan

    def _let_happen(self, event: Event) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        # A kill that was planned is a kill that happens, also of a primary.
        must = BY_NAME[event.kind].group == "kill" or event.kind == "failover"
        while not self.injector.try_to(event):
            if not must and time.monotonic() > deadline:
                self._skipped[event.kind] += 1
                return
            self._tick()
        self._last_event = event.kind

    def _keep_pace(self, number: int) -> None:
        """Let the jobs keep up with the faults, so that the last ones still meet work."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        due = self.options.jobs * number / self._events * 0.8
        while self._submitted - self._open < due and time.monotonic() < deadline:
            self._tick()

    def _let_faults_strike(self) -> None:
        """Give what was installed last in the marketplace a request to strike."""
        deadline = time.monotonic() + STRIKE_SECONDS
        lasting = len(self.injector.lasting)
        while self.stage.market.standing_faults() > lasting and time.monotonic() < deadline:
            self._wait(LOOK_SECONDS)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._tick()

    def _tick(self) -> None:
        """What goes on all the time."""
        time.sleep(TICK_SECONDS)
        self.injector.put_right_what_is_due()
        for death in self.stage.processes.tend():
            self._note_death(death)
        if time.monotonic() - self._last_look < LOOK_SECONDS:
            return
        self._last_look = time.monotonic()
        with contextlib.suppress(httpx.TransportError):  # a busy machine; the next look sees it
            self._open = self.stage.market.open_tasks()
        if self._is_fleet:
            self.stage.eyes.look_for_rescues()
        if self._phase == "faults":
            self._submit(self.options.open_at_once - self._open)
        self._watch(
            Progress(
                self._phase,
                time.monotonic() - self._began,
                self._submitted,
                self._submitted - self._open,
                self._kills(),
                self._last_event,
            )
        )

    def _submit(self, count: int) -> None:
        wishes: list[bool] = []
        while len(wishes) < count:
            if self._dice.random() < self.options.failing_share / 2:
                wishes += [False] * self._dice.randint(
                    1, 3
                )  # together, so that the guard has to act
            else:
                wishes.append(True)
        if wishes and self.options.failing_share and not self._submitted:
            place = self._dice.randrange(len(wishes))  # one group at least, whatever the dice say
            wishes[place:place] = [False] * 3
        self.stage.market.submit(wishes)
        self._submitted += len(wishes)
        self._open += len(wishes)

    def _settle(self) -> bool:
        """Wait until no task is open but those that rest; False when the time is up."""
        self._phase = "settling"
        self._submit_the_rest()
        deadline = time.monotonic() + self.options.settle_seconds
        rounds, offered_at = 0, 0.0
        while time.monotonic() < deadline:
            self._wait(LOOK_SECONDS)
            if "city-401" in self.options.kinds:  # one may have struck at the very end
                self.stage.eyes.lift_stop()
            if self._open == 0:
                return True
            resting = self.stage.eyes.resting() if self._is_fleet else {}
            held = [reason for reason in resting.values() if reason.startswith("held")]
            all_rest = self._open <= len(resting)
            if all_rest and (not held or rounds >= FREE_ROUNDS):
                return True
            # Also while others are still tried: a market that goes on has tasks that can be done.
            is_time = all_rest or time.monotonic() > offered_at + FREE_SECONDS
            if held and rounds < FREE_ROUNDS and is_time:
                rounds, offered_at = rounds + 1, time.monotonic()
                self.stage.market.submit([True, True])
                self._submitted += 2
                self._open += 2
        return False

    def _submit_the_rest(self) -> None:
        self._submit(self.options.jobs - self._submitted)

    def _note_death(self, death: Death) -> None:
        self._own_deaths[f"{death.name} (status {death.status})"] += 1
        if self._is_fleet:
            self.stage.eyes.note_hit(death.pid, "exited", death.at)

    def _kills(self) -> int:
        return sum(n for kind, n in self.injector.done.items() if kind.startswith("kill-"))

    def _outcome(self, fault_seconds: float, faults_ended: float, came_to_rest: bool) -> Outcome:
        report = self.stage.market.report()
        eyes = self.stage.eyes
        if self._is_fleet:
            eyes.look_for_rescues()
        resting = eyes.resting() if self._is_fleet else {}
        verdict = judge(report, resting, self.injector.flushed_at)
        return Outcome(
            options=self.options,
            verdict=verdict,
            injected={**self.injector.done, **report["faults"]},
            skipped=dict(self._skipped),
            kills=self._kills(),
            kills_that_hit=self.injector.kills_that_hit,
            hits=eyes.hits,
            went_otherwise=eyes.went_otherwise,
            own_deaths=dict(self._own_deaths),
            rescues=tuple(sorted(eyes.rescues, key=lambda one: -one.seconds)),
            impossible=self.stage.market.impossible,
            fault_seconds=fault_seconds,
            settle_seconds=time.monotonic() - faults_ended,
            came_to_rest=came_to_rest,
            lost_jobs={task_id: eyes.state_of(task_id) for task_id in verdict.lost[:20]}
            if self._is_fleet
            else {},
        )
