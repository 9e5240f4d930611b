"""Numbers in texts, with how exactly they are given, and the columns of numbers that an order brings."""

import dataclasses
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence

MAX_DATA_CHARS = 60_000
"""Longer data of an order are not read, in characters."""

MAX_NUMBERS = 5_000
"""With more numbers in an order, nothing is said about its figures."""

_PLAIN = re.compile(r"-?\d{1,15}(?:\.\d{1,2})?")

_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "mio": 1e6, "b": 1e9, "bn": 1e9,
           "billion": 1e9}  # fmt: skip
NUMBER = re.compile(
    r"(?<![\w.,/:#])(?<!\d[-/])(?P<sign>[-+\u2212\u2013]?)[$€£¥]? ?"
    r"(?P<digits>\d{1,3}(?:[,.'\u202f\u00a0 ]\d{3}(?!\d))+(?:[.,]\d{1,6})?"
    r"|\d{1,15}(?:[.,]\d{1,12})?)"
    r"(?: ?(?P<scale>k|thousand|mn|m|million|mio|bn|b|billion)\b)?(?: ?(?P<percent>%|percent\b"
    r"|per cent\b|pp\b|Prozent\b))?"
    r"(?![\w/:]|[.,-]\d)",
    re.I,
)
DIGIT = re.compile(r"\d")
_BEFORE_DIGITS = frozenset("-+\u2212\u2013$€£¥ ")
"""What can stand in a number before its digits, three characters at most."""
_PAIR = re.compile(
    r"([^\W\d_][\w'\u2019-]{0,30})[ \t]{0,3}[:=(]?[ \t]{0,3}[$€£]?(\d[\d,.]{0,14}\d|\d)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """One number as it stands in a text."""

    values: tuple[float, ...]
    """What it can be: ``1,234`` may be a thousand or one and a bit."""
    step: float
    """The worth of its last digit."""
    scale: float
    """1, or what a word or letter behind the number makes of it, such as a million; ``values`` has it."""
    is_percent: bool
    start: int
    """Where it begins, in characters from the start of the text."""


@dataclasses.dataclass(slots=True)
class Table:
    """Columns of numbers of one length, and columns of words beside them."""

    columns: list[list[float]]
    keys: list[list[str]]


def find_numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text in their order."""
    for match in _matches(text):
        digits = match["digits"]
        scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
        readings = _readings(digits)
        sign = -1 if match["sign"] in {"-", "\u2212", "\u2013"} else 1
        _, decimals = readings[0]
        yield Number(
            tuple(sign * value * scale for value, _ in readings),
            10.0**-decimals * scale,
            scale,
            bool(match["percent"]),
            match.start(),
        )


def _matches(text: str) -> Iterator[re.Match[str]]:
    """What ``NUMBER`` finds, looked for only before digits."""
    at = 0
    while digit := DIGIT.search(text, at):
        first = start = digit.start()
        while start > at and text[start - 1] in _BEFORE_DIGITS:
            start -= 1
        found = (NUMBER.match(text, place) for place in range(max(start, first - 3), first + 1))
        match = next(filter(None, found), None)
        if match:
            yield match
        at = match.end() if match else first + 1


def _readings(digits: str) -> list[tuple[float, int]]:
    """The values that digits with signs between them can have, each with its number of decimals."""
    if digits.isdecimal():
        return [(float(digits), 0)]
    marks = re.findall(r"\D", digits)
    parts = re.split(r"\D", digits)
    whole, last = "".join(parts[:-1]), parts[-1]
    if len(last) != 3 or (len(marks) > 1 and marks[-1] != marks[0]):
        return [(float(f"{whole}.{last}"), len(last))]
    grouped = (float(whole + last), 0)
    fraction = (float(f"{whole}.{last}"), 3)
    if len(marks) > 1 or marks[0] not in ".,":
        return [grouped]
    if marks[0] == ",":
        return [fraction] if whole == "0" else [grouped]
    return [fraction, grouped]


def value_of(cell: str) -> float | None:
    """Return the number that a cell of a table is; None when it is none."""
    cell = cell.strip().strip("\"'").strip()
    if _PLAIN.fullmatch(cell):
        return float(cell)
    match = NUMBER.fullmatch(cell) if len(cell) <= 40 else None
    return next(find_numbers(cell)).values[0] if match else None


def tables_in(texts: Iterable[str], values: object = None) -> list[Table]:
    """Return the tables of some texts and of a JSON value."""
    tables: list[Table] = []
    for text in texts:
        data = _json(text)
        if data is None:
            rest = _line_tables(text, tables)
            _named_numbers(rest, tables)
        else:
            _json_tables(data, tables)
    _json_tables(values, tables)
    return [table for table in tables if any(table.columns)]


def _json(text: str) -> object:
    start = text.strip()
    if start[:1] not in {"[", "{"}:
        return None
    try:
        found: object = json.loads(start)
    except (ValueError, RecursionError):
        return None
    return found


def _json_tables(value: object, tables: list[Table], depth: int = 6) -> None:
    if not depth or not isinstance(value, dict | list):
        return
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        names = dict.fromkeys(name for item in value for name in item)
        tables.append(_table([[str(item.get(name, "")) for name in names] for item in value]))
        parts: Sequence[object] = [part for item in value for part in item.values()]
    elif isinstance(value, list):
        rows = [item for item in value if isinstance(item, list)]
        flat = [str(item) for item in value if isinstance(item, int | float)]
        if rows:
            tables.append(_table([[str(cell) for cell in row] for row in rows]))
        if flat:
            tables.append(_table([[item] for item in flat]))
        parts = [item for item in value if isinstance(item, dict)]
    else:
        parts = list(value.values())
        pairs = [[str(k), str(v)] for k, v in value.items() if isinstance(v, int | float)]
        if pairs:
            tables.append(_table(pairs))
    for part in parts:
        _json_tables(part, tables, depth - 1)


def _line_tables(text: str, tables: list[Table]) -> str:
    """Add the tables in a text's lines; return the other lines."""
    rest: list[str] = []
    rows: list[list[str]] = []
    for line in [*text.split("\n"), ""]:
        cells = _cells(line)
        if rows and len(cells) != len(rows[0]):
            if len(rows) > 1:
                tables.append(_table(rows))
            else:
                rest.append(" ".join(rows[0]))
            rows = []
        if len(cells) > 1:
            if not all(set(cell.strip()) <= set(":-= ") for cell in cells):
                rows.append(cells)
        else:
            rest.append(line)
    return "\n".join(rest)


def _cells(line: str) -> list[str]:
    line = line.strip().strip("|")[:5_000]
    for mark in ("|", "\t", ";"):
        if mark in line:
            return line.split(mark)
    if "," in line:
        cells = line.split(",")
        if any(value_of(cell) is not None for cell in cells) or not re.search(r", ", line):
            return cells
    return re.split(r" {2,}", line) if "  " in line else []


def _table(rows: list[list[str]]) -> Table:
    table = Table([], [])
    width = max(map(len, rows), default=0)
    for at in range(min(width, 60)):
        cells = [row[at] if at < len(row) else "" for row in rows]
        values = [value_of(cell) for cell in cells]
        numbers = [value for value in values if value is not None]
        if len(numbers) * 2 > len(cells) or len(numbers) >= 3:
            table.columns.append(numbers)
            if len(numbers) * 2 <= len(cells):
                table.keys.append(cells)
        else:
            table.keys.append([cell.strip().lower() for cell in cells])
    # The columns have one length where the head is the only line without numbers.
    return table


def _named_numbers(text: str, tables: list[Table]) -> None:
    """Add the numbers of prose: all of them, those of each line, and those behind each word."""
    lines = [line for line in text.split("\n") if DIGIT.search(line)]
    pairs = [
        (name.lower(), value_of(digits)) for line in lines for name, digits in _PAIR.findall(line)
    ]
    found = [(name, value) for name, value in pairs if value is not None]
    rows = [[number.values[0] for number in find_numbers(line)] for line in lines]
    numbers = list(itertools.chain.from_iterable(rows))
    is_readable = len(numbers) <= MAX_NUMBERS
    if is_readable:
        tables.append(Table([numbers], []))
    if found:
        tables.append(Table([[value for _, value in found]], [[name for name, _ in found]]))
    if is_readable:
        tables += [Table([row], []) for row in rows if len(row) > 2]
