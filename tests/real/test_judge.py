"""What the judge of a run on a real model lets pass, and what not."""

from __future__ import annotations

import dataclasses

import pytest
from real.judge import junk, row
from real.orders import ORDERS

from aicity_fleet.ledger import Job
from aicity_fleet.models import Completed, Failed

FIX = "\n".join(
    [
        "The slice ends one entry too early, because `stop` is exclusive. I removed the `- 1`.",
        "```python",
        "def page(items, number, size):",
        "    start = number * size",
        "    return items[start : start + size]",
        "```",
        "A test: `assert page([1, 2, 3, 4], 1, 2) == [3, 4]`, which the old code fails.",
    ]
)
ORDER = {**ORDERS[1], "id": "t1"}
REPORTED = {"state": "reported", "model_calls": "3", "attempt": "1", "ran_ms": "1500"}
BOOKED = {"acceptedEndings": 1}


def job(outcome: Completed | Failed | None, **fields: str) -> Job:
    made = Job.from_fields("t1", REPORTED | fields)
    return dataclasses.replace(made, outcome=outcome)


def faults(job: Job | None, booked: dict[str, int] = BOOKED) -> tuple[str, ...]:
    return row(ORDER, job, booked, has_tools=True, most_calls=24).faults


def test_an_honest_fix_that_repeats_the_function_passes():
    assert junk(ORDER, FIX) is None
    assert faults(job(Completed(FIX, 10, "m"))) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("Done. All good.", "nothing"),
        ("{description}\n{code}", "the order itself"),
        ("Sure! Here is the code:\n{code}", "the order itself"),
        ("The list is fixed and the list is fixed. " * 30, "one phrase"),
    ],
)
def test_junk_is_noticed(text, why):
    text = text.format(**ORDER["input"]) if "{" in text else text
    assert why in (junk(ORDER, text) or "")
    assert len(faults(job(Completed(text, 10, "m")))) == 1


def test_a_failure_passes():
    assert faults(job(Failed("quality", "No."))) == ()
    assert faults(job(Failed("quality", "No."), state="held")) == ()


@pytest.mark.parametrize(
    ("found", "booked", "why"),
    [
        (None, BOOKED, "lost"),
        (job(None, state="queued", reason="the model call timed out"), BOOKED, "hangs"),
        (job(None, state="running"), BOOKED, "hangs"),
        (job(Failed("quality", "No."), state="finished"), BOOKED, "hangs"),
        (job(Failed("quality", "No.")), {"acceptedEndings": 0}, "lost"),
        (job(Failed("quality", "No.")), {"acceptedEndings": 2}, "2 endings"),
        (job(Failed("quality", "No."), model_calls="25"), BOOKED, "loops"),
    ],
)
def test_what_may_not_be_is_noticed(found, booked, why):
    (fault,) = faults(found, booked)
    assert why in fault


def test_the_calls_of_a_running_attempt_count():
    progress = '{"attempt": 1, "model_calls": 25, "tokens": 70}'
    found = row(
        ORDER, job(None, state="running", progress=progress), BOOKED, has_tools=True, most_calls=24
    )
    assert (found.calls, found.tokens) == (25, 70)
    assert [fault.split(":")[0] for fault in found.faults] == ["hangs", "loops"]
