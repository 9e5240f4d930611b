"""Checks for what the team was told, handed in as if it were the work: the order, or our own words."""

import collections
import functools
import itertools
import re
from collections.abc import Container, Iterator

from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission
from aicity_fleet.team.gate.words import FUNCTION_WORDS, SHINGLE_WORDS, Shingle, shingles, words_of

MIN_ECHO_WORDS = 8
"""A shorter text is not judged."""

OPENING_WORDS = 8
"""The first words of the order: with them comes the order, without them what it is about."""

INSTRUCTION_CHARS = 200
"""An order says what to do with its material within its first characters, or in a last line no longer."""

ECHO_SHARE = 0.85
"""Share of a text that stands in the order, if the text is the order."""

WHOLE_SHARE = 0.7
"""The same if the text holds the whole order: a word before it and one after it do not matter."""

SAME_WORDS_SHARE = 0.9
"""Share of the words that both have, if the text is the order with its parts in another sequence."""

COVERED_SHARE = 0.7
"""Share of the order's material that a copy of it holds: less is an excerpt."""

OWN_WORDS_SHARE = 0.12
"""Share of a text's words of content that are not in the order, if the text is the order in a frame."""

TOLD_SHARE = 0.75
"""Share of the order's words of content that a text takes up, if it is the order in other words."""

MOST_TIMES_LONGER = 2.5
"""An order in a frame, or told twice, is not longer than so many times the order."""

TOLD_WORDS = 6
"""So many words in a row of what the team was told beside the order do not stand in the work by chance."""

_FRAME = frozenset(
    """
    order task request requested asked asks ask following follows here sure given client user buyer customer
    assignment
    brief description prompt question said says requirement requirements required needs need wants
    want would like please done result answer work deliverable completed complete summary below above
    understand understood thank thanks certainly course hello great looking someone should must
    auftrag aufgabe anfrage bestellung folgende hier lautet gerne kunde möchte soll wie gewünscht bitte
    commande
    demande tâche voici suivante client souhaite pedido tarea solicitud aquí siguiente cliente quiere
    """.split()  # noqa: SIM905 -- easier to read
)
"""Words with which an order is framed."""

_KEEPS = Finder(
    r"\b(?:proof-?read|correct|edit|format|fix|check|spell|extract|find|list|choose|pick"
    r"|sort|select|clean|convert|quote|reorder|re-?order"
    r"|complete|continue|fill|arrange|punctuat|improve|polish|review|remove|replace"
    r"|highlight|annotate|transcribe|typeset|typo|grammar|tidy|merge"
    r"|rearrange|split|redact|anonymi[sz]e|normali[sz]e|markdown"
    r"|copy-?edit|capitali[sz]|indent|classify|label|dedup|shorten|extend|expand|add )"
    r"|korrigier|korrektur|lektor|prüf|verbesser|formatier|corrig|révis|revis|relis|formate"
    r"|mets en|correg|formata|校|修正|添削|исправ|popraw"
)
"""An order of such a word gets most of its material back."""

_MATERIAL = re.compile(r"[:\n\"\u201c\u201e\u00ab]")
"""What stands between an instruction and its material."""

_ORDERED_ECHO = Finder(
    r"\b(?:repeat|copy|echo|recite|verbatim|word for word|quote back|read back|retype"
    r"|return (?:it|this) unchanged)\b"
)


def echo(submission: Submission) -> Iterator[Finding]:
    """The order, or the material that came with it, is all that was handed in.

    Its instruction at the start tells the order from its material, which many orders want back with
    changes: a proofread text, a repaired program. The material alone is junk where the order asks for more
    than a correction, and a copy of code or of an attached text is always.

    Source: Broder, "On the resemblance and containment of documents", 1997.
    """
    words = submission.words
    if len(words) < MIN_ECHO_WORDS:
        return
    if _is_echo(submission, words) and not _ORDERED_ECHO.is_in(submission.order):
        yield Finding("echo", "The text repeats the order instead of doing it.", HARD)


def _is_echo(submission: Submission, words: list[str]) -> bool:
    task = submission.task
    description = submission.passage(task.description).words
    whole = words_of(f"{task.description}\n{task.code}") if task.code.strip() else description
    attached = "\n".join([task.code, *(v for v in task.details.values() if isinstance(v, str))])
    return (
        _is_order(words, description)
        or (whole is not description and len(words) > len(whole) * 0.9 and _is_order(words, whole))
        or _is_attached(submission.bare, task.code)
        or (
            (
                _is_framed(words, description)
                or _is_material(words, description[OPENING_WORDS:])
                or _is_material(words, words_of(attached))
            )
            and not _is_kept(task.description)
        )
    )


def _is_kept(description: str) -> bool:
    """Whether an order gets most of its material back."""
    lower = description.strip().lower()
    first, last = _MATERIAL.split(lower[:INSTRUCTION_CHARS])[0], lower.rpartition("\n")[2]
    return _KEEPS.is_in(first) or (
        "\n" in lower and len(last) <= INSTRUCTION_CHARS and _KEEPS.is_in(last)
    )


def answers_us(submission: Submission) -> Iterator[Finding]:
    """The text says back what we said to the team, such as that its answer was cut off.

    Seen from SmolLM2-135M-Instruct, which was asked for a shorter answer.

    Source: Broder, "On the resemblance and containment of documents", 1997.
    """
    ours, vocabulary = _told(submission.told)
    if not _has_run(submission.words, vocabulary, TOLD_WORDS):
        return
    back = ours.intersection(shingles(submission.words, TOLD_WORDS))
    if back and not back.issubset(shingles(words_of(submission.order), TOLD_WORDS)):
        yield Finding(
            "answers_us", "The text speaks of its own handing in; hand in the work alone.", HARD
        )


@functools.lru_cache(maxsize=8)
def _told(texts: tuple[str, ...]) -> tuple[frozenset[Shingle], frozenset[str]]:
    """The runs of words of what the team was told, and the words in them."""
    runs = frozenset(run for text in texts for run in shingles(words_of(text), TOLD_WORDS))
    return runs, frozenset(itertools.chain.from_iterable(runs))


def _has_run(words: list[str], vocabulary: Container[str], length: int) -> bool:
    """Whether so many words in a row are of a vocabulary."""
    return b"\1" * length in bytes(map(vocabulary.__contains__, words))


def _is_order(words: list[str], description: list[str]) -> bool:
    """Whether a text holds the start of the order, and next to nothing that is not in the order."""
    opening = shingles(description[:OPENING_WORDS])
    if not opening or not _has_run(words, set(description[:OPENING_WORDS]), SHINGLE_WORDS):
        return False
    found = shingles(words)
    if len(set(opening).intersection(found[:200])) < len(opening) * 0.6:
        return False
    given = shingles(description)
    share = _contained(found, given)
    if share >= ECHO_SHARE or (share >= WHOLE_SHARE and _contained(given, found) >= ECHO_SHARE):
        return True
    common = (collections.Counter(words) & collections.Counter(description)).total()
    return common >= SAME_WORDS_SHARE * max(len(words), len(description))


def _is_framed(words: list[str], description: list[str]) -> bool:
    """Whether a text only says what the order says, with a frame around it or with small changes."""
    if len(words) > MOST_TIMES_LONGER * len(description):
        return False
    given = {word for word in description if _is_content(word)}
    covered = len(given.intersection(words) - _FRAME)
    if len(given) < MIN_ECHO_WORDS or covered < TOLD_SHARE * len(given - _FRAME or given):
        return False
    told = [word for word in words if _is_content(word) and word not in _FRAME]
    own = sum(word not in given for word in told)
    opening = [word for word in description[:OPENING_WORDS] if _is_content(word)]
    holds_opening = sum(word in words for word in opening) >= 0.7 * len(opening)
    return own <= OWN_WORDS_SHARE * len(told) and holds_opening


def _is_content(word: str) -> bool:
    return word not in FUNCTION_WORDS and (len(word) > 1 or word > "\u0e00")


def _is_material(words: list[str], material: list[str]) -> bool:
    """Whether a text is nothing but most of the material."""
    # Of a shingle that was given, all words were.
    common = sum(map(set(material).__contains__, words))
    if common < ECHO_SHARE * (len(words) - SHINGLE_WORDS):
        return False
    found, given = shingles(words), shingles(material)
    if len(found) < 3 * MIN_ECHO_WORDS or not given:
        return False
    return _contained(found, given) >= ECHO_SHARE and _contained(given, found) >= COVERED_SHARE


def _is_attached(text: str, code: str) -> bool:
    """Whether a text is what the order came with, to the letter."""
    return len(code.strip()) >= 40 and text == code.strip()


def _contained(found: list[Shingle], given: list[Shingle]) -> float:
    """Share of the shingles found that were given."""
    return sum(map(set(given).__contains__, found)) / len(found)


CHECKS: tuple[Check, ...] = (echo, answers_us)
