"""Chooses the answer to a brief: by task type, and plainly refused where nothing can be done."""

from __future__ import annotations

from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.figures import data_analysis
from aicity_fleet.simulator.model.fixing import bug_fix
from aicity_fleet.simulator.model.general import general
from aicity_fleet.simulator.model.inability import inability, missing_material
from aicity_fleet.simulator.model.linter import Linter
from aicity_fleet.simulator.model.programs import code_generation
from aicity_fleet.simulator.model.review import code_review
from aicity_fleet.simulator.model.suites import testing
from aicity_fleet.simulator.model.writing import content_creation, research

WRITERS = {
    "research": research,
    "content_creation": content_creation,
    "data_analysis": data_analysis,
    "code_generation": code_generation,
    "testing": testing,
}
"""Writers that need nothing but the brief."""


async def deliverable(brief: Brief, linter: Linter) -> str:
    """The best text that the scripted model can write for a brief, in markdown."""
    missing = missing_material(brief)
    if missing:
        return inability(brief, missing)
    if brief.task_type in {"code_review", "security"}:
        return await code_review(brief, linter)
    if brief.task_type == "bug_fix":
        return await bug_fix(brief, linter)
    return WRITERS.get(brief.task_type, general)(brief)
