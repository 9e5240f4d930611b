"""What is said about a Redis that is away, and how often."""

from unittest.mock import MagicMock, Mock, call

import pytest
import redis
import structlog
from kombu.exceptions import OperationalError

from aicity_fleet.messaging.broker import Connection, QoS, SentinelTransport, broker_settings
from aicity_fleet.redis_faults import NoPrimaryError, Outage, RefusedError, as_refusal, reason

SENTINELS = "sentinel://me:p%40ss@a:1,b/3?master=m"

REASONS = {
    redis.BusyLoadingError("Redis is loading the dataset in memory"): "loading",
    redis.ReadOnlyError("You can't write against a read only replica."): "read-only",
    redis.OutOfMemoryError("command not allowed"): "full",
    redis.AuthenticationError("invalid password"): "password",
    redis.TimeoutError("Timeout reading from socket"): "in time",
    redis.ConnectionError("Error 111"): "reached",
    NoPrimaryError("its sentinels know no primary", "Correct it."): "know no primary",
    RefusedError("MISCONF Errors writing to the AOF file"): "MISCONF",
    redis.ResponseError("unknown command"): "ResponseError",
}


@pytest.mark.parametrize(("error", "words"), REASONS.items(), ids=[repr(e) for e in REASONS])
def test_the_reason_is_said_in_words(error, words):
    assert words in reason(error)


def test_the_reason_is_found_behind_kombus_own_error():
    try:
        try:
            raise redis.OutOfMemoryError("command not allowed")
        except redis.OutOfMemoryError as cause:
            raise OperationalError(str(cause)) from cause
    except OperationalError as error:
        assert "full" in reason(error)


def test_an_outage_is_one_line_per_change(monkeypatch):
    monkeypatch.setattr(structlog, "is_configured", lambda: True)
    outage = Outage()
    with structlog.testing.capture_logs() as lines:
        outage.over()
        for _ in range(3):
            outage.note(redis.ConnectionError("Error 111"))
        for _ in range(3):
            outage.note(redis.BusyLoadingError("loading"))
        outage.over()
        outage.over()
    assert [line["event"] for line in lines] == ["redis.away", "redis.away", "redis.back"]


WRAPPED = "Error running script (call to f_1): @user_script:9: @user_script: 9: -{} and so on."


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("MISCONF Errors writing to the AOF file", RefusedError),
        ("NOREPLICAS Not enough good replicas to write.", RefusedError),
        ("UNBLOCKED force unblock from blocking operation", RefusedError),
        (WRAPPED.format("READONLY You can't write"), redis.ReadOnlyError),
        (WRAPPED.format("OOM command not allowed"), redis.OutOfMemoryError),
        (WRAPPED.format("ERR something else"), redis.ResponseError),
        ("unknown command 'ROOM '", redis.ResponseError),
    ],
)
def test_a_refusal_is_known_by_its_code_also_within_a_script(text, kind):
    assert type(as_refusal(redis.ResponseError(text))) is kind


def taken(channel: MagicMock, *tags: str) -> QoS:
    """A record of messages that were taken and not acknowledged."""
    record = QoS(channel)
    for tag in tags:
        where = {"exchange": "", "routing_key": "jobs"}
        record.append(Mock(_raw={"of": tag}, delivery_info=where), tag)
    return record


@pytest.mark.parametrize("how", ["ack", "reject"])
def test_a_message_is_acknowledged_in_memory_alone(how):
    """Also after a reset: with the record of kombu, that ended the worker."""
    channel = MagicMock(connection=None)
    record = taken(channel, "a", "b")
    getattr(record, how)("a")
    assert channel.mock_calls == []
    connected = channel.connection = MagicMock()
    record.restore_unacked_once()
    assert connected.mock_calls == []
    restored = channel._do_restore_message.mock_calls
    assert [args[0] for _, args, _ in restored] == [{"of": "b"}]


def test_what_was_taken_and_not_acknowledged_is_delivered_next():
    channel = MagicMock()
    record = taken(channel, "a", "b")
    record.ack("a")
    record.restore_unacked_once()
    client = channel.conn_or_acquire.return_value.__enter__.return_value
    put_back = call({"of": "b"}, "", "jobs", client, leftmost=False)
    assert channel._do_restore_message.mock_calls == [put_back]


def test_a_message_that_is_refused_for_now_is_delivered_after_all_others():
    channel = MagicMock()
    record = taken(channel, "a")
    record.reject("a", requeue=True)
    client = channel.conn_or_acquire.return_value.__enter__.return_value
    put_back = call({"of": "a"}, "", "jobs", client, leftmost=True)
    assert channel._do_restore_message.mock_calls == [put_back]


def test_nothing_is_put_back_without_a_connection():
    channel = MagicMock(connection=None)
    taken(channel, "a").restore_unacked_once()
    channel._do_restore_message.assert_not_called()


def test_the_broker_of_one_redis_is_its_url():
    assert broker_settings("redis://:p@h:1/0") == ("redis://:p@h:1/0", {})


def test_the_broker_behind_sentinels_is_one_url_and_the_addresses_of_all():
    url, options = broker_settings(SENTINELS)
    assert url == "sentinel://me:p%40ss@a:1/3"
    assert options == {"sentinels": [("a", 1), ("b", 26379)], "master_name": "m"}


def test_sentinels_choose_our_transport():
    url, options = broker_settings(SENTINELS)
    assert type(Connection(url, transport_options=options).transport) is SentinelTransport
