"""What a Prometheus and a Grafana get from us: it names only metrics, commands and settings that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import combinations
from typing import Any

import pytest
import typer.main
from support.prometheus import DEPLOY, dashboard, panels, rules

from aicity_fleet.cli import app
from aicity_fleet.metrics.page import PREFIX, UP
from aicity_fleet.metrics.table import COUNTERS, GAUGES, HISTOGRAMS
from aicity_fleet.settings import Settings

METRICS = {
    UP,
    *(PREFIX + gauge.name for gauge in GAUGES),
    *(f"{PREFIX}{counter.name}_total" for counter in COUNTERS),
    *(f"{PREFIX}{h.name}_{part}" for h in HISTOGRAMS for part in ("bucket", "sum", "count")),
}
TARGETS = [target for panel in panels() for target in panel["targets"]]
QUERIES = [*(rule["expr"] for rule in rules()), *(target["expr"] for target in TARGETS)]


def by_name(rule: dict[str, Any]) -> str:
    return str(rule["alert"])


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_of_a_query_exists(query):
    named = set(re.findall(r"\baicity_fleet_\w+", query))
    assert named <= METRICS
    assert named or query == 'up{job="aicity-fleet"} == 0', "the one that is Prometheus's own"


@pytest.mark.parametrize("rule", rules(), ids=by_name)
def test_an_alert_says_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description"}
    text = " ".join(rule["annotations"].values())
    assert "'" in text, "a command to run, in quotes"
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(re.findall(r"aicity-fleet ([a-z-]+)", text)) <= commands.keys()
    settings = {str(field.alias) for field in Settings.model_fields.values()}
    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", text)) <= settings


def test_no_name_of_an_alert_is_given_twice():
    assert len({rule["alert"] for rule in rules()}) == len(rules())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_configuration_and_its_rules():
    argv = ["promtool", "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"]
    done = subprocess.run(argv, cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_a_grafana_can_import_the_dashboard():
    assert dashboard()["schemaVersion"] == 39
    (variable,) = dashboard()["templating"]["list"]
    assert (variable["name"], variable["type"]) == ("datasource", "datasource")
    assert [panel["id"] for panel in panels()] == list(range(1, len(panels()) + 1))
    for panel in panels():
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == [*"ABCDEFGH"][: len(letters)] != []


def test_a_tile_shows_nothing_of_a_fleet_that_is_no_longer_scraped():
    tiles = [target for panel in panels() if panel["type"] == "stat" for target in panel["targets"]]
    assert tiles
    assert all((tile["instant"], tile["range"]) == (True, False) for tile in tiles)


def test_no_panel_lies_over_another():
    for one, other in combinations([panel["gridPos"] for panel in panels()], 2):
        is_beside = any(
            a[place] + a[size] <= b[place]
            for a, b in ((one, other), (other, one))
            for place, size in (("x", "w"), ("y", "h"))
        )
        assert is_beside, (one, other)
