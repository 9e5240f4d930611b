"""Sends a Celery worker's task events in batches; Flower sees each a moment later.

Celery sends what it has buffered at the next turn of its loop, which under load is one message per event:
a tenth of a worker's work, and most of Flower's.
"""

from typing import Any

from celery import bootsteps
from celery.worker.consumer.events import Events

FLUSH_SECONDS = 0.25
"""How long an event waits for others, in seconds. Celery sends a batch of 24 at once."""


class EventBatches(bootsteps.StartStopStep):
    """Replaces the flush at each event by one on a timer of Celery's event loop."""

    requires = (Events,)

    def start(self, consumer: Any) -> None:
        """Have events wait. Celery calls this for each connection, with a dispatcher of its own."""
        consumer.event_dispatcher.on_send_buffered = None

    def register_with_event_loop(self, consumer: Any, hub: Any) -> None:
        """Celery calls this for each connection; it removes the timer with the connection."""
        hub.call_repeatedly(FLUSH_SECONDS, consumer.event_dispatcher.flush)

    def stop(self, consumer: Any) -> None:
        """Send what waits before the connection closes."""
        if consumer.event_dispatcher is not None:
            consumer.event_dispatcher.flush()
