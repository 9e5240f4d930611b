"""Says plainly when a task asks for something that is not there; it never makes it up."""

from __future__ import annotations

import re

from aicity_fleet.simulator.measures import numbers
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.review import code_of
from aicity_fleet.simulator.model.wording import shortened

ATTACHED = re.compile(
    r"\b(?:attached|enclosed|uploaded|this|the following)\s+(?:\w+\s+){0,2}?"
    r"(recording|audio|video|image|photo|picture|screenshot|scan|pdf|spreadsheet|file|document)\b",
    re.I,
)
TRANSCRIBE = re.compile(r"\btranscri(?:be|pt|ption)\b", re.I)

LEAST_NUMBERS = 3
"""With fewer numbers in its text a data analysis has no data."""


def missing_material(brief: Brief) -> str:
    """What a task needs and does not hold, in a few words; empty when everything is there."""
    attached = ATTACHED.search(brief.description)
    holds_material = bool(brief.code.strip() or brief.details.strip())
    if TRANSCRIBE.search(brief.description) and not holds_material:
        return attached[1].lower() if attached else "recording"
    if attached and not holds_material and not re.search(r"\n\s*\n", brief.description):
        return attached[1].lower()
    if brief.task_type in {"code_review", "bug_fix", "security"} and not code_of(brief).strip():
        return "source code"
    if brief.task_type == "data_analysis" and len(numbers(brief.material)) < LEAST_NUMBERS:
        return "data"
    return ""


def inability(brief: Brief, missing: str) -> str:
    """A hand-in that says what cannot be done, why, and what would be needed."""
    return (
        f"# This task cannot be completed\n\n"
        f"I cannot do what was asked, because the {missing} it speaks of is not part of the task. "
        f'The request reads: "{shortened(" ".join(brief.description.split()), 200)}"\n\n'
        f"Only the text of the request arrived; there is no {missing} in it, and I can neither open "
        f"links nor hear or see files. Writing something that looks like a result would be "
        f"invented.\n\n"
        f"What is needed: the content of the {missing} as text within the task.\n"
    )
