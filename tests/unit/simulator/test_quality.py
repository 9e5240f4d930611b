import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicity_fleet.simulator import measures
from aicity_fleet.simulator.quality import CATEGORIES, assess, text_of

CODE = "def f(x=[]):\n    return eval(x)\n\n\nprint(f('1'))\n"
REVIEW = (
    "# Review\n\nTwo findings were made in this short module; both should be fixed before it ships.\n\n"
    "1. [critical] Line 2: `eval` runs foreign text. Whoever sends the text runs code here. Fix: "
    "use `ast.literal_eval` instead, and validate the type of what comes back.\n"
    "2. [medium] Line 1: the default list is shared between calls, so what one caller adds is "
    "still there for the next. Fix: pass None and create the list inside the function.\n\n"
    "Verdict: do not ship it yet. Change both lines, add a test for each, and ask again. Nothing "
    "else was found, and the code was not run."
)
INPUT = {"description": "Review this code.", "code": CODE}


def score(text: str, task_type: str = "code_review", task_input: dict | None = None) -> int:
    return assess(task_type, task_input or INPUT, text).score


def test_a_good_review_passes_and_says_why():
    assessment = assess("code_review", INPUT, REVIEW)
    assert assessment.score >= 90
    assert sum(item.points for item in assessment.criteria) >= 90
    assert {item.name for item in assessment.criteria} == {
        "coverage",
        "line references",
        "severity labels",
        "recommendations",
    }


@pytest.mark.parametrize("category", [*CATEGORIES, "general", "design", "anything"])
def test_every_category_gives_a_hundred_points_at_most(category):
    assessment = assess(category, INPUT, REVIEW)
    assert sum(item.max_points for item in assessment.criteria) in {100, 85}
    assert all(0 <= item.points <= item.max_points for item in assessment.criteria)


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        ("no lines", REVIEW.replace("Line 2", "Here").replace("Line 1", "There")),
        ("lines that do not exist", REVIEW.replace("Line 2", "L900").replace("Line 1", "L901")),
        ("no severities", REVIEW.replace("[critical] ", "").replace("[medium] ", "")),
        ("a fence that is not closed", REVIEW + "\n```python\nx = 1\n"),
        ("a placeholder", REVIEW + "\n[insert the rest here]"),
        ("control words", REVIEW + "\nTASK_COMPLETE"),
        ("a secret", REVIEW + "\nsk-abcdefghijklmnop1234"),
        ("a refusal", "I cannot complete this review.\n" + REVIEW),
        ("Python that does not parse", REVIEW + "\n```python\ndef (:\n```\n"),
        ("nothing", ""),
        ("almost nothing", "Looks good to me."),
    ],
)
def test_one_fault_is_enough_to_fail(name, worse):
    assert score(worse) < 70, name


def test_a_shared_secret_of_the_buyer_may_be_quoted():
    secret = "sk-abcdefghijklmnop1234"
    task_input = {"description": "Review", "code": f"KEY = '{secret}'\n" + CODE}
    assert score(REVIEW + f"\nThe key {secret} is public.", task_input=task_input) >= 90


@settings(deadline=None)
@given(st.lists(st.sampled_from(REVIEW.split("\n\n")), max_size=4))
def test_more_of_the_same_never_lowers_the_score(extra):
    assert score("\n\n".join([REVIEW, *extra])) >= score(REVIEW)


@settings(deadline=None)
@given(st.integers(0, len(REVIEW)))
def test_a_shorter_review_is_never_better(length):
    assert score(REVIEW[:length]) <= score(REVIEW)


@settings(deadline=None)
@given(st.text(max_size=400), st.sampled_from([*CATEGORIES, "general"]))
def test_any_text_gets_a_score(text, category):
    assert 0 <= assess(category, INPUT, text).score <= 100
    assert assess(category, INPUT, text) == assess(category, INPUT, text)


def test_figures_are_checked_against_the_data():
    table = "name,a\nx,10\ny,20\nz,60\n"
    method = "# A\n\n| a | b |\n|---|---|\n\nMethod: mean and median were computed, and averaged: "
    right = method + "sum 90, mean 30, median 20, lowest 10, highest 60."
    wrong = method + "sum 91, mean 31, median 21, lowest 11, highest 61."
    task_input = {"description": table}
    assert score(right, "data_analysis", task_input) == 100
    assert score(wrong, "data_analysis", task_input) < 70


def test_code_needs_to_parse_and_to_be_tested():
    code = "```python\ndef add(a, b):\n    return a + b\n```\n"
    tests = (
        "```python\nfrom m import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"
        "    assert add(0, 0) == 0\n```\n"
    )
    said = "This module adds two numbers. " * 10
    task_input = {"description": "Write a function that adds numbers."}
    assert score(said + "\n" + code + tests, "code_generation", task_input) >= 90
    assert score(said + "\n" + code, "code_generation", task_input) < 70
    assert score(said, "code_generation", task_input) < 70


def test_the_text_is_found_in_an_output():
    assert text_of("bare") == "bare"
    assert text_of({"result": "a", "zzz": "longer text"}) == "a"
    assert text_of({"other": {"deep": ["x", "the longest"]}}) == "the longest"
    assert text_of({}) == ""
    assert text_of(None) == ""


def test_a_table_is_the_longest_run_of_equal_rows():
    text = "Hello, world\n\na,b\n1,2\n3,4\n5,6\n\nbye, bye"
    assert measures.table_of(text) == [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]
    assert measures.table_of("no table, here\nat all") == []
    assert {9.0, 3.0, 1.0, 5.0} <= measures.true_figures(text)


def test_line_references_in_their_usual_forms():
    text = "Line 3, lines 7-9, L12 and app.py:40, but not 2024-05"
    assert measures.line_references(text, 0) == {3, 7, 12, 40}
    assert measures.line_references(text, 10) == {3, 7}


def test_assessments_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        assess("general", {}, "x").score = 100  # type: ignore[misc]  # it is frozen, which is the point
