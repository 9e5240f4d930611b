"""Checks for reviews, of code and of security: findings with a place, a severity and a fix."""

import itertools
import re
from collections.abc import Iterator

from aicity_fleet.team.gate import demands
from aicity_fleet.team.gate.code import WITHIN
from aicity_fleet.team.gate.material import MAX_NAMES_CHARS, buyer_code, names_in, subwords
from aicity_fleet.team.gate.patterns import Finder, folded
from aicity_fleet.team.gate.sources import real_sources_where_ordered
from aicity_fleet.team.gate.verdict import Check, Finding, Submission

MIN_CODE_NAMES = 8
"""With fewer names in the buyer's code, a review need not take one up."""

MAX_SHORT_LINES = 15
"""In code of so few lines, a name that is quoted shows where a finding is."""

MIN_SHARED_WORDS = 2
"""Words of such names that a review shares with the code when it quotes no name whole."""

MIN_SHARED_AT_ODDS = 4
"""The same where most of the names that are quoted are not in the code: they may be proposals."""

MIN_QUOTED = 4
"""So many names are quoted at least before their share in the code says something."""

_CITED_LINE = re.compile(
    r"\b(?:lines?|zeilen?|lignes?|l[ií]neas?|linhas?|righ?[ae]|regels?|rad|строк[аеиу])[\s\"':=#*n°.]{0,5}(\d{1,6})"
    r"|\bl(\d{1,6})\b|\.[a-z]{1,5}:(\d{1,6})\b"
)
_EXTENSION = (
    r"(?:py|jsx?|tsx?|mjs|go|rs|java|kt|cs?|h|cpp|cc|hpp|rb|php|sql|sh|swift|scala|vue|ya?ml|tf)"
)
_PLACE = re.compile(
    rf"\b([\w-]{{1,60}}\.{_EXTENSION})\b`?(?=:\d|#l\d|[\s(,*]{{1,3}}lines?\b)"
    rf"|\b(?:file|location|where|place"
    rf"|path)\b[\s:*`]{{1,6}}(?:[\w.-]{{1,40}}/){{0,6}}([\w-]{{1,60}}\.{_EXTENSION})\b"
)
"""A file that is named as the place of a finding, not one that is proposed."""

_MAY_BE_PLACE = re.compile(rf"\.{_EXTENSION}\b")
_FILE = re.compile(rf"\b[\w-]{{1,60}}\.{_EXTENSION}\b")
_QUOTED = re.compile(r"`([^`\n]{3,80})`")
_COMMENTS = re.compile(r"^[ \t]*(?:#|//)[^\n]*$|\"\"\"[^\"]{0,5000}\"\"\"", re.M)
_WORD = re.compile(r"[a-z]{4,30}")
_CODE_NAME = re.compile(r"\b(?:[a-z]\w{0,30}_\w{1,30}|[a-z]{2,20}[A-Z]\w{1,30}|\w{3,40}(?=\(\)))")
_CITED_FILE = re.compile(r"\b[\w/-]{1,80}\.(?:[a-z]{1,5})\b")
_LABEL = re.compile(
    r"(?:severity\W{1,6}(?:critical|high|medium|low|info\w*|minor|major|blocker)\b"
    r"|^\W{0,8}(?:\d{1,3}[.)]?\W{0,4})?"
    r"(?:critical|high|medium|low|minor|major|blocker)\b)",
    re.M,
)
_LABELLED = re.compile(
    r"severity\W{1,6}(?:critical|high|medium|low|info\w*|minor|major|blocker)\b"
    r"|\b(?:critical|high|medium|low|info\w*|minor|major|blocker)\W{1,4}severity\b"
    r"|^\W{0,8}(?:[#\d.]{1,4}\W{0,4})?(?:critical|high|medium|low|minor|major|blocker|info)\b"
    r"|[\[(*|:,]\W{0,3}(?:critical|high|medium|low|minor|major|blocker|info)\W{0,3}[\])*|:]"
    r"|[\u2013\u2014|:/(-][ *_\"']{1,4}(?:critical|high|medium|low|minor|major|blocker)\b"
    r"|\b(?:critical|high|medium|low|minor|major)(?:[ -](?:risk|priority|impact))\b"
    r"|\b(?:risk|priority|impact|prio|cvss|sev)\W{1,6}(?:critical|high|medium|low|p?[0-4]\b|\d{1,2}\.\d)"
    r"|(?<![\w-])(?:p[0-4]|s[1-4]|sev-?[0-4]|cvss)\b",
    re.M,
)
_PROBLEMS = (
    r"(?:problems?|issues?|bugs?|defects?|errors?|vulnerabilit(?:y|ies)|weakness(?:es)?|findings?)"
)
_NOTHING = Finder(
    rf"\b(?:no|any) (?:(?:real|actual|security|functional|significant|relevant) ){{0,2}}{_PROBLEMS}"
    r"(?: (?:were|was|are|is|have been))? (?:found|identified|detected|present|to report)\b"
    rf"|\b(?:found|see|identified|there (?:is|are)) no (?:(?:real|actual|security) ){{0,2}}{_PROBLEMS}\b"
)
_SECTION = re.compile(r"^(?:#{1,6} |\d{1,3}[.)] )", re.M)
_ACTION = Finder(
    r"\b(?:fix\w*|recommend\w*|suggest\w*|instead|replace\w*|remediat\w*|mitigat\w*|should"
    r"|use|add|remove|change|rename|move|extract|avoid|validate|escape|rotate|upgrade)\b"
)


def finds_nothing(submission: Submission) -> bool:
    """Whether a review says that there is nothing to find, and carries no finding."""
    prose = submission.passage(submission.prose).folded
    return _NOTHING.is_in(prose) and not _LABEL.search(prose)


def cites_lines(submission: Submission) -> Iterator[Finding]:
    """A review refers to specific lines of the code.

    Source: aicity.dev/blog/when-agents-do-bad-work (references to specific code lines).
    """
    text = submission.passage(submission.text)
    if _CITED_LINE.search(text.folded) or not submission.is_english:
        return
    if not demands.is_review(submission):
        return
    if submission.task.code.strip():
        yield Finding(
            "no_lines",
            'Name the lines that each finding is about, such as "line 12".',
            demands.USUAL if _shows_its_place(submission) else demands.ORDERED,
        )
    elif not _CITED_FILE.search(submission.prose):
        yield Finding("no_places", "Name the files or places that each finding is about.", 15)


def _shows_its_place(submission: Submission) -> bool:
    """Whether the code is so short that a name of it is a place, and the review quotes one."""
    code = submission.task.code
    if code.count("\n") > MAX_SHORT_LINES:
        return False
    return any(span.rstrip("()") in code for span in _QUOTED.findall(submission.prose))


def cited_places_exist(submission: Submission) -> Iterator[Finding]:
    """The lines and files that a review refers to are those of the code.

    A finding with no other place does not count; when half of them do not, the review fails.

    Source: aicity.dev/blog/when-agents-do-bad-work (real issues).
    """
    code = buyer_code(submission)
    if not code.strip() or submission.task.repo:
        return
    last = max(code.count("\n"), submission.task.code.count("\n")) + 1
    findings = _labelled_sections(submission.prose) or [submission.prose]
    cited = [_cited_lines(part) for part in findings]
    if any(max(lines, default=0) > last for lines in cited):
        beyond = sum(bool(lines) and min(lines) > last for lines in cited)
        share = 40 if beyond * 2 >= len(findings) else 20
        yield Finding(
            "wrong_lines", f"The code has {last} lines; a cited line is beyond it.", share
        )
    named = _cited_files(submission.prose)
    if not named:
        return
    given = set(_FILE.findall(submission.order[:MAX_NAMES_CHARS]))
    if not given and len(named) == 1:
        given = named  # an order without a file name: a review may call the one file what it likes
    wrong = [bool(files := _cited_files(part)) and not given & files for part in findings]
    if any(wrong):
        yield Finding(
            "wrong_files",
            "A file that a finding names is not in the order; keep to the code that is.",
            40 if sum(wrong) * 2 >= len(findings) else 15,
        )


def _cited_files(part: str) -> set[str]:
    looked_at = folded(part)
    if not _MAY_BE_PLACE.search(looked_at):
        return set()
    return {
        part[slice(*match.span(match.lastindex or 0))].lower()
        for match in _PLACE.finditer(looked_at)
    }


def _cited_lines(part: str) -> list[int]:
    return [int(match[match.lastindex or 0]) for match in _CITED_LINE.finditer(folded(part))]


def quotes_exist(submission: Submission) -> Iterator[Finding]:
    """A review names things of the code, and what it quotes as such is there.

    Proposals quote what is not there yet, so that a quarter of what is quoted is enough.

    Source: aicity.dev/blog/when-agents-do-bad-work (real issues).
    """
    known = names_in(_COMMENTS.sub(" ", buyer_code(submission)))
    if len(known) < MIN_CODE_NAMES:
        return
    shared = subwords(known) & set(_WORD.findall(submission.lower))
    if len(shared) >= MIN_SHARED_AT_ODDS:
        return
    whole = {name for name in known & names_in(submission.text) if len(name) > 4}
    if submission.is_english and len(shared) < MIN_SHARED_WORDS and not whole:
        yield Finding("other_code", "The review does not name anything of the code.", 35)
        return
    prose = submission.prose[:MAX_NAMES_CHARS]
    quoted = {name for span in _QUOTED.findall(prose) for name in names_in(span)}
    quoted |= set(_CODE_NAME.findall(prose))
    found = sum(name in known or name.lower() in submission.order for name in quoted)
    if len(quoted) >= MIN_QUOTED and found * 4 < len(quoted):
        yield Finding(
            "wrong_names",
            "Names that the review quotes are not in the code of the order.",
            35 if found + len(shared) < MIN_SHARED_WORDS else 20,
        )


def severities(submission: Submission) -> Iterator[Finding]:
    """Findings, where there are any, carry a severity label: beside the word, or at their head.

    Source: docs.aicity.dev/docs/guides/disputes (``code_review``, ``security``: severity).
    """
    if not submission.is_english or not demands.is_review(submission):
        return
    text = submission.passage(submission.text).folded
    if not (_LABELLED.search(text) or finds_nothing(submission)):
        yield Finding(
            "no_severity",
            "Give each finding a severity: critical, high, medium or low.",
            demands.of_severity(submission),
        )


def recommendations(submission: Submission) -> Iterator[Finding]:
    """Every finding says what to do.

    Source: docs.aicity.dev/docs/guides/disputes (actionable recommendations; remediation).
    """
    if not submission.is_english or finds_nothing(submission):
        return
    sections = _labelled_sections(submission.text) or [submission.text]
    missing = sum(1 for section in sections if not _ACTION.is_in(folded(section)))
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
        if _LABEL.search(folded(part)):
            sections.append(part)
        elif sections and not part.startswith("#"):
            sections[-1] += part
    return sections


REVIEW: tuple[Check, ...] = (
    *(cites_lines, cited_places_exist, quotes_exist, severities, recommendations),
)
SECURITY: tuple[Check, ...] = (*REVIEW, real_sources_where_ordered, *WITHIN)
