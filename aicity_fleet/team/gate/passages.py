"""A stretch of a hand-in or of an order, with what several checks read of it: each is found out once."""

import functools
import itertools

from aicity_fleet.team.gate.language import is_english
from aicity_fleet.team.gate.patterns import folded
from aicity_fleet.team.gate.words import letter_words, letter_words_by_line, words_of


class Passage:
    """A text that is read and not changed.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @functools.cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    @functools.cached_property
    def folded(self) -> str:
        """The text for patterns that are written in small letters."""
        return folded(self.text)

    @functools.cached_property
    def lines(self) -> list[str]:
        """Its lines, without their ends."""
        return self.text.split("\n")

    @functools.cached_property
    def words(self) -> list[str]:
        """Its words and numbers, in lower case."""
        return words_of(self.text)

    @functools.cached_property
    def letter_words(self) -> list[str]:
        """Its words of letters alone, as they are written."""
        return letter_words(self.text)

    @functools.cached_property
    def lower_words_by_line(self) -> list[list[str]]:
        """The words of letters alone of each line of the text in lower case."""
        return letter_words_by_line(self.lower)

    @functools.cached_property
    def lower_letter_words(self) -> list[str]:
        """The words of letters alone of the text in lower case."""
        return list(itertools.chain.from_iterable(self.lower_words_by_line))

    @functools.cached_property
    def is_english(self) -> bool:
        """Whether checks that look for English words can judge it."""
        return is_english(self.text)
