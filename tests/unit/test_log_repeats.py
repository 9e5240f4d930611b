"""Warnings that repeat are dropped for a while; nothing that says something new is."""

import logging
import sys

import redis

from aicity_fleet.logs.repeats import QUIET_SECONDS, RepeatFilter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(message, *args, level=logging.WARNING, name="celery.beat", exc_info=None):
    return logging.LogRecord(name, level, "x.py", 1, message, args, exc_info)


def test_the_same_warning_comes_once_in_half_a_minute_whatever_its_numbers():
    clock = Clock()
    keep = RepeatFilter(clock).filter
    assert keep(record("Trying again in %.1f seconds", 2.0))
    assert not keep(record("Trying again in %.1f seconds", 4.0))
    clock.now += QUIET_SECONDS
    assert keep(record("Trying again in %.1f seconds", 6.0))


def test_lines_of_ours_differ_by_their_words_and_ids():
    keep = RepeatFilter(Clock()).filter
    assert keep(record({"event": "sweep.failed", "timestamp": "1", "jobs": 3}))
    assert not keep(record({"event": "sweep.failed", "timestamp": "2", "jobs": 4}))
    assert keep(record({"event": "job.rescued", "job_id": "a"}))
    assert keep(record({"event": "job.rescued", "job_id": "b"}))


def test_plain_information_is_never_dropped():
    keep = RepeatFilter(Clock()).filter
    assert all(keep(record("job.started", level=logging.INFO)) for _ in range(3))


def test_errors_of_ours_and_changes_of_redis_are_never_dropped():
    keep = RepeatFilter(Clock()).filter
    for _ in range(3):
        assert keep(record({"event": "ledger.wiped"}, level=logging.ERROR))
        assert keep(record({"event": "redis.away"}, name="aicity_fleet.messaging.broker"))


def test_celerys_explanation_of_a_setting_is_dropped():
    text = "... worker_cancel_long_running_tasks_on_connection_loss ..."
    assert not RepeatFilter(Clock()).filter(record(text, name="py.warnings"))


def raised(error: Exception):
    try:
        raise error
    except Exception:  # noqa: BLE001 - that is what is tested
        return sys.exc_info()


def test_celery_says_a_lost_connection_without_a_traceback_and_anything_else_with_one():
    keep = RepeatFilter(Clock()).filter
    lost = record("connection error", exc_info=raised(redis.ReadOnlyError("no")))
    assert keep(lost)
    assert lost.exc_info is None
    fault = record("Error in timer", exc_info=raised(ValueError("ours")))
    assert keep(fault)
    assert fault.exc_info is not None
    own = record("job.broken", name="workers.run_job", exc_info=raised(redis.RedisError("no")))
    assert keep(own)
    assert own.exc_info is not None


def test_it_remembers_no_more_than_it_needs():
    clock = Clock()
    repeats = RepeatFilter(clock)
    for number in range(600):
        clock.now += 1
        repeats.filter(record({"event": "job.rescued", "job_id": str(number)}))
    assert len(repeats._said) < 520
