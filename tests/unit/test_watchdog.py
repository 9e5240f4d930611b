"""When a consumer counts as stalled, and when something else is the matter."""

import subprocess
import sys
import threading

import pytest
from support.waiting import wait_until

from aicity_fleet.messaging.watchdog import STALL_TICKS, TICK_SECONDS, Judge, Observation, Watchdog


def verdicts(sights) -> list[str | None]:
    judge = Judge()
    return [judge.look(sight) for sight in sights]


def sights(number: int = 3 * STALL_TICKS, **changes):
    """One sight per tick; a change is a value, or a function of the tick's number."""
    plain = {"turns": lambda tick: 2 * tick, "taken": 0, "free_slots": 4, "waiting": 0, **changes}
    for tick in range(number):
        yield Observation(**{k: v(tick) if callable(v) else v for k, v in plain.items()})


def test_it_notices_within_thirty_seconds():
    assert (STALL_TICKS + 1) * TICK_SECONDS < 30


def test_a_loop_that_stands_still_is_noticed_at_the_fifth_look_after_the_first():
    found = verdicts(sights(STALL_TICKS + 1, turns=7))
    assert found[:-1] == [None] * STALL_TICKS
    assert "event loop" in str(found[-1])


def test_messages_that_nobody_takes_are_noticed():
    found = verdicts(sights(STALL_TICKS + 1, waiting=2))
    assert found[:-1] == [None] * STALL_TICKS
    assert "took nothing" in str(found[-1])


def test_a_loop_that_stood_still_in_the_middle_of_a_tick_is_what_is_named():
    # It turned once more after the last message was taken: both faults, and only one is the cause.
    found = verdicts(sights(STALL_TICKS + 1, waiting=2, turns=lambda tick: min(tick, 1)))
    assert found[:-1] == [None] * STALL_TICKS
    assert "event loop" in str(found[-1])


def test_a_turn_missed_now_and_then_is_not_what_is_named():
    found = verdicts(sights(STALL_TICKS + 1, waiting=2, turns=lambda tick: tick // 3))
    assert "took nothing" in str(found[-1])


HEALTHY = {
    "nothing waits": {},
    "it takes": {"waiting": 5, "taken": lambda tick: tick // 5},
    "it is full": {"waiting": 5, "free_slots": 0},
    "Redis serves nobody": {"waiting": None, "turns": 1},
    "others take what waits": {"waiting": lambda tick: tick % 4},
    "it is full now and then": {"waiting": 5, "free_slots": lambda tick: tick % (STALL_TICKS - 1)},
    "Redis comes and goes": {
        "turns": 1,
        "waiting": lambda tick: None if tick % STALL_TICKS == 0 else 3,
    },
    "the loop is slow": {"turns": lambda tick: tick // (STALL_TICKS - 1)},
}


@pytest.mark.parametrize("changes", HEALTHY.values(), ids=HEALTHY)
def test_it_is_not_the_consumers_fault_when(changes):
    assert set(verdicts(sights(**changes))) == {None}


def test_the_ticks_before_an_outage_do_not_count_after_it():
    before = list(sights(STALL_TICKS, turns=1))
    gone = list(sights(1, turns=1, waiting=None))
    assert set(verdicts([*before, *gone, *sights(STALL_TICKS - 1, turns=1)])) == {None}


def test_the_watchdog_calls_once_and_ends():
    calls: list[str] = []
    dog = Watchdog(lambda: Observation(1, 0, 4, 0), calls.append, tick_seconds=0.001)
    dog.start()
    wait_until(lambda: calls, description="it is noticed")
    wait_until(
        lambda: not any(thread.name == "watchdog" for thread in threading.enumerate()),
        description="the watch is over",
    )
    assert len(calls) == 1


def test_a_watchdog_that_was_stopped_says_nothing():
    calls: list[str] = []
    looks: list[int] = []

    def look() -> Observation:
        looks.append(1)
        if len(looks) == STALL_TICKS:
            dog.stop()
        return Observation(1, 0, 4, 0)

    dog = Watchdog(look, calls.append, tick_seconds=0.001)
    dog.start()
    wait_until(lambda: len(looks) >= STALL_TICKS, description="it looks")
    dog._thread.join(5)
    assert calls == []


def test_a_look_that_fails_is_no_verdict():
    calls: list[str] = []
    looks: list[int] = []

    def look() -> Observation:
        looks.append(1)
        if len(looks) < 5:
            raise ValueError("cannot look")
        return Observation(1, 0, 4, 0)

    dog = Watchdog(look, calls.append, tick_seconds=0.001)
    dog.start()
    wait_until(lambda: calls, description="it looks again")
    assert len(looks) == 4 + STALL_TICKS + 1


FROZEN = """
import re, time
from aicity_fleet.messaging.watchdog import Observation, Watchdog
look = lambda: Observation(time.monotonic_ns(), 0, 4, 0)
dog = Watchdog(look, print, tick_seconds=0.01, frozen_seconds=1)
dog.start()
time.sleep({before})
{deed}
print("done")
"""


@pytest.mark.parametrize(
    ("before", "deed", "status"),
    [(0.2, 're.match("(a+)+$", "a" * 60 + "b")', 1), (1.5, "dog.stop()", 0)],
    ids=["frozen", "healthy"],
)
def test_a_process_that_is_frozen_by_one_expression_ends(before, deed, status):
    """No thread runs while it is matched, not even the watchdog's."""
    script = FROZEN.format(before=before, deed=deed)
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == status, ended.stderr
    assert ("Timeout (0:00:01)!" in ended.stderr) is (status == 1)
    assert ("done" in ended.stdout) is (status == 0)
