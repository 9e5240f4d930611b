"""Data analyses: the table in a text is really read, and every figure is really computed."""

from __future__ import annotations

import dataclasses
import statistics

from aicity_fleet.simulator.measures import numbers, table_of
from aicity_fleet.simulator.model.brief import Brief

FAR_OUT = 3.5
"""Modified z-score from which a value counts as odd, as Iglewicz and Hoaglin propose."""

NORMAL_SHARE = 0.6745
"""What makes the median deviation comparable to a standard deviation."""

BAR_CHARS = 30
"""Length of the longest bar of a chart, in characters."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One numeric column of a table."""

    name: str
    values: list[float]
    labels: list[str]
    """What stands in the first column beside each value."""


def data_analysis(brief: Brief) -> str:
    """Counts, sums, means, medians, extremes, a chart, oddities and the method."""
    columns = columns_of(brief.material)
    parts = ["# Data analysis", "", "## Result in short", ""]
    parts += [_short(column) for column in columns]
    parts += ["", "## Figures", "", "| Column | Count | Sum | Mean | Median | Lowest | Highest |"]
    parts.append("|---|---|---|---|---|---|---|")
    parts += [_row(column) for column in columns]
    first = columns[0]
    parts += ["", f"## Chart: {first.name}", "", "```text"]
    parts += _chart(first)
    parts += ["```", "", "## What is odd", ""]
    odd = [line for column in columns for line in _odd(column)]
    parts += odd or ["Nothing lies far outside the rest of its column."]
    if len(columns) > 1:
        parts += ["", "## What moves together", ""]
        parts += [_relation(first, other) for other in columns[1:]]
    parts += ["", "## Method", ""]
    parts.append(
        f"The figures were read from the {len(first.values)} rows in the text of the request and "
        "computed from them alone: mean is the sum divided by the count, median the middle value "
        "of the sorted column. A value is called odd when its modified z-score (distance "
        "to the median over the median distance) is above 3.5. The correlation is Pearson's r; it "
        "shows that two columns move together, not that one causes the other. Nothing was "
        "smoothed, filled in or left out, except where it says so."
    )
    return "\n".join(parts)


def columns_of(text: str) -> list[Column]:
    """The numeric columns of the table in a text, or else all its numbers as one column."""
    table = table_of(text)
    columns = []
    if table:
        header, *rows = table
        for index, name in enumerate(header):
            pairs = [(row[0].strip(), number_of(row[index])) for row in rows]
            known = [(label, value) for label, value in pairs if value is not None]
            if len(known) >= 2 and len(known) * 2 >= len(rows):
                labels = [label for label, _ in known]
                columns.append(Column(name.strip(), [value for _, value in known], labels))
    if columns:
        return columns
    values = numbers(text)
    return [Column("values", values, [f"no. {number}" for number in range(1, len(values) + 1)])]


def number_of(cell: str) -> float | None:
    """The number in a cell, or None."""
    try:
        return float(cell.strip())
    except ValueError:
        return None


def shown(value: float) -> str:
    """A number with at most two decimals, and none where there is nothing behind the point."""
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _short(column: Column) -> str:
    best = column.labels[column.values.index(max(column.values))]
    worst = column.labels[column.values.index(min(column.values))]
    return (
        f"- **{column.name}**: total {shown(sum(column.values))}, mean "
        f"{shown(statistics.fmean(column.values))}, median "
        f"{shown(statistics.median(column.values))}; best {best} ({shown(max(column.values))}), "
        f"worst {worst} ({shown(min(column.values))})."
    )


def _row(column: Column) -> str:
    values = column.values
    cells = [sum(values), statistics.fmean(values), statistics.median(values)]
    cells += [min(values), max(values)]
    return f"| {column.name} | {len(values)} | " + " | ".join(map(shown, cells)) + " |"


def _chart(column: Column) -> list[str]:
    largest = max(map(abs, column.values)) or 1
    wide = max(map(len, column.labels))
    return [
        f"{label:<{wide}}  {'#' * round(abs(value) / largest * BAR_CHARS)} {shown(value)}"
        for label, value in zip(column.labels, column.values, strict=True)
    ][:40]


def odd_places(column: Column) -> list[int]:
    """Where a column holds values far from its median, counted in median deviations."""
    middle = statistics.median(column.values)
    deviation = statistics.median(abs(value - middle) for value in column.values)
    if not deviation:
        return []
    return [
        place
        for place, value in enumerate(column.values)
        if NORMAL_SHARE * abs(value - middle) / deviation > FAR_OUT
    ]


def _odd(column: Column) -> list[str]:
    middle = shown(statistics.median(column.values))
    return [
        f"- {column.name} in {column.labels[place]}: {shown(column.values[place])} is far from the "
        f"median of {middle}; check it before it is used."
        for place in odd_places(column)
    ]


def _relation(one: Column, other: Column) -> str:
    odd = set(odd_places(one)) | set(odd_places(other))
    usual = [place for place in range(min(len(one.values), len(other.values))) if place not in odd]
    everything = correlation(one.values, other.values)
    without = correlation(
        [one.values[place] for place in usual], [other.values[place] for place in usual]
    )
    if everything is None:
        return f"- {one.name} and {other.name}: no correlation can be computed."
    strength = "closely" if everything > 0.8 else "loosely" if everything > 0.4 else "hardly"
    line = f"- {one.name} and {other.name} move together {strength} (r = {everything:.2f})."
    if odd and without is not None:
        line += f" Without the odd rows r is {without:.2f}."
    return line


def correlation(one: list[float], other: list[float]) -> float | None:
    """Pearson's r, or None where it is not defined."""
    try:
        return statistics.correlation(one, other)
    except statistics.StatisticsError:
        return None
