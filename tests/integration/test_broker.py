"""How a consumer waits for messages, on a real Redis."""

import time
from typing import Any
from unittest.mock import Mock

import kombu
import pytest
import redis
from support.waiting import wait_until

from aicity_fleet.messaging import broker

QUEUE = "test-broker"


@pytest.fixture
def consuming(redis_server, monkeypatch):
    """A connection whose channel consumes a queue."""
    monkeypatch.setattr(broker.Transport, "brpop_timeout", 2)
    with broker.Connection(redis_server.url) as connection:
        channel: Any = connection.channel()
        kombu.Consumer(channel, [kombu.Queue(QUEUE)], no_ack=True, on_message=print).consume()
        yield connection, channel
        channel.close()


def drain(connection: broker.Connection, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=seconds)


def test_a_consumer_that_waits_for_a_message_is_closed_at_once(consuming):
    connection, channel = consuming
    drain(connection, 0.05)
    assert channel._in_poll
    began = time.monotonic()
    channel.close()
    assert time.monotonic() - began < 1


def test_a_message_that_was_taken_is_delivered_where_redis_does_not_let_us_unblock(
    consuming, monkeypatch, redis_client
):
    connection, channel = consuming
    before = broker.taken[QUEUE]
    drain(connection, 0.05)
    refuse = Mock(side_effect=redis.exceptions.NoPermissionError("NOPERM"))
    monkeypatch.setattr(redis.Redis, "client_unblock", refuse)
    kombu.Producer(connection.default_channel).publish({}, routing_key=QUEUE, exchange="")
    wait_until(lambda: not redis_client.llen(QUEUE), description="the message is taken")
    channel.close()
    assert refuse.called
    assert broker.taken[QUEUE] == before + 1


def test_each_answer_says_whether_the_queue_was_empty(consuming):
    connection, channel = consuming
    taken, before = broker.taken[QUEUE], broker.found_empty[QUEUE]
    drain(connection, 0.05)
    assert broker.found_empty[QUEUE] == before, "there is no answer yet"
    drain(connection, 3)
    assert broker.taken[QUEUE] == taken
    assert (empty := broker.found_empty[QUEUE]) > before
    kombu.Producer(channel).publish({}, routing_key=QUEUE, exchange="")
    connection.drain_events(timeout=5)
    assert (broker.taken[QUEUE], broker.found_empty[QUEUE]) == (taken + 1, empty)
