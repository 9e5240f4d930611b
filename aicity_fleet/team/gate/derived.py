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

BATCH_NUMBERS = 2000
"""After so many numbers the figures are looked for among them: each look sorts them first."""

MAX_COLUMNS = 30
"""How many columns of a table are looked at."""

MAX_PAIRED = 40
"""Longer columns are aggregated, and their numbers not compared one with another."""

MOST_PLAIN_RATIO = 50
"""A larger number is no ratio, unless it is marked as a percentage."""


Claim = tuple[Number, bool]
"""A figure, and whether it is only about right."""

_Step = Callable[[set[float], set[float]], list[float]]
"""Adds to the absolute numbers and to the ratios."""


class Explained:
    """The numbers that are in some tables or follow from them, computed as far as it takes.

    Args:
        tables: The data.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = list(tables)

    def has(self, figure: Number, *, is_about: bool = False) -> bool:
        """Whether a figure is among them, as exactly as it is given."""
        return not self.missing([(figure, is_about)], 0)

    def missing(self, figures: list[Claim], most: int) -> list[Claim]:
        """Return the figures that are not among them, or so many of them as can still be missing.

        Of much data so much follows that it would explain anything: then none is missing.

        Args:
            figures: Figures, each with whether it is only about right.
            most: With no more than these left, the rest is not looked for.
        """
        absolute: set[float] = set()
        ratios: set[float] = set()
        for found in _batches(self._tables):
            if len(absolute) + len(ratios) > MAX_DERIVED:
                return []
            figures = [claim for claim in figures if not found.has(*claim)]
            if len(figures) <= most:
                break
            absolute |= found.absolute
            ratios |= found.ratios
        return figures


class _Batch:
    """Some of the numbers."""

    def __init__(self) -> None:
        self.absolute: set[float] = set()
        self.ratios: set[float] = set()

    @functools.cached_property
    def _lists(self) -> tuple[list[float], list[float]]:
        absolute, ratios = (
            map(abs, filter(math.isfinite, each)) for each in (self.absolute, self.ratios)
        )
        return sorted(absolute), sorted(ratios)

    def has(self, figure: Number, is_about: bool) -> bool:
        units = {1.0, 1e3, 1e6, figure.scale} if figure.scale > 1 else {1.0}  # "EUR m" in a heading
        return any(
            self._has(abs(value) / unit, figure.step / unit, figure.is_percent, is_about)
            for value in figure.values
            for unit in units
        )

    def _has(self, value: float, step: float, is_percent: bool, is_about: bool) -> bool:
        absolute, ratios = self._lists
        coarse = step if step != 1 or value < 1000 else _coarse(value)
        slack = max(0.51 * step if value < 1000 else 0.75 * coarse, 0.0006 * value)
        slack = max(slack, 0.06 * value) if is_about else slack
        if _near(absolute, value, slack):
            return True
        if is_percent:
            return _near(ratios, value / 100, slack / 100)
        return value < MOST_PLAIN_RATIO and _near(ratios, value, slack)


def _batches(tables: list[Table]) -> Iterator[_Batch]:
    """Yield the numbers that follow from tables, those first that take little to compute.

    The last are the comparisons of the totals, which do not count for ``MAX_DERIVED``.
    """
    totals: list[float] = []
    for steps in (_first_steps, _further_steps):
        batch = _Batch()
        for step in itertools.chain.from_iterable(map(steps, tables)):
            totals += step(batch.absolute, batch.ratios)
            if len(batch.absolute) + len(batch.ratios) >= BATCH_NUMBERS:
                yield batch
                batch = _Batch()
        yield batch
    batch = _Batch()
    _compared(totals[:60], batch.absolute, batch.ratios)
    yield batch


def _first_steps(table: Table) -> Iterator[_Step]:
    """What to compute of a table first, each step small; a step returns totals to compare with others."""
    columns = _columns(table)
    for column in columns:
        yield functools.partial(_of_column, column)
    for groups in _groups(table, _products(columns)):
        yield functools.partial(_of_groups, groups)


def _further_steps(table: Table) -> Iterator[_Step]:
    """What to compute after that."""
    columns = _columns(table)
    for column in columns:
        yield functools.partial(_spread_of_column, column)
        yield functools.partial(_within_column, column)
    for first, second in itertools.permutations(columns, 2):
        if len(first) == len(second):
            yield functools.partial(_of_pair, first, second)


def _columns(table: Table) -> list[list[float]]:
    return [column for column in table.columns if column][:MAX_COLUMNS]


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
    total, ordered = sum(column), sorted(column)
    aggregates = _aggregates(column)
    absolute.update(column, aggregates, (ordered[-1] - ordered[0],), range(len(column) + 2))
    absolute.update(itertools.accumulate(column))
    absolute.update(itertools.accumulate(ordered))
    absolute.update(itertools.accumulate(reversed(ordered)))
    absolute.update(value * 100 for value in column if abs(value) <= 1)
    for before, after in itertools.pairwise(column):
        absolute.update((after - before, after + before))
        if before:
            ratios.add((after - before) / before)
    if total:
        ratios.update(value / total for value in column)
        ratios.update(part / total for part in itertools.accumulate(reversed(ordered)))
        ratios.update(part / total for part in itertools.accumulate(column))
    ratios.update(part / len(column) for part in range(min(len(column), 500) + 1))
    return aggregates[:2]


def _aggregates(column: list[float]) -> list[float]:
    """The sum, the mean, the median, the least and the most."""
    return [
        *(sum(column), statistics.fmean(column), statistics.median(column)),
        *(min(column), max(column)),
    ]


def _spread_of_column(column: list[float], absolute: set[float], ratios: set[float]) -> list[float]:
    """How far the values lie apart, and how they grow."""
    if len(column) < 2:
        return []
    mean, ordered = statistics.fmean(column), sorted(column)
    deviations = [statistics.stdev(column), statistics.pstdev(column)]
    absolute.update(deviations, (deviation**2 for deviation in deviations))
    for method in ("inclusive", "exclusive"):
        quartiles = statistics.quantiles(ordered, n=4, method=method)
        spread = quartiles[2] - quartiles[0]
        absolute.update(quartiles)
        absolute.update((spread, quartiles[2] + 1.5 * spread, quartiles[0] - 1.5 * spread))
    absolute.update(statistics.quantiles(ordered, n=20))
    ratios.update(deviation / mean for deviation in deviations if mean)
    ratios.update((value - mean) / deviations[0] for value in column if deviations[0])
    if column[0] > 0 and column[-1] > 0:
        growth = column[-1] / column[0]
        ratios.update(growth ** (1 / periods) - 1 for periods in (len(column) - 1, len(column)))
    return []


def _within_column(column: list[float], absolute: set[float], ratios: set[float]) -> list[float]:
    """How the values of a short column compare, and what its stretches come to."""
    if len(column) > MAX_PAIRED:
        return []
    total = sum(column)
    _compared([*column, *_aggregates(column)], absolute, ratios)
    for size in range(2, min(len(column), 13)):
        sums = [sum(column[at : at + size]) for at in range(len(column) - size + 1)]
        absolute.update(sums, (part / size for part in sums))
        if size in {3, 4, 6} and len(column) % size == 0:
            _compared(sums[::size], absolute, ratios)
    absolute.update(
        (total - value for value in column),
        ((total - value) / (len(column) - 1) for value in column if len(column) > 1),
    )
    return []


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
