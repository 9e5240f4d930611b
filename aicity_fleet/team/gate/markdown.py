"""Markdown's fenced code blocks, as far as the checks need them.

Source: spec.commonmark.org/0.31.2/#fenced-code-blocks; deeper indentation is allowed for lists.
"""

from __future__ import annotations

import dataclasses
import re

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^`\n]*)$")
_HEADING = re.compile(r"^ {0,3}#{1,6} +\S|^\*\*[^*\n]{2,80}\*\*:?[ \t]*$", re.MULTILINE)
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+]|\d{1,3}[.)]) +\S", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One fenced code block."""

    language: str
    """First word of the info string, in lower case; empty when there is none."""
    code: str
    is_closed: bool


def read_blocks(text: str) -> tuple[Block, ...]:
    """All fenced code blocks, in order; the last one may be open."""
    return _split(text)[0]


def prose(text: str) -> str:
    """The text without its fenced code blocks."""
    return _split(text)[1]


def is_unclosed(text: str) -> bool:
    """Whether a fence is opened and never closed."""
    return any(not block.is_closed for block in read_blocks(text))


def count_headings(text: str) -> int:
    """Headings, and bold lines that serve as such."""
    return len(_HEADING.findall(text))


def count_list_items(text: str) -> int:
    """Items of lists."""
    return len(_LIST_ITEM.findall(text))


def _split(text: str) -> tuple[tuple[Block, ...], str]:
    blocks: list[Block] = []
    outside: list[str] = []
    inside: list[str] = []
    fence = language = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if not fence:
            if match:
                fence, info = match.group(1), match.group(2).strip()
                language = info.split()[0].lower().strip("{}.,") if info else ""
                inside = []
            else:
                outside.append(line)
        elif match and match.group(1).startswith(fence) and not match.group(2).strip():
            blocks.append(Block(language, "\n".join(inside), is_closed=True))
            fence = ""
        else:
            inside.append(line)
    if fence:
        blocks.append(Block(language, "\n".join(inside), is_closed=False))
    return tuple(blocks), "\n".join(outside)
