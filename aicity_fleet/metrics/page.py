"""The page that Prometheus reads: every metric of the table, from one reading of the fleet."""

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from aicity_fleet.errors import LedgerError
from aicity_fleet.metrics.reading import Reading
from aicity_fleet.metrics.table import COUNTERS, GAUGES, HISTOGRAMS, Counter, Gauge, Histogram

PREFIX = "aicity_fleet_"
UP = f"{PREFIX}up"
"""1 when the ledger could be read. If not, the page says nothing else: no old number is shown as new."""

log = structlog.get_logger(__name__)


class FleetCollector(Collector):
    """Collects the metrics of a fleet.

    Args:
        read: Reads the fleet; its ``LedgerError`` becomes ``up 0``.
    """

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        try:
            reading = self._read()
        except LedgerError as error:
            log.warning("metrics.not_read", message=str(error))
            yield _up(0)
            return
        yield _up(1)
        yield from metrics_of(reading)


def registry_of(read: Callable[[], Reading]) -> CollectorRegistry:
    """Return a registry with the metrics of one fleet and nothing of the process."""
    registry = CollectorRegistry()
    registry.register(FleetCollector(read))
    return registry


def page_of(reading: Reading) -> str:
    """Return the page of one reading, as text."""
    return generate_latest(registry_of(lambda: reading)).decode()


def metrics_of(reading: Reading) -> Iterator[Metric]:
    """Yield the metrics of one reading."""
    counts = _by_name(reading.counts)
    for gauge in GAUGES:
        yield _gauge(gauge, reading)
    for counter in COUNTERS:
        yield _counter(counter, counts.get(counter.field, {}))
    for histogram in HISTOGRAMS:
        yield _histogram(histogram, counts)


Counts = Mapping[tuple[str, ...], int]
"""What was counted under one name, by its labels."""


def _by_name(fields: Mapping[str, str]) -> dict[str, dict[tuple[str, ...], int]]:
    found: dict[str, dict[tuple[str, ...], int]] = {}
    for field, number in fields.items():
        name, *labels = field.split("|")
        found.setdefault(name, {})[tuple(labels)] = int(number)
    return found


def _up(value: int) -> Metric:
    return GaugeMetricFamily(UP, "Whether the ledger could be read.", value)


def _gauge(gauge: Gauge, reading: Reading) -> Metric:
    family = GaugeMetricFamily(PREFIX + gauge.name, gauge.help, labels=gauge.labels)
    for labels, value in gauge.read(reading):
        family.add_metric(labels, value)
    return family


def _counter(counter: Counter, counts: Counts) -> Metric:
    family = CounterMetricFamily(PREFIX + counter.name, counter.help, labels=counter.labels)
    if not counter.labels:
        counts = {(): 0, **counts}
    for labels, number in sorted(counts.items()):
        if len(labels) == len(counter.labels):  # else another version of the fleet counted it
            family.add_metric(labels, number / counter.per)
    return family


def _histogram(histogram: Histogram, counts: Mapping[str, Counts]) -> Metric:
    """Return a histogram; the ledger counts each value in one bucket, and Prometheus in all above too."""
    # Without a number: beyond the last bound, or counted among the others of a ledger that is full.
    values = [
        (int(labels[0]) if labels[0].isdecimal() else None, number)
        for labels, number in counts.get(histogram.field, {}).items()
        if len(labels) == 1
    ]
    per_bucket = dict.fromkeys([*histogram.bounds, None], 0)
    for value, number in values:
        fitting = (b for b in histogram.bounds if value is not None and value <= b)
        per_bucket[next(fitting, None)] += number
    total = counts.get(f"{histogram.field}_sum", {}).get((), 0)
    if histogram.is_exact:
        total = sum((value or 0) * number for value, number in values)
    bounds = [*(str(bound / histogram.per) for bound in histogram.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(per_bucket.values()), strict=True))
    family = HistogramMetricFamily(PREFIX + histogram.name, histogram.help, labels=())
    family.add_metric((), buckets, total / histogram.per)
    return family
