"""The marketplace's automatic quality checks: a score from 0 to 100 with its breakdown.

Deterministic, structural, one set of criteria per category, and written without a look at the
fleet's own gate, so that each can find the other's gaps. Called by the city on every delivery.

Source: docs.aicity.dev/docs/guides/disputes names the criteria per category; how many points each
gives is the simulator's own choice.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from aicity_fleet.simulator import measures as m

LEAST_CHARS = 80
"""A shorter text is no deliverable, in characters."""

ESSENTIAL = 20
"""A criterion of at least so many points may not be missed altogether."""

BELOW_PASS = 65
"""The most that a delivery gets which misses one altogether."""

TEXT_KEYS = ("result", "text", "content", "markdown", "deliverable", "summary")
"""Where a delivery's text is looked for first; the real keys are not documented."""

PLACEHOLDER = re.compile(
    r"lorem ipsum|\[insert |<your |no deliverable was produced|to be written|\bTBD\b", re.I
)
CONTROL_LINE = re.compile(r"^\W*TASK_COMPLETE\W*$", re.MULTILINE)
SECRET = re.compile(r"\b(?:sk-[A-Za-z0-9_-]{16,}|ac_live_\w{8,}|tst_\w{16,}|AKIA[0-9A-Z]{16})")
REFUSAL = re.compile(
    r"\b(?:cannot be (?:done|completed|delivered)|"
    r"(?:cannot|can't|unable to) (?:do|complete|deliver|transcribe|fulfil|help with) )",
    re.I,
)
EDGE_CASES = re.compile(
    r"\b(edge|boundary|empty|negative|raises|invalid|zero|none|missing|overflow|unicode)", re.I
)
SOURCE_SECTION = re.compile(
    r"^#{1,6} .*(?:sources|references)\b[^\n]*\n((?:(?!#).*\n?)*)", re.M | re.I
)
SOURCES = re.compile(r"https?://\S+|^\s*(?:[-*]|\d+[.)]) .*\(?(?:19|20)\d\d", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class Criterion:
    """One line of an assessment."""

    name: str
    points: int
    max_points: int
    comment: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Assessment:
    """The score of one delivery, 0 to 100, and how it came about."""

    score: int
    criteria: tuple[Criterion, ...]
    limits: tuple[str, ...] = ()
    """What held the score down whatever the criteria gave."""

    def to_json(self) -> dict[str, Any]:
        """The assessment as the API shows it."""
        return {
            "score": self.score,
            "criteria": [
                {
                    "name": criterion.name,
                    "points": criterion.points,
                    "maxPoints": criterion.max_points,
                    "comment": criterion.comment,
                }
                for criterion in self.criteria
            ],
            "limits": list(self.limits),
        }


def text_of(output: Any) -> str:
    """The deliverable's text within an output: under a usual key, or else the longest text."""
    if isinstance(output, Mapping):
        for key in TEXT_KEYS:
            if isinstance(output.get(key), str):
                return str(output[key])
    return max(m.strings(output), key=len, default="")


def assess(task_type: str, task_input: Mapping[str, Any], text: str) -> Assessment:
    """Score one delivery against the criteria of its category.

    Args:
        task_type: The category; an unknown one is assessed as ``general``.
        task_input: What the buyer gave, for relevance, real line numbers and true figures.
        text: The delivered text.
    """
    request = "\n".join(m.strings(dict(task_input)))
    code = task_input.get("code")
    work = Work(text, request, code if isinstance(code, str) else "")
    criteria = tuple(CATEGORIES.get(task_type, _general)(work))
    score = sum(criterion.points for criterion in criteria)
    limits = []
    empty = [item.name for item in criteria if not item.points and item.max_points >= ESSENTIAL]
    ceilings = [(f"nothing for {name}", BELOW_PASS) for name in empty] + _ceilings(work)
    for name, ceiling in ceilings:
        score = min(score, ceiling)
        limits.append(name)
    return Assessment(score, criteria, tuple(limits))


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """A delivery beside what was asked."""

    text: str
    request: str
    code: str


def _ceilings(work: Work) -> list[tuple[str, int]]:
    text = work.text.strip()
    found = []
    if len(text) < LEAST_CHARS:
        found.append(("too short", len(text) * 20 // LEAST_CHARS))
    if m.is_cut(text):
        found.append(("a code fence is not closed", 50))
    if PLACEHOLDER.search(text) and not PLACEHOLDER.search(work.request):
        found.append(("placeholder text", 50))
    if CONTROL_LINE.search(text):
        found.append(("control words of an agent framework", 60))
    if any(secret not in work.request for secret in SECRET.findall(text)):
        found.append(("a secret", 0))
    if REFUSAL.search(text[:600]):
        found.append(("the work was not done", 30))
    if any(not m.parses(code) for code in m.python_fences(text)):
        found.append(("Python that does not parse", 60))
    return found


def _graded(name: str, most: int, count: float, full: float, comment: str) -> Criterion:
    """Points in proportion to a count, all of them from ``full`` on."""
    return Criterion(name, round(most * min(1.0, count / full)), most, comment)


def _relevance(work: Work, most: int, name: str = "relevance") -> Criterion:
    share = m.relevance(work.request, work.text)
    return _graded(name, most, share, 1.0, f"{share:.0%} of the expected overlap with the request")


def _code_review(work: Work) -> list[Criterion]:
    severities = len(m.SEVERITY.findall(m.prose(work.text)))
    lines = m.line_references(m.prose(work.text), len(work.code.splitlines()))
    actions = len(m.ACTION.findall(m.prose(work.text)))
    size = len(m.words(work.text))
    return [
        _graded("coverage", 25, size, 80, f"{size} words"),
        _graded("line references", 30, len(lines), 2, f"{len(lines)} lines cited"),
        _graded("severity labels", 25, severities, 2, f"{severities} labels"),
        _graded("recommendations", 20, actions, 4, f"{actions} actionable words"),
    ]


def _code(work: Work) -> tuple[Criterion, str]:
    blocks = m.fences(work.text)
    python = m.python_fences(work.text)
    code = "\n".join(content for _, content in blocks)
    if not blocks:
        return Criterion("correctness", 0, 50, "no code"), code
    if any(not m.parses(block) for block in python):
        return Criterion("correctness", 10, 50, "the Python does not parse"), code
    lines = len([line for line in code.splitlines() if line.strip()])
    return _graded("correctness", 50, lines, 6, f"{lines} lines of code that parse"), code


def _code_generation(work: Work) -> list[Criterion]:
    correctness, code = _code(work)
    checks = len(re.findall(r"\bassert\b|\bdef test_|\bexpect\(", code))
    said = len(m.words(m.prose(work.text)))
    return [
        correctness,
        _graded("style", 25, said, 40, f"{said} words of explanation"),
        _graded("tests", 25, checks, 2, f"{checks} checks"),
    ]


def _testing(work: Work) -> list[Criterion]:
    correctness, code = _code(work)
    tests = len(re.findall(r"\bdef test_|\bit\(|\btest\(", code))
    edges = len({found.lower() for found in EDGE_CASES.findall(work.text)})
    said = len(m.words(m.prose(work.text)))
    return [
        dataclasses.replace(correctness, points=correctness.points * 3 // 10, max_points=15),
        _graded("coverage", 40, tests, 4, f"{tests} tests"),
        _graded("edge cases", 30, edges, 3, f"{edges} kinds of edge cases"),
        _graded("documentation", 15, said, 30, f"{said} words of explanation"),
    ]


def _data_analysis(work: Work) -> list[Criterion]:
    truth = m.true_figures(work.request)
    said = m.numbers(work.text)
    right = sum(any(abs(figure - value) < 0.0051 for value in said) for figure in truth)
    if truth:
        accuracy = _graded("accuracy", 50, right, 4, f"{right} aggregates found right")
    else:
        accuracy = _graded("accuracy", 35, len(set(said)), 6, "no table to check against")
    method = len(re.findall(r"\b(method|comput|calculat|median|mean|averag)", work.text, re.I))
    shown = len(m.TABLE_RULE.findall(work.text)) + len(re.findall(r"[#*]{4,}\s", work.text))
    return [
        accuracy,
        _graded("methodology", 25, method, 3, f"{method} words on the method"),
        _graded("charts and tables", 25, shown, 1, f"{shown} tables or charts"),
    ]


def _content_creation(work: Work) -> list[Criterion]:
    size, heads = len(m.words(work.text)), len(m.HEADING.findall(work.text))
    return [
        _graded("clarity", 30, size, 120, f"{size} words"),
        _relevance(work, 30, "accuracy"),
        _graded("structure", 40, heads, 3, f"{heads} headings"),
    ]


def _research(work: Work) -> list[Criterion]:
    size, heads = len(m.words(work.text)), len(m.HEADING.findall(work.text))
    sources = len(SOURCES.findall(work.text))
    sections = SOURCE_SECTION.findall(work.text)
    has_section = bool(sections)
    listed = max((len(m.LIST_ITEM.findall(section)) for section in sections), default=0)
    sources = max(sources, listed)
    return [
        _graded("depth", 40, size, 180, f"{size} words under {heads} headings"),
        _graded("sources", 35, sources + has_section, 3, f"{sources} sources"),
        _relevance(work, 25),
    ]


def _security(work: Work) -> list[Criterion]:
    severities = len(m.SEVERITY.findall(work.text))
    actions = len(m.ACTION.findall(work.text))
    size = len(m.words(work.text))
    return [
        _graded("coverage", 40, size, 120, f"{size} words"),
        _graded("severity", 30, severities, 2, f"{severities} labels"),
        _graded("remediation", 30, actions, 4, f"{actions} actionable words"),
    ]


def _general(work: Work) -> list[Criterion]:
    size = len(m.words(work.text))
    parts = len(m.HEADING.findall(work.text)) + len(m.LIST_ITEM.findall(work.text))
    return [
        _graded("completeness", 40, size, 60, f"{size} words"),
        _relevance(work, 35),
        _graded("quality", 25, parts, 3, f"{parts} headings and list items"),
    ]


CATEGORIES: Mapping[str, Callable[[Work], list[Criterion]]] = {
    "code_review": _code_review,
    "bug_fix": _code_generation,
    "code_generation": _code_generation,
    "testing": _testing,
    "data_analysis": _data_analysis,
    "content_creation": _content_creation,
    "research": _research,
    "security": _security,
}
"""The criteria per category; ``design``, ``devops`` and every unknown type count as general."""
