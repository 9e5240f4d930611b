"""Rewrites of known defects in Python text: small edits at the places that the syntax tree names.

The text is parsed, never run. An edit that would leave the text unparsable is dropped.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator

from aicity_fleet.simulator.measures import parses

MOST_CHANGES = 40
"""How many edits one text can get."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One edit: where, what stands there afterwards, and why."""

    line: int
    before: str
    after: str
    why: str
    kind: str
    function: str = ""


def rewrite(code: str) -> tuple[str, list[Change]]:
    """The text with every known defect rewritten, and what was changed."""
    changes: list[Change] = []
    done: set[tuple[str, str]] = set()
    for _ in range(MOST_CHANGES):
        change = next(_defects(code, done), None)
        if change is None:
            break
        lines = code.splitlines(keepends=True)
        index = change.line - 1
        changed = lines[index].replace(change.before, change.after, 1)
        candidate = "".join([*lines[:index], changed, *lines[index + 1 :]])
        if changed != lines[index] and parses(candidate):
            code = candidate
            changes.append(change)
        if code != candidate or change.before in change.after:
            done.add((change.before, change.function))
    return code, changes


def _defects(code: str, done: set[tuple[str, str]]) -> Iterator[Change]:
    lines = code.splitlines()
    for function in ast.walk(ast.parse(code)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        whole = ast.unparse(function)
        for number in range(function.lineno, (function.end_lineno or function.lineno) + 1):
            for change in _in_line(lines[number - 1], number, function, whole):
                if (change.before, function.name) not in done:
                    yield dataclasses.replace(change, function=function.name)


def _in_line(
    line: str, number: int, function: ast.FunctionDef | ast.AsyncFunctionDef, whole: str
) -> Iterator[Change]:
    yield from _counting(line, number, whole)
    yield from _failing(line, number, whole)
    yield from _defaults(line, number, function)
    if "datetime.utcnow()" in line:
        yield Change(
            number,
            "datetime.utcnow()",
            "datetime.now(timezone.utc)",
            "`utcnow` returns a time without a zone; an aware time cannot be misread.",
            "utcnow",
        )


def _counting(line: str, number: int, whole: str) -> Iterator[Change]:
    short = re.search(r"range\(len\((\w+)\) - 1\)", line)
    if short and f"{short[1]}[i + 1]" not in whole:
        why = "The range stopped one short, so the last element was never reached."
        yield Change(number, short[0], f"range(len({short[1]}))", why, "range")
    whole_range = re.search(r"range\(len\((\w+)\)\)", line)
    if whole_range and f"{whole_range[1]}[i + 1]" in whole:
        after = f"range(len({whole_range[1]}) - 1)"
        why = "The body reads the next element, so the last round ran past the end (IndexError)."
        yield Change(number, whole_range[0], after, why, "range")
    page = re.search(r"= (\w*page\w*) \* (\w+)$", line)
    if page and "counted from 1" in whole:
        after = f"= ({page[1]} - 1) * {page[2]}"
        why = "Pages are counted from 1, so page 1 has to begin at index 0."
        yield Change(number, page[0], after, why, "page")
    end = re.search(r"= (start \+ \w+) - 1$", line)
    if end and re.search(r"\[start:end\]", whole):
        why = "The end of a slice is exclusive already; subtracting 1 lost the last entry."
        yield Change(number, end[0], f"= {end[1]}", why, "page")
    count = re.search(r"= len\((\w+)\) / (\w+)$", line)
    if count and "page" in whole:
        after = f"= -(-len({count[1]}) // {count[2]})"
        why = "A number of pages is whole: a started page counts, so the division rounds up."
        yield Change(number, count[0], after, why, "count")


def _failing(line: str, number: int, whole: str) -> Iterator[Change]:
    mean = re.search(r"return (\w+) / len\((\w+)\)$", line)
    if mean:
        after = f"return {mean[1]} / len({mean[2]}) if {mean[2]} else 0.0"
        why = "With an empty list the divisor was 0 and the call ended in ZeroDivisionError."
        yield Change(number, mean[0], after, why, "empty")
    spread = re.search(r"return max\((\w+)\) - min\(\1\)$", line)
    if spread:
        after = f"return max({spread[1]}) - min({spread[1]}) if {spread[1]} else 0.0"
        why = "`max` and `min` raise ValueError for an empty list."
        yield Change(number, spread[0], after, why, "empty")
    if re.search(r"^\s*except:", line) and "float(" in whole:
        why = "Only the one expected error is caught; every other one is seen again."
        yield Change(number, "except:", "except FileNotFoundError:", why, "except")
    elif re.search(r"^\s*except:", line):
        why = "A bare `except:` also caught KeyboardInterrupt and typing errors."
        yield Change(number, "except:", "except Exception:", why, "except")
    value = re.search(r"^(\s+)(\w+)\.append\(float\((\w+)\[(\d+)\]\)\)$", line)
    if value and "_number(" not in whole:
        indent, target, row, column = value.groups()
        after = (
            f"try:\n{indent}    {target}.append(float({row}[{column}]))\n"
            f"{indent}except (ValueError, IndexError):\n"
            f"{indent}    continue  # one broken row no longer costs the whole file"
        )
        why = "One broken value is skipped by itself, instead of ending the whole reading."
        yield Change(number, line.strip(), after, why, "rows")
    opened = re.search(r"open\((\w+)\)$", line)
    if opened and "with " not in line:
        after = f'open({opened[1]}, encoding="utf-8", newline="")'
        why = "Without an encoding the file reads differently on another machine."
        yield Change(number, opened[0], after, why, "open")
    walked = re.search(r"for (\w+) in (\w+):$", line)
    if walked and f"del {walked[2]}[{walked[1]}]" in whole:
        after = f"for {walked[1]} in list({walked[2]}):"
        why = (
            "Deleting from a dict while walking over it raises RuntimeError; a copy is walked now."
        )
        yield Change(number, walked[0], after, why, "mutation")


def _defaults(
    line: str, number: int, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[Change]:
    found = re.search(r"(\w+)=(\[\]|\{\})", line)
    if not found or number != function.lineno:
        return
    first = function.body[0]
    indent = " " * first.col_offset
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if not line.rstrip().endswith(":") or has_docstring:
        return  # the linter has a fix for these
    name, empty = found[1], found[2]
    copied = f"list({name})" if empty == "[]" else f"dict({name})"
    before = line[found.start() :]
    after = (
        before.replace(found[0], f"{name}=None", 1).rstrip()
        + f"\n{indent}{name} = {empty} if {name} is None else {copied}"
    )
    why = (
        f"The default of `{name}` was one object for all calls, so what one call added was still "
        "there in the next; each call gets its own now, and a caller's own is not changed."
    )
    yield Change(number, before, after, why, "default")
