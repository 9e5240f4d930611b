"""The demo's twelve tasks, as the control side takes them; their texts stand in a TOML file beside.

Two reviews and two fixes of real code, research, writing, figures, new code, tests, a plan; one task
that tries to give the team orders; and one that nobody can do.
"""

from __future__ import annotations

import copy
import functools
import tomllib
from importlib import resources
from typing import Any


def demo_tasks(copies: int = 1) -> list[dict[str, Any]]:
    """The tasks, ready for ``POST /_sim/tasks``; ids are left to the city.

    Args:
        copies: How often the twelve come; each further copy carries its number in its text, so that
            no two tasks are the same.
    """
    tasks = []
    for number in range(1, copies + 1):
        for task in copy.deepcopy(_read()):
            if number > 1:
                task["input"]["description"] += f"\n\nReference: batch {number}."
            tasks.append(task)
    return tasks


@functools.cache
def _read() -> list[dict[str, Any]]:
    text = resources.files(__package__).joinpath("demo_tasks.toml").read_text(encoding="utf-8")
    tasks: list[dict[str, Any]] = tomllib.loads(text)["tasks"]
    return tasks
