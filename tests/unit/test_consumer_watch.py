"""What a worker's watch does to be cheap while there is nothing to do, and that it costs nothing else."""

import socket
import threading
from collections import Counter
from unittest.mock import Mock

import pytest
from celery import Celery
from kombu.asynchronous import Hub

from aicity_fleet.messaging import broker, consumer_watch
from aicity_fleet.messaging.consumer_watch import ConsumerWatch


@pytest.fixture
def watch():
    return ConsumerWatch(Celery(), "redis://nowhere", "{a}:", 1)


def test_redis_is_not_asked_about_queues_that_the_consumer_just_found_empty(watch, monkeypatch):
    found: Counter[str] = Counter()
    monkeypatch.setattr(broker, "found_empty", found)
    sight = Mock()
    sight.waiting.return_value = 3

    def waiting() -> int | None:
        return watch._look(sight, ["control", "reports"]).waiting

    assert waiting() == 3
    found["control"] += 1
    assert waiting() == 3, "the other may be full"
    found["reports"] += 1
    assert waiting() == 0
    assert waiting() == 3, "that was a while ago"
    assert sight.waiting.call_count == 3


def test_a_stop_wakes_up_the_event_loop(watch, monkeypatch):
    """It is noticed in a signal's handler, which runs in the thread of the loop."""
    hub = Hub()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        hub.add_reader(ours, print)
        hub.timer.call_after(60, print, ())  # or it would turn every second
        monkeypatch.setattr(consumer_watch._Turns, "hub", hub)
        hub.call_soon(watch._stop)
        loop = threading.Thread(target=hub.run_once, daemon=True)
        loop.start()
        loop.join(5)  # the loop alone: 10 s
        assert not loop.is_alive()
        hub.close()
