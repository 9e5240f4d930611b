"""A check for text that says the same again and again, as a model does that is caught in a loop."""

import collections
import itertools
import re
from collections.abc import Iterator

from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission
from aicity_fleet.team.gate.words import SHINGLE_WORDS, shingles, words_of

MIN_WORDS = 50
"""Fewer words are not judged."""

DISTINCT_SHARE = 0.4
"""The least share of distinct shingles in prose. Prose has more than 0.9, a paragraph that stands there
three times a third."""

LISTED_SHARE = 0.15
"""The same for verse, code and data: choruses and rows come back, but a loop has less than a tenth."""

WINDOW_WORDS = 120
"""A loop at the end of good prose is seen in windows of this many words."""

WINDOW_SHARE = 0.25
"""The least share of distinct shingles in a window: less than that says one phrase four times over."""

MIN_LOOP_SHINGLES = (1 - WINDOW_SHARE) * (WINDOW_WORDS // 2 - SHINGLE_WORDS)
"""So many shingles come back at least within the shortest window that has a loop."""

PARAGRAPH_CHARS = 150
"""Shorter paragraphs may come back: headings, captions, the price below each item."""

PARAGRAPH_TIMES = 4
"""How often a long paragraph may not stand in a text of prose."""

REPEATED_ROWS = 6
"""How often one row may not stand in the tables of a text, if it is most of them."""

_LISTED = Finder(
    r"\b(?:poem|poetry|song|lyric|verse|refrain|chorus|villanelle|ghazal|pantoum|chant"
    r"|mantra|rhyme|ballad|litany"
    r"|hymn|prayer|rondeau|triolet|rap|anthem|lullaby|nursery|cumulative|gedicht|lied"
    r"|strophe|chanson|poème|comptine|poema|canci[oó]n"
    r"|poesia|canzone|filastrocca|csv|json|yaml|xml|html|svg|sql|tables?|schedule|dataset"
    r"|survey|form|questionnaire|checklist"
    r"|test cases?|fixtures?|log|rows|records|entries|captions|alt texts?|tabelle|tableau"
    r"|tabla|bingo|drill|exercises?|affirmations?|meditation)"
    r"|歌|詩|诗|песн|стих"
)
_ORDERED_REPEATS = Finder(
    r"\b(?:repeat|write|print|copy|say|output|list|produce|give|type)\w{0,3}\b[^\n]{0,200}"
    r"\b(?:\d+|ten|twelve|twenty|thirty|fifty|hundred|thousand|many|several"
    r"|\w+teen) ?(?:times|x|lines|copies|repetitions)\b"
    r"|\b(?:same|identical|one) (?:sentence|line|phrase|paragraph|word"
    r"|text)\b[^.\n]{0,60}\b(?:times|over|again|repeat\w*|copies)"
    r"|\brepetiti(?:ve|on)s?\b|\brepeat(?:ed|ing|s)? (?:the|this|that|it|each|a|one|line"
    r"|sentence)\b|\bfiller text\b|\bdummy (?:text|data)\b"
    r"|\b\d+[ -]?(?:mal|fois|veces|volte|vezes|回|次|раз)\b"
)
_NUMBERING = re.compile(r"\n(?=[ \t>*#\d-])[ \t>*#-]{0,12}(?:\d{1,5}[.):]?)?[ \t]*")
_TABLE_LINE = re.compile(r"^[ \t]*\|[^\n]*$", re.M)


def repetition(submission: Submission) -> Iterator[Finding]:
    """The same sentences, paragraphs or lines over and over, unless the order asks for repetition.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020 (models fall into loops);
    Rae et al., "Scaling Language Models", 2021, table A1 (shares of duplicate lines, paragraphs, n-grams).
    """
    if _is_repetitive(submission) and not _ORDERED_REPEATS.is_in(submission.order):
        yield Finding(
            "repetition", "The text repeats itself over and over; say each thing once.", HARD
        )


def _is_repetitive(submission: Submission) -> bool:
    if _has_repeated_rows(submission.prose):
        return True
    prose = submission.passage(_without_numbering(_without_rows(submission.prose)))
    share = 1.0 if _is_varied(prose.words) else _distinct(prose.words)
    if share < LISTED_SHARE:
        return True
    code = "\n".join(block.code for block in submission.blocks)
    # Without numbers: the rows of a table of constants differ in nothing else.
    if _distinct([word for word in words_of(code) if not word.isdigit()]) < LISTED_SHARE / 2:
        return True
    may_loop = (1 - share) * len(prose.words) >= MIN_LOOP_SHINGLES
    return (
        share < DISTINCT_SHARE
        or (may_loop and _has_loop(prose.words))
        or _has_repeated_paragraphs(prose.lines)
    ) and not _LISTED.is_in(submission.order)


def _is_varied(words: list[str]) -> bool:
    """Whether so few pairs of words come back that nothing longer is said over and over."""
    back = len(words) - len(set(itertools.pairwise(words)))
    return back < min(MIN_LOOP_SHINGLES, (1 - DISTINCT_SHARE) * len(words)) - SHINGLE_WORDS


def _without_numbering(prose: str) -> str:
    return _NUMBERING.sub("\n", f"\n{prose}")[1:]


def _without_rows(prose: str) -> str:
    return _TABLE_LINE.sub("", prose) if "|" in prose else prose


def _has_repeated_rows(prose: str) -> bool:
    """Whether most rows of the tables are one row over and over."""
    if "|" not in prose:
        return False
    rows = [row for row in _TABLE_LINE.findall(prose) if any(map(str.isalnum, row))]
    most = max(collections.Counter(rows).values(), default=0)
    return most >= REPEATED_ROWS and most * 2 > len(rows)


def _distinct(words: list[str]) -> float:
    """Share of distinct shingles; 1 of a text that is too short to judge."""
    if len(words) < MIN_WORDS:
        return 1.0
    found = shingles(words)
    return len(set(found)) / len(found)


def _has_loop(words: list[str]) -> bool:
    """Whether a stretch of the text is one short phrase over and over."""
    return any(
        _distinct(words[start : start + WINDOW_WORDS]) < WINDOW_SHARE
        for start in range(0, len(words) - WINDOW_WORDS // 2, WINDOW_WORDS // 2)
    )


def _has_repeated_paragraphs(lines: list[str]) -> bool:
    counts = collections.Counter(line for line in lines if len(line) >= PARAGRAPH_CHARS)
    return any(count >= PARAGRAPH_TIMES for count in counts.values())


CHECKS: tuple[Check, ...] = (repetition,)
