"""A text as a sequence of words, for checks that count them in any language."""

import re
from collections.abc import Sequence

SHINGLE_WORDS = 4
"""Words per shingle; in a script without spaces, characters."""

_WORD = re.compile(
    "[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]"  # Thai, kana, Han: one character counts as a word
    "|[^\\W_]+"
)

Shingle = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case."""
    return _WORD.findall(text.lower())


def shingles(words: Sequence[str]) -> list[Shingle]:
    """Return every run of ``SHINGLE_WORDS`` words, in order.

    Source: Broder, "On the resemblance and containment of documents", 1997.
    """
    return list(zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False))
