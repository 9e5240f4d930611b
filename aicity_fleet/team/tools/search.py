"""The tools ``search`` and ``read_file``: looking into the files of a job. Plain text, no patterns.

A pattern from a model or a stranger can take forever; the time to find a plain text grows only with the
files.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from aicity_fleet.errors import ToolError
from aicity_fleet.team.tools import Described, arguments
from aicity_fleet.team.tools.job_files import JobFile, JobFiles

MAX_QUERY_CHARS = 200
"""Longest text that is searched for, in characters."""

MAX_MATCHES = 40
"""Most places that one search shows."""

MAX_LINE_CHARS = 300
"""How much of one line is shown, in characters."""

MAX_LINES = 400
"""Most lines that one call reads."""

SEARCH = Described(
    "search",
    "Finds a text in the files of the order, and in those of a repository that was fetched: every place "
    "with its file, line and the lines around it. Plain text, not a pattern.",
    {
        "query": {"type": "string", "description": "The text to find, within one line."},
        "files": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Names of the files to look into; all when left out.",
        },
        "context": {"type": "integer", "description": "Lines around each place, 0 to 5 (2)."},
        "match_case": {"type": "boolean", "description": "Whether upper and lower case differ."},
    },
    ("query",),
)

READ_FILE = Described(
    "read_file",
    "Shows lines of one file of the order, or of a repository that was fetched, with their numbers.",
    {
        "file": {"type": "string", "description": "The file's name."},
        "first": {"type": "integer", "description": "The first line to show, from 1 (1)."},
        "lines": {"type": "integer", "description": f"How many to show, up to {MAX_LINES} (200)."},
    },
    ("file",),
)


async def search(given: Mapping[str, Any], files: JobFiles) -> str:
    """Find a text.

    Raises:
        ToolError: There is nothing to search, or nothing to search for.
    """
    query = arguments.text(given, "query", max_chars=MAX_QUERY_CHARS)
    if not query.strip() or "\n" in query:
        raise ToolError("query must be a text within one line.")
    asked = arguments.names(given, "files")
    looked = [files.find(name) for name in asked] or list(files)
    if not looked:
        raise ToolError(files.overview())
    context = arguments.number(given, "context", default=2, low=0, high=5)
    # In a thread, for the files may be many; it ends by itself, at the last of them.
    return await asyncio.to_thread(
        _search, query, looked, context, match_case=given.get("match_case") is True
    )


def _search(query: str, looked: list[JobFile], context: int, *, match_case: bool) -> str:
    matches = 0
    parts: list[str] = []
    sought = query if match_case else query.lower()
    for file in looked:
        lines = file.read().split("\n")
        found = [at for at, line in enumerate(lines) if sought in _cased(line, match_case)]
        shown = found[: max(0, MAX_MATCHES - matches)]
        matches += len(found)
        if shown:
            parts += [f"{file.name}:", *_around(lines, shown, context, sought)]
    count = f"{len(looked)} file{'s' if len(looked) > 1 else ''}"
    if not matches:
        return f"Nothing found in {count}."
    more = f" The first {MAX_MATCHES} are shown." if matches > MAX_MATCHES else ""
    return "\n".join([f"{matches} lines in {count} hold it.{more}", *parts])


def _cased(line: str, match_case: bool) -> str:
    return line if match_case else line.lower()


def _around(lines: list[str], found: list[int], context: int, sought: str) -> Iterator[str]:
    """Yield the found lines and those around them, each once, with a mark between parts."""
    marked, last = set(found), -1
    for at in found:
        for near in range(max(at - context, last + 1), min(at + context + 1, len(lines))):
            if last >= 0 and near > last + 1:
                yield "  --"
            # Lower case may have another length; this is about which part of a long line is shown.
            at_char = max(0, lines[near].lower().find(sought.lower())) if near in marked else 0
            mark = ">" if near in marked else " "
            yield f"{mark} {near + 1}: {_cut(lines[near], at_char - MAX_LINE_CHARS // 2)}"
            last = near


async def read_file(given: Mapping[str, Any], files: JobFiles) -> str:
    """Show lines of a file.

    Raises:
        ToolError: There is no such file.
    """
    file = files.find(arguments.text(given, "file", max_chars=MAX_QUERY_CHARS))
    lines = (await asyncio.to_thread(file.read)).split("\n")
    first = arguments.number(given, "first", default=1, low=1, high=len(lines))
    count = arguments.number(given, "lines", default=200, low=1, high=MAX_LINES)
    shown = lines[first - 1 : first - 1 + count]
    head = f"{file.name}, lines {first} to {first + len(shown) - 1} of {len(lines)}:"
    return "\n".join([head, *(f"{first + at}: {_cut(line)}" for at, line in enumerate(shown))])


def _cut(line: str, start: int = 0) -> str:
    if len(line) <= MAX_LINE_CHARS:
        return line
    start = max(0, start)
    return f"{line[start : start + MAX_LINE_CHARS]} ... (part of {len(line)} characters)"
