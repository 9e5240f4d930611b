"""What capacity.py computes from: the costs on record or of a report of 'make bench', and the plan."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

CONTENDER = "ours"
"""Whose costs in a report of 'make bench' are taken."""

ON_RECORD = Path(__file__).with_name("costs.toml")

TEXTS = tomllib.loads(Path(__file__).with_name("capacity.toml").read_text("utf-8"))
"""What is assumed, where each cost is in a report, and what the page says."""

MEASURED_WORKERS = 2
"""How many workers the measured fleet has."""


@dataclasses.dataclass(frozen=True, slots=True)
class Costs:
    """What the fleet was measured to take; ``capacity.toml`` says what each figure means.

    Raises:
        ValueError: A figure is not a positive number; the message names it.
    """

    worker_cpu_ms: float
    dispatcher_cpu_ms: float
    redis_cpu_ms: float
    flower_cpu_ms: float
    settled_bytes: float
    queued_bytes: float
    message_bytes: float
    idle_cpu_percent: float
    fleet_mb: float
    worker_mb: float
    dispatcher_mb: float
    waiting_job_mb: float
    round_trips: float
    tool_cpu_ms: float

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                raise ValueError(f"{name} is {value!r}, and must be a positive number")
        if self.fleet_mb <= MEASURED_WORKERS * self.worker_mb:
            raise ValueError(
                f"fleet_mb is {self.fleet_mb:g}, which is no more than its {MEASURED_WORKERS} workers "
                f"take (worker_mb = {self.worker_mb:g})"
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What an operator would change; ``capacity.toml`` says what each figure means.

    Raises:
        ValueError: A figure is out of its range; the message names it.
    """

    calls: float
    tokens_in: float
    tokens_out: float
    order_chars: float
    seconds: float
    tool_calls: float
    model_requests: float
    model_tokens: float
    usd_in: Decimal
    usd_out: Decimal
    city_requests: float
    city_seconds: float
    peak: float
    outage_hours: float
    redis_mb: float
    job_mb: float
    tools_mb: float
    threads: float
    poll_seconds: float
    retention_days: float
    read_back_days: float

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value}, and must not be negative or infinite")
            if value == 0 and name not in MAY_BE_ZERO:
                raise ValueError(f"{name} is 0, and must be more")
        for name, least, most in (("peak", 1, 24), ("calls", 1, math.inf)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(
                    f"{name} is {getattr(self, name):g}, and must be {least} to {most}"
                )


MAY_BE_ZERO = frozenset(
    {"tokens_in", "tokens_out", "order_chars", "tool_calls", "usd_in", "usd_out"}
    | {"outage_hours", "tools_mb", "read_back_days"}
)


class InputError(ValueError):
    """A file cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """The costs, and when and where they were measured."""

    costs: Costs
    when: str
    missing: Sequence[str] = ()
    """Costs that a report does not have; the ones on record stand for them."""


def read_costs(path: Path | None = None) -> Measured:
    """Read the costs on record, and over them those of a file.

    Args:
        path: A report of ``make bench ARGS="--json FILE"``, or a TOML file such as ``costs.toml``.

    Raises:
        InputError: The file cannot be read, or holds no usable costs.
    """
    known = tomllib.loads(ON_RECORD.read_text("utf-8"))
    found: dict[str, Any] = {}
    missing: tuple[str, ...] = ()
    if path is not None:
        try:
            text = path.read_text("utf-8")
            if path.suffix == ".toml":
                found = tomllib.loads(text)
            else:
                found, missing = _of_report(json.loads(text))
            if unknown := found.keys() - known.keys():
                raise InputError(f"unknown: {', '.join(sorted(unknown))}")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error
    values = {**known, "measured": f"as {path.name} says" if path else known["measured"], **found}
    when = str(values.pop("measured"))
    try:
        return Measured(Costs(**values), when, missing)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path or ON_RECORD}: {error}") from error


def _of_report(report: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the costs that a report of the benchmark has, and the names of those that it lacks."""
    if not isinstance(report, dict) or not {"scenarios", "machine", "measured_at"} <= report.keys():
        raise InputError("is not a report of 'make bench ARGS=\"--json FILE\"'")
    found: dict[str, Any] = {}
    of_bench = {name: one for name, one in TEXTS["costs"].items() if "figures" in one}
    for name, entry in of_bench.items():
        scenario, *figures = entry["figures"]
        medians = _medians(report["scenarios"].get(scenario, {}))
        if all(figure in medians for figure in figures):
            value = sum(medians[figure] for figure in figures) / entry.get("divisor", 1)
            if value <= 0:
                raise InputError(
                    f"{scenario}: {figures[0]} is {value:g}; such a short run shows nothing"
                )
            found[name] = float(f"{value:.3g}")
    if not found:
        raise InputError(f"has no costs of '{CONTENDER}'")
    machine = report["machine"]
    found["measured"] = (
        f"on {report['measured_at'][:10]} with {machine['cpus']} CPUs ({machine['cpu']})"
    )
    return found, tuple(name for name in of_bench if name not in found)


def _medians(contenders: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of the fleet in one scenario; of the backlog, those beside the longest queue."""
    depths = [name for name in contenders if name.replace(",", "").isdigit()]
    name = max(depths, key=lambda depth: int(depth.replace(",", "")), default=CONTENDER)
    figures = contenders.get(name, {}).get("figures", {})
    return {what: figure["median"] for what, figure in figures.items()}


def record(measured: Measured, path: Path = ON_RECORD) -> None:
    """Put these costs on record; comments stay.

    Raises:
        InputError: A figure of the benchmark is missing, and an old one would pass for a new one.
    """
    if measured.missing:
        names = ", ".join(measured.missing)
        raise InputError(f"--record needs a report of all scenarios; missing: {names}")
    text = path.read_text("utf-8")
    for name, value in dataclasses.asdict(measured.costs).items():
        text = re.sub(rf"(?m)^{name} = \S+", f"{name} = {value:g}", text)
    text = re.sub(r"(?m)^measured = .*$", lambda _: f"measured = {json.dumps(measured.when)}", text)
    path.write_text(text, "utf-8")
