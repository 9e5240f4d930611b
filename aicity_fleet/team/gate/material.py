"""What the order brings along: the buyer's code, its names, and what the buyer asks to be made.

The checks of code, reviews and figures compare a deliverable with it. It is only read.
"""

import re
from collections.abc import Iterator, Mapping

from aicity_fleet.team.gate.markdown import split_fences
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import Submission, once

MAX_NAMES_CHARS = 200_000
"""How much of a text is searched for names, in characters from its start."""

MAX_REQUEST_CHARS = 3_000
"""How much of a description's beginning, and of its end, is read as the buyer's wish, in characters."""

_NAME = re.compile(r"[A-Za-z_$][\w$]{2,60}")
_SUBWORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_SKELETON = Finder(
    r"\bskeletons?\b|\bstub(?:s|bed)?\b|\bscaffold\w*|\bboilerplate\b|\bstarter\b|\btemplates?\b"
    r"|\bsignatures?\b|\babstract\b|\bprotocols?\b|\bplaceholders?\b|\bexercises?\b|\bkatas?\b|\.pyi\b"
    r"|\b(?:not|without|no|leave|left|omit)\b.{0,30}\bimplement|\bimplementations? later\b|\bempty bod"
    r"|\bbodies empty\b|\bnot? bod(?:y|ies)\b|\bfill(?:ed)? in\b|\boutline\b|\bno-?op\b|\bnull object\b"
    r"|\btodo (?:comment|marker)s?\b|\bmocks?\b|\bfakes?\b|\bdummy\b|\btype hints only\b|\bheader file\b"
    r"|\bger[uü]st\b|\bsquelette\b|\besqueleto\b"
)
_WHOLE = Finder(
    r"\b(?:full(?:y)?|complete|real|actual) (?:working|implementation|code|functional)\b"
    r"|\bworking (?:code|implementation)\b"
    r"|\b(?:no|not|without) (?:stubs?|placeholders?|skeletons?)\b"
)
_INTERFACE = Finder(
    r"(?<!line )(?<!user )(?<!web )(?<!cli )(?<!rest )(?<!graphical )(?<!programming )"
    r"\binterface(?:s)?\b"
)
_ORDERS_CODE = Finder(
    r"\b(?:write|creat|implement|build|develop|generat|fix|port|convert|code|program|rewrit"
    r"|refactor)\w*\b"
    r"[^.\n]{0,80}\b(?:function|script|program|class|module|code|quer(?:y|ies)|component|tests?|endpoint"
    r"|api|cli|regex|parser|macro|package|library|method)s?\b"
)
_COMMON_NAMES = frozenset(
    """
    and any args array assert async await bool boolean break byte case catch char class const continue data
    def default delete dict double elif else end enum error err except exception export extends false file
    final finally float for foreach format from func function get global goto has have hello id impl import
    include index input int integer interface into items join key let line list long main map match message
    method mod module mut name new nil none not null number object open output package pass path print
    printf println private protected public raise read require res result return row rows select self set
    size static std str string struct super switch table test tests text the then this throw throws time
    true try type typeof undefined use user using val value values var void when where while with write
    yield length len count item insert update create order group
    """.split()  # noqa: SIM905 -- easier to read
)
"""Names that any program and any review of a program can hold."""


@once
def buyer_code(submission: Submission) -> str:
    """Return the buyer's code: the order's code, or else the code blocks of its description and details."""
    task = submission.task
    if task.code.strip():
        blocks, _ = split_fences(task.code)
        return "\n".join(block.code for block in blocks) or task.code
    texts = (task.description, *strings(task.details))
    return "\n".join(block.code for text in texts for block in split_fences(text)[0])


def request(submission: Submission) -> str:
    """Return what the buyer asks for: of a long description, the beginning and the end."""
    description = submission.task.description
    if len(description) <= 2 * MAX_REQUEST_CHARS:
        return description
    return f"{description[:MAX_REQUEST_CHARS]}\n{description[-MAX_REQUEST_CHARS:]}"


def wish(submission: Submission) -> str:
    """Return what the buyer asks for, for patterns that are written in small letters."""
    return submission.passage(request(submission)).folded


def strings(value: object, depth: int = 6) -> Iterator[str]:
    """Yield the texts within a JSON value, down to a depth."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, Mapping):
        for part in value.values():
            yield from strings(part, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for part in value:
            yield from strings(part, depth - 1)


def names_in(code: str) -> set[str]:
    """Return the names in a piece of code that say which code it is: no keywords, no common ones."""
    found = set(_NAME.findall(code[:MAX_NAMES_CHARS]))
    return {name for name in found if name.lower() not in _COMMON_NAMES}


def subwords(names: set[str]) -> set[str]:
    """Return the words that names are made of, in lower case, without common ones."""
    words = {word.lower() for name in names for word in _SUBWORD.findall(name)}
    return {word for word in words if len(word) >= 4} - _COMMON_NAMES


def orders_skeleton(submission: Submission) -> bool:
    """Whether the order asks for code whose bodies are left open, such as an interface."""
    wanted = wish(submission)
    return (_SKELETON.is_in(wanted) or _INTERFACE.is_in(wanted)) and not _WHOLE.is_in(wanted)


def orders_code(submission: Submission) -> bool:
    """Whether the order asks for code, whatever its category."""
    return _ORDERS_CODE.is_in(wish(submission))
