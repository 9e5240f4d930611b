"""The processes of a simulated fleet, each running the unchanged production functions, and their deaths.

The loops here mirror those that own a thread or a Celery task in production: ``LeaseKeeper``'s two,
``Sweeper._loop``, ``poll_task``, ``run_job_task``, ``report_task``. All else is production code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

from simulation.broker import Broker
from simulation.promises import RESCUE, RESCUE_SECONDS, BrokenPromiseError
from simulation.stage import Process
from simulation.team import Plan, ScriptedTeam
from simulation.world import World

from aicity_fleet.celery_app import QUEUE_OF, REPORT, RUN_JOB
from aicity_fleet.errors import FleetError
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.keys import SCHEMA_VERSION
from aicity_fleet.models import JsonObject
from scheduler import poll as poll_module
from scheduler import report as report_module
from scheduler import sweep as sweep_module
from workers import run_job as run_job_module
from workers.lease_keeper import MOST_RENEWAL_SECONDS, LeaseKeeper

LEASE_SECONDS = 15.0
SWEEP_SECONDS = 2.0
DISPATCHER_SLOTS = 3


class Fleet:
    """Every process of one fleet.

    Args:
        world: Where it runs.
        plan_of: What the team of a job would do.
    """

    def __init__(self, world: World, plan_of: Callable[[str], Plan]) -> None:
        self.world, self.plan_of = world, plan_of
        self.broker = Broker(world)
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
        self._hinder_sweeps(process, 12)
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
        self._hinder_sweeps(process, seconds + 2)
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
        keeper._draining = True  # as `drain` does, whose thread is the two lines below
        for watch in keeper._watches():
            watch.drain()

        def end() -> None:
            for watch in keeper._watches():
                watch.abort("drain")
            self.world.stage.at(5, lambda: self.kill(process))

        self.world.stage.at(4, end)

    def _resume(self, process: Process) -> None:
        if process.is_stopped:
            self.world.note(f"kill -CONT {process.name}")
            self.world.stage.resume(process)

    def _hinder_sweeps(self, process: Process, seconds: float) -> None:
        """No rescue is expected while a dispatcher cannot sweep."""
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
        parts = self._worker_parts(process, alone=False)
        for _ in range(world.profile.slots):
            world.stage.spawn(process, lambda: self._consume(("jobs",), parts_run(parts)))

    def _worker_parts(self, process: Process, *, alone: bool) -> run_job_module.WorkerParts:
        world, ledger = self.world, self.world.new_ledger()
        keeper = LeaseKeeper(ledger, LEASE_SECONDS, has_threads=False)
        process.keeper = keeper  # type: ignore[attr-defined]
        every = min(LEASE_SECONDS / 3, MOST_RENEWAL_SECONDS)
        world.stage.spawn(process, lambda: self._repeat(keeper.renew, every), every)
        world.stage.spawn(process, lambda: self._repeat(keeper.fence, LEASE_SECONDS / 20))
        return run_job_module.WorkerParts(
            ledger=ledger,
            leases=keeper,
            run_team=ScriptedTeam(world, process, self.plan_of),
            report=partial(self.broker.send, QUEUE_OF[REPORT]),
            requeue=partial(self.broker.send, QUEUE_OF[RUN_JOB]),
            owner=process.name,
            lease_seconds=LEASE_SECONDS,
            max_running=world.profile.max_running,
            endpoint="model",
            run_alone=None if alone else partial(self._run_alone, ledger),
        )

    def _run_alone(self, ledger: Ledger, job_id: str) -> JsonObject:
        """Run a job in a process of its own, and say so when it dies under it."""
        world, parent = self.world, self.world.stage.strand
        assert parent is not None
        child = Process(
            f"{parent.process.name}.alone{next(self._numbers)}"
        )  # may outlive its parent
        parts = self._worker_parts(child, alone=True)
        ended: list[JsonObject] = []

        def run() -> None:
            ended.append(self._guarded(parts_run(parts), job_id))
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
        world.wire.call("SET", ledger.keys.schema, SCHEMA_VERSION)  # ledger.upgrade_schema()
        reporter = report_module.ReporterParts(ledger, client, "sim", give_up_seconds=3600)

        def handle(text: str) -> JsonObject:
            if text != "poll":
                return report_module.report(text, reporter)
            return poll_module.poll(
                client=client,
                ledger=ledger,
                send=partial(self.broker.send, QUEUE_OF[RUN_JOB]),
                max_input_chars=1000,
            ).to_json()

        def tick() -> None:
            if ledger.coordination.may_sweep(SWEEP_SECONDS * 0.9):
                sweep_module.sweep(
                    ledger=ledger,
                    send=lambda task, job_id: self.broker.send(QUEUE_OF[task], job_id),
                    poll_now=self.poll_now,
                    max_running=world.profile.max_running,
                )

        for _ in range(DISPATCHER_SLOTS):
            world.stage.spawn(process, lambda: self._consume(("control", "reports"), handle))
        world.stage.spawn(process, lambda: self._repeat(tick, SWEEP_SECONDS), world.rng.random())

    def _boot_beat(self, process: Process) -> None:
        self.world.stage.spawn(
            process, lambda: self._repeat(self.poll_now, self.world.profile.poll_seconds)
        )

    def poll_now(self) -> None:
        """Send the message of a poll, as beat does."""
        self.broker.send("control", "poll")

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

    def _repeat(self, tick: Callable[[], object], every_seconds: float) -> None:
        stage, strand = self.world.stage, self.world.stage.strand
        assert strand is not None
        while True:
            began, failed = stage.seconds, False
            try:
                tick()
            except FleetError as error:
                failed = True
                self.world.note(f"tick: {type(error).__name__}")
            if failed or stage.seconds - began > 0.5:
                self._hinder_sweeps(strand.process, 8)
            stage.sleep(every_seconds)


def parts_run(parts: run_job_module.WorkerParts) -> Callable[[str], JsonObject]:
    """The task ``fleet.run_job`` of a process with these parts."""
    return lambda job_id: run_job_module.run_job(job_id, parts)
