"""When an alert stays silent, and after how long it fires: promtool runs hours of a fleet in no time."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml
from support.prometheus import DEPLOY

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)

Series = dict[str, str]
"""The values of each metric, in promtool's notation: ``7`` all the time, ``0+60`` grows by 60 a minute."""

UP: Series = {"up": "1"}
OVERDUE: Series = {**UP, "overdue_seconds": "0+60", 'jobs{state="running"}': "0"}
WAITS: Series = {**UP, 'oldest_job_seconds{state="finished"}': "0+60"}
MARGIN = "FleetSpendsMoreThanItEarns"
COST = 'cost_dollars_total{model="m",team="t"}'

SILENT = [
    ("FleetRedisMemory", {**UP, "redis_memory_used_bytes": "9", "redis_memory_max_bytes": "0"}),
    ("FleetRedisMemory", {**UP, "redis_memory_used_bytes": "8", "redis_memory_max_bytes": "10"}),
    ("FleetSweepTooOld", {"up": "0"}),
    ("FleetPollTooOld", {"up": "0"}),
    ("FleetPollTooOld", {**UP, "last_poll_timestamp_seconds": "0+60"}),
    ("FleetPollsFail", {**UP, "polls_failed_in_a_row": "9", "key_refused": "1"}),
    ("FleetFailuresInARow", {**UP, "failures_in_a_row": "1"}),
    ("FleetJobOverdue", {**OVERDUE, 'jobs{state="running"}': "1"}),
    ("FleetJobOverdue", {**OVERDUE, 'paused{what="starts"}': "1"}),
    ("FleetJobOverdue", {**OVERDUE, 'breaker_open{endpoint="a"}': "1"}),
    ("FleetJobOverdue", {**OVERDUE, "day_is_full": "1"}),
    ("FleetReportWaits", {**WAITS, 'paused{what="reports"}': "1"}),
    ("FleetReportWaits", {**WAITS, "key_refused": "1"}),
    ("FleetReportWaits", {**WAITS, "quiet_seconds": "30"}),
    (MARGIN, {**UP, "earned_dollars_total": "0"}),
    (MARGIN, {**UP, "earned_dollars_total": "0+2", COST: "0+1"}),
]

FIRES_AFTER = [
    ("FleetLedgerUnreadable", 1, {"up": "0"}),
    ("FleetSweepTooOld", 1, UP),  # never
    ("FleetSweepTooOld", 2, {**UP, "last_sweep_timestamp_seconds": "0"}),
    ("FleetPollTooOld", 1, UP),  # never
    ("FleetPollTooOld", 4, {**UP, "last_poll_timestamp_seconds": "0"}),
    ("FleetPollsFail", 18, {**UP, "polls_failed_in_a_row": "0+1", "key_refused": "0"}),
    ("FleetKeyRefused", 1, {**UP, "key_refused": "1"}),
    ("FleetFailuresInARow", 2, {**UP, "failures_in_a_row": "0+1"}),
    ("FleetJobOverdue", 3, OVERDUE),
    (
        "FleetJobOverdue",
        3,
        {**OVERDUE, 'paused{what="intake"}': "1", 'breaker_open{endpoint="a"}': "0"},
    ),
    ("FleetJobsUndecided", 5, {**UP, "jobs_undecided": "1"}),
    ("FleetBreakerOpen", 10, {**UP, 'breaker_open{endpoint="a"}': "1 0 1 1 0 1 1 0 1 1 0 1 1 0"}),
    ("FleetDayCapFull", 5, {**UP, "day_is_full": "1"}),
    (
        "FleetRedisMemory",
        5,
        {**UP, "redis_memory_used_bytes": "9", "redis_memory_max_bytes": "10"},
    ),
    (MARGIN, 61, {**UP, "earned_dollars_total": "0", COST: "0+1"}),
    (
        MARGIN,
        61,
        {**UP, "earned_dollars_total": "0+1", 'taken_back_dollars_total{why="refunded"}': "0+2"},
    ),
    ("FleetPaused", 60, {**UP, 'paused{what="intake"}': "1"}),
    ("FleetReportWaits", 16, WAITS),
    ("FleetReportWaits", 16, {**WAITS, 'paused{what="intake"}': "1", "quiet_seconds": "0"}),
]


def values(written: str) -> str:
    """Two hours of a value, one for each minute."""
    return written if " " in written else f"{written}{'' if '+' in written else '+0'}x120"


def assert_fires(alert: str, series: Series, after: dict[int, bool], tmp_path) -> None:
    """Check whether an alert fires after so many minutes."""
    query = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    test = {
        "interval": "1m",
        "input_series": [
            {"series": f"aicity_fleet_{name}", "values": values(written)}
            for name, written in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": f"{minutes}m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
            for minutes, fires in after.items()
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(DEPLOY / "alerts.yml")],
                "evaluation_interval": "1m",
                "tests": [test],
            }
        )
    )
    argv = ["promtool", "test", "rules", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("alert", "series"), SILENT)
def test_an_alert_is_silent(alert, series, tmp_path):
    assert_fires(alert, series, {5: False, 60: False, 110: False}, tmp_path)


@pytest.mark.parametrize(("alert", "minutes", "series"), FIRES_AFTER)
def test_an_alert_fires_when_it_has_lasted(alert, minutes, series, tmp_path):
    assert_fires(alert, series, {minutes - 1: False, minutes: True}, tmp_path)
