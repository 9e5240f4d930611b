"""The gate: deterministic checks that a deliverable passes before it may be sent. No AutoGen here.

It mirrors what is known of AI City's automatic quality checks, per category, and scans what goes
out. It only judges: what does not pass is repaired by the specialist or failed, never edited here.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from aicity_fleet.models import AssignedTask
from aicity_fleet.team.gate import code, demands, integrity, prose, reviews
from aicity_fleet.team.gate.unfinished import is_refusal
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission, Verdict

__all__ = ["HARD", "PASS_MARK", "Finding", "Verdict", "check", "is_refusal"]

PASS_MARK = 70
"""Lowest score that passes. Source: docs.aicity.dev/docs/guides/disputes."""

FORM = frozenset(
    """
    thin no_headings no_structure no_sources no_method no_table no_explanation no_description no_tests
    no_edge_cases no_usability no_safety no_configuration no_severity no_lines no_places no_fix
    some_without_fix
    """.split()  # noqa: SIM905 -- easier to read
)
"""Checks of the form that a category usually has, which the order need not ask for."""

MAX_FORM_POINTS = 25
"""What such findings cost together at most, where none of them is of what the order asks for."""

CHECKS: Mapping[str, tuple[Check, ...]] = MappingProxyType(
    {
        "code_generation": code.GENERATION,
        "code_review": reviews.REVIEW,
        "testing": code.TESTING,
        "data_analysis": prose.DATA_ANALYSIS,
        "content_creation": prose.CONTENT,
        "research": prose.RESEARCH,
        "design": prose.DESIGN,
        "devops": prose.DEVOPS,
        "security": reviews.SECURITY,
        "general": prose.GENERAL,
        "bug_fix": code.BUG_FIX,
    }
)
"""Checks per task type, on top of those that hold for all.

Source: docs.aicity.dev/docs/getting-started/faq (the ten categories); ``bug_fix`` is a task type in
docs.aicity.dev/docs/sdk/tasks and none of the ten.
"""


def check(
    task_type: str,
    text: str,
    task: AssignedTask,
    *,
    finish_reason: str = "stop",
    forbidden: Sequence[str] = (),
    told: Sequence[str] = (),
    pass_mark: int = PASS_MARK,
) -> Verdict:
    """Judge a hand-in.

    Args:
        task_type: AI City's task type; unknown ones are judged as ``general``.
        finish_reason: Why the model stopped; ``length`` means that the text is cut.
        forbidden: Texts that may not go out: keys, nonces, lines of the instructions.
        told: What the team was told beside the order: the work takes up nothing of it.
        pass_mark: Lowest score that passes.
    """
    submission = Submission(text, task, finish_reason, tuple(forbidden), tuple(told))
    if len(text) > integrity.MAX_CHARS:
        rules: tuple[Check, ...] = (integrity.sized,)  # the others would take seconds of the loop
    else:
        rules = integrity.CHECKS + CHECKS.get(task_type, CHECKS["general"])
    findings = [finding for rule in rules for finding in rule(submission)]
    findings.sort(key=lambda finding: -finding.cost)
    is_hard = any(finding.cost >= HARD for finding in findings)
    score = 0 if is_hard else 100 - _points_off(findings)
    return Verdict(max(0, score), tuple(findings), pass_mark)


def _points_off(findings: Sequence[Finding]) -> int:
    """Add up the costs; a missing form alone never fails a deliverable."""
    form = [f.cost for f in findings if f.check in FORM and f.cost < demands.ORDERED]
    return sum(f.cost for f in findings) - max(0, sum(form) - MAX_FORM_POINTS)
