"""The marketplace's automatic quality checks: a score from 0 to 100 with its breakdown.

Deterministic, structural, one set of criteria per category, and written without a look at the
fleet's own gate, so that each can find the other's gaps. Called by the city on every delivery.

Source: docs.aicity.dev/docs/guides/disputes names the criteria per category; how many points each
gives is the simulator's own choice.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

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
METHOD = re.compile(r"\b(?:method|comput|calculat|median|mean|averag)", re.I)
CHECK = re.compile(r"\bassert\b|\bdef test_|\bexpect\(")
TEST = re.compile(r"\bdef test_|\bit\(|\btest\(")
PART = re.compile(r"^#{1,6} \S|^\s*(?:[-*]|\d+[.)]) \S", re.MULTILINE)
"""A heading or an item of a list."""
HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
TABLE = re.compile(r"^\|?[ :]*-{3,}[ :|-]*$|[#*]{4,}\s", re.MULTILINE)
"""The rule below a table's headings, or a bar of a chart."""
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
    comment: str


@dataclasses.dataclass(frozen=True, slots=True)
class Assessment:
    """The score of one delivery, 0 to 100, and how it came about."""

    score: int
    criteria: tuple[Criterion, ...]
    limits: tuple[str, ...]
    """What held the score down whatever the criteria gave."""

    def to_json(self) -> dict[str, Any]:
        """Return the assessment as the API shows it."""
        criteria = [
            {"name": c.name, "points": c.points, "maxPoints": c.max_points, "comment": c.comment}
            for c in self.criteria
        ]
        return {"score": self.score, "criteria": criteria, "limits": list(self.limits)}


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """A delivery beside what was asked."""

    text: str
    request: str
    code: str

    @property
    def prose(self) -> str:
        """The delivered text without its code fences."""
        return m.prose(self.text)

    @property
    def fences(self) -> str:
        """The contents of its code fences."""
        return "\n".join(content for _, content in m.fences(self.text))


Measure = Callable[[Work], float]


class Rule(NamedTuple):
    """How a criterion is scored: in proportion to a count, with all points from ``full`` on."""

    name: str
    points: int
    measure: Measure
    full: float
    unit: str

    def judge(self, work: Work) -> Criterion:
        """Score one delivery by this rule."""
        count = self.measure(work)
        points = round(self.points * min(1.0, count / self.full))
        return Criterion(self.name, points, self.points, f"{count:.3g} {self.unit}")


def text_of(output: Any) -> str:
    """Return the deliverable's text: under a usual key, or else the longest text of the output."""
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
    """
    request = "\n".join(m.strings(dict(task_input)))
    code = task_input.get("code")
    work = Work(text, request, code if isinstance(code, str) else "")
    criteria = tuple(rule.judge(work) for rule in CATEGORIES.get(task_type, GENERAL))
    empty = [item.name for item in criteria if not item.points and item.max_points >= ESSENTIAL]
    ceilings = [(f"nothing for {name}", BELOW_PASS) for name in empty] + _ceilings(work)
    score = min([sum(item.points for item in criteria), *(most for _, most in ceilings)])
    return Assessment(score, criteria, tuple(name for name, _ in ceilings))


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


def _count(pattern: re.Pattern[str], where: Literal["text", "prose", "fences"]) -> Measure:
    return lambda work: len(pattern.findall(getattr(work, where)))


def _relevance(work: Work) -> float:
    return m.relevance(work.request, work.text)


def _cited_lines(work: Work) -> float:
    return len(m.line_references(work.prose, len(work.code.splitlines())))


def _code_lines(work: Work) -> float:
    """Return the number of lines of code; code that does not parse counts as one."""
    lines = sum(bool(line.strip()) for line in work.fences.splitlines())
    return lines if all(map(m.parses, m.python_fences(work.text))) else min(lines, 1)


def _edge_cases(work: Work) -> float:
    return len({found.lower() for found in EDGE_CASES.findall(work.text)})


def _true_figures(work: Work) -> float:
    """Return how many true aggregates of the request's table come back.

    Without a table there is nothing to compare with: then six numbers get 70 percent of the points.
    """
    truth, said = m.true_figures(work.request), m.numbers(work.text)
    if not truth:
        return 2.8 * min(1.0, len(set(said)) / 6)
    return sum(any(abs(figure - value) < 0.0051 for value in said) for figure in truth)


def _sources(work: Work) -> float:
    """Return the number of sources; a section of their own counts as one more."""
    sections = SOURCE_SECTION.findall(work.text)
    listed = max((len(PART.findall(section)) for section in sections), default=0)
    return max(len(SOURCES.findall(work.text)), listed) + bool(sections)


CODE_GENERATION = (
    Rule("correctness", 50, _code_lines, 6, "lines of code that parse"),
    Rule("style", 25, _count(m.WORD, "prose"), 40, "words of explanation"),
    Rule("tests", 25, _count(CHECK, "fences"), 2, "checks"),
)
GENERAL = (
    Rule("completeness", 40, _count(m.WORD, "text"), 60, "words"),
    Rule("relevance", 35, _relevance, 1, "of the expected overlap with the request"),
    Rule("quality", 25, _count(PART, "text"), 3, "headings and list items"),
)
CATEGORIES: Mapping[str, tuple[Rule, ...]] = {
    "code_review": (
        Rule("coverage", 25, _count(m.WORD, "text"), 80, "words"),
        Rule("line references", 30, _cited_lines, 2, "lines cited"),
        Rule("severity labels", 25, _count(m.SEVERITY, "prose"), 2, "labels"),
        Rule("recommendations", 20, _count(m.ACTION, "prose"), 4, "actionable words"),
    ),
    "bug_fix": CODE_GENERATION,
    "code_generation": CODE_GENERATION,
    "testing": (
        Rule("correctness", 15, _code_lines, 6, "lines of code that parse"),
        Rule("coverage", 40, _count(TEST, "fences"), 4, "tests"),
        Rule("edge cases", 30, _edge_cases, 3, "kinds of edge cases"),
        Rule("documentation", 15, _count(m.WORD, "prose"), 30, "words of explanation"),
    ),
    "data_analysis": (
        Rule("accuracy", 50, _true_figures, 4, "aggregates found right"),
        Rule("methodology", 25, _count(METHOD, "prose"), 3, "words on the method"),
        Rule("charts and tables", 25, _count(TABLE, "text"), 1, "tables or charts"),
    ),
    "content_creation": (
        Rule("clarity", 30, _count(m.WORD, "text"), 120, "words"),
        Rule("accuracy", 30, _relevance, 1, "of the expected overlap with the request"),
        Rule("structure", 40, _count(HEADING, "text"), 3, "headings"),
    ),
    "research": (
        Rule("depth", 40, _count(m.WORD, "text"), 180, "words"),
        Rule("sources", 35, _sources, 3, "sources"),
        Rule("relevance", 25, _relevance, 1, "of the expected overlap with the request"),
    ),
    "security": (
        Rule("coverage", 40, _count(m.WORD, "text"), 120, "words"),
        Rule("severity", 30, _count(m.SEVERITY, "prose"), 2, "labels"),
        Rule("remediation", 30, _count(m.ACTION, "prose"), 4, "actionable words"),
    ),
}
"""The criteria per category; ``design``, ``devops`` and every unknown type count as ``GENERAL``."""
