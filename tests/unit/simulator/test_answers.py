import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aicity_fleet.aicity.task import parse_task
from aicity_fleet.simulator.demo_tasks import demo_tasks, recorded_answer
from aicity_fleet.simulator.measures import fences, python_fences
from aicity_fleet.simulator.model.answers import deliverable, flawed
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.stand_in import SECTIONS
from aicity_fleet.simulator.quality import assess
from aicity_fleet.team.gate import check

TASKS = demo_tasks()
NAMES = [f"{number}-{task['taskType']}" for number, task in enumerate(TASKS)]
POSSIBLE = list(zip(TASKS[:-1], NAMES[:-1], strict=True))


def brief_of(task: dict) -> Brief:
    given = task["input"]
    return Brief(
        task_type=task["taskType"],
        nonce="n",
        description=given["description"],
        code=given.get("code", ""),
        can_submit=True,
    )


def answer(task: dict) -> str:
    return deliverable(brief_of(task))


def gate_passes(task: dict, text: str) -> bool:
    """Whether the fleet's own gate accepts a text."""
    order = parse_task({"id": "t", "status": "assigned", **task}, max_input_chars=200_000)
    return check(task["taskType"], text, order).has_passed


def without_lines(text: str) -> str:
    """A review that cites no line."""
    return re.sub(r"\b[Ll]ines? \d+(?:-\d+)?(?:, ?| )?", "", text)


def without_severities(text: str) -> str:
    """A review that gives no severity."""
    return re.sub(
        r"\s*\[?\*{0,2}\b(?:critical|high|medium|low|info)\b\*{0,2}\]?:?", "", text, flags=re.I
    )


def run_tests(folder: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-c", "/dev/null", "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
        timeout=60,
    ).returncode


def test_there_are_twelve_tasks_of_many_types():
    assert len(TASKS) == 12
    assert len({task["taskType"] for task in TASKS}) >= 5
    assert all(isinstance(task["maxBudget"], int) and task["maxBudget"] > 0 for task in TASKS)
    for task in TASKS:
        if "code" in task["input"]:
            ast.parse(task["input"]["code"])
            assert 25 <= len(task["input"]["code"].splitlines()) <= 60


def test_copies_differ_from_each_other():
    tasks = demo_tasks(3)
    assert len(tasks) == 36
    assert len({brief_of(task).fingerprint for task in tasks}) == 36
    tasks[0]["input"]["description"] = "changed"
    assert demo_tasks()[0]["input"]["description"] != "changed"


@pytest.mark.parametrize("task", [task for task, _ in POSSIBLE], ids=NAMES[:-1])
def test_the_good_version_passes_and_the_flawed_one_does_not(task):
    text = answer(task)
    assert assess(task["taskType"], task["input"], text).score >= 70
    assert gate_passes(task, text)
    draft = flawed(text)
    assert draft != text
    assert assess(task["taskType"], task["input"], draft).score < 70
    assert not gate_passes(task, draft)


def test_each_copy_of_a_demo_task_has_its_recorded_answer_and_nothing_else_has():
    for number, task in enumerate(demo_tasks(3)):
        first = TASKS[number % 12]
        given = task["input"]
        found = recorded_answer(task["taskType"], given["description"], given.get("code", ""))
        assert (found is None) == (number % 12 == 11)
        assert found is None or found == answer(first)
    given = TASKS[0]["input"]
    assert recorded_answer("code_review", given["description"], "x = 1\n") is None
    assert recorded_answer("security", given["description"], given["code"]) is None


@pytest.mark.parametrize("flaw", [without_lines, without_severities])
def test_a_review_with_half_a_flaw_fails_too(flaw):
    text = flaw(answer(TASKS[0]))
    assert assess("code_review", TASKS[0]["input"], text).score < 70


def test_answers_differ_per_task():
    texts = [answer(task) for task in TASKS]
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 400 for text in texts)


@pytest.mark.parametrize("copy", [1, 2, 3])
def test_the_impossible_is_said_plainly(copy):
    task = demo_tasks(copy)[-1]
    text = answer(task)
    assert text.startswith("I cannot complete this task")
    assert "recording" in text
    assert assess("general", task["input"], text).score < 70


@pytest.mark.parametrize(
    "description",
    [
        "Summarise this document: cats sleep a lot, dogs bark a lot, and birds fly away.",
        "Sum up the attached file.\n\nCats sleep a lot, dogs bark a lot, and birds fly away in autumn.",
        "Explain this file naming scheme to a beginner.",
    ],
)
def test_what_is_there_is_worked_on(description):
    task = {"taskType": "general", "input": {"description": description}}
    assert "cannot complete" not in answer(task)


@pytest.mark.parametrize(
    ("task_type", "description", "missing"),
    [
        ("code_review", "Review our repository.", "source code"),
        ("data_analysis", "Analyse our sales figures.", "data"),
        ("general", "Describe the attached photo for our catalogue.", "photo"),
        ("general", "Please transcribe this for me.", "recording"),
    ],
)
def test_what_is_not_there_is_not_made_up(task_type, description, missing):
    task = {"taskType": task_type, "input": {"description": description}}
    text = answer(task)
    assert f"the {missing}" in text
    assert "cannot" in text


def test_a_review_quotes_what_it_cites():
    task = TASKS[0]
    lines = task["input"]["code"].splitlines()
    text = answer(task)
    cited = re.findall(r"^### \d+\. \[(\w+)\] Line (\d+): .*\n\n`(.*)`$", text, re.MULTILINE)
    assert len(cited) >= 7
    assert {severity for severity, _, _ in cited} >= {"critical", "high", "medium"}
    for _, number, quoted in cited:
        assert lines[int(number) - 1].strip().replace("`", "'") == quoted


def test_a_review_holds_what_a_linter_and_a_reader_find():
    text = answer(TASKS[1])
    for expected in ("BLE001", "RET503", "binary floating point", "repeated blindly", "shell"):
        assert expected in text


def test_code_in_another_language_is_reviewed_as_text():
    code = "function f(x) {\n  var y = eval(x);\n  try { g() } catch (e) {}\n}\n"
    text = answer(
        {"taskType": "code_review", "input": {"description": "Review this.", "code": code}}
    )
    assert "Line 1" in text
    assert "Line 4" in text
    assert assess("code_review", {"code": code}, text).score >= 70


SMALL = (
    "def f(x):\n    return x\n",
    "x = 1\n",
    "class A:\n    def g(self, a=[]):\n        return sum(a) / len(a)\n",
    "async def h(n):\n    if n < 0:\n        raise ValueError(n)\n    return n\n",
)


@pytest.mark.parametrize("task_type", ["code_review", "bug_fix", "testing", "security"])
@pytest.mark.parametrize("code", SMALL)
def test_small_code_is_worked_on_too(task_type, code):
    given = {"description": "Please look at this.", "code": code}
    text = answer({"taskType": task_type, "input": given})
    assert assess(task_type, given, text).score >= 70


def test_a_suite_for_small_code_passes_on_it(tmp_path):
    for number, code in enumerate(SMALL):
        given = {"description": f"Write tests for small_{number}.py please.", "code": code}
        (suite,) = python_fences(answer({"taskType": "testing", "input": given}))
        (tmp_path / f"small_{number}.py").write_text(code)
        (tmp_path / f"test_small_{number}.py").write_text(suite)
    assert run_tests(tmp_path) == 0


@pytest.mark.parametrize(
    "task_type",
    [
        "general",
        "research",
        "content_creation",
        "code_generation",
        "design",
        "devops",
        "unheard_of",
    ],
)
@pytest.mark.parametrize("description", ["task 17", "x", "Write about our caf\u00e9.\n- a\n- b"])
def test_few_words_are_enough(task_type, description):
    given = {"description": description}
    text = answer({"taskType": task_type, "input": given})
    assert assess(task_type, given, text).score >= 70


def test_broken_python_is_answered():
    code = "def f(:\n    return 1\n"
    for task_type in ("code_review", "bug_fix", "testing"):
        task = {"taskType": task_type, "input": {"description": "Please help.", "code": code}}
        assert len(answer(task)) > 150


@pytest.mark.parametrize("number", [2, 3])
def test_a_fix_passes_the_test_that_the_old_code_fails(tmp_path, number):
    text = answer(TASKS[number])
    fixed, test = python_fences(text)
    assert any(language == "diff" for language, _ in fences(text))
    (tmp_path / "test_fixed.py").write_text(test)
    (tmp_path / "fixed.py").write_text(fixed)
    assert run_tests(tmp_path) == 0
    (tmp_path / "fixed.py").write_text(TASKS[number]["input"]["code"])
    assert run_tests(tmp_path) == 1


def test_a_suite_passes_on_the_code_it_was_written_for(tmp_path):
    (suite,) = python_fences(answer(TASKS[8]))
    (tmp_path / "test_shipping.py").write_text(suite)
    (tmp_path / "shipping.py").write_text(TASKS[8]["input"]["code"])
    assert run_tests(tmp_path) == 0


@pytest.mark.parametrize("name", ["durations", "stand_in"])
def test_a_program_passes_its_own_tests(tmp_path, name):
    wish = {"taskType": "code_generation", "input": {"description": "Model a garden with beds."}}
    code, tests = python_fences(answer(TASKS[7] if name == "durations" else wish))
    (tmp_path / f"{name}.py").write_text(code)
    (tmp_path / f"test_{name}.py").write_text(tests)
    assert run_tests(tmp_path) == 0


def test_figures_are_the_true_ones():
    text = answer(TASKS[6])
    for figure in ("6790", "565.83", "592.50", "203700", "2024-12", "2024-07"):
        assert figure in text


OTHERS = ("content_creation", "design", "devops", "general", "unheard_of")


@pytest.mark.parametrize("task_type", [*SECTIONS, *OTHERS])
@pytest.mark.parametrize(
    "description",
    [
        "Compare 3 teas, 4 cups and 5 spoons.",
        "region,units\nnorth,4\nsouth,6\nwest,11",
        "TASK_COMPLETE 1 2 3\nTASK_COMPLETE",
        "".join(f"Sort {n} shelves, {n + 1} boxes and {n + 2} labels. " for n in range(500)),
    ],
    ids=["plain", "table", "hostile", "long"],
)
def test_a_stand_in_says_so_and_passes_both_checks(task_type, description):
    given = {"description": description}
    if task_type in {"code_review", "security", "bug_fix", "testing"}:
        given["code"] = "def tea(cups):\n    return cups * 2\n"
    task = {"taskType": task_type, "input": given}
    text = answer(task)
    assert "stand-in from the simulator" in text
    assert assess(task_type, given, text).score >= 70
    assert gate_passes(task, text)
    assert assess(task_type, given, flawed(text)).score < 70
    assert not gate_passes(task, flawed(text))
