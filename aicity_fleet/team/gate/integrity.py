"""Checks that hold for every category: whole, ours to send, and fit to be sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MIN_CHARS = 20
"""A deliverable with fewer characters counts as empty."""

MAX_CHARS = 400_000
"""Longest deliverable, in characters; the checks stay fast below it."""

CONTROL_WORDS = frozenset({"task_complete", "terminate", "task_done", "[done]", "end_of_task"})
"""Words with which prompts in the wild end a conversation; ``TASK_COMPLETE`` is the guide's."""

_SECRETS: dict[str, re.Pattern[str]] = {
    "an API key (sk-...)": re.compile(r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,200}"),
    "an AI City key": re.compile(r"(?<![A-Za-z0-9])ac_live_[A-Za-z0-9]{8,200}"),
    "an AWS access key": re.compile(
        r"(?<![A-Z0-9])A[KS]IA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}(?![A-Z0-9])"
    ),
    "a GitHub token": re.compile(
        r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{50,255})"
    ),
    "a Slack token": re.compile(r"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{20,200}"),
    "a Google API key": re.compile(r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----\s{0,4}[A-Za-z0-9+/]{20}"),
}

_OUR_LINES = re.compile(
    r"^\W{0,4}(?:(?:BEGIN|END) BUYER TEXT [0-9a-f]{8}"
    r"|Hand in with: (?:submit|marker)"
    r"|Revise: your hand-in did not pass)|HAND-IN-[0-9a-f]{24}",
    re.MULTILINE,
)

_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (re.compile(r"lorem ipsum"), "filler text (lorem ipsum)", 40),
    (re.compile(r"\bas an ai (?:language )?(?:model|assistant)\b"), "talk about being an AI", 35),
    (
        re.compile(r"\[(?:insert|your|add|fill in|placeholder|todo|tbd)\b[^\]\n]{0,60}\](?!\()"),
        "a placeholder in brackets",
        35,
    ),
    (
        re.compile(
            r"(?:#|//|/\*|--|<!--)[ \t]{0,9}(?:\.\.\.|…)?[ \t]{0,9}(?:the )?(?:rest of|remaining|existing) "
            r"(?:the |your )?(?:code|file|function|implementation|logic)"
            r"|(?:your|implementation|logic|code) goes here|your code here"
        ),
        "code that was left out",
        35,
    ),
    (re.compile(r"(?:#|//|/\*|--|<!--)[ \t]{0,9}(?:todo|fixme)\b"), "a TODO in the code", 20),
    (
        re.compile(r"^\W{0,4}(?:todo|tbd|to be (?:done|determined|written))\W{0,4}$", re.M),
        "a TODO",
        35,
    ),
)

_REFUSAL = re.compile(
    r"^\W*(?:i['\u2019]m (?:really |very )?sorry|i apologi[sz]e|sorry|unfortunately)?\W*(?:but )?\W*"
    r"i(?:['\u2019]m| am)?\s*(?:can(?:['\u2019]t|not| not)|won['\u2019]t|will not|am not able to"
    r"|not able to|unable to|must decline|have to decline|decline)\b"
)

_INABILITY = re.compile(
    r"\b(?:this|the|your) (?:task|request|order) (?:can ?not|can['\u2019]t|could not) be "
    r"(?:completed|done|fulfilled|carried out|performed)"
    r"|\bi (?:can ?not|can['\u2019]t|am unable to|am not able to|could not) (?:do|complete|fulfil"
    r"|help with|assist|perform|carry out|provide|access|open|process|transcribe)\b"
)

REFUSAL_OPENING_CHARS = 200
"""Where a text says that it is none, in characters from its start."""

REFUSAL_MAX_CHARS = 1000
"""A longer text that begins like a refusal is taken for work."""


def is_refusal(text: str) -> bool:
    """Whether a model says in words that it will not, or cannot, do the task."""
    text = text.strip().lower()
    if len(text) > REFUSAL_MAX_CHARS:
        return False
    return bool(_REFUSAL.match(text) or _INABILITY.search(text[:REFUSAL_OPENING_CHARS]))


def sized(submission: Submission) -> Iterator[Finding]:
    """Nothing, next to nothing, or far too much was handed in.

    Source: aicity.dev/blog/when-agents-do-bad-work (an empty delivery is a failed one).
    """
    if len(submission.text.strip()) < MIN_CHARS:
        yield Finding("empty", "The deliverable is empty or only a few words long.", HARD)
    elif len(submission.text) > MAX_CHARS:
        yield Finding("too_long", "The deliverable is too long; keep to what was ordered.", HARD)


def truncated(submission: Submission) -> Iterator[Finding]:
    """The model stopped at its length limit.

    Source: platform.openai.com/docs/api-reference/chat/object (finish_reason ``length``).
    """
    if submission.finish_reason == "length":
        yield Finding(
            "truncated", "The text was cut off at the length limit; hand in a shorter one.", HARD
        )


def unsendable(submission: Submission) -> Iterator[Finding]:
    """Characters that no report can carry or no reader sees.

    Source: RFC 8259 section 8.1 (JSON is UTF-8; a lone surrogate cannot be encoded).
    """
    if re.search("[\x00\ud800-\udfff]", submission.text):
        yield Finding("unsendable", "The text holds characters that cannot be sent.", HARD)


def control_text(submission: Submission) -> Iterator[Finding]:
    """A control word at the end, or lines of our own conversation.

    Source: the AutoGen guide of AI City ends its team with ``TASK_COMPLETE``; a buyer never
    ordered it. Within a text the word is content and stays.
    """
    lines = submission.text.strip().split("\n")
    if (
        lines[-1].strip(" \t`*_\"'.").lower()
        in {w.strip("_[]") for w in CONTROL_WORDS} | CONTROL_WORDS
    ):
        yield Finding("control_text", "The last line is a control word; leave it out.", HARD)
    if _OUR_LINES.search(submission.text):
        yield Finding(
            "control_text", "Lines of the conversation stand in the text; leave them out.", HARD
        )


def secret(submission: Submission) -> Iterator[Finding]:
    """Keys and tokens, whoever's they are: a deliverable may become public.

    Source: the token formats that the providers document, such as docs.github.com/en/code-security
    ("supported secret scanning patterns").
    """
    for name, pattern in _SECRETS.items():
        if pattern.search(submission.text):
            yield Finding("secret", f"The text holds what looks like {name}; mask it.", HARD)


def forbidden(submission: Submission) -> Iterator[Finding]:
    """Texts of ours that the caller names: keys, nonces, lines of the instructions.

    Source: docs.aicity.dev/docs/concepts/security (a stranger's text must not get at the agent's).
    """
    squeezed = " ".join(submission.text.split())
    if any(
        text and (text in submission.text or " ".join(text.split()) in squeezed)
        for text in submission.forbidden
    ):
        yield Finding(
            "forbidden", "The text repeats parts of the instructions; leave them out.", HARD
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
    if re.search(r"\bplaceholders?\b|\btemplates?\b", submission.task.description.lower()):
        return
    for pattern, name, cost in _PLACEHOLDERS:
        match = pattern.search(submission.lower)
        if match and match.group() not in submission.order:
            yield Finding("placeholder", f"The text holds {name}; finish it.", cost)


def open_fence(submission: Submission) -> Iterator[Finding]:
    """A code block that never ends, the usual sign of a cut answer.

    Source: spec.commonmark.org/0.31.2/#fenced-code-blocks.
    """
    if submission.is_unclosed:
        yield Finding("open_fence", "A code block is opened and never closed.", 40)


CHECKS: tuple[Check, ...] = (
    sized,
    truncated,
    unsendable,
    control_text,
    secret,
    forbidden,
    refusal,
    placeholders,
    open_fence,
)
