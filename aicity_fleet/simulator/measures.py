"""Countable facts about a delivered text, for the quality checks: lines, fences, words, numbers.

Pure functions over strings; no scores are given here.
"""

import ast
import csv
import io
import re
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

FENCE = re.compile(r"^```([\w+-]*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
FENCE_MARK = re.compile(r"^```", re.MULTILINE)
LINE_REFERENCE = re.compile(r"\blines?\s+#?(\d{1,6})|\bL(\d{1,6})\b|\.\w{1,5}:(\d{1,6})\b", re.I)
SEVERITY = re.compile(r"\b(critical|blocker|high|major|medium|moderate|low|minor|info)\b", re.I)
ACTION = re.compile(
    r"\b(use|replace|change|add|remove|pass|return|catch|validate|rename|move|split|wrap|close|"
    r"fix|instead|should|suggest\w*|recommend\w*|compute|bind|raise|rotate|restrict|store)\b",
    re.I,
)
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")
WORD = re.compile(r"[A-Za-z][A-Za-z'-]+")


def fences(text: str) -> list[tuple[str, str]]:
    """Return the closed code fences of a text, as language and content."""
    return [(found[1].lower(), found[2]) for found in FENCE.finditer(text)]


def is_cut(text: str) -> bool:
    """Whether a code fence was opened and never closed."""
    return len(FENCE_MARK.findall(text)) % 2 == 1


def prose(text: str) -> str:
    """Return the text without its code fences."""
    return FENCE.sub("\n", text)


def parses(code: str) -> bool:
    """Whether a text is valid Python."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def python_fences(text: str) -> list[str]:
    """Return the fences that are marked as Python, or not marked and hold some."""
    return [
        code
        for language, code in fences(text)
        if language in {"python", "py", "python3"}
        or (not language and re.search(r"^\s*(def|class|import|from) ", code, re.MULTILINE))
    ]


def line_references(text: str, code_lines: int) -> set[int]:
    """Return the line numbers that a text cites; only real ones when the code is known."""
    cited = {int("".join(groups)) for groups in LINE_REFERENCE.findall(text)}
    return {number for number in cited if 1 <= number <= (code_lines or number)}


def words(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def relevance(request: str, delivered: str) -> float:
    """Return how many of the request's long words come back, 0 to 1; a third of them is full marks."""
    asked = {word for word in words(request) if len(word) >= 6}
    if not asked:
        return 1.0
    found = asked.intersection(words(delivered))
    return min(1.0, len(found) / len(asked) * 3)


def numbers(text: str) -> list[float]:
    """Return every number in a text; thousands may be separated by commas."""
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


def table_of(text: str) -> list[list[str]]:
    """Return the longest run of lines with the same number of commas, read as CSV."""
    best: list[list[str]] = []
    run: list[list[str]] = []
    for line in text.splitlines():
        row = next(csv.reader(io.StringIO(line)), []) if "," in line else []
        if len(row) > 1 and (not run or len(row) == len(run[0])):
            run.append(row)
        else:
            run = [row] if len(row) > 1 else []
        if len(run) > len(best):
            best = run
    return best if len(best) > 2 else []


def numeric_columns(text: str) -> dict[str, list[float]]:
    """Return the numeric columns of the table in a text, by heading: those with mostly numbers."""
    table = table_of(text)
    columns = {}
    for heading, *cells in zip(*table, strict=True):
        values = []
        for cell in cells:
            try:
                values.append(float(cell))
            except ValueError:
                continue
        if len(values) >= 2 and len(values) * 2 >= len(cells):
            columns[heading] = values
    return columns


def true_figures(text: str) -> set[float]:
    """Return the sum, mean, median and extremes of each numeric column of the table in a text."""
    figures: set[float] = set()
    for values in numeric_columns(text).values():
        figures |= {sum(values), statistics.fmean(values), statistics.median(values)}
        figures |= {min(values), max(values)}
    return figures


def strings(value: Any) -> Iterator[str]:
    """Yield every text within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from strings(item)
