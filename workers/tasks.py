"""The Celery side of a worker: the task ``fleet.run_job``."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable
from functools import cache, partial

from celery import signals

from aicity_fleet.celery_app import (
    JOBS_QUEUE,
    REPORT,
    RUN_JOB,
    app,
    consumes,
    send,
    settings,
)
from aicity_fleet.ledger import Lease, Ledger
from aicity_fleet.models import JsonObject
from aicity_fleet.startup import exit_on_fleet_error
from workers.event_loop import Bridge
from workers.isolation import Isolation
from workers.lease_keeper import LeaseKeeper
from workers.ledger_spending import LedgerSpendingLimiter
from workers.run_job import WorkerParts, run_job
from workers.team_runner import TeamRunner


@app.task(name=RUN_JOB)
def run_job_task(job_id: str) -> JsonObject:
    """Run a job's team, if it is to be run now."""
    return run_job(job_id, _worker().parts)


@dataclasses.dataclass(frozen=True, slots=True)
class Worker:
    """What lives as long as a worker process."""

    bridge: Bridge
    leases: LeaseKeeper
    teams: TeamRunner
    parts: WorkerParts
    isolation: Isolation | None
    """Where isolated jobs run; None in the process of one."""

    def drain(self) -> None:
        """Hand running jobs back and claim no more; to be called within a signal handler."""
        self.leases.drain(settings.drain_seconds)
        if self.isolation is not None:
            self.isolation.drain()

    def stop(self) -> None:
        """End the isolated job's process and the threads, and close the model client."""
        if self.isolation is not None:
            self.isolation.stop()
        self.leases.stop()
        self.teams.close()
        self.bridge.stop()


@cache
def _ledger() -> Ledger:
    return Ledger.from_settings(settings, wait_seconds=settings.start_wait_seconds)


@cache
def _worker() -> Worker:
    grace = settings.drain_seconds
    isolation = Isolation(_ledger(), partial(send, REPORT), grace_seconds=grace)
    worker = open_worker(isolation)
    # Perhaps it starts because somebody mended the key or the quota: a breaker would hold it off.
    _ledger().controls.provider_works(worker.parts.endpoint)
    return worker


def open_worker(
    isolation: Isolation | None, on_claim: Callable[[Lease], None] | None = None
) -> Worker:
    """Build what a process needs to run jobs, and start its threads.

    Args:
        isolation: Where isolated jobs run; None when this process is to run a single job itself.
        on_claim: Told of every lease before anything is done with it.

    Raises:
        SettingsError: No model key is set.
        TeamError: A team or the file of models is wrong.
        LedgerError: Redis does not answer, or holds what this version cannot read.
    """
    bridge = Bridge()
    teams = TeamRunner(bridge, settings)  # first: a wrong setting shows before any waiting
    ledger = _ledger()
    # A connection of its own that gives up soon: a renewal that comes late is worth nothing.
    quick = Ledger.from_settings(settings, timeout_seconds=max(0.2, settings.lease_seconds / 6))
    leases = LeaseKeeper(quick, settings.lease_seconds)
    cap = settings.max_day_usd
    limiter = None if cap is None else partial(LedgerSpendingLimiter, ledger, cap)
    parts = WorkerParts(
        ledger=ledger,
        leases=leases,
        run_team=partial(teams.run, limiter=limiter),
        report=partial(send, REPORT),
        requeue=partial(send, RUN_JOB),
        owner=f"{socket.gethostname()}:{os.getpid()}",
        lease_seconds=settings.lease_seconds,
        max_running=settings.max_running_jobs,
        endpoint=teams.endpoint,
        run_alone=isolation.run if isolation is not None else None,
        day_cap_usd=cap,
        on_claim=on_claim,
    )
    return Worker(bridge, leases, teams, parts, isolation)


@signals.worker_init.connect
def _start(**_: object) -> None:
    """Build this process's parts now, so that a wrong setting ends it readably at its start."""
    with exit_on_fleet_error():
        if consumes(JOBS_QUEUE):
            _worker()


@signals.worker_shutting_down.connect
def _drain(**_: object) -> None:
    if consumes(JOBS_QUEUE):
        _worker().drain()


@signals.worker_shutdown.connect
def _stop(**_: object) -> None:
    if consumes(JOBS_QUEUE):
        _worker().stop()
