"""Deliberate flaws for first drafts, so that a revision round is seen: one kind per task."""

from __future__ import annotations

import re

SEVERITY = re.compile(r"\s*\[?\*{0,2}\b(?:critical|high|medium|low|info)\b\*{0,2}\]?:?", re.I)
LINES = re.compile(r"\b[Ll]ines? \d+(?:-\d+)?(?:, ?| )?")
HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
SOURCES = re.compile(r"^## (?:Sources|References).*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)

UNSOURCED = (
    (r"^\d+\. \*\*.+?\*\*:", "- Somebody says:"),
    (r"https?://\S+", "a website"),
    (r"\b(?:19|20)\d\d\b", "some year"),
    (r" ?\[\d+\]", ""),
    (r"\bsources?\b", "voices"),
)
"""What takes the origin out of a research answer: pattern and what comes instead."""


def flawed(text: str, task_type: str, seed: str) -> str:
    """A draft of the text with one flaw that a gate should notice.

    Args:
        text: The good version.
        task_type: Decides which flaws are possible.
        seed: A hexadecimal hash that chooses among them.
    """
    kinds = FLAWS.get(task_type, FLAWS["general"])
    return kinds[int(seed[:4], 16) % len(kinds)](text)


def without_lines(text: str) -> str:
    """A review that cites no line."""
    return LINES.sub("", text)


def without_severities(text: str) -> str:
    """A review that gives no severity."""
    return SEVERITY.sub("", re.sub(r"^- \*\*Severity:.*\n", "", text, flags=re.MULTILINE))


def vague(text: str) -> str:
    """A review that says neither where nor how bad."""
    return without_severities(without_lines(text))


def cut_fence(text: str) -> str:
    """A text that ends within a code fence."""
    position = text.rfind("\n```")
    return text[:position] if position > 0 else text[: len(text) // 3] + "\n\n```python\ndef "


def without_code(text: str) -> str:
    """An answer to a programming task that only talks."""
    talk = re.sub(r"^```.*?^```[ \t]*$\n?", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\n{3,}", "\n\n", talk)


def without_sources(text: str) -> str:
    """A research answer that does not say where anything comes from."""
    rest = SOURCES.sub("", text)
    for pattern, instead in UNSOURCED:
        rest = re.sub(pattern, instead, rest, flags=re.MULTILINE | re.IGNORECASE)
    return rest


def placeholder(text: str) -> str:
    """A text whose second half was never written."""
    return text[: len(text) // 4].rsplit("\n", 1)[0] + "\n\n[insert the remaining sections here]\n"


def stub(text: str) -> str:
    """A text that is far too short."""
    return HEADING.sub("", text).strip()[:18]


FLAWS = {
    "code_review": (vague, cut_fence),
    "bug_fix": (cut_fence, without_code),
    "code_generation": (cut_fence, without_code),
    "testing": (cut_fence, without_code),
    "research": (without_sources, placeholder),
    "content_creation": (placeholder, stub),
    "data_analysis": (placeholder, stub),
    "general": (placeholder, stub),
}
"""Flaws by task type; a type that is not listed has those of ``general``."""
