"""The processes of a simulated fleet, each running the unchanged production functions, and their deaths.

The loops are production's own, in a background of virtual time. Only what Celery does is written here:
take a message, call the function of its task.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from simulation.broker import Broker
from simulation.promises import RESCUE, RESCUE_SECONDS, BrokenPromiseError
from simulation.stage import Process
from simulation.team import Plan, ScriptedTeam
from simulation.world import World
from support.workers import FunctionTeams

from aicity_fleet.background import always, repeat
from aicity_fleet.errors import FleetError
from aicity_fleet.ledger import ClaimTerms, Ledger
from aicity_fleet.messaging.messages import Messages
from aicity_fleet.messaging.routes import POLL
from aicity_fleet.models import JsonObject
from scheduler.poll import poll
from scheduler.read_back import read_back
from scheduler.report import ReporterParts, report_all
from scheduler.sweep import Sweeper
from scheduler.unlisted import check_unlisted
from workers.lease_keeper import LeaseKeeper
from workers.run_job import run_job
from workers.worker import Worker

LEASE_SECONDS = 15.0
SWEEP_SECONDS = 2.0
DRAIN_SECONDS = 4.0
DISPATCHER_SLOTS = 3
POLL_TEXT = "poll"


class Fleet:
    """Every process of one fleet.

    Args:
        world: Where it runs.
        plan_of: What the team of a job would do.
    """

    def __init__(self, world: World, plan_of: Callable[[str], Plan]) -> None:
        self.world, self.plan_of = world, plan_of
        self.broker = Broker(world)
        self._messages = Messages(VirtualApp(self.broker), world.profile.poll_seconds)
        self.processes: dict[str, Process] = {}
        """Name of the service to the process that it is now."""
        self._boots: dict[str, Callable[[Process], None]] = {}
        self._numbers = itertools.count(1)
        self._sweeps_are_hindered_until = 0.0
        world.kill, world.stop = self.kill, self.stop
        profile = world.profile
        for kind, many, boot in (
            ("worker", profile.workers, self._boot_worker),
            ("dispatcher", profile.dispatchers, self._boot_dispatcher),
            ("beat", profile.beats, self._boot_beat),
        ):
            for number in range(many):
                self._boots[f"{kind}{number}"] = boot

    def start(self) -> None:
        """Start what does not run."""
        for service in self._boots:
            self._start(service)

    def resume_all(self) -> None:
        """Resume what is stopped, and start what is dead."""
        for process in self.processes.values():
            if process.is_stopped:
                self.world.stage.resume(process)
        self.start()

    # --- what befalls them --------------------------------------------------------------------------

    def kill(self, process: Process) -> None:
        """SIGKILL; its supervisor starts another one some seconds later."""
        service = process.name.split("-")[0]
        if not process.is_alive or service not in self._boots:
            return
        world = self.world
        process.is_alive = False
        world.count("kills")
        world.note(f"kill -9 {process.name}")
        owners = world.promises.owning_process
        for job_id, fence in list(world.promises.owner.items()):
            if owners.get(job_id) == process.name:
                check = partial(self._check_rescue, job_id, fence, world.stage.seconds)
                world.stage.at(RESCUE_SECONDS, check)
        self.hinder_sweeps(process, 12)
        self.broker.nudge()
        world.stage.at(world.rng.uniform(1, 10), lambda: self._start(service))

    def stop(self, process: Process) -> None:
        """SIGSTOP for a while, often longer than a lease."""
        service = process.name.split("-")[0]
        if process.is_stopped or not process.is_alive or service not in self._boots:
            return
        world = self.world
        seconds = world.rng.choice((2.0, 12.0, 18.0, 40.0))
        world.count("stops")
        world.note(f"kill -STOP {process.name} for {seconds:.0f} s")
        world.stage.stop(process)
        self.hinder_sweeps(process, seconds + 2)
        self.broker.nudge()
        world.stage.at(seconds, lambda: self._resume(process))

    def kill_one(self) -> None:
        """Kill any process."""
        self.kill(self.world.rng.choice(list(self.processes.values())))

    def stop_one(self) -> None:
        """Stop any process."""
        self.stop(self.world.rng.choice(list(self.processes.values())))

    def drain_one(self) -> None:
        """SIGTERM to a worker: it hands its jobs back and ends."""
        name = f"worker{self.world.rng.randrange(self.world.profile.workers)}"
        process = self.processes[name]
        keeper: LeaseKeeper | None = getattr(process, "keeper", None)
        if keeper is None or not process.is_alive:
            return
        self.world.note(f"kill -TERM {process.name}")
        self.world.count("drains")
        keeper.drain(DRAIN_SECONDS)
        self.world.stage.at(DRAIN_SECONDS + 5, lambda: self.kill(process))

    def _resume(self, process: Process) -> None:
        if process.is_stopped:
            self.world.note(f"kill -CONT {process.name}")
            self.world.stage.resume(process)

    def hinder_sweeps(self, process: Process, seconds: float) -> None:
        """Expect no rescue while a dispatcher cannot sweep."""
        if process.name.startswith("dispatcher"):
            until = self.world.stage.seconds + seconds
            self._sweeps_are_hindered_until = max(self._sweeps_are_hindered_until, until)

    def _check_rescue(self, job_id: str, fence: str, killed_at: float) -> None:
        if self.world.promises.owner.get(job_id) != fence:
            return
        if self._sweeps_are_hindered_until <= killed_at:
            raise BrokenPromiseError(RESCUE, f"{job_id}, whose worker died at {killed_at:.1f} s")

    def _start(self, service: str) -> None:
        process = self.processes.get(service)
        if process is not None and process.is_alive:
            return
        process = self.processes[service] = Process(f"{service}-{next(self._numbers)}")
        self.world.note(f"starts as {process.name}")
        self._boots[service](process)

    # --- what they are ------------------------------------------------------------------------------

    def _boot_worker(self, process: Process) -> None:
        world = self.world
        worker = self._open_worker(process, runs_alone=False)
        for _ in range(world.profile.slots):
            world.stage.spawn(
                process, lambda: self._consume(("jobs",), lambda job_id: run_job(job_id, worker))
            )

    def _open_worker(self, process: Process, *, runs_alone: bool) -> Worker:
        world, ledger = self.world, self.world.new_ledger()
        keeper = LeaseKeeper(ledger, LEASE_SECONDS, VirtualBackground(self, process))
        process.keeper = keeper  # type: ignore[attr-defined]  # a drain finds it
        teams: Any = FunctionTeams(ScriptedTeam(world, process, self.plan_of))
        teams.serves = lambda *_, **__: world.passes_health_check()
        isolation: Any = None if runs_alone else VirtualIsolation(self, ledger)
        return Worker(
            ledger=ledger,
            messages=self._messages,
            leases=keeper,
            teams=teams,
            terms=ClaimTerms(
                owner=process.name,
                lease_seconds=LEASE_SECONDS,
                max_running=world.profile.max_running,
                endpoint="model",
                brake=world.profile.brake,
            ),
            isolation=isolation,
        )

    def run_alone(self, ledger: Ledger, job_id: str) -> JsonObject:
        """Run a job in a process of its own, and say so when it dies under it."""
        world, parent = self.world, self.world.stage.strand
        assert parent is not None
        child = Process(
            f"{parent.process.name}.alone{next(self._numbers)}"
        )  # may outlive its parent
        worker = self._open_worker(child, runs_alone=True)
        ended: list[JsonObject] = []

        def run() -> None:
            ended.append(self._guarded(lambda job_id: run_job(job_id, worker), job_id))
            child.is_alive = False

        world.stage.spawn(child, run)
        while child.is_alive:
            world.stage.sleep(0.5)
        fence = world.promises.owner.get(job_id)
        is_its = world.promises.owning_process.get(job_id) == child.name
        if not ended and fence is not None and is_its:
            ledger.died(job_id, fence)
        return ended[0] if ended else {"job_id": job_id, "did": "died"}

    def _boot_dispatcher(self, process: Process) -> None:
        world = self.world
        ledger, client = world.new_ledger(), world.new_client()
        reporter = ReporterParts(ledger, client, "sim", give_up_seconds=3600)

        def handle(text: str) -> JsonObject:
            if text != POLL_TEXT:
                return report_all(text, reporter, self._messages)
            summary = poll(
                client=client, ledger=ledger, messages=self._messages, max_input_chars=1000
            ).to_json()
            if summary["status"] not in {"busy", "error"}:
                read_back(client=client, ledger=ledger)
            if summary["status"] in {"ok", "paused"}:
                check_unlisted(client=client, ledger=ledger)
            return summary

        for _ in range(DISPATCHER_SLOTS):
            world.stage.spawn(process, lambda: self._consume(("control", "reports"), handle))
        max_running = world.profile.max_running
        sweeper = Sweeper(ledger, self._messages, SWEEP_SECONDS, max_running=max_running)
        sweeper.start(VirtualBackground(self, process))

    def _boot_beat(self, process: Process) -> None:
        self.world.stage.spawn(process, self.poll_now)
        background = VirtualBackground(self, process)
        background.repeat("beat", self.poll_now, self.world.profile.poll_seconds)

    def poll_now(self) -> None:
        """Send the message of a poll, as beat does."""
        self._messages.poll()

    # --- below: loops -------------------------------------------------------------------------------

    def _consume(self, queues: tuple[str, ...], handle: Callable[[str], JsonObject]) -> None:
        while True:
            _, text = self.broker.take(queues)
            self._guarded(handle, text)

    def _guarded(self, handle: Callable[[str], JsonObject], text: str) -> JsonObject:
        """As a Celery task: what it raises is logged, and the message is gone."""
        try:
            did = handle(text)
        except FleetError as error:
            did = {"raised": type(error).__name__}
        self.world.note(
            f"task {text}: {did.get('did', did.get('status', did))} {did.get('why', '')}"
        )
        return did


class VirtualApp:
    """Stands in for the Celery app: a message is a text in a queue of the simulated broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def send_task(self, name: str, args: Any = None, **options: Any) -> None:
        """As Celery's app."""
        self._broker.send(options["queue"], POLL_TEXT if name == POLL else args[0])

    def send_tasks(self, name: str, args: Sequence[list[str]], **options: Any) -> None:
        """As Celery's app."""
        for each in args:
            self.send_task(name, each, **options)


class VirtualIsolation:
    """Stands in for ``Isolation``: the child is a process of the stage."""

    def __init__(self, fleet: Fleet, ledger: Ledger) -> None:
        self._fleet, self._ledger = fleet, ledger

    def run(self, job_id: str) -> JsonObject:
        """As ``Isolation``'s."""
        return self._fleet.run_alone(self._ledger, job_id)


class VirtualBackground:
    """Production's loops in virtual time, as strands of one process."""

    def __init__(self, fleet: Fleet, process: Process) -> None:
        self._fleet, self._process = fleet, process

    def repeat(
        self,
        name: str,
        tick: Callable[[], object],
        every_seconds: float,
        *,
        is_needed: Callable[[], bool] = always,
    ) -> None:
        """As ``Threads``'s, except that it does not rest: what is not needed does nothing."""
        stage = self._fleet.world.stage

        def watched() -> None:
            began, has_failed = stage.seconds, True
            try:
                if is_needed():
                    tick()
                has_failed = False
            finally:
                if has_failed or stage.seconds - began > 0.5:
                    self._fleet.hinder_sweeps(self._process, 8)

        def pause() -> bool:
            stage.sleep(every_seconds)
            return False

        stage.spawn(
            self._process, lambda: repeat(name, watched, pause), self._fleet.world.rng.random()
        )

    def wake(self) -> None:
        """Nothing rests."""

    def later(self, name: str, action: Callable[[], object], seconds: float) -> None:
        """As ``Threads``'s."""
        self._fleet.world.stage.spawn(self._process, action, seconds)

    def stop(self) -> None:
        """As ``Threads``'s: the stage ends strands with their process."""
