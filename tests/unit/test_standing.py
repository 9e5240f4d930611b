"""What a task that is read back shows of its delivery; odd fields are not believed."""

import pytest

from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.aicity.standing import TaskStanding, read_standing

API = load_contract("api")


@pytest.mark.parametrize(
    ("task", "found"),
    [
        (
            {"status": "completed", "paidCents": 85, "feedback": None},
            TaskStanding("completed", "completed", 85, False),
        ),
        (
            {"status": "refunded", "paidCents": 0, "feedback": {"rating": "thumbs_down"}},
            TaskStanding("refunded", "refunded", 0, True),
        ),
        ({"status": "failed"}, TaskStanding("failed", "failed", None, False)),
        ({"status": "quality_check"}, TaskStanding("quality_check", "quality_check", None, False)),
        ({"status": "disputed"}, TaskStanding("disputed", "disputed", None, False)),
        ({"status": "executing"}, TaskStanding("executing", "", None, False)),
        ({}, TaskStanding("", "", None, False)),
        (
            {"status": 7, "paidCents": True, "feedback": "thumbs_down"},
            TaskStanding("", "", None, False),
        ),
        (
            {"status": {}, "paidCents": -1, "feedback": {"rating": ["thumbs_down"]}},
            TaskStanding("", "", None, False),
        ),
        ({"paidCents": 8.5, "feedback": [1]}, TaskStanding("", "", None, False)),
    ],
)
def test_a_task_shows_what_became_of_its_delivery(task, found):
    assert read_standing(task, API) == found


def test_the_contract_names_the_fields():
    fields = {"feedback_field": "buyer.opinion.word", "thumbs_down_values": frozenset({"bad"})}
    contract = API.model_copy(update={**fields, "paid_cents_field": ""})
    task = {"status": "completed", "paidCents": 1, "buyer": {"opinion": {"word": "bad"}}}
    assert read_standing(task, contract) == TaskStanding("completed", "completed", None, True)
    nowhere = API.model_copy(update={"feedback_field": ""})
    assert not read_standing({"feedback": {"rating": "thumbs_down"}}, nowhere).thumbs_down
