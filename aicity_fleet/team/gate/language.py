"""Whether a text is English, for checks that look for English words: they judge no other language."""

import re

from aicity_fleet.team.gate.words import blanks_but, letter_words, pieces

LOOKED_AT_CHARS = 20_000
"""How much of a text is looked at, in characters from its start."""

MIN_WORDS = 20
"""With fewer words the script alone decides."""

COMMON_SHARE = 0.08
"""The least share of the commonest words. English prose has about a third, terse reports a tenth."""

LATIN_SHARE = 0.8
"""The least share of ASCII among the letters."""

MAX_WORD_CHARS = 40
"""A longer run of letters is several words, in characters."""

_WORD = re.compile(rf"[^\W\d_]{{1,{MAX_WORD_CHARS}}}")
_BLANKS_BUT_LETTERS = blanks_but(str.isalpha)
_COMMON = frozenset(
    """
    the and of to is it that for with are be not this by from you was when which should have has can no
    """.split()  # noqa: SIM905 -- easier to read
)
"""Hardly any of them is a word in another language."""


def is_english(text: str) -> bool:
    """Whether a text can be English, as far as its commonest words tell."""
    lower = text[:LOOKED_AT_CHARS].lower()
    if text.isascii():
        words = pieces(lower, _BLANKS_BUT_LETTERS)
    else:
        words = letter_words(lower.replace("'", " ").replace("\u2019", " "))
    if max(map(len, words), default=0) > MAX_WORD_CHARS:
        words = _WORD.findall(lower)
    if not text.isascii():
        letters = sum(map(len, words))
        if sum(len(word) for word in words if word.isascii()) < LATIN_SHARE * letters:
            return False
    if len(words) < MIN_WORDS:
        return True
    return sum(map(_COMMON.__contains__, words)) >= COMMON_SHARE * len(words)


def extent(text: str) -> int:
    """How much a text says, in Latin characters: one of Chinese or Japanese stands for three."""
    wide = 0 if text.isascii() else sum(char >= "\u2e80" for char in text)
    return len(text) + 2 * wide
