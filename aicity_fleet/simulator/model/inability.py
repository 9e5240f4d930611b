"""The reply to a task whose material is missing: it says so plainly and invents nothing."""

from __future__ import annotations

import re
import textwrap

from aicity_fleet.simulator.measures import numbers
from aicity_fleet.simulator.model.brief import Brief

ATTACHED = re.compile(
    r"\b(?:attached|enclosed|uploaded)\s+(?:\w+\s+){0,2}?"
    r"(recording|audio|video|image|photo|picture|screenshot|scan|pdf|spreadsheet|file|document)\b",
    re.I,
)
TRANSCRIBE = re.compile(r"\btranscri(?:be|pt|ption)\b", re.I)

LEAST_MATERIAL_CHARS = 60
"""The shortest text after the request that counts as material, in characters."""

LEAST_NUMBERS = 3
"""How many numbers a data analysis needs to have data."""


def missing_material(brief: Brief) -> str:
    """Return what a task needs and does not contain, in a few words; empty when nothing is missing."""
    attached = ATTACHED.search(brief.description)
    if (attached or TRANSCRIBE.search(brief.description)) and not _has_material(brief):
        return attached[1].lower() if attached else "recording"
    if brief.task_type in {"code_review", "bug_fix", "security"} and not brief.source.strip():
        return "source code"
    if brief.task_type == "data_analysis" and len(numbers(brief.material)) < LEAST_NUMBERS:
        return "data"
    return ""


def _has_material(brief: Brief) -> bool:
    """Return whether the task contains something to work on besides the request itself."""
    _, _, rest = brief.description.partition("\n\n")
    inline = re.search(r":\s*\S.{20}", brief.description)
    is_long = len(rest.strip()) >= LEAST_MATERIAL_CHARS
    return bool(brief.code.strip() or brief.details.strip() or is_long or (inline and not rest))


def inability(brief: Brief, missing: str) -> str:
    """Return a reply that says what is missing, why that matters, and what would be needed."""
    request = textwrap.shorten(brief.description, 200, placeholder=" [...]")
    return (
        f"I cannot complete this task, because the {missing} that it mentions is not part of it.\n\n"
        f'The request reads: "{request}"\n\n'
        f"Only the text of the request arrived. It contains no {missing}, and I can neither open links "
        f"nor hear or see files. Anything that looked like a result would be invented.\n\n"
        f"What is needed: the content of the {missing} as text within the task.\n"
    )
