"""Only what the gate accepts is sent as a deliverable."""

import pytest

from aicity_fleet.models import AssignedTask, Rejected
from aicity_fleet.team.gate import check


def test_what_the_gate_rejects_is_reported_as_a_failure_and_never_as_a_deliverable(fleet):
    (task_id,) = fleet.accept()
    fleet.ending = Rejected("quality", "The text did not pass our own checks.")
    fleet.deliver()
    fleet.deliver()
    booked = fleet.city.task(task_id)
    assert booked["failure"]["reason"] == "quality"
    assert [attempt["kind"] for attempt in booked["attempts"]] == ["fail"]


@pytest.mark.parametrize(
    ("text", "finish_reason"),
    [
        ("", "stop"),
        ("[insert the plan here]", "stop"),
        ("The plan for the move has three parts, of which the first is", "length"),
        ("I'm sorry, but I can't help with that.", "stop"),
    ],
)
def test_the_gate_returns_what_is_no_deliverable(text, finish_reason):
    task = AssignedTask("t1", "general", "Plan the move of our printer.")
    assert not check("general", text, task, finish_reason=finish_reason).has_passed
