"""The Celery side of a worker: the task ``fleet.run_job``."""

from functools import cache

from celery import signals

from aicity_fleet.celery_app import app, consumes, messages, settings
from aicity_fleet.messaging.routes import JOBS_QUEUE, RUN_JOB
from aicity_fleet.models import JsonObject
from aicity_fleet.startup import exit_on_fleet_error
from workers.run_job import run_job
from workers.worker import Worker


@app.task(name=RUN_JOB)
def run_job_task(job_id: str) -> JsonObject:
    """Run a job's team, unless the ledger says otherwise."""
    return run_job(job_id, _worker())


@cache
def _worker() -> Worker:
    worker = Worker.open(settings, messages)
    # The operator may have restarted it after fixing the key or the quota; an open breaker would delay it.
    for endpoint in {worker.terms.endpoint, *worker.terms.endpoints.values()}:
        worker.ledger.controls.provider_works(endpoint)
    return worker


@signals.worker_init.connect
def _start(**_: object) -> None:
    """Open this process's worker at its start, so that a wrong setting ends it with a clear message."""
    if consumes(JOBS_QUEUE):
        with exit_on_fleet_error():
            _worker()


@signals.worker_shutting_down.connect
def _drain(**_: object) -> None:
    if consumes(JOBS_QUEUE):
        _worker().drain(settings.drain_seconds)


@signals.worker_shutdown.connect
def _stop(**_: object) -> None:
    if consumes(JOBS_QUEUE):
        _worker().stop()
