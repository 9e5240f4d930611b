"""What is said about a Redis that is away, and how often."""

import pytest
import redis
import structlog
from kombu.exceptions import OperationalError

from aicity_fleet.broker import Outage, reason

REASONS = {
    redis.BusyLoadingError("Redis is loading the dataset in memory"): "loads",
    redis.ReadOnlyError("You can't write against a read only replica."): "read-only",
    redis.OutOfMemoryError("command not allowed"): "full",
    redis.AuthenticationError("invalid password"): "password",
    redis.TimeoutError("Timeout reading from socket"): "in time",
    redis.ConnectionError("Error 111"): "reached",
    redis.ConnectionError("MISCONF Errors writing to the AOF file"): "reached",
    redis.ResponseError("MISCONF Errors writing to the AOF file"): "MISCONF",
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


def test_an_outage_is_one_line_per_change():
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
