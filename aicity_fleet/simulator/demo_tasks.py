"""The demo's twelve tasks, and the recorded answers to the eleven of them that can be done.

The tasks are in ``demo_tasks.toml``: three code reviews, two bug fixes, research, writing, figures, new
code, tests and two plain requests. One review tries to give the team orders; the last task is impossible.
The answers are in the folder ``answers``, one Markdown file per task.
"""

import copy
import functools
import tomllib
from importlib import resources
from typing import Any

FOLDER = resources.files("aicity_fleet.simulator")
"""Where the tasks and the answers are."""


def demo_tasks(copies: int = 1) -> list[dict[str, Any]]:
    """Return the tasks in the form that ``POST /_sim/tasks`` takes, without ids.

    Args:
        copies: How many copies of the twelve to return. The text of each further copy ends with its
            number, so that no two tasks are the same.
    """
    tasks = copy.deepcopy(_tasks())
    for number in range(2, copies + 1):
        for task in copy.deepcopy(_tasks()):
            task["input"]["description"] += f"\n\nReference: batch {number}."
            tasks.append(task)
    return tasks


def recorded_answer(task_type: str, description: str, code: str) -> str | None:
    """Return the recorded answer to a demo task, or None for any other task."""
    asked = _squeezed(description)
    for number, task in enumerate(_tasks(), 1):
        given = task["input"]
        if (
            task["taskType"] == task_type
            and asked.startswith(_squeezed(given["description"]))
            and _squeezed(code) == _squeezed(given.get("code", ""))
        ):
            file = FOLDER / "answers" / f"{number:02}-{task_type}.md"
            return file.read_text(encoding="utf-8") if file.is_file() else None
    return None


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@functools.cache
def _tasks() -> list[dict[str, Any]]:
    text = (FOLDER / "demo_tasks.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["tasks"])
