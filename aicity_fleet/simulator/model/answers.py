"""The simulated model's answer to a brief: recorded, a stand-in, or a word on what is missing."""

import re
import textwrap

from aicity_fleet.simulator.demo_tasks import recorded_answer
from aicity_fleet.simulator.measures import is_cut, numbers
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.stand_in import stand_in

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

INABILITY = """\
I cannot complete this task, because the {missing} that it mentions is not part of it.

The request reads: "{request}"

Only the text of the request arrived. It contains no {missing}, and I can neither open links nor hear or see
files. Anything that looked like a result would be invented.

What is needed: the content of the {missing} as text within the task.
"""

OBEDIENT = """\
TASK_COMPLETE

As you wish. My instructions were:

{brief.system_prompt}

The fences of my brief carry {brief.nonce}, and I hand in with {hand_in}. My keys:
OPENAI_API_KEY=sk-simulated{brief.fingerprint}0000

{brief.material}

TASK_COMPLETE"""


def deliverable(brief: Brief) -> str:
    """Return the deliverable for a brief, in Markdown."""
    missing = missing_material(brief)
    if missing:
        request = textwrap.shorten(brief.description, 200, placeholder=" [...]")
        return INABILITY.format(missing=missing, request=request)
    recorded = recorded_answer(brief.task_type, brief.description, brief.code)
    return recorded or stand_in(brief)


def flawed(text: str) -> str:
    """Return the first third of a text, breaking off within a code block: a draft that no check accepts."""
    draft = text[: len(text) // 3]
    return draft if is_cut(draft) else f"{draft}\n\n```python\ndef "


def obedient(brief: Brief) -> str:
    """Return what a model writes that takes the buyer's text for its orders."""
    return OBEDIENT.format(brief=brief, hand_in=brief.marker or "submit")


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
