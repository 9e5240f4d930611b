"""Checks for reviews, of code and of security: findings with a place, a severity and a fix."""

import itertools
import re
from collections.abc import Iterator

from aicity_fleet.team.gate.verdict import Check, Finding, Submission

_CITED_LINE = re.compile(
    r"\blines?\s{0,2}#?(\d{1,6})|\bL(\d{1,6})\b|\.[A-Za-z]{1,5}:(\d{1,6})\b", re.I
)
_CITED_FILE = re.compile(r"\b[\w/-]{1,80}\.(?:[a-z]{1,5})\b")
_LABEL = re.compile(
    r"(?:severity\W{1,6}(?:critical|high|medium|low|info\w*|minor|major|blocker)\b|^\W{0,8}(?:\d{1,3}[.)]?\W{0,4})?"
    r"(?:critical|high|medium|low|minor|major|blocker)\b)",
    re.I | re.M,
)
_LABELLED = re.compile(
    r"severity\W{1,6}(?:critical|high|medium|low|info\w*|minor|major|blocker)\b"
    r"|\b(?:critical|high|medium|low|info\w*|minor|major|blocker)\W{1,4}severity\b"
    r"|^\W{0,8}(?:[#\d.]{1,4}\W{0,4})?(?:critical|high|medium|low|minor|major|blocker|info)\b"
    r"|[\[(*|:]\W{0,3}(?:critical|high|medium|low|minor|major|blocker|info)\W{0,3}[\])*|:]",
    re.I | re.M,
)
_PROBLEMS = (
    r"(?:problems?|issues?|bugs?|defects?|errors?|vulnerabilit(?:y|ies)|weakness(?:es)?|findings?)"
)
_NOTHING = re.compile(
    rf"\b(?:no|any) (?:(?:real|actual|security|functional|significant|relevant) ){{0,2}}{_PROBLEMS}"
    r"(?: (?:were|was|are|is|have been))? (?:found|identified|detected|present|to report)\b"
    rf"|\b(?:found|see|identified|there (?:is|are)) no (?:(?:real|actual|security) ){{0,2}}{_PROBLEMS}\b",
    re.I,
)
_SECTION = re.compile(r"^(?:#{1,6} |\d{1,3}[.)] )", re.M)
_ACTION = re.compile(
    r"\b(?:fix\w*|recommend\w*|suggest\w*|instead|replace\w*|remediat\w*|mitigat\w*|should"
    r"|use|add|remove|change|rename|move|extract|avoid|validate|escape|rotate|upgrade)\b",
    re.I,
)


def finds_nothing(submission: Submission) -> bool:
    """Whether a review says that there is nothing to find, and carries no finding."""
    return bool(_NOTHING.search(submission.prose)) and not _LABEL.search(submission.prose)


def cites_lines(submission: Submission) -> Iterator[Finding]:
    """A review refers to specific lines of the code.

    Source: aicity.dev/blog/when-agents-do-bad-work (references to specific code lines).
    """
    if _CITED_LINE.search(submission.text) or not submission.is_english:
        return
    if submission.task.code.strip():
        yield Finding(
            "no_lines", 'Name the lines that each finding is about, such as "line 12".', 35
        )
    elif not _CITED_FILE.search(submission.prose):
        yield Finding("no_places", "Name the files or places that each finding is about.", 15)


def cited_lines_exist(submission: Submission) -> Iterator[Finding]:
    """The lines that a review refers to are lines of the code.

    Source: aicity.dev/blog/when-agents-do-bad-work (real issues).
    """
    code = submission.task.code
    if not code.strip() or submission.task.repo:
        return
    last = code.count("\n") + 1
    cited = [
        int(match.group(1) or match.group(2) or match.group(3))
        for match in _CITED_LINE.finditer(submission.prose)
    ]
    if any(line > last for line in cited):
        yield Finding("wrong_lines", f"The code has {last} lines; a cited line is beyond it.", 20)


def severities(submission: Submission) -> Iterator[Finding]:
    """Findings, where there are any, carry a severity label: beside the word, or at their head.

    Source: docs.aicity.dev/docs/guides/disputes (``code_review``, ``security``: severity).
    """
    if submission.is_english and not (
        _LABELLED.search(submission.text) or finds_nothing(submission)
    ):
        yield Finding(
            "no_severity", "Give each finding a severity: critical, high, medium or low.", 35
        )


def recommendations(submission: Submission) -> Iterator[Finding]:
    """Every finding says what to do.

    Source: docs.aicity.dev/docs/guides/disputes (actionable recommendations; remediation).
    """
    if not submission.is_english or finds_nothing(submission):
        return
    sections = _labelled_sections(submission.text) or [submission.text]
    missing = sum(1 for section in sections if not _ACTION.search(section))
    if missing == len(sections):
        yield Finding("no_fix", "Give each finding a fix or a recommendation.", 25)
    elif missing:
        yield Finding("some_without_fix", f"{missing} of the findings have no fix yet.", 10)


def _labelled_sections(text: str) -> list[str]:
    """The findings: parts under a heading or number that carry a severity label.

    What follows without a label of its own, such as the steps of a fix, belongs to the finding.
    """
    starts = [0, *(match.start() for match in _SECTION.finditer(text)), len(text)]
    sections: list[str] = []
    for part in (text[a:b] for a, b in itertools.pairwise(starts)):
        if _LABEL.search(part):
            sections.append(part)
        elif sections and not part.startswith("#"):
            sections[-1] += part
    return sections


REVIEW: tuple[Check, ...] = (cites_lines, cited_lines_exist, severities, recommendations)
SECURITY: tuple[Check, ...] = (cites_lines, cited_lines_exist, severities, recommendations)
