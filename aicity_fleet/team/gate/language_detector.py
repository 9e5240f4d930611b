"""Which language a line is in, or can be in."""

import functools
import re
from typing import TYPE_CHECKING, Any

from aicity_fleet.team.gate.language import is_english
from aicity_fleet.team.gate.language_names import NAMES

if TYPE_CHECKING:
    from lingua import LanguageDetector

MIN_PART_LETTERS = 25
"""Shorter lines are not judged, in letters; a Chinese or Japanese character counts as three."""

MAX_PART_CHARS = 600
"""How much of a line is looked at, in characters."""

SURE = 0.9
"""Confidence from which on a line is taken to be in a language, 0 to 1."""

POSSIBLE = 0.15
"""Confidence from which on a clause of the order can be in a language, 0 to 1; each of these will do."""

MIN_ORDER_LETTERS = 12
"""Shorter clauses of an order say nothing, in the same letters."""

_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalpha())
_ENGLISH = re.compile(r"\b(?:the|and|of|to|is|for|with|you|your|that|this|are|what|how|it|on|be)\b")
_WIDE = re.compile("[\u3040-\U0010ffff]")


def is_plain_english(text: str) -> bool:
    """Whether a line is English beyond doubt, without loading the detector."""
    return (
        text.isascii()
        and len(text.split()) >= 6
        and bool(_ENGLISH.search(text.lower()))
        and is_english(text)
    )


def language_of(text: str, sure: float = SURE, least: int = MIN_PART_LETTERS) -> str:
    """Return the code of the language of a line; empty if it is too short, or if that is unsure."""
    if letters(text) < least:
        return ""
    code, confidence = _confidences(text)[0]
    return code if confidence >= sure else ""


def possible_languages(text: str) -> set[str]:
    """Return the codes of the languages that a clause can be in; none if it is too short to tell."""
    if letters(text) < MIN_ORDER_LETTERS:
        return set()
    first, *others = _confidences(text)
    return {first[0], *(code for code, confidence in others if confidence >= POSSIBLE)}


@functools.lru_cache(maxsize=32)
def _confidences(text: str) -> tuple[tuple[str, float], ...]:
    """Return the codes of all languages with how sure the detector is of each, the likeliest first."""
    sendable = text[:MAX_PART_CHARS].encode("utf-8", "replace").decode("utf-8")
    found: Any = _detector().compute_language_confidence_values(sendable)
    return tuple((str(each.language.iso_code_639_1.name).lower(), each.value) for each in found)


@functools.cache
def _detector() -> "LanguageDetector":
    """Load the models, once per process: 36 MB of memory and 0.4 s of CPU time when all are in use."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder  # noqa: PLC0415 -- few orders need it

    codes = [getattr(IsoCode639_1, code.upper()) for code in NAMES if code != "??"]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    return builder.with_low_accuracy_mode().build()


def letters(text: str) -> int:
    """Letters of a text; a Chinese or Japanese character stands for three."""
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS))
    return sum(map(str.isalpha, text)) + 2 * sum(map(str.isalpha, _WIDE.findall(text)))
