"""The numbers that follow from tables: aggregates, differences, shares and changes."""

import bisect
import functools
import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Iterator

from aicity_fleet.team.gate.numbers import Number, Table

MAX_DERIVED = 40_000
"""When more numbers than that follow from the data, the figures are not judged."""

MAX_COLUMNS = 30
"""How many columns of a table are looked at."""

MAX_PAIRED = 40
"""Longer columns are aggregated, and their numbers not compared one with another."""

MOST_PLAIN_RATIO = 50
"""A larger number is no ratio, unless it is marked as a percentage."""


class Explained:
    """The numbers that are in some tables or follow from them, as two sorted lists.

    Args:
        tables: The data.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        absolute: set[float] = set()
        ratios: set[float] = set()
        totals: list[float] = []
        self.is_complete = True
        """Whether all was computed: of much data, so much follows that it would explain anything."""
        for step in itertools.chain.from_iterable(map(_steps, tables)):
            totals += step(absolute, ratios)
            if len(absolute) + len(ratios) > MAX_DERIVED:
                self.is_complete = False
                break
        _compared(totals[:60], absolute, ratios)
        self._absolute = sorted(map(abs, filter(math.isfinite, absolute)))
        self._ratios = sorted(map(abs, filter(math.isfinite, ratios)))

    def has(self, figure: Number, *, is_about: bool = False) -> bool:
        """Whether a figure is among them, as exactly as it is given."""
        units = {1.0, 1e3, 1e6, figure.scale} if figure.scale > 1 else {1.0}  # "EUR m" in a heading
        return any(
            self._has(abs(value) / unit, figure.step / unit, figure.is_percent, is_about)
            for value in figure.values
            for unit in units
        )

    def _has(self, value: float, step: float, is_percent: bool, is_about: bool) -> bool:
        coarse = step if step != 1 or value < 1000 else _coarse(value)
        slack = max(0.51 * step if value < 1000 else 0.75 * coarse, 0.0006 * value)
        slack = max(slack, 0.06 * value) if is_about else slack
        if _near(self._absolute, value, slack):
            return True
        if is_percent:
            return _near(self._ratios, value / 100, slack / 100)
        return value < MOST_PLAIN_RATIO and _near(self._ratios, value, slack)


def _steps(table: Table) -> Iterator[Callable[[set[float], set[float]], list[float]]]:
    """What to compute of a table, each step small; a step returns totals to compare with others."""
    columns = [column for column in table.columns if column][:MAX_COLUMNS]
    for column in columns:
        yield functools.partial(_of_column, column)
    for first, second in itertools.permutations(columns, 2):
        if len(first) == len(second):
            yield functools.partial(_of_pair, first, second)
    for groups in _groups(table, _products(columns)):
        yield functools.partial(_of_groups, groups)


def _coarse(value: float) -> float:
    """The worth of the last digit of a large whole number that is not zero, a tenth of it at most."""
    step = 1.0
    while value % (step * 10) == 0 and step * 100 < value:
        step *= 10
    return step


def _near(values: list[float], value: float, slack: float) -> bool:
    at = bisect.bisect_left(values, value - slack)
    return at < len(values) and values[at] <= value + slack


def _of_column(column: list[float], absolute: set[float], ratios: set[float]) -> list[float]:
    total, mean = sum(column), statistics.fmean(column)
    ordered = sorted(column)
    aggregates = [
        total,
        mean,
        statistics.median(ordered),
        ordered[0],
        ordered[-1],
        ordered[-1] - ordered[0],
    ]
    if len(column) > 1:
        deviations = [statistics.stdev(column), statistics.pstdev(column)]
        aggregates += [*deviations, *(deviation**2 for deviation in deviations)]
        for method in ("inclusive", "exclusive"):
            quartiles = statistics.quantiles(ordered, n=4, method=method)
            spread = quartiles[2] - quartiles[0]
            aggregates += [
                *quartiles,
                spread,
                quartiles[2] + 1.5 * spread,
                quartiles[0] - 1.5 * spread,
            ]
        aggregates += statistics.quantiles(ordered, n=20)
        ratios.update(deviation / mean for deviation in deviations if mean)
        ratios.update((value - mean) / deviations[0] for value in column if deviations[0])
        if column[0] > 0 and column[-1] > 0:
            growth = column[-1] / column[0]
            ratios.update(growth ** (1 / periods) - 1 for periods in (len(column) - 1, len(column)))
    absolute.update(column, aggregates)
    absolute.update(itertools.accumulate(column))
    absolute.update(itertools.accumulate(ordered))
    absolute.update(itertools.accumulate(reversed(ordered)))
    for before, after in itertools.pairwise(column):
        absolute.update((after - before, after + before))
        if before:
            ratios.add((after - before) / before)
    if total:
        ratios.update(value / total for value in column)
        ratios.update(part / total for part in itertools.accumulate(reversed(ordered)))
        ratios.update(part / total for part in itertools.accumulate(column))
    _part_of(column, absolute, ratios)
    if len(column) <= MAX_PAIRED:
        _compared([*column, *aggregates[:5]], absolute, ratios)
        for size in range(2, min(len(column), 13)):
            windows = [column[at : at + size] for at in range(len(column) - size + 1)]
            sums = [sum(window) for window in windows]
            absolute.update(sums, (part / size for part in sums))
            if size in {3, 4, 6} and len(column) % size == 0:
                _compared(sums[::size], absolute, ratios)
        absolute.update(
            (total - value for value in column),
            ((total - value) / (len(column) - 1) for value in column if len(column) > 1),
        )
    absolute.update(range(len(column) + 2))
    return [total, mean]


def _part_of(column: list[float], absolute: set[float], ratios: set[float]) -> None:
    """How many values are above and below each other, and their share."""
    ratios.update(part / len(column) for part in range(min(len(column), 500) + 1))
    absolute.update(value * 100 for value in column if abs(value) <= 1)


def _compared(values: list[float], absolute: set[float], ratios: set[float]) -> None:
    for one, other in itertools.permutations(dict.fromkeys(values), 2):
        difference = one - other
        absolute.add(difference)
        if other:
            ratios.add(one / other)
            ratios.add(difference / other)


def _of_pair(
    first: list[float], second: list[float], absolute: set[float], ratios: set[float]
) -> list[float]:
    products = [one * other for one, other in zip(first, second, strict=True)]
    differences = [one - other for one, other in zip(first, second, strict=True)]
    quotients = [one / other for one, other in zip(first, second, strict=True) if other]
    absolute.update(products, differences, [sum(products), sum(differences)])
    absolute.update(sum(products) / sum(weights) for weights in (first, second) if sum(weights))
    absolute.update((statistics.fmean(products), statistics.fmean(differences)))
    ratios.update(quotients)
    ratios.update(1 - value for value in quotients)
    absolute.update(
        value * 1000 for value in quotients if value < 1
    )  # such as a price per thousand
    if quotients:
        ratios.update((statistics.fmean(quotients), statistics.median(quotients)))
    if len(first) <= MAX_PAIRED:
        _compared(quotients[:MAX_PAIRED], ratios, ratios)
        _compared([*products[:MAX_PAIRED], sum(products)], set(), ratios)
        _compared([*differences[:MAX_PAIRED], sum(differences)], absolute, ratios)
    if sum(second):
        share = sum(first) / sum(second)
        ratios.update((share, 1 - share, sum(products) / sum(second)))
    if len(first) > 2 and len(set(first)) > 1 and len(set(second)) > 1:
        slope, intercept = statistics.linear_regression(first, second)
        related = statistics.correlation(first, second)
        ratios.update((related, related**2))
        absolute.update((slope, intercept))
    return []


def _products(columns: list[list[float]]) -> list[list[float]]:
    """The columns, and the products of two: quantity and price."""
    pairs = itertools.islice(itertools.combinations(columns, 2), 10)
    return columns + [
        [one * other for one, other in zip(first, second, strict=True)]
        for first, second in pairs
        if len(first) == len(second)
    ]


def _groups(table: Table, columns: list[list[float]]) -> Iterator[dict[str, list[float]]]:
    """The values of each column by the words of each column beside it."""
    for keys, column in itertools.islice(itertools.product(table.keys, columns), 100):
        if not 0 <= len(keys) - len(column) <= 1 or len(set(keys)) > 100:
            continue
        groups: dict[str, list[float]] = {}
        for key, value in zip(keys[len(keys) - len(column) :], column, strict=True):
            groups.setdefault(key, []).append(value)
        if 1 < len(groups) < len(column):
            yield groups


def _of_groups(
    groups: dict[str, list[float]], absolute: set[float], ratios: set[float]
) -> list[float]:
    sums = [sum(values) for values in groups.values()]
    means = [statistics.fmean(values) for values in groups.values()]
    counts = [float(len(values)) for values in groups.values()]
    for values in groups.values():
        absolute.update(
            (statistics.median(values), min(values), max(values), max(values) - min(values))
        )
        for before, after in itertools.pairwise(values):
            absolute.add(after - before)
            if before:
                ratios.add((after - before) / before)
        if len(values) > 1:
            absolute.add(statistics.stdev(values))
            if values[0]:
                ratios.add((values[-1] - values[0]) / values[0])
    for numbers in (sums, means, counts):
        absolute.update(numbers)
        _compared(numbers[:MAX_PAIRED], absolute, ratios)
        if total := sum(numbers):
            ratios.update(value / total for value in numbers)
    return []
