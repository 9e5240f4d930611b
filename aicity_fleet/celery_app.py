"""The Celery app: every setting with its reason, the tasks' names, the queues, the routes.

Celery carries job ids, and the ledger is the truth: a message may be lost, late or delivered five
times without harm. So no setting here tries to make delivery exact; they keep processes alive,
connections honest and memory small. Importing this module reads the environment once and ends the
process, readably, where a setting is wrong. It loads no code of any process: a Celery worker loads the
tasks of the queues that it consumes, beat loads its own scheduler, and Flower loads neither.
"""

import importlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from celery import Celery, signals
from celery.utils import uuid
from kombu import Queue
from kombu.exceptions import BatchPublishError, OperationalError  # type: ignore[attr-defined]

from aicity_fleet.embedded.state_folder import find_running_fleet
from aicity_fleet.errors import QueueUnavailableError
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.logs.configure import configure_logging, warn_of_unknown_variables
from aicity_fleet.messaging.broker import CHECK_SECONDS, broker_settings
from aicity_fleet.messaging.consumer_watch import ConsumerWatch
from aicity_fleet.messaging.event_batches import EventBatches
from aicity_fleet.messaging.memory_limit import MemoryLimit, memory
from aicity_fleet.messaging.messages import Messages
from aicity_fleet.messaging.routes import (
    CONTROL_QUEUE,
    JOBS_QUEUE,
    QUEUE_OF,
    REPORTS_QUEUE,
    TASK_MODULES,
)
from aicity_fleet.redis_faults import outage
from aicity_fleet.settings import Settings
from aicity_fleet.startup import exit_on_fleet_error, loading_for_good


class _CommandLineQueueError(QueueUnavailableError, click.ClickException):
    """The same error, which ``celery call`` shows as one line with exit code 2."""

    def __init__(self, message: str) -> None:
        click.ClickException.__init__(self, message)
        self.args = (message,)


class FleetCelery(Celery):
    """Celery on our connections, whose publishing lets no exception of kombu out."""

    amqp_cls = "aicity_fleet.messaging.broker:FleetAMQP"
    task_cls = "aicity_fleet.messaging.task_class:FleetTask"

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send a message by the task's name.

        Raises:
            QueueUnavailableError: The broker took no message.
        """
        with _refusals_explained():
            return super().send_task(*args, **kwargs)

    def send_tasks(self, name: str, args: Sequence[list[str]], *, queue: str) -> None:
        """Send a message for each list of arguments, in one round trip.

        Raises:
            QueueUnavailableError: The broker did not take all of them.
        """
        if not args:
            return
        first, *others = args
        parent = self.current_worker_task
        parent_id = parent and parent.request.id
        root_id = parent and (parent.request.root_id or parent_id)
        with _refusals_explained(), self.producer_or_acquire() as producer, producer.batch():
            # It connects and declares the queue. Doing so for each of them takes longer than all the rest.
            super().send_task(name, first, producer=producer, queue=queue, ignore_result=True)
            for each in others:
                message = self.amqp.create_task_message(
                    uuid(),
                    name,
                    each,
                    argsrepr=repr(each),
                    kwargsrepr="{}",
                    ignore_result=True,
                    root_id=root_id,
                    parent_id=parent_id,
                )
                self.amqp.send_task_message(
                    producer, name, message, queue=queue, declare=[], retry=False
                )


@contextmanager
def _refusals_explained() -> Iterator[None]:
    """Turn what kombu raises when the broker takes no message into our error.

    Raises:
        QueueUnavailableError: The broker took no message.
    """
    try:
        yield
    except (OperationalError, BatchPublishError) as error:
        outage.note(error)
        raise _CommandLineQueueError(
            f"REDIS_URL: the broker at {settings.redis_address()} takes no message "
            f"({type(error.__cause__ or error).__name__}). Is Redis up, writable and not full, "
            "and are REDIS_URL and REDIS_PASSWORD right?"
        ) from error
    outage.over()


with exit_on_fleet_error():
    environment = dict(os.environ)
    find_running_fleet(environment)  # `celery call` beside `aicity-fleet up` needs no setting
    settings = Settings.load(environment)

broker_url, of_sentinels = broker_settings(settings.broker_url())

app = FleetCelery("aicity_fleet")
app.conf.update(
    broker_url=broker_url,
    # Flower's own client for the lengths of the queues does not read the URL's part about TLS.
    broker_use_ssl=settings.redis_tls or None,
    # --- what travels: ids, as JSON ---------------------------------------------------------------
    # JSON only: a pickled message from anyone who reaches Redis would be code execution.
    task_serializer="json",
    accept_content=["json"],
    event_serializer="json",
    # No result backend: with the threads pool its outage leaks worker slots for good (a -c 1 worker
    # never consumed again in two of two runs). Results show in Flower through events.
    result_backend=None,
    task_ignore_result=True,
    # --- queues -------------------------------------------------------------------------------------
    task_queues=[Queue(name) for name in (CONTROL_QUEUE, JOBS_QUEUE, REPORTS_QUEUE)],
    task_routes={task: {"queue": queue} for task, queue in QUEUE_OF.items()},
    task_default_queue=CONTROL_QUEUE,
    # A misspelt queue would be filled and never read.
    task_create_missing_queues=False,
    # --- delivery -----------------------------------------------------------------------------------
    # Early acknowledgement: with the late one, every reset of the broker's connection starts all
    # running jobs again beside themselves. The claim makes either harmless; this one wastes nothing.
    task_acks_late=False,
    # Nothing waits in a busy worker's memory while another worker has room.
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    # Would kill running jobs and then acknowledge them as revoked: lost.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_transport_options={
        # One fleet's queues beside another's on the same server.
        "global_keyprefix": Keys(settings.agent).prefix,
        # Without these a half-open link holds a consumer forever (measured: over 120 s and counting);
        # with them it is back in about 10 s.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        # No message has a priority: one list for each queue in place of four.
        "priority_steps": [0],
        # So late may the answer to a BRPOP be: at 10 a consumer came back after 20 to 30 s, which is when
        # the watchdog would end it. A bit more than the time between two checks, so that only every other
        # sends a PING to a connection that listens.
        "health_check_interval": CHECK_SECONDS * 1.1,
        # retry_on_timeout stays off: it would send a message twice after a timeout.
        **of_sentinels,
    },
    broker_connection_retry_on_startup=True,
    # Forever: a worker outlives any outage of Redis.
    broker_connection_max_retries=None,
    # --- what Flower sees -----------------------------------------------------------------------------
    worker_send_task_events=True,
    # That a message was sent shows when it is received: an event for it would be a quarter of all events.
    task_send_sent_event=False,
    # Unread events would pile up in Redis.
    event_queue_expires=60,
    event_queue_ttl=10,
    # --- the clock --------------------------------------------------------------------------------------
    # Keeps its state in memory: the default writes a file into the current folder. And Celery's own
    # answers every message that it cannot send with two tracebacks: 1100 lines in 10 s without Redis.
    beat_scheduler="scheduler.clock:Clock",
    # After a sleep of the machine a poll is late by so much at most.
    beat_max_loop_interval=10,
    # Lets `celery inspect ping -d celerybeat@HOST` serve as a healthcheck.
    beat_enable_remote_control=True,
    # --- the rest ---------------------------------------------------------------------------------------
    timezone="UTC",
    enable_utc=True,
    worker_redirect_stdouts=False,
)


app.steps["consumer"].update({EventBatches, MemoryLimit})
memory.least_free = settings.free_memory_percent / 100
ConsumerWatch(
    app, settings.broker_url(), Keys(settings.agent).prefix, settings.drain_seconds
).install()


messages = Messages(app, settings.poll_seconds)
"""Sends this process's messages."""


def consumes(queue: str) -> bool:
    """Whether the worker in this process reads that queue."""
    return queue in app.amqp.queues.consume_from


@signals.celeryd_init.connect
def _load_tasks(options: dict[str, Any], **_: object) -> None:
    """Import the tasks of the queues that this Celery worker is about to consume."""
    selected = set(_names(options.get("queues"))) or set(QUEUE_OF.values())
    selected -= set(_names(options.get("exclude_queues")))
    with loading_for_good():
        for module, queues in TASK_MODULES.items():
            if queues & selected:
                importlib.import_module(module)


def _names(queues: str | Iterable[str] | None) -> list[str]:
    """Return the queues of a command-line option, which Celery gives as a list or as one text."""
    return queues.split(",") if isinstance(queues, str) else list(queues or ())


@signals.setup_logging.connect
def _configure_logging(**_: object) -> None:
    configure_logging(settings)
    warn_of_unknown_variables()
