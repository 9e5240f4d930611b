"""Small tools for writing about a buyer's text: its title, its terms, its requirements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_STOP_WORDS = (
    "a about after all also an and any are as at be been before but by can do does each every for "
    "from had has have how if in into is it its least like make may more most must need needs no "
    "not of on one only or other our out over per please should so some such than that the their "
    "them then there these they this to two under up us use using was we what when where which "
    "who why will with within would write you your"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
WORD = re.compile(r"[A-Za-z][A-Za-z-]{2,}")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])|\n+")
BULLET = re.compile(r"^\s*(?:[-*]|\d+[.)])\s+")

MOST_REQUIREMENTS = 12
"""How many requirements an answer takes up."""


def terms(text: str, count: int) -> list[str]:
    """The most telling words of a text, in the order of their first use."""
    found = [word.lower() for word in WORD.findall(text)]
    weight = Counter(word for word in found if word not in STOP_WORDS)
    best = sorted(weight, key=lambda word: (-weight[word], -len(word), found.index(word)))[:count]
    return sorted(best, key=found.index)


def sentences(text: str) -> list[str]:
    """The sentences and list items of a text, each on one line, without list marks."""
    parts = (BULLET.sub("", part).strip() for part in SENTENCE.split(text))
    return [re.sub(r"\s+", " ", part) for part in parts if len(part.split()) >= 2]


def requirements(text: str) -> list[str]:
    """What a text asks for: its list items where it has some, or else its sentences."""
    items = [BULLET.sub("", line).strip() for line in text.splitlines() if BULLET.match(line)]
    chosen = items if len(items) >= 2 else sentences(text)
    return [shortened(item, 240) for item in chosen[:MOST_REQUIREMENTS]]


def title(text: str) -> str:
    """A heading out of the first sentence of a text."""
    first = next(iter(sentences(text)), "The request").rstrip(".:!?")
    return shortened(first, 70)


def subject(text: str) -> str:
    """What a text is about, in a few words for the middle of a sentence."""
    first = next(iter(sentences(text)), "the points below").rstrip(".:!?")
    short = shortened(first, 120)
    return short[:1].lower() + short[1:]


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, cut between words."""
    if len(text) <= most:
        return text
    return text[:most].rsplit(" ", 1)[0] + " [...]"


def bullets(items: Iterable[str]) -> list[str]:
    """Markdown list items."""
    return [f"- {item}" for item in items]
