"""The Celery side of the scheduler: the task ``fleet.poll``, and what runs within a dispatcher."""

from __future__ import annotations

from functools import cache, partial

from celery import Task, signals

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.celery_app import (
    CONTROL_QUEUE,
    POLL,
    RUN_JOB,
    app,
    consumes,
    send,
    settings,
)
from aicity_fleet.entry import exit_on_fleet_error
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.connection import connect
from aicity_fleet.models import JsonObject
from scheduler.poll import poll
from scheduler.schedule import beat_schedule
from scheduler.sweep import Sweeper, sweep

app.conf.beat_schedule = beat_schedule(settings)


@app.task(name=POLL, bind=True)
def poll_task(self: Task[[], JsonObject]) -> JsonObject:
    """Look at AI City once; the summary shows in Flower, and whoever asked finds it by the id."""
    ledger = _ledger()
    summary = poll(
        client=_client(),
        ledger=ledger,
        send=partial(send, RUN_JOB),
        max_input_chars=settings.max_input_chars,
    ).to_json()
    ledger.marks.note_poll(str(self.request.id), summary)
    return summary


@cache
def _client() -> AICityClient:
    return AICityClient.from_settings(settings)


@cache
def _ledger() -> Ledger:
    return Ledger.from_settings(settings, wait_seconds=settings.start_wait_seconds)


@cache
def _sweeper() -> Sweeper:
    sweep_once = partial(
        sweep,
        ledger=_ledger(),
        send=send,
        poll_now=send_poll,
        max_running=settings.max_running_jobs,
    )
    return Sweeper(_ledger(), sweep_once, settings.sweep_seconds)


def send_poll() -> None:
    """Send the message of a poll, as beat does.

    Raises:
        QueueUnavailableError: The broker took no message.
    """
    app.send_task(POLL, **beat_schedule(settings)["poll"]["options"])


@signals.worker_init.connect
def _check_dispatcher(**_: object) -> None:
    """See at once whether this dispatcher can work at all."""
    if consumes(CONTROL_QUEUE):
        with exit_on_fleet_error():
            client = _client()  # first: a missing key shows before any waiting
            ledger = _ledger()
            ledger.upgrade_schema()
            stopped = ledger.controls.read().stopped
            if stopped is not None and stopped.key != client.key_fingerprint:
                ledger.controls.lift_stop()  # another key than the one that was refused
            client.wait_for_simulator(settings, settings.start_wait_seconds)


@signals.worker_ready.connect
def _start_sweep(**_: object) -> None:
    if consumes(CONTROL_QUEUE):
        _sweeper().start()


@signals.worker_shutdown.connect
def _stop_sweep(**_: object) -> None:
    if consumes(CONTROL_QUEUE):
        _sweeper().stop()


@signals.beat_init.connect
def _begin_with_a_poll(**_: object) -> None:
    """See whether the clock can work, and poll now instead of one interval from now."""
    with exit_on_fleet_error():
        connect(settings, wait_seconds=settings.start_wait_seconds).close()
        send_poll()
