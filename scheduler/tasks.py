"""The Celery side of the dispatcher: the tasks ``fleet.poll`` and ``fleet.report``, and the sweep."""

import threading
from collections.abc import Callable
from functools import cache

from celery import Task, signals

from aicity_fleet import tracing
from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.background import Threads
from aicity_fleet.celery_app import app, consumes, messages, settings
from aicity_fleet.ledger import Ledger
from aicity_fleet.messaging.routes import CONTROL_QUEUE, POLL, REPORT, REPORTS_QUEUE
from aicity_fleet.models import JsonObject
from aicity_fleet.startup import exit_on_fleet_error
from scheduler.poll import poll
from scheduler.read_back import read_back
from scheduler.report import ReporterParts, report_all
from scheduler.sweep import Sweeper
from scheduler.unlisted import check_unlisted

_background = Threads()
_stopping = threading.Event()
_ending: list[Callable[[], None]] = []


@app.task(name=POLL, bind=True)
def poll_task(self: Task[[], JsonObject]) -> JsonObject:
    """Look at AI City once, and read back what is due.

    The summary of the poll is shown in Flower and kept under the id of this call.
    """
    ledger = _ledger()
    summary = poll(
        client=_client(),
        ledger=ledger,
        messages=messages,
        max_input_chars=settings.max_input_chars,
    ).to_json()
    ledger.coordination.note_poll(str(self.request.id), summary)
    # After an error AI City does not answer; a busy poll means that another process polls and reads back.
    if summary["status"] not in {"busy", "error"}:
        read_back(client=_client(), ledger=ledger)
    # Not while AI City wants to be left alone, or refuses the key.
    if summary["status"] in {"ok", "paused"}:
        check_unlisted(client=_client(), ledger=ledger)
    return summary


@app.task(name=REPORT)
def report_task(job_id: str) -> JsonObject:
    """Tell AI City a job's outcome, if it is to be told now, and all others that are due."""
    return report_all(job_id, _reporter(), messages, is_stopping=_stopping.is_set)


@cache
def _client() -> AICityClient:
    return AICityClient.from_settings(settings)


@cache
def _ledger() -> Ledger:
    return Ledger.from_settings(settings, wait_seconds=settings.start_wait_seconds)


@cache
def _reporter() -> ReporterParts:
    return ReporterParts(
        ledger=_ledger(),
        client=_client(),
        agent=settings.agent,
        give_up_seconds=settings.report_hours * 3600,
    )


@signals.worker_init.connect
def _check_dispatcher(**_: object) -> None:
    """See at once whether this dispatcher can work at all."""
    if consumes(CONTROL_QUEUE) or consumes(REPORTS_QUEUE):
        with exit_on_fleet_error():
            client = _client()  # first: a missing key shows before any waiting
            tracing.start(settings)
            ledger = _ledger()
            stopped = ledger.controls.read().stopped
            if stopped is not None and stopped.key != client.key_fingerprint:
                ledger.controls.lift_stop()  # another key than the one that was refused


@signals.worker_ready.connect
def _start_sweep(**_: object) -> None:
    if consumes(CONTROL_QUEUE):
        max_running = settings.max_running_jobs
        sweeper = Sweeper(_ledger(), messages, settings.sweep_seconds, max_running=max_running)
        sweeper.start(_background)
        if settings.archive is not None:
            from aicity_fleet.archive import Archive  # noqa: PLC0415 -- not every fleet has one
            from scheduler.archiver import Archiver  # noqa: PLC0415

            archive = Archive(settings.archive, settings.agent)
            Archiver(_ledger(), archive, _stopping.is_set).start(_background)
        if settings.metrics_port:
            from aicity_fleet.metrics.server import serve_metrics  # noqa: PLC0415 -- most need none

            _ending.append(serve_metrics(settings))
        if settings.alert_webhook:
            from scheduler.alerts import Alerter  # noqa: PLC0415 -- most need none

            Alerter.from_settings(settings).start(_background)


@signals.worker_shutting_down.connect
def _begin_to_stop(**_: object) -> None:
    _stopping.set()


@signals.worker_shutdown.connect
def _stop_sweep(**_: object) -> None:
    _background.stop()
    for end in _ending:
        end()
    tracing.stop()
