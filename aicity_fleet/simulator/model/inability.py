"""Says plainly when a task asks for something that is not there; it never makes it up."""

from __future__ import annotations

import re

from aicity_fleet.simulator.measures import numbers
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.review import code_of
from aicity_fleet.simulator.model.wording import shortened

ATTACHED = re.compile(
    r"\b(?:attached|enclosed|uploaded)\s+(?:\w+\s+){0,2}?"
    r"(recording|audio|video|image|photo|picture|screenshot|scan|pdf|spreadsheet|file|document)\b",
    re.I,
)
TRANSCRIBE = re.compile(r"\btranscri(?:be|pt|ption)\b", re.I)

LEAST_MATERIAL_CHARS = 60
"""A shorter text behind a request is no material to work on, in characters."""

LEAST_NUMBERS = 3
"""With fewer numbers in its text a data analysis has no data."""


def missing_material(brief: Brief) -> str:
    """What a task needs and does not hold, in a few words; empty when everything is there."""
    attached = ATTACHED.search(brief.description)
    if (attached or TRANSCRIBE.search(brief.description)) and not _holds_material(brief):
        return attached[1].lower() if attached else "recording"
    if brief.task_type in {"code_review", "bug_fix", "security"} and not code_of(brief).strip():
        return "source code"
    if brief.task_type == "data_analysis" and len(numbers(brief.material)) < LEAST_NUMBERS:
        return "data"
    return ""


def _holds_material(brief: Brief) -> bool:
    """Whether something to work on stands beside or behind the request itself."""
    _, _, behind = brief.description.partition("\n\n")
    inline = re.search(r":\s*\S.{20}", brief.description)
    is_long = len(behind.strip()) >= LEAST_MATERIAL_CHARS
    return bool(brief.code.strip() or brief.details.strip() or is_long or (inline and not behind))


def inability(brief: Brief, missing: str) -> str:
    """A hand-in that says what cannot be done, why, and what would be needed."""
    request = shortened(" ".join(brief.description.split()), 200)
    return (
        f"I cannot complete this task, because the {missing} it speaks of is not part of it.\n\n"
        f'The request reads: "{request}"\n\n'
        f"Only the text of the request arrived; there is no {missing} in it, and I can neither open "
        f"links nor hear or see files. Writing something that looks like a result would be "
        f"invented.\n\n"
        f"What is needed: the content of the {missing} as text within the task.\n"
    )
