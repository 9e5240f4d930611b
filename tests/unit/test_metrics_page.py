"""The page for Prometheus: what the ledger counted becomes metrics that add up."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger.controls import Breaker, Controls
from aicity_fleet.ledger.rules import bucket_bounds_ms
from aicity_fleet.ledger.server import ServerState
from aicity_fleet.metrics.page import PREFIX, UP, FleetCollector, page_of
from aicity_fleet.metrics.reading import Reading
from aicity_fleet.metrics.table import COUNTERS, GAUGES, HISTOGRAMS
from aicity_fleet.models import JobState
from aicity_fleet.money.cost import Cost
from aicity_fleet.money.day import DaySpending

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

CONTROLS = Controls(
    now=NOW,
    paused={},
    stopped=None,
    quiet_seconds=0.0,
    failures_in_a_row=1,
    failures_assumed=0,
    guard_is_new=False,
    jobs_in_hand=3,
    breakers=(),
    availability="",
)
DAY = DaySpending(
    NOW, Cost(Decimal("1.5")), 3, Decimal("0.5"), Decimal("0.25"), None, Decimal(0), False
)
READING = Reading(
    counts={},
    jobs=dict.fromkeys(JobState, 2),
    oldest_seconds={JobState.QUEUED: 12.5},
    overdue_seconds=3.0,
    undecided=1,
    queues={"jobs": 4},
    read_backs_due=0,
    controls=CONTROLS,
    day=DAY,
    last_poll=None,
    swept_at=None,
    server=None,
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(reading: Reading = READING, **changes: Any) -> Samples:
    """What Prometheus's own parser finds on the page, by name without the prefix and labels."""
    page = page_of(dataclasses.replace(reading, **changes))
    return {
        (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_counts_become_counters_in_base_units():
    found = samples(
        counts={
            "accepted": "7",
            "endings|complete|research": "5",
            "cost|fast|research": "250000000000",
            "earned": "85000",
        }
    )
    assert value(found, "jobs_accepted_total") == 7
    assert value(found, "endings_total", ending="complete", team="research") == 5
    assert value(found, "cost_dollars_total", model="fast", team="research") == 0.25
    assert value(found, "earned_dollars_total") == 8.5
    assert value(found, "rescues_total") == 0, "a counter without labels is there from the start"


def test_buckets_add_up_and_the_last_holds_everything():
    counts = {"wait|250": "2", "wait|1000": "3", "wait|more": "1", "wait_sum": "123000"}
    found = samples(counts=counts)
    assert value(found, "wait_seconds_bucket", le="0.25") == 2
    assert value(found, "wait_seconds_bucket", le="0.5") == 2
    assert value(found, "wait_seconds_bucket", le="1.0") == 5
    assert value(found, "wait_seconds_bucket", le="65536.0") == 5
    assert value(found, "wait_seconds_bucket", le="+Inf") == 6
    assert value(found, "wait_seconds_count") == 6
    assert value(found, "wait_seconds_sum") == 123
    assert value(found, "run_seconds_count") == 0


def test_scores_are_counted_one_by_one_and_so_their_sum_is_exact():
    found = samples(
        counts={"score|87": "2", "score|0": "1", "score|100": "1", "score|other": "1", "score": "1"}
    )
    assert value(found, "gate_score_bucket", le="10.0") == 1
    assert value(found, "gate_score_bucket", le="90.0") == 3
    assert value(found, "gate_score_count") == 5
    assert value(found, "gate_score_sum") == 274


def test_bounds_of_another_version_are_counted_in_the_bucket_that_holds_them():
    found = samples(
        counts={"wait|300": "1", "wait|999999999": "1", "wait|other": "1", "score|0": "1"}
    )
    assert value(found, "wait_seconds_bucket", le="0.25") == 0
    assert value(found, "wait_seconds_bucket", le="0.5") == 1
    assert value(found, "wait_seconds_bucket", le="65536.0") == 1
    assert value(found, "wait_seconds_count") == 3
    assert value(found, "gate_score_bucket", le="10.0") == 1


def test_counts_that_another_version_made_are_left_out():
    found = samples(counts={"unheard": "1", "endings|complete": "1", "accepted|x": "1"})
    assert not [key for key in found if key[0] == "endings_total"]
    assert value(found, "jobs_accepted_total") == 0


def test_labels_are_escaped():
    breaker = Breaker('host "x" a\\b\nc', 3, NOW, "503", is_fatal=False)
    found = samples(controls=dataclasses.replace(CONTROLS, breakers=(breaker,)))
    assert value(found, "breaker_open", endpoint='host "x" a\\b\nc') == 1


def test_gauges_tell_the_state():
    found = samples(
        controls=dataclasses.replace(CONTROLS, is_braked=True, reputation=4.5),
        day=dataclasses.replace(DAY, cap_usd=Decimal(10)),
        server=ServerState(1000, 4000, "noeviction", is_replica=False),
        last_poll={"at": NOW - timedelta(seconds=60), "failing": {"polls": 3}},
    )
    assert value(found, "up") == 1
    assert value(found, "jobs", state="queued") == 2
    assert value(found, "oldest_job_seconds", state="queued") == 12.5
    assert value(found, "paused", what="intake") == 0
    assert value(found, "failures_in_a_row") == 1
    assert value(found, "braked") == 1
    assert value(found, "reputation") == 4.5
    assert value(found, "day_spent_dollars") == 1.5
    assert value(found, "day_cap_dollars") == 10
    assert value(found, "redis_memory_max_bytes") == 4000
    assert value(found, "polls_failed_in_a_row") == 3
    assert value(found, "last_poll_timestamp_seconds") == NOW.timestamp() - 60


@pytest.mark.parametrize(
    "name",
    ["day_cap_dollars", "reputation", "last_poll_timestamp_seconds", "redis_memory_used_bytes"],
)
def test_what_is_unknown_is_absent_and_never_zero(name):
    assert (name, ()) not in samples()


def test_a_ledger_that_cannot_be_read_shows_no_old_number():
    def read() -> Reading:
        raise LedgerUnavailableError("Redis is gone")

    (family,) = FleetCollector(read).collect()
    assert [(sample.name, sample.value) for sample in family.samples] == [(UP, 0)]


def test_names_and_help_keep_to_the_conventions():
    metrics = (*COUNTERS, *GAUGES, *HISTOGRAMS)
    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert metric.name == metric.name.lower()
        assert not metric.name.endswith(("_total", "_ms", "_cents", "_usd")), "base units"
        assert metric.help.endswith("."), metric.name
    page = page_of(READING)
    assert all(f"# HELP {PREFIX}{metric.name}" in page for metric in metrics)


def test_the_bounds_begin_at_a_quarter_of_a_second_and_double():
    bounds = bucket_bounds_ms()
    assert bounds[:3] == (250, 500, 1000)
    assert bounds[-1] == 65_536_000
