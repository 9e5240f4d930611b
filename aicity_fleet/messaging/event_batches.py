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
    """Replaces the flush at each event by one a moment after the first of a batch."""

    requires = (Events,)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._consumer, self._is_due = consumer, False
        self._dispatcher: Any = None

    def start(self, consumer: Any) -> None:
        """Have events wait. Celery calls this for each connection: its dispatcher and timers are new."""
        before, self._dispatcher = self._dispatcher, consumer.event_dispatcher
        self._is_due = False
        if consumer.hub is None:
            return
        self._dispatcher.on_send_buffered = self._note
        for group, events in before._group_buffer.items() if before else ():
            self._dispatcher._group_buffer[group].extend(events)
            self._note()

    def shutdown(self, consumer: Any) -> None:
        """Send what waits before the process ends; a connection that was lost takes nothing."""
        if consumer.event_dispatcher is not None:
            consumer.event_dispatcher.flush()

    def _note(self) -> None:
        """See that an event that waits is sent. Called on any thread."""
        if not self._is_due:
            self._is_due = True
            hub = self._consumer.hub
            hub.call_soon(hub.call_later, FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._is_due = False  # before the flush: an event that comes meanwhile is not left behind
        if self._dispatcher is self._consumer.event_dispatcher is not None:
            self._dispatcher.flush()
