"""A check for a text that stops before its end, without a word from the model's server that it was cut.

A text is held against itself: sentences end with a stop where its other sentences do, rows have as many
cells as the rows above. Verse, lists, headings, names and code end as they like.
"""

import re
from collections.abc import Iterator

from aicity_fleet.team.gate.markdown import Block
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MAX_CHARS = 100_000
"""A longer text is judged by its last so many characters."""

MIN_LINE_WORDS = 4
"""A shorter last line is taken for a name, a heading or an item, in words."""

MIN_SENTENCE_WORDS = 8
"""A line of so many words, not in a list, is a sentence or more."""

MIN_FRAGMENT_WORDS = 3
"""A shorter rest behind a full stop is taken for a name or a mark, in words."""

MIN_LONG_ITEM_WORDS = 18
"""An item of so many words is a sentence: one other item with a stop is enough to compare it with."""

MIN_STOPPED_SHARE = 0.75
"""Share of the other lines of a kind that end with a stop, if the last one should as well."""

MIN_OTHER_LINES = 2
"""So many other paragraphs there are at least, before the last is held against them; items: one more."""

MAX_VERSE_CHARS = 90
"""Lines of verse are shorter, in characters."""

_ORDERED = Finder(
    r"\bheadlines?\b|\bunfinished\b|\bmid-?sentence\b|\bcliff-?hanger"
    r"|\bcomplete the (?:sentence|story|text)"
    r"|\bfirst (?:line|half|part) of\b|\bfragments?\b|\bstream of consciousness\b|\bno punctuation\b"
    r"|\bwithout (?:any )?punctuation\b|\bgap text\b|\bfill[- ]in\b|\btruncat|\bplaceholders?\b"
    r"|\btemplates?\b|\bpoems?\b|\bpoetry\b|\bsongs?\b|\blyrics\b|\bhaikus?\b|\bfree verse\b"
    r"|\bgedicht|\bpoème|\bpoema"
)
_END_OF_SENTENCE = re.compile(
    r"[.!?:;\u2026\u3002\uff01\uff1f\u0964\u06d4\u061f\u00bb\u201d\")][\W_]{0,3}$"
)
_INNER_STOP = re.compile(
    r"(?:[^\W\d_]{3}|[\w)%`\u201d\"]{2}\d|[)%`\u201d\"*])[.!?][\"\u201d\u00bb\u2019)]?\s+"
    r"[\"\u201c\u201e\u00ab(¿¡*_`]{0,3}(?![a-zß-öø-ÿ\u0430-\u044f])[^\W\d_]"
    r"|[\u3002\uff01\uff1f\uff1b][^\n]{6}"
)
_BREAK = re.compile(r"[.!?][\"\u201d\u00bb\u2019)]?\s+|[\u3002\uff01\uff1f\uff1b]")
_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)]|\[[ x]\])[ \t]+")
_BARE_MARKER = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)]|#{1,6})[ \t]*$")
_HEADING = re.compile(r"^ {0,3}#{1,6} +\S")
_NO_SENTENCE = re.compile(
    r"https?://|www\.|\w@\w|^[ \t]*(?:#\w|@\w|[\u2013\u2014-] ?[A-Z\u00c0-\u00de]|>|\|)|\#\w+\s*$"
    r"|\+\d[\d /()-]{5}|[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?\s*$"
)
_HANGING = frozenset(
    """
    the a an and or of with from for by because although which whose their our your its into than
    is are was were be been has have had as at to that these those whether while when where
    der die das den dem des ein eine einen einem einer und oder von mit für bei aus dass weil wenn
    sowie als im zum zur beim ist sind war wird werden sich nicht durch über unter
    le la les un une des et ou du de à au aux dans pour par sur avec que qui dont est sont ses leurs
    el los las una y o del con en por para que su sus es son como al
    il lo gli i uno di della del dei delle che con per e è sono nel nella alla
    os as um uma do da dos das em na no com por para que é são ao
    het een van en of met voor dat op te zijn bij uit
    och att som med för på av i en ett det
    i w z na do że oraz dla od po się jest
    и в на с по для что от из к
    """.split()  # noqa: SIM905 -- easier to read
)
"""Words with which hardly a sentence ends: what they introduce is missing."""

_ENGLISH_ENDS = frozenset(
    [
        "by",
        "for",
        "at",
        "with",
        "from",
        "to",
        "as",
        "of",
        "is",
        "are",
        "was",
        "were",
        "has",
        "have",
        "had",
        "that",
        "be",
        "been",
    ]
)
"""Words of ``_HANGING`` with which an English line may end, such as a question or a caption."""

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_BRACED = frozenset(
    """
    c cpp c++ cs csharp c# java kotlin kt swift go golang rust rs php dart scala javascript js jsx
    typescript ts tsx css scss less json jsonc hcl terraform tf groovy graphql proto protobuf solidity
    """.split()  # noqa: SIM905 -- easier to read
)
_STRING = re.compile(
    r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+'|`(?:\\.|[^`\\]){0,500}+`|//[^\n]*"
    r"|/\*[\s\S]*?(?:\*/|\Z)|^[ \t]*#[^\n]*",
    re.M,
)
_CODE_GOES_ON = re.compile(
    r"(?:[,(\[=+*<|&]|=>|->|\b(?:and|or|AND|OR|WHERE|FROM|SELECT|JOIN|ON|BY))\s*$"
)
_CODE_MARK = re.compile(r"[{}=]|;[ \t]*$|\((?<=\w\()")
_CODE_START = re.compile(r"\s{4}|[\w.-]+: ?\S*$|[^\s,;]+[,;][^\s,;]+[,;]")
_ELISION = re.compile(r"\.\.\.|\u2026")


def cut_off(submission: Submission) -> Iterator[Finding]:
    """The text, or its last code block, stops in the middle.

    Source: docs.aicity.dev/docs/guides/disputes (``general``: completeness).
    """
    text = submission.text[-MAX_CHARS:].rstrip()
    if submission.is_unclosed or not text:
        return
    last = text.rpartition("\n")[2].strip()
    if any(map(_ends_open, submission.blocks)):
        is_cut = True
    elif last.startswith(("```", "~~~")):
        is_cut = bool(submission.blocks) and _is_cut_code(submission.blocks[-1])
    elif text.lstrip()[:1] in {"{", "["} and not submission.blocks:
        is_cut = _depth(text) > 0
    else:
        is_cut = _is_cut_prose(submission)
    if is_cut and not _ORDERED.is_in(submission.task.description.lower()):
        yield Finding("cut_off", "The text stops in the middle; hand in all of it.", HARD)


def _is_cut_code(block: Block) -> bool:
    """Whether the last block ends within brackets, or on a line that goes on."""
    code = block.code.rstrip()
    if _ELISION.search(code[-200:]) or block.language in {"diff", "patch", "", "text", "console"}:
        return False
    last = code.rpartition("\n")[2].strip()
    if block.language in _BRACED:
        return _depth(code) > 1
    return block.language in {"sql", "postgresql", "mysql"} and bool(_CODE_GOES_ON.search(last))


def _ends_open(block: Block) -> bool:
    """Whether a block ends within brackets and on a line that goes on, wherever it stands."""
    if block.language not in _BRACED or _ELISION.search(block.code[-200:]):
        return False
    last = block.code.rstrip().rpartition("\n")[2]
    return bool(_CODE_GOES_ON.search(last)) and _depth(block.code) > 0


def _depth(code: str) -> int:
    """How many brackets are open at the end."""
    plain = _STRING.sub(" ", code)
    return sum(map(plain.count, "([{")) - sum(map(plain.count, ")]}"))


def _is_cut_prose(submission: Submission) -> bool:
    lines = [line for line in submission.prose[-MAX_CHARS:].split("\n") if line.strip()]
    last = lines[-1].rstrip()
    if _BARE_MARKER.match(last) and len(lines) > 2:
        return True
    if last.lstrip().startswith("|"):
        return _is_cut_row(lines)
    words = _WORD.findall(last)
    if len(words) < MIN_LINE_WORDS and not _ITEM.match(last):
        return False
    is_unstopped = last[-1].isalnum() and not _NO_SENTENCE.search(last) and _is_unstopped(lines)
    if not (is_unstopped or _is_open(last, words)):
        return False
    return bool(submission.blocks or _INNER_STOP.search(last) or not _looks_like_code(lines))


def _is_open(last: str, words: list[str]) -> bool:
    """Whether a line ends on a comma, within brackets, or on a word that introduces another."""
    end = last.rstrip("*_ ")
    if len(words) >= MIN_LINE_WORDS and (
        end.endswith((",", "\u3001", "\uff0c")) or end.endswith((" (", "("))
    ):
        return True
    if last.count("`") % 2 or (last.count("**") % 2 and last[-2:].strip("*").isalnum()):
        return True
    tail = last.rpartition("(")[2]
    if (
        "(" in last
        and ")" not in tail
        and 2 <= len(tail) <= 120
        and last.count("(") > last.count(")")
    ):
        return last[-1].isalnum() and len(words) > MIN_LINE_WORDS
    if not words or len(words) < 2 * MIN_LINE_WORDS or end.split()[-1] != words[-1]:
        return False
    word = words[-1].split("'")[-1]
    return (word in _HANGING and word not in _ENGLISH_ENDS) or (
        word in _ENGLISH_ENDS and bool(_INNER_STOP.search(last))
    )


def _is_unstopped(lines: list[str]) -> bool:
    """Whether the last line ends without a stop where the others of its kind have one."""
    last = lines[-1]
    if _HEADING.match(last):
        return False
    is_item = bool(_ITEM.match(last))
    others = [line.rstrip() for line in lines[:-1] if bool(_ITEM.match(line)) == is_item]
    others = [
        line
        for line in others
        if not _HEADING.match(line)
        and not line.lstrip().startswith("|")
        and (is_item or len(_WORD.findall(line)) >= MIN_SENTENCE_WORDS or _is_wide(line))
    ]
    stopped = sum(bool(_END_OF_SENTENCE.search(line)) for line in others)
    is_usual = stopped >= MIN_STOPPED_SHARE * len(others)
    if _INNER_STOP.search(last):
        is_long = len(_WORD.findall(_BREAK.split(last)[-1])) >= MIN_FRAGMENT_WORDS
        is_long = is_long or _is_wide(last)
        return is_long and stopped * 2 >= len(others)
    if is_item:
        is_sure = len(others) > MIN_OTHER_LINES or len(_WORD.findall(last)) >= MIN_LONG_ITEM_WORDS
        return bool(others) and is_sure and stopped == len(others)
    is_verse = all(len(line) <= MAX_VERSE_CHARS for line in (*others[-6:], last))
    is_sentence = len(_WORD.findall(last)) >= MIN_SENTENCE_WORDS or _is_wide(last)
    is_closing = last.split()[-1][:1].isupper()  # a name below a letter
    return (
        len(others) >= MIN_OTHER_LINES and is_usual and is_sentence and not (is_verse or is_closing)
    )


def _is_wide(line: str) -> bool:
    """Whether a line is a sentence or more of Chinese or Japanese."""
    return sum("\u3040" <= char <= "\u9fff" for char in line) >= 2 * MIN_SENTENCE_WORDS


def _is_cut_row(lines: list[str]) -> bool:
    """Whether the last row of a table has no end where the rows above it have one."""
    table = []
    for line in reversed(lines):
        if not line.lstrip().startswith("|"):
            break
        table.append(line.strip())
    closed = sum(line.endswith("|") for line in table[1:])
    last = table[0]
    if len(table) < 3 or closed < len(table) - 1:
        return False
    return not last.endswith("|") or last.count("|") < min(line.count("|") for line in table[1:])


def _looks_like_code(lines: list[str]) -> bool:
    """Whether most lines are code or data: they end as they like."""
    tail = [line for line in lines[-40:] if not line.startswith("|")]
    odd = sum(bool(_CODE_MARK.search(line) or _CODE_START.match(line)) for line in tail)
    return odd * 2 > len(tail)


CHECKS: tuple[Check, ...] = (cut_off,)
