"""Shows the watchdog a Celery worker, and on a stall hands its jobs over and ends it for a restart.

``celery_app`` installs it into every worker and dispatcher.
"""

import logging
import os
import time
from collections.abc import Sequence
from typing import Any

import structlog
from celery import Celery, bootsteps, signals

from aicity_fleet.messaging import broker
from aicity_fleet.messaging.memory_limit import memory
from aicity_fleet.messaging.queue_monitor import QueueMonitor
from aicity_fleet.messaging.task_class import bodies
from aicity_fleet.messaging.watchdog import Observation, Watchdog

STALLED_EXIT_CODE = 75
"""The exit code of a process whose consumer stalled (EX_TEMPFAIL). Its supervisor restarts it."""

log = structlog.get_logger(__name__)


class _Turns(bootsteps.StartStopStep):
    """Counts the turns of Celery's event loop, which ``broker``'s timer has turn every few seconds."""

    count = 0
    slots = 0
    hub: Any = None

    def start(self, consumer: Any) -> None:
        """Note how many tasks the pool runs at once."""
        type(self).slots = consumer.pool.num_processes

    def register_with_event_loop(self, _consumer: Any, hub: Any) -> None:
        """Celery calls this for each connection."""
        type(self).hub = hub
        hub.on_tick.add(self._turn)

    def _turn(self) -> None:
        type(self).count += 1


class ConsumerWatch:
    """Watches the consumer of a worker process.

    Args:
        url: Redis, with its password.
        prefix: What stands before every key of this fleet.
        drain_seconds: How long jobs may take to be handed over.
    """

    def __init__(self, app: Celery, url: str, prefix: str, drain_seconds: float) -> None:
        self._app, self._url, self._prefix = app, url, prefix
        self._drain_seconds = drain_seconds
        self._watchdog: Watchdog | None = None
        self._empty = 0
        """How often the consumer has found all its queues empty, as of the latest look."""

    def install(self) -> None:
        """Begin to watch when this process turns out to be a worker, until it stops on purpose."""
        self._app.steps["consumer"].add(_Turns)
        signals.worker_ready.connect(self._start, weak=False)
        signals.worker_shutting_down.connect(self._stop, weak=False)

    def _start(self, **_: object) -> None:
        queues = sorted(self._app.amqp.queues.consume_from)
        sight = QueueMonitor(self._url, self._prefix, queues)
        self._watchdog = Watchdog(lambda: self._look(sight, queues), self._end)
        self._watchdog.start()

    def _stop(self, **_: object) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
        if (waker := getattr(_Turns.hub, "_waker", None)) is not None:
            # Celery sees at the next turn that it is to stop. In a signal's handler, no lock may be taken.
            waker.wake()

    def _look(self, sight: QueueMonitor, queues: Sequence[str]) -> Observation:
        before, self._empty = self._empty, min(broker.found_empty[queue] for queue in queues)
        return Observation(
            turns=_Turns.count,
            taken=sum(broker.taken[queue] for queue in queues),
            free_slots=0 if memory.is_short(bodies.running) else _Turns.slots - bodies.running,
            # A consumer that has just been told that all are empty need not be checked.
            waiting=0 if self._empty > before else sight.waiting(),
        )

    def _end(self, why: str) -> None:
        """Hand the jobs over as a drain does, then end this process whatever else it waits for."""
        log.critical("consumer.stalled", why=why, running=bodies.running, then="a new process")
        signals.worker_shutting_down.send(
            sender="watchdog", sig="stalled", how="stalled", exitcode=STALLED_EXIT_CODE
        )
        deadline = time.monotonic() + self._drain_seconds + 5
        while bodies.running and time.monotonic() < deadline:
            time.sleep(0.1)
        logging.shutdown()
        os._exit(STALLED_EXIT_CODE)
