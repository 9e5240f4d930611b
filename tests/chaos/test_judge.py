"""The judge: fed with fabricated books, it says what is wrong with them; a verdict must be able to fail."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from chaos.judge import judge

START = datetime(2026, 7, 1, tzinfo=UTC).timestamp()


class Books:
    """A simulator's report, written by hand."""

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.status = "active"
        self._numbers = count(1)

    def task(self, task_id: str, *tries: str, keys: str = "", second: float = 0) -> Books:
        """A task and its tries: ``complete`` and ``fail`` were accepted, with a ``?`` they were not."""
        entry = self.tasks.setdefault(task_id, {"acceptedEndings": 0, "attempts": []})
        for place, what in enumerate(tries):
            kind = what.rstrip("?")
            is_accepted = what == kind
            entry["acceptedEndings"] += is_accepted
            key = keys[place] if keys else kind
            entry["attempts"].append(
                {
                    "kind": kind,
                    "accepted": is_accepted,
                    "number": next(self._numbers),
                    "at": datetime.fromtimestamp(START + second + place, UTC).isoformat(),
                    "idempotencyKey": key,
                    "bodySha256": "0" * 64,
                }
            )
        return self

    def report(self) -> dict[str, Any]:
        model = {"answered": 7, "repeatedRequests": 2, "abandoned": 1}
        return {"tasks": self.tasks, "agents": {"ag": {"status": self.status}}, "model": model}


def test_a_run_in_which_everything_ended_once_has_no_faults():
    books = Books().task("a", "complete").task("b", "fail").task("c", "complete?", "complete")
    verdict = judge(books.report(), {})
    assert verdict.faults == []
    assert (verdict.submitted, verdict.completed, verdict.failed) == (3, 2, 1)
    assert (verdict.model_calls, verdict.bought_twice, verdict.abandoned) == (7, 2, 1)


def test_a_task_without_an_ending_is_lost():
    verdict = judge(Books().task("a", "complete").task("b").task("c", "fail?").report(), {})
    assert verdict.lost == ("b", "c")
    assert verdict.faults == ["2 lost: b, c"]


def test_a_task_that_rests_for_a_reason_is_not_lost():
    verdict = judge(Books().task("a").task("b").report(), {"a": "held: guard", "z": "held: x"})
    assert verdict.resting == {"a": "held: guard"}
    assert verdict.lost == ("b",)


def test_a_job_that_rests_although_its_task_ended_does_not_matter():
    verdict = judge(Books().task("a", "complete").report(), {"a": "quarantined: x"})
    assert (verdict.resting, verdict.faults) == ({}, [])


@pytest.mark.parametrize("second", ["complete", "fail"])
def test_a_task_with_two_counted_endings_is_doubled(second):
    verdict = judge(Books().task("a", "fail", second, keys="xy").report(), {})
    assert verdict.doubled == ("a",)
    assert verdict.faults[0] == "1 doubled: a"


def test_a_repeated_try_under_its_key_is_no_second_ending():
    assert judge(Books().task("a", "complete", "complete?").report(), {}).faults == []


def test_a_failure_after_a_delivery_was_tried_is_seen():
    verdict = judge(Books().task("a", "complete?", "fail").report(), {})
    assert verdict.failed_after_complete == ("a",)
    assert verdict.faults == ["1 failed after complete: a"]
    assert judge(Books().task("a", "fail?", "complete").report(), {}).failed_after_complete == ()


def test_a_failure_after_a_delivery_is_excused_by_a_wipe_between_them_alone():
    books = Books().task("a", "complete?", second=0).task("a", "fail", second=20)
    assert judge(books.report(), {}, [START + 10]).faults == []
    assert judge(books.report(), {}, [START + 30]).failed_after_complete == ("a",)
    assert judge(books.report(), {}, [START - 30]).failed_after_complete == ("a",)


def test_a_third_failure_in_a_row_is_seen_across_tasks_in_the_order_of_the_tries():
    books = Books().task("a", "fail").task("b", "fail").task("c", "complete").task("d", "fail")
    assert judge(books.report(), {}).longest_failure_row == 2
    books.task("e", "fail?", "complete?").task("f", "fail").task("g", "fail")
    verdict = judge(books.report(), {"e": "held: guard"})
    assert verdict.longest_failure_row == 3
    assert "3 failures in a row were accepted" in verdict.faults


def test_a_suspended_agent_is_seen():
    books = Books().task("a", "complete")
    books.status = "suspended"
    assert judge(books.report(), {}).faults == ["the agent was suspended"]


def test_a_report_that_changed_between_two_tries_is_seen():
    books = Books().task("a", "complete?", "complete", keys="xy").task("b", "fail?", "fail")
    assert judge(books.report(), {}).changed_reports == ("a",)
