"""Regular expressions of many alternatives, compiled so that a search is fast."""

import functools
import itertools
import re
from collections.abc import Iterable

_PIECE = re.compile(r"\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|[\s\S]")
"""What a pattern is read by: an escape, a class of characters, or one character."""

_LETTER = re.compile(r"(?:([^\\\[\](){}?*+|.^$])|\\([^a-zA-Z0-9])|\[([^\\\]^-]+)\])(?![?*+{])")
"""What begins with one certain character, or with one of a few."""

_LETTERS = re.compile(r"(?:[\w -](?![?*+{]))+")
_PLAIN_GROUP = re.compile(r"\?(?:[:!=]|<[!=])")
_DEPTH = 3
"""So many characters tell alternatives apart."""


def compile_fast(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    r"""Compile a pattern so that few of its alternatives are tried at a place: it matches the same.

    ``re`` tries every alternative at every character. One ``\b`` for a hundred of them rules all of them
    out within a word, and alternatives that begin with one character are tried where that stands.
    """
    may_move = not flags & re.IGNORECASE and not _has_references(pattern)
    parts: list[str] = []
    for at_word, alternatives in itertools.groupby(_alternatives(pattern), _begins_at_word):
        run = [each[2:] if at_word else each for each in alternatives]
        if may_move:
            run = _by_letter(run, _DEPTH)
        if at_word and len(run) > 1:
            parts.append(rf"\b(?:{'|'.join(run)})")
        else:
            parts += [rf"\b{each}" if at_word else each for each in run]
    return re.compile("|".join(parts), flags)


class Finder:
    """Tells whether one of many alternatives is in a text, faster than a pattern that tells where.

    What needs a character beyond ASCII is not sought in a text of ASCII.

    Args:
        pattern: Alternatives without groups that are numbered or named.
    """

    def __init__(self, pattern: str) -> None:
        alternatives = _alternatives(pattern)
        self._ascii = _Search([each for each in alternatives if not _is_beyond_ascii(each)])
        self._beyond = _Search([each for each in alternatives if _is_beyond_ascii(each)])

    def is_in(self, text: str) -> bool:
        """Whether an alternative is in a text."""
        return self._ascii.finds(text) or (not text.isascii() and self._beyond.finds(text))


class _Search:
    """A search for some alternatives.

    What begins with a letter at a word boundary is sought behind what is no part of a word. A text is
    searched for the first letters of the others before it is for their pattern.
    """

    def __init__(self, alternatives: list[str]) -> None:
        words = [each for each in alternatives if _begins_with_word(each)]
        others = [each for each in alternatives if not _begins_with_word(each)]
        inner = "|".join(_by_letter([each[2:] for each in words], _DEPTH))
        self._words = re.compile(rf"\W(?:{inner})") if words else None
        self._others = compile_fast("|".join(others)) if others else None
        firsts = list(map(_first_letters, others))
        self._marks = tuple(set(firsts)) if all(firsts) else ("",)

    def finds(self, text: str) -> bool:
        """Whether an alternative is in a text."""
        if self._words and self._words.search(f" {text}"):
            return True
        return bool(
            self._others and any(map(text.__contains__, self._marks)) and self._others.search(text)
        )


_FOLDED = re.compile("[\u0130\u0131\u017f\u1c80-\u1c86\u212a]")
_FOLDS = dict(
    zip(
        "\u0130\u0131\u017f\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\u212a",
        "iis\u0432\u0434\u043e\u0441\u0442\u0442\u044ak",
        strict=True,
    )
)
"""The characters that are a letter of ASCII or Cyrillic only for a search that ignores case."""


def folded(text: str) -> str:
    """Return a text of the same length in small letters, for patterns that are written in them.

    A search in it finds what a far slower search with ``re.IGNORECASE`` finds in the text. Of Greek, whose
    letters have several small forms, that does not hold.
    """
    if not text.isascii():
        text = _FOLDED.sub(lambda match: _FOLDS[match[0]], text)
    return text.lower()


def in_small_letters(pattern: str) -> str:
    """Return a pattern that a folded text holds wherever its text holds this one, and elsewhere at times.

    Args:
        pattern: What is searched for with ``re.IGNORECASE``. Where it minds capitals, the new one does not.
    """
    pieces = _PIECE.findall(pattern.replace("(?-i:", "(?:"))
    return "".join(piece if piece[0] == "\\" else piece.lower() for piece in pieces)


def _by_letter(alternatives: list[str], depth: int) -> list[str]:
    """Put neighbouring alternatives that begin with one character together.

    At one place only those match that begin with the character there, so that they stay in order.
    """
    found: list[str] = []
    for can_tell, run in itertools.groupby(alternatives, lambda each: bool(_letters(each))):
        if not can_tell:
            found += run
            continue
        for letter, tails in _tails(run).items():
            rest = _by_letter(tails, depth - 1) if depth and len(tails) > 1 else tails
            found.append(re.escape(letter) + _one_of(rest))
    return found


def _tails(alternatives: Iterable[str]) -> dict[str, list[str]]:
    """What follows each character that these alternatives begin with."""
    tails: dict[str, list[str]] = {}
    for letter, tail in itertools.chain.from_iterable(map(_letters, alternatives)):
        tails.setdefault(letter, []).append(tail)
    return tails


def _one_of(alternatives: list[str]) -> str:
    return alternatives[0] if len(alternatives) == 1 else f"(?:{'|'.join(alternatives)})"


@functools.lru_cache(maxsize=1024)
def _letters(alternative: str) -> tuple[tuple[str, str], ...]:
    """Each character that an alternative can begin with, and what follows it; nothing if it can be any."""
    if match := _LETTER.match(alternative):
        return tuple((letter, alternative[match.end() :]) for letter in match[match.lastindex or 0])
    if not alternative.startswith("(?:"):
        return ()
    end = _end_of_group(alternative)
    rest = alternative[end:]
    is_optional = rest.startswith("?")
    rest = rest.removeprefix("?")
    options = _alternatives(alternative[3 : end - 1])
    if rest.startswith(("?", "*", "+", "{")) or not all(map(_letters, options)):
        return ()
    found = tuple((letter, _one_of(tails) + rest) for letter, tails in _tails(options).items())
    if is_optional:
        return found + others if (others := _letters(rest)) else ()
    return found


def _first_letters(alternative: str) -> str:
    """What an alternative begins with, to the letter."""
    match = _LETTERS.match(alternative)
    return match[0] if match else ""


def _has_references(pattern: str) -> bool:
    """Whether a pattern has groups with a number or a name, flags of its own, or references."""
    return any(
        (piece[0] == "(" and not _PLAIN_GROUP.match(pattern, piece.end()))
        or (piece[0][0] == "\\" and piece[0][1].isdigit())
        for piece in _PIECE.finditer(pattern)
    )


def _end_of_group(pattern: str) -> int:
    """Where the group ends that a pattern begins with."""
    depth = 0
    for piece in _PIECE.finditer(pattern):
        depth += (piece[0] == "(") - (piece[0] == ")")
        if not depth:
            return piece.end()
    return len(pattern)


def _begins_with_word(alternative: str) -> bool:
    """Whether an alternative begins at a word boundary, with a letter or a digit."""
    letters = _letters(alternative[2:]) if _begins_at_word(alternative) else ()
    return bool(letters) and all(letter.isalnum() for letter, _ in letters)


def _is_beyond_ascii(alternative: str) -> bool:
    """Whether an alternative begins with characters that are not all of ASCII."""
    begins = alternative[2:] if _begins_at_word(alternative) else alternative
    letters = _letters(begins)
    is_first = bool(letters) and not any(letter.isascii() for letter, _ in letters)
    return is_first or not _first_letters(begins).isascii()


def _begins_at_word(alternative: str) -> bool:
    return alternative.startswith(r"\b")


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at the bars that stand outside of brackets."""
    found = [""]
    depth = 0
    for piece in _PIECE.findall(pattern):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and not depth:
            found.append("")
        else:
            found[-1] += piece
    return found
