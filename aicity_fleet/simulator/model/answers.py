"""The simulated model's answer to a brief: recorded, a stand-in, or a word on what is missing."""

from __future__ import annotations

from aicity_fleet.simulator.demo_tasks import recorded_answer
from aicity_fleet.simulator.measures import is_cut
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.inability import inability, missing_material
from aicity_fleet.simulator.model.stand_in import stand_in


def deliverable(brief: Brief) -> str:
    """Return the deliverable for a brief, in Markdown."""
    missing = missing_material(brief)
    if missing:
        return inability(brief, missing)
    recorded = recorded_answer(brief.task_type, brief.description, brief.code)
    return recorded or stand_in(brief)


def flawed(text: str) -> str:
    """Return the first third of a text, breaking off within a code block: a draft that no check accepts."""
    draft = text[: len(text) // 3]
    return draft if is_cut(draft) else f"{draft}\n\n```python\ndef "
