"""Notices a model that repeats itself without end, which small models do when they lose their way."""

WINDOW_CHARS = 4000
"""How much of an answer's end has to be one repetition, in characters."""

MAX_UNIT_CHARS = 400
"""The longest text that is repeated, in characters. It stands in the window ten times at least, which no
ordered refrain does; rows of a table that differ in one figure are not a repetition."""

STEP_CHARS = 1000
"""After how many further characters the end is looked at again."""


class RepetitionWatch:
    """Reads an answer as it comes. Its time grows with the length of the answer alone."""

    def __init__(self) -> None:
        self._tail = ""
        self._fresh = 0

    def repeats(self, text: str) -> bool:
        """Take the next piece of the answer; returns whether its end is one repetition."""
        self._tail = (self._tail + text)[-WINDOW_CHARS:]
        self._fresh += len(text)
        if len(self._tail) < WINDOW_CHARS or self._fresh < STEP_CHARS:
            return False
        self._fresh = 0
        return is_repetition(self._tail)


def is_repetition(text: str) -> bool:
    """Return whether a text is one unit again and again, at least ten times in a full window.

    A period is a shift that maps the text onto itself; each comparison ends at the first difference.
    """
    return any(text.startswith(text[unit:]) for unit in range(1, MAX_UNIT_CHARS + 1))
