"""The figures as one JSON object, and as Markdown tables for people."""

from __future__ import annotations

import os
import platform
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.contender import CONTENDERS
from bench.measure import ratios, summarise

BASE = "celery"
"""The contender whose figures the ratios are over."""

TIMES, TO = "\u00d7", "\u2013"

COMPARABLE = (0.01, 100)
"""The ratios that are shown: one beyond says that the two do something else."""

WIDE = 8
"""A table with more quantities than this has one row per quantity."""

Rounds = Mapping[str, Sequence[Mapping[str, float]]]
"""The rounds of one scenario, by contender; of the backlog, by the number of queued jobs."""

TEXTS = tomllib.loads(Path(__file__).with_name("page.toml").read_text("utf-8"))
"""What the page says: its introduction, and the heading and the method of each scenario."""


def to_json(found: Mapping[str, Rounds], sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything: the machine, the sizes, each round, and the figures over them."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "cpu": _cpu_model(),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
        },
        "sizes": dict(sizes),
        "scenarios": {name: _scenario(rounds) for name, rounds in found.items()},
    }


def _scenario(rounds: Rounds) -> dict[str, Any]:
    figures = {name: summarise(each) for name, each in rounds.items() if each}
    over = ratios(figures, BASE)
    return {
        name: {
            "rounds": [dict(one) for one in rounds[name]],
            "figures": {what: figure.to_json() for what, figure in quantities.items()},
            f"over {BASE}": over[name] if BASE in figures else {},
        }
        for name, quantities in figures.items()
    }


def to_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``to_json``."""
    machine, sizes = report["machine"], report["sizes"]
    lines = [TEXTS["introduction"]]
    if report["scenarios"]:
        lines.append(
            f"Measured on {report['measured_at'][:10]} with {machine['cpus']} CPUs ({machine['cpu']}), "
            f"{machine['system']} and Python {machine['python']}. A cell is the median of all rounds, with "
            "the least and the most in brackets where they differ. What stands after "
            f"`{TIMES}` is that median over the one of `{BASE}`."
        )
    for name, contenders in report["scenarios"].items():
        heading, method = (text.format(**sizes) for text in TEXTS[name].values())
        lines += ["", f"## {heading}", "", method, ""]
        lines += _table(contenders, "queued" if name == "backlog" else "")
        lines += _shares(contenders)
    lines += ["", "## Contenders", ""]
    measured = {name for contenders in report["scenarios"].values() for name in contenders}
    shown = [one for one in CONTENDERS.values() if one.name in measured or not measured]
    lines += [f"- `{one.name}`: {one.says}" for one in shown]
    return "\n".join(lines) + "\n"


def _table(contenders: Mapping[str, Any], corner: str) -> list[str]:
    """Return a table of all quantities of whole contenders: a row per contender, or per quantity."""
    names: list[str] = []
    for found in contenders.values():
        names += [name for name in found["figures"] if "." not in name and name not in names]
    rows = [[corner, *names]]
    for contender, found in contenders.items():
        over = found[f"over {BASE}"] if contender != BASE else {}
        cells = [_cell(found["figures"].get(name), over.get(name)) for name in names]
        rows.append([contender, *cells])
    if len(names) > WIDE:
        rows = [list(column) for column in zip(*rows, strict=True)]
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; the first row is its head."""
    head, *others = rows
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *others)]


def _cell(figure: Mapping[str, float] | None, over: float | None) -> str:
    if figure is None:
        return ""
    text = rounded(figure["median"])
    if figure["least"] != figure["most"]:
        text += f" ({rounded(figure['least'])}{TO}{rounded(figure['most'])})"
    is_shown = over is not None and COMPARABLE[0] <= over <= COMPARABLE[1]
    return f"{text} {TIMES}{over:.2f}" if is_shown else text


def _shares(contenders: Mapping[str, Any]) -> list[str]:
    """Return one line per contender with the share of each of its processes."""
    lines = []
    for contender, found in contenders.items():
        by_quantity: dict[str, list[str]] = {}
        for name, figure in found["figures"].items():
            quantity, _, process = name.partition(".")
            if process:
                by_quantity.setdefault(quantity, []).append(
                    f"{process} {rounded(figure['median'])}"
                )
        parts = [f"{quantity}: {', '.join(each)}" for quantity, each in by_quantity.items()]
        if parts:
            lines.append(f"- {contender}: {'; '.join(parts)}")
    return ["", *lines] if lines else []


def rounded(value: float) -> str:
    """Return a figure with three digits that count; whole from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [
                line.partition(":")[2].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
