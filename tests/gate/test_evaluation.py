"""The gate tells work from junk: a floor over each labelled set beside this file."""

from __future__ import annotations

import json

import pytest
from gate import evaluation

from aicity_fleet.team import gate as the_gate

LEAST_OF_EACH = 200
LEAST_REJECTED = 0.95
"""Share of the rejects that the gate has to reject."""
MOST_FALSE = 0.02
"""Share of the accepts that it may reject."""
LEAST_REJECTED_OF_UNSEEN = 0.85
"""The same of the other sets, whose writers knew the kinds of junk alone, and not the checks."""
MOST_FALSE_OF_UNSEEN = 0.05


@pytest.fixture(scope="module")
def judged():
    return evaluation.judge(evaluation.load(evaluation.HERE / "set"))


def test_the_sets_are_large_enough(judged):
    total = evaluation.matrix(judged)["all"]
    assert total.accepts >= LEAST_OF_EACH
    assert total.rejects >= LEAST_OF_EACH


def test_every_text_is_of_a_known_category_and_its_own(judged):
    assert {one.labelled.task.task_type for one in judged} <= set(the_gate.CHECKS)
    texts = [(one.labelled.task.description, one.labelled.text) for one in judged]
    assert len(set(texts)) == len(texts), "a text is there twice for one order"


def test_the_gate_tells_work_from_junk(judged):
    total = evaluation.matrix(judged)["all"]
    lines = "\n".join(evaluation.wrong(judged))
    assert total.rejected_share >= LEAST_REJECTED, lines
    assert total.false_share <= MOST_FALSE, lines


@pytest.mark.parametrize("folder", ["second_set", "third_set", "fourth_set"])
def test_the_gate_tells_work_from_junk_that_it_was_not_made_for(folder):
    judged = evaluation.judge(evaluation.load(evaluation.HERE / folder))
    total = evaluation.matrix(judged)["all"]
    assert min(total.accepts, total.rejects) >= 70
    lines = "\n".join(evaluation.wrong(judged))
    assert total.rejected_share >= LEAST_REJECTED_OF_UNSEEN, lines
    assert total.false_share <= MOST_FALSE_OF_UNSEEN, lines


# --- the loader -------------------------------------------------------------------------------------------

SET = """
[[text]]
id = "one"
label = "accept"
kind = "plain"
origin = "written for this test"
description = "Explain how lighthouses guided ships."
text = '''
Lighthouses guided ships with lights of known height and rhythm, which a navigator knew from the chart.
'''

[[text]]
id = "two"
label = "reject"
kind = "refusal"
origin = "written for this test"
description = "Explain how lighthouses guided ships."
text = "I'm sorry, but I can't help with that request."
"""


def test_right_and_wrong_texts_are_counted_and_named(tmp_path, capsys):
    (tmp_path / "general-part.toml").write_text(SET)
    evaluation.main([str(tmp_path)])
    assert "100.0% of the rejects are rejected, 0.0% of the accepts." in capsys.readouterr().out
    (tmp_path / "general-part.toml").write_text(SET.replace('"reject"', '"accept"'))
    evaluation.main([str(tmp_path), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["matrix"]["general"] == {
        "accepts": 2, "accepts_rejected": 1, "rejects": 0, "rejects_accepted": 0,
    }  # fmt: skip
    assert len(said["wrong"]) == 1
    assert said["wrong"][0].startswith("general: two: should accept (refusal); found refusal")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"two"', '"one"'), ('"reject"', '"maybe"'), ("origin", "source"), ("kind", "#kind")],
)
def test_a_faulty_set_is_refused(tmp_path, old, new):
    (tmp_path / "general.toml").write_text(SET.replace(old, new))
    with pytest.raises(ValueError, match=r"general\.toml"):
        evaluation.load(tmp_path)
