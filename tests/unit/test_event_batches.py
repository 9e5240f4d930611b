"""Task events go out together: one flush for all that come within a moment, on any thread."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from kombu.asynchronous import Hub

from aicity_fleet.messaging import event_batches
from aicity_fleet.messaging.event_batches import EventBatches


class Dispatcher:
    """Counts its flushes, as Celery's sends what it holds."""

    def __init__(self) -> None:
        self.on_send_buffered: Any = None
        self._group_buffer: dict[str, list[str]] = {"task": []}
        self.batches: list[int] = []

    def send(self) -> None:
        self._group_buffer["task"].append("an event")
        self.on_send_buffered()

    def flush(self) -> None:
        if self._group_buffer["task"]:
            self.batches.append(len(self._group_buffer["task"]))
            self._group_buffer["task"].clear()


@pytest.fixture
def consumer(monkeypatch):
    monkeypatch.setattr(event_batches, "FLUSH_SECONDS", 0.05)
    hub = Hub()
    made = SimpleNamespace(hub=hub, event_dispatcher=Dispatcher())
    yield made
    hub.close()


def turn(hub: Hub, seconds: float) -> None:
    """Run the event loop for this long."""
    loop, end = hub.create_loop(), time.monotonic() + seconds
    hub.call_repeatedly(0.01, lambda: None)
    while time.monotonic() < end:
        next(loop)


def test_events_of_a_moment_are_one_batch_whatever_thread_they_come_from(consumer):
    step = EventBatches(consumer)
    step.start(consumer)
    dispatcher = consumer.event_dispatcher
    threads = [threading.Thread(target=dispatcher.send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dispatcher.batches == []
    turn(consumer.hub, 0.2)
    assert dispatcher.batches == [5]
    dispatcher.send()
    turn(consumer.hub, 0.2)
    assert dispatcher.batches == [5, 1]


def test_the_next_connection_sends_what_waited_although_the_timers_of_the_last_are_gone(consumer):
    step = EventBatches(consumer)
    step.start(consumer)
    consumer.event_dispatcher.send()
    consumer.hub.reset()
    consumer.event_dispatcher = Dispatcher()
    step.start(consumer)
    turn(consumer.hub, 0.2)
    assert consumer.event_dispatcher.batches == [1]
    consumer.event_dispatcher.send()
    turn(consumer.hub, 0.2)
    assert consumer.event_dispatcher.batches == [1, 1]


def test_what_waits_is_sent_before_the_process_ends(consumer):
    step = EventBatches(consumer)
    step.start(consumer)
    dispatcher = consumer.event_dispatcher
    dispatcher.send()
    step.shutdown(consumer)
    assert dispatcher.batches == [1]
    consumer.event_dispatcher = None
    step.shutdown(consumer)
