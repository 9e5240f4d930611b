"""What the page of the picture is given: each query's series, named as in the dashboard's legend."""

from __future__ import annotations

import json
from typing import Any

from picture.page import STEP, write_data
from support.prometheus import Prometheus, panels

BEGAN, ENDED = 1_000_007.0, 1_000_100.0
EDGES = (1_000_005.0, 1_000_095.0)
"""Both moments at the step before them, as Grafana asks."""


class Canned(Prometheus):
    """Gives one series for every query, with any label that a legend may name."""

    def __init__(self, *, is_empty: bool = False) -> None:
        self.is_empty = is_empty
        self.asked: list[tuple[str, float, float, float]] = []

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        self.asked.append((expr, start, end, step))
        names = (
            "state",
            "queue",
            "cause",
            "ending",
            "team",
            "answer",
            "endpoint",
            "model",
            "outcome",
        )
        values = [[start, "NaN"], [end, "2.5"]]
        return (
            [] if self.is_empty else [{"metric": {n: n.upper() for n in names}, "values": values}]
        )


def test_the_page_gets_every_query_under_its_name(tmp_path):
    server = Canned()
    assert write_data(tmp_path, server, BEGAN, ENDED) == []
    text = (tmp_path / "data.js").read_text("utf-8")
    data = json.loads(text.removeprefix("const DATA = ").removesuffix(";\n"))
    targets = [target for panel in panels() for target in panel["targets"]]
    assert [len(data["panels"][str(panel["id"])]) for panel in panels()] == [
        len(panel["targets"]) for panel in panels()
    ]
    for target, (expr, start, end, step) in zip(targets, server.asked, strict=True):
        assert "$" not in expr
        is_tile = bool(target.get("instant"))
        assert (start, end, step) == (EDGES[1] if is_tile else EDGES[0], EDGES[1], STEP)
    (states,) = data["panels"]["9"]
    assert (states["name"], states["values"]) == ("STATE", [None, 2.5])
    assert states["times"] == [moment * 1000 for moment in EDGES]


def test_a_panel_without_data_is_named(tmp_path):
    titles = write_data(tmp_path, Canned(is_empty=True), BEGAN, ENDED)
    assert titles == [panel["title"] for panel in panels()]
