"""The Celery side of the workers: the tasks ``fleet.run_job`` and ``fleet.report``."""

from __future__ import annotations

import dataclasses
import os
import socket
from functools import cache, partial

from celery import signals

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.celery_app import (
    JOBS_QUEUE,
    REPORT,
    REPORTS_QUEUE,
    RUN_JOB,
    app,
    consumes,
    send,
    settings,
)
from aicity_fleet.entry import exit_on_fleet_error
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JsonObject
from workers.bridge import Bridge
from workers.leases import LeaseKeeper
from workers.report import ReporterParts, report
from workers.run_job import WorkerParts, run_job
from workers.teams import TeamRunner


@app.task(name=RUN_JOB)
def run_job_task(job_id: str) -> JsonObject:
    """Run a job's team, if it is to be run now."""
    return run_job(job_id, _worker().parts)


@app.task(name=REPORT)
def report_task(job_id: str) -> JsonObject:
    """Tell AI City a job's outcome, if it is to be told now."""
    return report(job_id, _reporter())


@dataclasses.dataclass(frozen=True, slots=True)
class Worker:
    """What lives as long as a worker process."""

    bridge: Bridge
    leases: LeaseKeeper
    teams: TeamRunner
    parts: WorkerParts

    def stop(self) -> None:
        """End the threads and close the model client."""
        self.leases.stop()
        self.teams.close()
        self.bridge.stop()


@cache
def _ledger() -> Ledger:
    return Ledger.from_settings(settings, wait_seconds=settings.start_wait_seconds)


@cache
def _worker() -> Worker:
    settings.require("OPENAI_API_KEY")
    ledger, bridge = _ledger(), Bridge()
    # A connection of its own that gives up soon: a renewal that comes late is worth nothing.
    quick = Ledger.from_settings(settings, timeout_seconds=max(0.2, settings.lease_seconds / 6))
    leases = LeaseKeeper(quick, settings.lease_seconds)
    teams = TeamRunner(bridge, settings)
    parts = WorkerParts(
        ledger=ledger,
        leases=leases,
        run_team=teams.run,
        report=partial(send, REPORT),
        requeue=partial(send, RUN_JOB),
        owner=f"{socket.gethostname()}:{os.getpid()}",
        lease_seconds=settings.lease_seconds,
        max_running=settings.max_running_jobs,
        endpoint=teams.endpoint,
    )
    return Worker(bridge, leases, teams, parts)


@cache
def _reporter() -> ReporterParts:
    client = AICityClient.from_settings(settings)  # first: a missing key shows before any waiting
    return ReporterParts(
        ledger=_ledger(),
        client=client,
        agent=settings.agent,
        give_up_seconds=settings.report_hours * 3600,
    )


@signals.worker_init.connect
def _start(**_: object) -> None:
    """Build this process's parts now, so that a wrong setting ends it readably at its start."""
    with exit_on_fleet_error():
        if consumes(JOBS_QUEUE):
            _worker()
        if consumes(REPORTS_QUEUE):
            _reporter()


@signals.worker_shutting_down.connect
def _drain(**_: object) -> None:
    if consumes(JOBS_QUEUE):
        _worker().leases.drain(settings.drain_seconds)


@signals.worker_shutdown.connect
def _stop(**_: object) -> None:
    if consumes(JOBS_QUEUE):
        _worker().stop()
