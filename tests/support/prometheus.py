"""A real Prometheus for tests: the project's own configuration and rules, only sooner."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from support.source_files import ROOT
from support.waiting import wait_until

from aicity_fleet.embedded.ports import LOOPBACK, free_port

DEPLOY = ROOT / "deploy" / "prometheus"
OFTEN, SOON = "500ms", "1s"
"""How often it scrapes and evaluates, and for how long an alert has to hold before it fires."""

Sample = tuple[dict[str, str], float]


def dashboard() -> dict[str, Any]:
    """The project's dashboard for Grafana."""
    return dict(json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text("utf-8")))


def panels() -> list[dict[str, Any]]:
    """Every panel of it."""
    return list(dashboard()["panels"])


def rules() -> list[dict[str, Any]]:
    """Every alert rule of the project."""
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


class Prometheus:
    """A running server."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, expr: str) -> list[Sample]:
        """Evaluate an expression now; gives the labels and the value of each series."""
        answer = self._client.post("/api/v1/query", data={"query": expr})
        assert answer.is_success, answer.text
        data = answer.json()["data"]
        assert data["resultType"] == "vector", data
        return [(found["metric"], float(found["value"][1])) for found in data["result"]]

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Evaluate an expression every ``step`` seconds; gives each series with its labels and samples."""
        fields: dict[str, Any] = {"query": expr, "start": start, "end": end, "step": step}
        answer = self._client.post("/api/v1/query_range", data=fields)
        assert answer.is_success, answer.text
        return list(answer.json()["data"]["result"])

    def fired(self) -> set[str]:
        """The names of all alerts that have fired since it runs."""
        found = self.query('count_over_time(ALERTS{alertstate="firing"}[1h])')
        return {labels["alertname"] for labels, _ in found}

    @contextmanager
    def fires(self, *names: str) -> Iterator[None]:
        """Check that these alerts fire because of what the block does, and not before."""
        assert not self.fired() & set(names), "it fired before its cause"
        yield
        wait_until(
            lambda: self.fired() >= set(names), description=f"alerts fire: {', '.join(names)}"
        )


@contextmanager
def prometheus(folder: Path, page_port: int) -> Iterator[Prometheus]:
    """Run a server that scrapes one page.

    Args:
        folder: Where it keeps its configuration and data.
        page_port: The port of the page on the loopback.
    """
    folder.mkdir()
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": OFTEN, "evaluation_interval": OFTEN}
    config["global"]["scrape_timeout"] = OFTEN
    (scrape,) = config["scrape_configs"]
    scrape["static_configs"] = [{"targets": [f"{LOOPBACK}:{page_port}"]}]
    group = {"name": "sooner", "rules": [{**rule, "for": SOON} for rule in rules()]}
    (folder / "alerts.yml").write_text(yaml.safe_dump({"groups": [group]}))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with serving(folder) as server:
        yield server


@contextmanager
def serving(folder: Path) -> Iterator[Prometheus]:
    """Run a server on the configuration, the rules and the data in a folder."""
    address = f"{LOOPBACK}:{free_port()}"
    argv = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", "--log.level=warn"]
    argv += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
    with (folder / "log").open("wb") as log, httpx.Client(base_url=f"http://{address}") as client:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            server = Prometheus(client)
            wait_until(server.is_ready, description="Prometheus answers")
            yield server
        finally:
            process.kill()
            process.wait()
