"""What people are told of a fleet: what is new and what is over, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aicity_fleet.health.finding import Finding
from aicity_fleet.ledger.alerts import Told
from aicity_fleet.ledger.troubles import TROUBLE_SECONDS
from scheduler.alerts import AWAY_SECONDS, BACKOFF_SECONDS, compare, message

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
AWAY = timedelta(seconds=AWAY_SECONDS)
KEY = Finding("key_refused", "AI City refuses the key.", "Correct it.", needs_person=True)


def held(number: int) -> Finding:
    return Finding("held", f"{number} jobs are held.", "Look at them.", needs_person=True)


def test_a_problem_is_told_once_whatever_its_numbers_do():
    first = compare({}, [held(1)], NOW)
    assert first.new == [held(1)]
    again = compare(first.told, [held(9)], NOW + AWAY * 9)
    assert (again.new, again.over) == ([], [])


def test_what_is_not_told_stays_new():
    failed = compare({}, [KEY], NOW)
    assert compare(failed.untold, [KEY], NOW).new == [KEY]


def test_the_end_of_a_problem_is_told_once_it_has_stayed_away():
    told = compare({}, [KEY], NOW).told
    gone = compare(told, [], NOW)
    assert (gone.new, gone.over) == ([], [])
    soon = compare(gone.told, [], NOW + AWAY - timedelta(seconds=1))
    assert soon.over == []
    over = compare(soon.told, [], NOW + AWAY)
    assert [one.what for one in over.over] == [KEY.what]
    assert over.told == {}
    failed = compare(over.untold, [], NOW + AWAY * 2)
    assert [one.what for one in failed.over] == [KEY.what], "it is told when the receiver is back"


def test_a_problem_that_comes_and_goes_is_told_once():
    told = compare({}, [KEY], NOW).told
    for minute in range(60):
        change = compare(told, [KEY] if minute % 2 else [], NOW + timedelta(minutes=minute))
        assert (change.new, change.over) == ([], [])
        told = change.told


def test_a_clock_that_was_set_back_does_not_keep_the_end_from_being_told():
    told = {"held": Told("1 job is held.", NOW + timedelta(days=1))}
    change = compare(told, [], NOW)
    assert change.told["held"].gone_at == NOW
    assert compare(change.told, [], NOW + AWAY).over


def test_a_message_says_how_the_fleet_stands_what_is_new_and_what_is_over():
    first = compare({}, [KEY, held(1)], NOW)
    assert message("mine", first) == (
        "Fleet 'mine' needs you (2 problems).\n"
        "New: AI City refuses the key.\nTo do: Correct it.\n"
        "New: 1 jobs are held.\nTo do: Look at them."
    )
    gone = compare(first.told, [held(1)], NOW)
    over = compare(gone.told, [held(1)], NOW + AWAY)
    assert message("mine", over) == (
        "Fleet 'mine' needs you (1 problem).\nOver: AI City refuses the key."
    )
    rest = compare(compare(over.told, [], NOW).told, [], NOW + AWAY)
    assert message("mine", rest) == "Fleet 'mine' no longer needs you.\nOver: 1 jobs are held."


def test_words_of_a_stranger_stay_on_their_line():
    hostile = Finding(
        "x", "It said «no\r\nOver: all \u202ewell\x1b[2J».", "Look.", needs_person=True
    )
    change = compare({}, [hostile], NOW)
    assert message("mine", change).split("\n")[1:] == [
        "New: It said «no Over: all well[2J».",
        "To do: Look.",
    ]
    assert change.told["x"].what == "It said «no Over: all well[2J»."


def test_a_failure_is_shown_until_the_next_try():
    assert max(BACKOFF_SECONDS) < TROUBLE_SECONDS
