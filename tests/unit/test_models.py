"""Assigned tasks as strangers send them: parsed, or refused with a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicity_fleet.aicity.task import parse_task
from aicity_fleet.errors import TaskRefusedError
from aicity_fleet.models import AssignedTask, Completed, Failed, outcome_from_json

GOOD = {
    "id": "clx1",
    "status": "submitted",
    "taskType": "code_review",
    "input": {"description": "Review this", "code": "x = 1", "audience": "devs"},
    "maxBudget": 1500,
    "somethingNew": {"a": 1},
}


def parse(raw: object) -> AssignedTask:
    return parse_task(raw, max_input_chars=1000)


def test_a_good_task_keeps_what_the_team_may_need():
    task = parse(GOOD)
    assert (task.task_id, task.task_type, task.max_budget_cents) == ("clx1", "code_review", 1500)
    assert dict(task.details) == {"audience": "devs"}
    assert AssignedTask.from_json(json.loads(json.dumps(task.to_json()))) == task


def test_an_unknown_task_type_is_no_fault():
    assert parse({**GOOD, "taskType": "interpretive_dance"}).task_type == "interpretive_dance"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"input": None}, "input"),
        ({"input": "text"}, "input"),
        ({"input": {}}, "nothing to work on"),
        ({"input": {"description": "   "}}, "nothing to work on"),
        ({"input": {"description": 7}}, "input.description"),
        ({"input": {"description": "x" * 1001}}, "FLEET_MAX_INPUT_CHARS"),
        ({"input": {"description": "x", "notes": ["y" * 1001]}}, "FLEET_MAX_INPUT_CHARS"),
        ({"taskType": None}, "taskType"),
        ({"taskType": ""}, "taskType"),
        ({"taskType": "a\nb"}, "taskType"),
        ({"input": {"description": "x", "deep": json.loads("[" * 60 + "]" * 60)}}, "nested deeper"),
        ({"id": 7}, "id"),
        ({"id": ""}, "id"),
        ({"id": "x" * 201}, "id"),
        ({"id": "a b"}, "id"),
        ({"maxBudget": "12"}, "maxBudget"),
        ({"maxBudget": -1}, "maxBudget"),
        ({"maxBudget": 1.5}, "maxBudget"),
    ],
)
def test_a_malformed_task_is_refused_with_a_reason_that_names_the_field(change, reason):
    with pytest.raises(TaskRefusedError, match=reason):
        parse({**GOOD, **change})


def test_a_missing_input_is_refused():
    with pytest.raises(TaskRefusedError, match="input: Field required"):
        parse({key: value for key, value in GOOD.items() if key != "input"})


@pytest.mark.parametrize("raw", [None, 3, "task", [], True])
def test_an_entry_that_is_no_object_is_refused(raw):
    with pytest.raises(TaskRefusedError, match="not an object"):
        parse(raw)


def test_a_reason_never_holds_the_buyers_text():
    with pytest.raises(TaskRefusedError) as caught:
        parse({**GOOD, "input": {"description": ["SECRET-WORDS"]}})
    assert "SECRET-WORDS" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, JSON)) | JSON)
def test_any_json_is_either_a_task_or_refused(raw):
    try:
        task = parse(raw)
    except TaskRefusedError as error:
        assert str(error)
    else:
        json.dumps(task.to_json())


@pytest.mark.parametrize(
    "outcome", [Completed("text", 12, "m", ("A", "B")), Failed("quality", "No.", 5)]
)
def test_an_outcome_survives_the_outbox(outcome):
    assert outcome_from_json(json.loads(json.dumps(outcome.to_json()))) == outcome
