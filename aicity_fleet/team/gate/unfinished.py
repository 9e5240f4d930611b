"""Checks that hold for every category: the text is the work itself, and all of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from aicity_fleet.team.gate.patterns import compile_fast
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

Where = Literal["text", "prose", "prose as it stands", "code as it stands"]

_ORDERED_PLACEHOLDERS = re.compile(r"\bplaceholders?\b|\btemplates?\b")

_PLACEHOLDERS: tuple[tuple[Where, tuple[str, ...], re.Pattern[str], str, int], ...] = (
    ("text", ("lorem",), re.compile(r"lorem ipsum"), "filler text (lorem ipsum)", 40),
    (
        "text",
        ("as an ai",),
        re.compile(r"as an ai (?<=\bas an ai )(?:language )?(?:model|assistant),? i\b"),
        "talk about being an AI",
        35,
    ),
    (
        "text",
        ("[",),
        re.compile(r"\[(?:insert|your|fill in) \w[^\]\n]{0,60}\](?!\()"),
        "a placeholder in brackets",
        35,
    ),
    (
        "prose",
        ("[",),
        re.compile(
            r"\[(?:insert|your|placeholder|todo|tbd)(?:[:\-_][^\]\n]{0,60})?\](?!\()"
            r"|\[add (?:an?|the|your|more|details?|links?|text|names?|images?)\b[^\]\n]{0,60}\](?!\()",
        ),
        "a placeholder in brackets",
        35,
    ),
    (
        "text",
        ("rest of", "remaining", "existing", "goes here", "code here"),
        compile_fast(
            r"(?:#|//|/\*|--|<!--)[ \t]{0,9}(?:\.\.\.|…)?[ \t]{0,9}(?:the )?(?:rest of|remaining|existing) "
            r"(?:the |your )?(?:code|file|function|implementation|logic)"
            r"|(?:your|implementation|logic|code) goes here|your code here",
        ),
        "code that was left out",
        35,
    ),
    # In capitals, or as a label: a todo list is also something that programs are written for.
    (
        "code as it stands",
        ("todo", "fixme"),
        re.compile(r"(?:#|//|/\*|--|<!--)[ \t]{0,9}(?:(?:TODO|FIXME)\b|(?i:todo|fixme):)"),
        "a TODO in the code",
        20,
    ),
    (
        "prose as it stands",
        ("todo", "tbd", "to be "),
        re.compile(
            r"^[^\w#]{0,4}(?:TODO|TBD|todo|tbd|[Tt]o be (?:done|determined|written))\W{0,4}$", re.M
        ),
        "a TODO",
        35,
    ),
)
"""Where to look, what is there in small letters if it can be found, what for, its name, and its cost.

What is not looked at as it stands is looked at in small letters.
"""

_REFUSAL = re.compile(
    r"^\W*+(?:(?:i['\u2019]m (?:really |very )?sorry|i apologi[sz]e|sorry|unfortunately)\W*+)?(?:but\W++)?"
    r"i(?:['\u2019]m| am)?\s{0,3}(?:(?:can(?:['\u2019]t|not| not)|won['\u2019]t|will not)\s{1,3}"
    # Not any verb: "I can't believe ..." is how a story begins.
    r"(?:\w{2,20}ly )?(?:help|assist|do|complete|comply|fulfil\w*|provide|write|create|produce"
    r"|perform|carry|process|access|open|continue|proceed|engage|participate|generate|answer|support|accept"
    r"|take on|work on|discuss|share|give|make|offer|review|translate|transcribe|satisfy|meet"
    r"|deliver|be able to)"
    r"|(?:not able to|unable to|must decline|have to decline|decline))\b"
)

_INABILITY = re.compile(
    r"\b(?:this (?:task|request|order)|(?:the|your) (?:task|order)) "
    r"(?:can ?not|can['\u2019]t|could not) be (?:completed|done|fulfilled|carried out|performed)"
    # Not what somebody is quoted with, such as the question of a customer's.
    r"|(?<!q: )(?<!q\. )(?<!question: )(?<![\"\u201c\u2018'>*])"
    r"\bi (?:can ?not|can['\u2019]t|am unable to|am not able to|could not) (?:do|complete|fulfil"
    r"|help with|assist|perform|carry out|provide|access|open|process|transcribe)\b"
)

_INABILITY_MARKS = (" be ", "i can", "i am ", "i could")
"""What is in such words, each in some of them."""

REFUSAL_OPENING_CHARS = 200
"""Where a text says that it is none, in characters from its start."""

REFUSAL_MAX_CHARS = 1000
"""A longer text that begins like a refusal is taken for work."""


def is_refusal(text: str) -> bool:
    """Whether a model says in words that it will not, or cannot, do the task."""
    text = text.strip().lower()
    if len(text) > REFUSAL_MAX_CHARS:
        return False
    opening = text[:REFUSAL_OPENING_CHARS]
    may_be_unable = any(mark in opening for mark in _INABILITY_MARKS)
    return bool(_REFUSAL.match(text) or (may_be_unable and _INABILITY.search(opening)))


def truncated(submission: Submission) -> Iterator[Finding]:
    """The model stopped at its length limit.

    Source: platform.openai.com/docs/api-reference/chat/object (finish_reason ``length``).
    """
    if submission.finish_reason == "length":
        yield Finding(
            "truncated", "The text was cut off at the length limit; hand in a shorter one.", HARD
        )


def refusal(submission: Submission) -> Iterator[Finding]:
    """A refusal in words, or a word on what is missing, handed in as if it were the work.

    Source: aicity.dev/blog/when-agents-do-bad-work.
    """
    if is_refusal(submission.text):
        yield Finding("refusal", "The text declines the task instead of doing it.", HARD)


def placeholders(submission: Submission) -> Iterator[Finding]:
    """Text that says that the text is still to be written, unless the order speaks of it.

    Source: docs.aicity.dev/docs/guides/disputes (``general``: completeness).
    """
    text, prose = submission.text, submission.plain_prose
    code = "\n".join(block.code for block in submission.blocks) or text
    looked_at: Mapping[Where, str] = {
        **{"text": text, "prose": prose},
        **{"prose as it stands": prose, "code as it stands": code},
    }
    for where, marks, pattern, name, cost in _PLACEHOLDERS:
        written = looked_at[where]
        small = submission.passage(written).folded
        if not any(mark in small for mark in marks):
            continue
        match = pattern.search(written if where.endswith("as it stands") else small)
        if not match or written[slice(*match.span())].lower() in submission.order:
            continue
        if _ORDERED_PLACEHOLDERS.search(submission.task.description.lower()):
            return
        yield Finding("placeholder", f"The text holds {name}; finish it.", cost)


def open_fence(submission: Submission) -> Iterator[Finding]:
    """A code block that never ends, the usual sign of a cut answer.

    Source: spec.commonmark.org/0.31.2/#fenced-code-blocks.
    """
    if submission.is_unclosed:
        yield Finding("open_fence", "A code block is opened and never closed.", 40)


CHECKS: tuple[Check, ...] = (refusal, placeholders, open_fence)
