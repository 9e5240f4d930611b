"""Whether the figures of an analysis are in the order's data, or follow from them.

What follows is computed ahead: sums, means and other aggregates, of all rows and of groups; differences,
shares and changes; and what rounding makes of them. A figure that is none of these may still be right, so
only a deliverable most of whose figures are unexplained is rejected.
"""

import itertools
import re
from collections.abc import Iterator

from aicity_fleet.team.gate.derived import Claim, Explained
from aicity_fleet.team.gate.material import strings, wish
from aicity_fleet.team.gate.numbers import (
    DIGIT,
    MAX_DATA_CHARS,
    MAX_NUMBERS,
    Number,
    find_numbers,
    tables_in,
)
from aicity_fleet.team.gate.patterns import Finder, folded
from aicity_fleet.team.gate.verdict import Finding, Submission

MIN_DATA = 5
"""With fewer numbers in the order there are no data to check against."""

MIN_UNEXPLAINED = 4
"""So many different figures have no explanation at least before that costs anything."""

MOST_UNEXPLAINED = 0.45
"""A larger share of unexplained figures rejects."""

MAX_FIGURES = 300
"""How many figures of a deliverable are looked at, from its start."""

MAX_SHOWN_CHARS = 60_000
"""How much of a deliverable is looked at, in characters from its start."""

_NO_DATA_NEEDED = Finder(
    r"\b(?:generat|simulat|synthe|invent|mock|dummy|hypothe|forecast|predict|projec|estimat|scenario"
    r"|sample data"
    r"|bootstrap|monte carlo|fictional|made-up|look up|research|benchmark)\w*"
)
_NO_CLAIM = Finder(
    r"\b(?:should|recommend\w*|suggest\w*|targets?|threshold|goal|aim|if|assum\w*|forecast\w*"
    r"|project\w*|expect\w*"
    r"|would|could|might|next|benchmark|industry|e\.g\.|for example|hypothetical\w*|scenario"
    r"|confidence|significan\w*"
    r"|p ?[<=>]|alpha|limit|budget|rule of thumb|cut-?off|version|section|step|row|line)\b",
)
_SENTENCE_END = re.compile(r"(?<=[.;!?])\s")
_NUMBERING = re.compile(r"^\s*(?:#{1,6}\s*)?(?:[-*]\s*)?\d{1,3}[.)]\s")
_UNIT_OF_TIME = re.compile(
    r"[ -]?(?:days?|weeks?|months?|hours?|minutes?|quarters?|years?|st|nd|rd|th|\u03c3|sigma|x iqr"
    r"|steps?)\b"
    r"|\s?[\u00d7x*]\s?(?:iqr|std|\u03c3)",
    re.I,
)
_ABOUT = re.compile(
    r"(?:about|around|roughly|approximately|approx\.?|nearly|almost|over|under|more than|less than"
    r"|some|just|ca\.?|~|≈|>|<)"
    r"\s{0,2}[$€£]?$",
)
_SHOWN = frozenset({"", "text", "txt", "csv", "markdown", "md", "plaintext", "tsv", "output"})


def figures_follow(submission: Submission) -> Iterator[Finding]:
    """Most figures of an analysis are in the data of the order, or follow from them.

    Left out: years, counts up to a dozen, dates, and figures in sentences that recommend, assume or
    forecast.

    Source: docs.aicity.dev/docs/guides/disputes (``data_analysis``: accuracy).
    """
    task = submission.task
    if task.repo or _NO_DATA_NEEDED.is_in(wish(submission)):
        return
    texts = [task.description, task.code, *strings(task.details)]
    if sum(map(len, texts)) > MAX_DATA_CHARS:
        return
    tables = tables_in(texts, task.details)
    amount = sum(len(column) for table in tables for column in table.columns)
    if not MIN_DATA <= amount <= MAX_NUMBERS:
        return
    shown = "\n".join(
        [submission.prose, *(b.code for b in submission.blocks if b.language in _SHOWN)]
    )
    figures = list(itertools.islice(claims(shown[:MAX_SHOWN_CHARS]), MAX_FIGURES))
    different = {figure.values[0]: figure for figure, _ in figures}
    if len(different) < MIN_UNEXPLAINED:
        return
    about = {figure.values[0]: is_about for figure, is_about in figures}
    most = max(MIN_UNEXPLAINED - 1, int(MOST_UNEXPLAINED * len(different)))
    claimed = [(figure, about[value]) for value, figure in different.items()]
    if len(Explained(tables).missing(claimed, most)) > most:
        yield Finding(
            "unexplained_figures",
            "Most figures are not in the data of the order and do not follow from them; compute them "
            "from the data.",
            40,
        )


def claims(text: str) -> Iterator[Claim]:
    """Yield the figures that a text claims of the data, each with whether it is only about right."""
    lines = (line[:5_000] for line in text.split("\n") if DIGIT.search(line))
    for line in lines:
        parts = [line] if line.lstrip().startswith("|") else _SENTENCE_END.split(line)
        for part in filter(DIGIT.search, parts):
            if not part.lstrip().startswith("|") and _NO_CLAIM.is_in(folded(part)):
                continue
            body = _NUMBERING.sub(" ", part)
            for number in find_numbers(body):
                if not _is_incidental(number, body):
                    before = folded(body[max(0, number.start - 16) : number.start])
                    yield number, bool(_ABOUT.search(before))


def _is_incidental(number: Number, text: str) -> bool:
    value = abs(number.values[0])
    tail = text[number.start : number.start + 40]
    digits = re.match(r"[-+\u2212\u2013]?[$€£¥]? ?[\d.,'\u202f\u00a0 ]*\d ?", tail)
    after = tail[digits.end() :] if digits else ""
    if number.step == 1 and not number.is_percent:
        if value <= 12 or 1900 <= value <= 2100:
            return True
        if _UNIT_OF_TIME.match(after):
            return True
    return value in {0, 1, 100} or (number.is_percent and value in {50, 95, 99, 90})
