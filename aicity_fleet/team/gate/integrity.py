"""Checks that hold for every category: the text is fit to be sent, and gives away nothing of ours."""

import html
import re
from collections.abc import Iterator

from aicity_fleet.redaction import REDACTED
from aicity_fleet.team.gate import (
    cut_off,
    echo,
    error_pages,
    gibberish,
    links,
    promises,
    reasoning,
    repetition,
    tool_calls,
    unfinished,
    wanted_language,
)
from aicity_fleet.team.gate.disguise import holds_any, skeleton
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MIN_CHARS = 20
"""A deliverable with fewer characters counts as empty."""

MAX_SMALL_ORDER_CHARS = 150
"""An order of so few characters can be for less than that."""

_FIGURE = re.compile(r"[\^=~$\u20ac\u00a3+-]?\d|[\^=]\S")
_TRANSLATES_PHRASE = re.compile(
    r"\b(?:translat|übersetz|tradu)\w*[^\n]{0,60}[\"\u201c\u201e\u00ab][^\"\u201d\n]{1,40}[\"\u201c\u201d\u00bb]",
    re.I,
)

MAX_CHARS = 400_000
"""Longest deliverable, in characters; the checks stay fast below it."""

MAX_CONTROL_LINE_CHARS = 1000
"""A longer last line is taken for work, in characters."""

MIN_LETTERS = 10
"""A deliverable with fewer letters and digits that anybody sees counts as empty."""

CONTROL_WORDS = (
    "task_complete",
    "terminate",
    "task_done",
    "end_of_task",
    "im_end",
    "endoftext",
    "eot_id",
)
"""Words with which prompts in the wild, and chat templates, end a conversation; ``TASK_COMPLETE`` is
the guide's."""

_CONTROL_LINE = re.compile(f"(?:{'|'.join(map(skeleton, CONTROL_WORDS))})+")

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]"  # control characters, lone surrogates
    "|[\u202a-\u202e\u2066-\u2069]"  # bidirectional controls: "Trojan Source", CVE-2021-42574
    "|\ufeff|[\ufff9-\ufffb]"
    "|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
    "|(?!\ufe0f\u200d)[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}"
    "|[\U000e0000-\U000e007f]"
)
_MAY_BE_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
"""A character of those above, wherever it stands."""

_SEEN = bytes(byte for byte in range(128) if not _MAY_BE_UNSEEN.match(chr(byte)))

_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
"""The flags of England, Scotland and Wales are the one use of tags that is seen."""

_FILLERS = str.maketrans("", "", "\u3164\uffa0\u115f\u1160\u2800")
"""Characters that count as letters or symbols and show nothing."""

_SECRETS: dict[str, re.Pattern[str]] = {
    "an API key (sk-...)": re.compile(
        r"sk-(?<![A-Za-z0-9]sk-)(?=[A-Za-z_-]{0,200}+\d)[A-Za-z0-9_-]{20,200}"
    ),
    "an AI City key": re.compile(r"ac_live_(?<![A-Za-z0-9]ac_live_)[A-Za-z0-9]{8,200}"),
    "an AWS access key": re.compile(
        r"A(?<![A-Z0-9]A)[KS]IA(?![A-Z0-9]{0,40}EXAMPLE)[A-Z0-9]{16}(?![A-Z0-9])"
    ),
    "a GitHub token": re.compile(
        r"g(?<![A-Za-z0-9]g)(?:h[pousr]_[A-Za-z0-9]{36}|ithub_pat_\w{50,255})"
    ),
    "a Slack token": re.compile(r"xox(?<![A-Za-z0-9]xox)[abeprs]-[A-Za-z0-9-]{20,200}"),
    "a Google API key": re.compile(r"AIza(?<![A-Za-z0-9]AIza)[A-Za-z0-9_-]{35}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----\s{0,4}[A-Za-z0-9+/]{20}"),
}

_OUR_LINES = re.compile(
    r"^\W{0,4}(?:(?:BEGIN|END) BUYER TEXT [0-9a-f]{8}"
    r"|Hand in with: (?:submit|marker)"
    r"|Revise: your hand-in did not pass)|HAND-IN-[0-9a-f]{24}",
    re.MULTILINE,
)


_OUR_MARKS = ("BUYER TEXT", "Hand in with", "Revise: your", "HAND-IN-")
"""What is in such lines."""


def sized(submission: Submission) -> Iterator[Finding]:
    """Nothing, next to nothing, or far too much was handed in.

    Source: aicity.dev/blog/when-agents-do-bad-work (an empty delivery is a failed one).
    """
    is_small = len(submission.text.strip()) < MIN_CHARS or _letters(submission.text) < MIN_LETTERS
    if is_small and not _is_whole_answer(submission):
        yield Finding("empty", "The deliverable is empty or only a few words long.", HARD)
    elif len(submission.text) > MAX_CHARS:
        yield Finding("too_long", "The deliverable is too long; keep to what was ordered.", HARD)


def _is_whole_answer(submission: Submission) -> bool:
    """Whether a few characters can be all that was ordered: a figure, a pattern, a translated phrase."""
    order, text = submission.task.description, submission.bare
    if len(order) > MAX_SMALL_ORDER_CHARS or not _letters(text):
        return False
    return bool(_FIGURE.match(text) or (_TRANSLATES_PHRASE.search(order) and _letters(text) >= 4))


def _letters(text: str) -> int:
    """Letters and digits that a reader of the rendered text sees; counting stops at enough."""
    seen = 0
    plain = html.unescape(_without_comments(text))
    for char in plain if plain.isascii() else plain.translate(_FILLERS):
        seen += char.isalnum()
        if seen >= MIN_LETTERS:
            break
    return seen


def _without_comments(text: str) -> str:
    """The text without HTML's comments, in time that grows with its length alone."""
    kept: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return "".join([*kept, text[at:]])


def unsendable(submission: Submission) -> Iterator[Finding]:
    """Characters that no report can carry or no reader sees.

    Source: RFC 8259 section 8.1 (JSON is UTF-8; a lone surrogate cannot be encoded);
    unicode.org/reports/tr36 (what is not seen can carry anything, and steers terminals).
    """
    text = submission.text
    if text.isascii() and not text.encode().translate(None, _SEEN):
        return
    if _MAY_BE_UNSEEN.search(text) and _INVISIBLE.search(_FLAG.sub("", text)):
        yield Finding(
            "unsendable",
            "The text holds characters that cannot be sent or seen; leave them out.",
            HARD,
        )


def control_text(submission: Submission) -> Iterator[Finding]:
    """A control word at the end, or lines of our own conversation.

    Source: the AutoGen guide of AI City ends its team with ``TASK_COMPLETE``; a buyer never
    ordered it. Within a text the word is content and stays.
    """
    if _ends_on_control_word(submission.text):
        yield Finding("control_text", "The last line is a control word; leave it out.", HARD)
    if any(mark in submission.text for mark in _OUR_MARKS) and _OUR_LINES.search(submission.text):
        yield Finding(
            "control_text", "Lines of the conversation stand in the text; leave them out.", HARD
        )


def _ends_on_control_word(text: str) -> bool:
    """Whether the last line with a letter is one, however it is dressed; the end of code is code."""
    for line in reversed(text.strip().split("\n")):
        if line.lstrip().startswith(("```", "~~~")):
            return False
        if letters := skeleton(line):
            is_word = len(line) <= MAX_CONTROL_LINE_CHARS and _CONTROL_LINE.fullmatch(letters)
            return bool(is_word) or line.strip(" \t`*_\"'.").lower() == "[done]"
    return False


def secret(submission: Submission) -> Iterator[Finding]:
    """Find anybody's keys and tokens, because a deliverable may become public.

    Source: the token formats that the providers document, such as docs.github.com/en/code-security
    ("supported secret scanning patterns").
    """
    for name, pattern in _SECRETS.items():
        if pattern.search(submission.text):
            yield Finding("secret", f"The text holds what looks like {name}; mask it.", HARD)
    if REDACTED in submission.text:
        yield Finding("secret", "The text spoke of a secret of the agent; leave it out.", HARD)


def forbidden(submission: Submission) -> Iterator[Finding]:
    """Texts of ours that the caller names: keys, nonces, lines of the instructions.

    In a disguise as well, as far as one can see through it.

    Source: docs.aicity.dev/docs/concepts/security (a stranger's text must not get at the agent's).
    """
    if holds_any(submission.text, submission.forbidden):
        yield Finding(
            "forbidden", "The text repeats parts of the instructions; leave them out.", HARD
        )


CHECKS: tuple[Check, ...] = (
    sized,
    unfinished.truncated,
    unsendable,
    control_text,
    secret,
    forbidden,
    *unfinished.CHECKS,
    *cut_off.CHECKS,
    *links.CHECKS,
    *reasoning.CHECKS,
    *tool_calls.CHECKS,
    *repetition.CHECKS,
    *gibberish.CHECKS,
    *error_pages.CHECKS,
    *echo.CHECKS,
    *promises.CHECKS,
    *wanted_language.CHECKS,
)
