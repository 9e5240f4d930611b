"""Markdown's fenced code blocks, as far as the checks need them.

Source: spec.commonmark.org/0.31.2/#fenced-code-blocks; deeper indentation is allowed for lists.
"""

import bisect
import dataclasses
import re

_FENCE = re.compile(r"^[ \t]*+(`{3,}+|~{3,}+)([^`\n]*+)$")
_FENCES = ("```", "~~~")
_MARKDOWN = frozenset(("markdown", "md", "mdx"))
_TICKS = re.compile(r"`+")
_HEADING = re.compile(r"^ {0,3}#{1,6} +\S|^\*\*[^*\n]{2,80}\*\*:?[ \t]*$", re.MULTILINE)
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+]|\d{1,3}[.)]) +\S", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One fenced code block."""

    language: str
    """First word of the info string, in lower case; empty when there is none."""
    code: str
    is_closed: bool


def split_fences(text: str) -> tuple[tuple[Block, ...], str]:
    """Return the fenced code blocks, in order, and the prose around them; the last block may be open.

    Within a block of Markdown a fence with a language opens a block of its own, and the next bare fence
    closes that: models nest fences of one length, which CommonMark does not. A bare fence at the very end
    opens nothing.
    """
    if not any(fence in text for fence in _FENCES):
        return (), text
    blocks: list[Block] = []
    outside: list[str] = []
    inside: list[str] = []
    fence = language = ""
    depth = 0
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if not fence:
            if match:
                fence, info = match.group(1), match.group(2).strip()
                language = info.split()[0].lower().strip("{}.,") if info else ""
                inside = []
                depth = 0
            else:
                outside.append(line)
            continue
        if match and match.group(1).startswith(fence) and not (match.group(2).strip() or depth):
            blocks.append(Block(language, "\n".join(inside), is_closed=True))
            fence = ""
            continue
        if match and language in _MARKDOWN and match.group(1) == fence:
            depth += 1 if match.group(2).strip() else -1
        inside.append(line)
    if fence and (language or "".join(inside).strip()):
        blocks.append(Block(language, "\n".join(inside), is_closed=False))
    return tuple(blocks), "\n".join(outside)


def without_code_spans(prose: str) -> str:
    """Return prose without its inline code."""
    if "`" not in prose:
        return prose
    return "\n".join(
        _without_code_spans(line) if "`" in line else line for line in prose.split("\n")
    )


def count_headings(text: str) -> int:
    """Headings, and bold lines that serve as such."""
    return len(_HEADING.findall(text))


def count_list_items(text: str) -> int:
    """Items of lists."""
    return len(_LIST_ITEM.findall(text))


def _without_code_spans(line: str) -> str:
    """One line without its inline code: from a run of backticks to the next one that is as long.

    Source: spec.commonmark.org/0.31.2/#code-spans; a span over several lines is left in.
    """
    runs = list(_TICKS.finditer(line))
    closers: dict[int, list[int]] = {}
    for number, run in enumerate(runs):
        closers.setdefault(len(run.group()), []).append(number)
    kept, at, number = [], 0, 0
    while number < len(runs):
        start, end = runs[number].span()
        start += _is_escaped(line, start)  # its first backtick opens nothing
        as_long = closers.get(end - start, [])
        place = bisect.bisect_right(as_long, number)
        if start < end and place < len(as_long):
            kept.append(line[at:start])
            number = as_long[place]
            at = runs[number].end()
        number += 1
    return "".join([*kept, line[at:]])


def _is_escaped(line: str, at: int) -> bool:
    """Whether an odd number of backslashes stands before a place."""
    count = 0
    while count < at and line[at - 1 - count] == "\\":
        count += 1
    return count % 2 == 1
