import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aicity_fleet.simulator.demo_tasks import demo_tasks
from aicity_fleet.simulator.measures import fences, python_fences
from aicity_fleet.simulator.model.answers import deliverable
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.flaws import FLAWS, flawed, without_lines, without_severities
from aicity_fleet.simulator.model.linter import Linter
from aicity_fleet.simulator.model.programs import TOPICS, stored
from aicity_fleet.simulator.quality import assess

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


async def answer(task: dict) -> str:
    return await deliverable(brief_of(task), Linter(10))


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
async def test_the_good_version_passes_and_the_flawed_ones_do_not(task):
    text = await answer(task)
    assert assess(task["taskType"], task["input"], text).score >= 70
    kinds = FLAWS.get(task["taskType"], FLAWS["general"])
    for number in range(len(kinds)):
        draft = flawed(text, task["taskType"], f"{number:04x}")
        assert draft != text
        assert assess(task["taskType"], task["input"], draft).score < 70


@pytest.mark.parametrize("flaw", [without_lines, without_severities])
async def test_a_review_with_half_a_flaw_fails_too(flaw):
    text = flaw(await answer(TASKS[0]))
    assert assess("code_review", TASKS[0]["input"], text).score < 70


async def test_answers_differ_per_task():
    texts = [await answer(task) for task in TASKS]
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 400 for text in texts)


@pytest.mark.parametrize("copy", [1, 2, 3])
async def test_the_impossible_is_said_plainly(copy):
    task = demo_tasks(copy)[-1]
    text = await answer(task)
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
async def test_what_is_there_is_worked_on(description):
    task = {"taskType": "general", "input": {"description": description}}
    assert "cannot complete" not in await answer(task)


@pytest.mark.parametrize(
    ("task_type", "description", "missing"),
    [
        ("code_review", "Review our repository.", "source code"),
        ("data_analysis", "Analyse our sales figures.", "data"),
        ("general", "Describe the attached photo for our catalogue.", "photo"),
        ("general", "Please transcribe this for me.", "recording"),
    ],
)
async def test_what_is_not_there_is_not_made_up(task_type, description, missing):
    task = {"taskType": task_type, "input": {"description": description}}
    text = await answer(task)
    assert f"the {missing}" in text
    assert "cannot" in text


async def test_a_review_quotes_what_it_cites():
    task = TASKS[0]
    lines = task["input"]["code"].splitlines()
    text = await answer(task)
    cited = re.findall(r"^### \d+\. \[(\w+)\] Line (\d+): .*\n\n`(.*)`$", text, re.MULTILINE)
    assert len(cited) >= 7
    assert {severity for severity, _, _ in cited} >= {"critical", "high", "medium"}
    for _, number, quoted in cited:
        assert lines[int(number) - 1].strip().replace("`", "'") == quoted


async def test_a_review_holds_what_the_linter_and_the_tree_found():
    text = await answer(TASKS[1])
    for expected in ("BLE001", "RET503", "binary floating point", "repeated blindly", "shell"):
        assert expected in text


async def test_code_in_another_language_is_reviewed_as_text():
    code = "function f(x) {\n  var y = eval(x);\n  try { g() } catch (e) {}\n}\n"
    text = await answer(
        {"taskType": "code_review", "input": {"description": "Review this.", "code": code}}
    )
    assert "Line 2" in text
    assert "Line 3" in text
    assert assess("code_review", {"code": code}, text).score >= 70


SMALL = (
    "def f(x):\n    return x\n",
    "x = 1\n",
    "class A:\n    def g(self, a=[]):\n        return sum(a) / len(a)\n",
    "async def h(n):\n    if n < 0:\n        raise ValueError(n)\n    return n\n",
)


@pytest.mark.parametrize("task_type", ["code_review", "bug_fix", "testing", "security"])
@pytest.mark.parametrize("code", SMALL)
async def test_small_code_is_worked_on_too(task_type, code):
    given = {"description": "Please look at this.", "code": code}
    text = await answer({"taskType": task_type, "input": given})
    assert assess(task_type, given, text).score >= 70


async def test_a_suite_for_small_code_passes_on_it(tmp_path):
    for number, code in enumerate(SMALL):
        given = {"description": f"Write tests for small_{number}.py please.", "code": code}
        (suite,) = python_fences(await answer({"taskType": "testing", "input": given}))
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
async def test_few_words_are_enough(task_type, description):
    given = {"description": description}
    text = await answer({"taskType": task_type, "input": given})
    assert assess(task_type, given, text).score >= 70


async def test_broken_python_is_answered():
    code = "def f(:\n    return 1\n"
    for task_type in ("code_review", "bug_fix", "testing"):
        task = {"taskType": task_type, "input": {"description": "Please help.", "code": code}}
        assert len(await answer(task)) > 150


@pytest.mark.parametrize("number", [2, 3])
async def test_a_fix_passes_the_test_that_the_old_code_fails(tmp_path, number):
    text = await answer(TASKS[number])
    fixed, test = python_fences(text)
    assert any(language == "diff" for language, _ in fences(text))
    (tmp_path / "test_fixed.py").write_text(test)
    (tmp_path / "fixed.py").write_text(fixed)
    assert run_tests(tmp_path) == 0
    (tmp_path / "fixed.py").write_text(TASKS[number]["input"]["code"])
    assert run_tests(tmp_path) == 1


async def test_a_suite_passes_on_the_code_it_was_written_for(tmp_path):
    (suite,) = python_fences(await answer(TASKS[8]))
    (tmp_path / "test_shipping.py").write_text(suite)
    (tmp_path / "shipping.py").write_text(TASKS[8]["input"]["code"])
    assert run_tests(tmp_path) == 0


def test_stored_modules_pass_their_own_tests(tmp_path):
    for _, name in TOPICS:
        code, tests = stored(name)
        (tmp_path / f"{name}.py").write_text(code)
        (tmp_path / f"test_{name}.py").write_text(tests)
    assert run_tests(tmp_path) == 0


async def test_an_unknown_wish_gets_a_module_that_works(tmp_path):
    task = {"taskType": "code_generation", "input": {"description": "Model a garden with beds."}}
    code, tests = python_fences(await answer(task))
    (tmp_path / "records.py").write_text(code)
    (tmp_path / "test_records.py").write_text(tests)
    assert run_tests(tmp_path) == 0


async def test_figures_are_the_true_ones():
    text = await answer(TASKS[6])
    for figure in ("6790", "565.83", "592.50", "203700", "2024-12", "2024-07"):
        assert figure in text


async def test_the_linter_remembers_and_gives_up_in_time():
    linter = Linter(10)
    first = await linter.check("import os\n")
    assert [found.rule for found in first] == ["F401"]
    assert await linter.check("import os\n") == first
    assert await linter.fix("import os\n\nx = 1\n") == "\nx = 1\n"
    assert await Linter(0.0).check("import os\n") == []
