"""The benchmark's own figures: what processes cost, and what several rounds come to."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest
from bench.__main__ import NAMES
from bench.check import compared, counting
from bench.measure import Figure, cpu_seconds, descendants, percentile, pss_bytes, ratios, summarise
from bench.scenarios import Sizes
from bench.tables import rounded, to_json, to_markdown

SPENDS = "import time\nwhile time.process_time() < 0.4: pass\n"
PARENT = f"""\
import subprocess, sys, time
subprocess.run([sys.executable, '-c', {SPENDS!r}], check=True)
child = subprocess.Popen([sys.executable, '-c', {SPENDS + "print(1, flush=True); input()"!r}],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
input()
child.communicate(b'\\n')
"""


@pytest.fixture
def parent():
    """A process that has spent next to nothing, and 0.4 s in each of two children, one of them dead."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    yield process.pid, child
    process.communicate("\n")


def test_the_time_of_living_and_dead_children_counts(parent):
    pid, child = parent
    assert cpu_seconds(pid) >= 0.6
    assert cpu_seconds(pid) > cpu_seconds(child) >= 0.3


def test_the_memory_of_children_counts(parent):
    pid, child = parent
    assert descendants(pid) == [pid, child]
    assert pss_bytes(pid) > pss_bytes(child) > 1 << 20


def test_a_process_that_is_gone_costs_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert cpu_seconds(process.pid) == 0
    assert pss_bytes(process.pid) == 0
    assert pss_bytes(os.getpid()) > 0


@pytest.mark.parametrize(
    ("count", "share", "rank"),
    [(100, 0.5, 50), (100, 0.99, 99), (100, 0.95, 95), (5, 0.99, 5), (1, 0.5, 1), (3, 0.5, 2)],
)
def test_a_percentile_is_the_nearest_rank(count, share, rank):
    assert percentile([*range(count, 0, -1)], share) == rank


def test_rounds_become_medians_and_their_spread():
    found = summarise([{"a": 3.0, "b": 1.0}, {"a": 1.0}, {"a": 2.0, "b": 1.0}])
    assert found == {"a": Figure(median=2, least=1, most=3)}


def test_ratios_are_over_the_median_of_the_base():
    figures = {"celery": {"a": Figure.of([2.0])}, "ours": {"a": Figure.of([1.0, 5.0, 3.0])}}
    assert ratios(figures, "celery")["ours"] == {"a": 1.5}
    assert ratios({"ours": figures["ours"]}, "celery") == {"ours": {"a": None}}


def test_a_base_of_zero_gives_no_ratio():
    figures = {"celery": {"a": Figure.of([0.0])}, "ours": {"a": Figure.of([1.0])}}
    assert ratios(figures, "celery")["ours"] == {"a": None}


SIZES = {**dataclasses.asdict(Sizes(jobs=20)), "most": 2000}


def test_a_report_becomes_a_table_with_medians_spread_and_ratios():
    rounds = {
        "celery": [{"jobs/s": 100.0, "CPU ms/job.redis": 1.0}],
        "ours": [
            {"jobs/s": 40.0, "CPU ms/job.redis": 2.0},
            {"jobs/s": 60.0, "CPU ms/job.redis": 4.0},
        ],
    }
    text = to_markdown(to_json({"throughput": rounds}, SIZES))
    assert "## Throughput\n\n20 tasks are assigned" in text
    assert "|  | jobs/s |\n| --- | --- |\n| celery | 100 |\n" in text
    assert "| ours | 50 (40\u201360) \u00d70.50 |\n" in text
    assert "- ours: CPU ms/job: redis 3\n" in text


def test_a_ratio_that_compares_nothing_is_left_out_and_so_is_who_took_no_part():
    rounds = {"celery": [{"Redis bytes/job": 0.1}], "ours": [{"Redis bytes/job": 9000.0}]}
    text = to_markdown(to_json({"throughput": rounds}, SIZES))
    assert "| ours | 9,000 |\n" in text
    assert "- `ours`: " in text
    assert "- `guide`: " not in text


def test_many_quantities_have_a_row_each():
    rounds = {"10": [{f"move {number}": 1.5 for number in range(9)}]}
    text = to_markdown(to_json({"backlog": rounds}, SIZES))
    assert "| queued | 10 |\n| --- | --- |\n| move 0 | 1.5 |\n" in text


def test_a_contender_without_a_round_has_no_row():
    text = to_markdown(to_json({"idle": {"celery": [], "ours": [{"CPU %": 1.0}]}}, SIZES))
    assert "| ours | 1 |" in text
    assert "| celery" not in text


def test_every_scenario_has_a_heading_and_a_method():
    rounds = {"ours": [{"jobs/s": 1.0}]}
    text = to_markdown(to_json(dict.fromkeys(NAMES, rounds), SIZES))
    assert text.count("\n## ") == len(NAMES) + 1
    assert "{" not in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.01234, "0.0123"), (99.94, "99.9"), (12345.6, "12,346")]
)
def test_a_figure_has_three_digits_that_count(value, text):
    assert rounded(value) == text


def test_a_count_may_grow_by_a_fifth_and_no_more():
    known = {"trips": 10.0, "calls": 100.0}
    assert compared({"trips": 12.0, "calls": 50.0}, known) == []
    assert compared({"trips": 12.1, "calls": 100.0}, known) == ["trips grew from 10 to 12.1"]


def test_a_count_that_is_missing_or_new_is_a_fault():
    assert compared({"trips": 1.0}, {"calls": 1.0}) == [
        "calls was not counted",
        "trips is not on record: make bench-check ARGS=--record",
    ]


def test_python_calls_are_counted_and_those_of_c_are_not():
    def called() -> int:
        return len("four")

    with counting() as counted:
        for _ in range(7):
            called()
    assert 7 <= counted["calls"] <= 9
