"""The tables of capacity.py, and docs/capacity.md: Markdown for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench import sizing
from bench.costs import TEXTS
from bench.sizing import Sizing
from bench.tables import rounded, table

from aicity_fleet.settings import Settings
from scheduler.poll import MAX_WALKS

CITY_LIMITS = (60, 120, 300, 600, 1200, 3000)
"""Limits of AI City's requests a minute that the page compares."""


def option(name: str) -> str:
    """Return the command's option for a figure of the plan."""
    return f"--{name.replace('_', '-')}"


def needs_table(report: Mapping[str, Any]) -> list[str]:
    """Return the table of what to buy: a column per number of jobs."""
    most = {one["name"]: one["most"] for one in report["limits"]}
    columns = [["jobs a day", *TEXTS["rows"].values()]]
    for each in report["rows"]:
        cells = [f"{each['jobs_a_day']:,}"]
        for name in TEXTS["rows"]:
            limit = most.get("redis_memory" if name == "redis_mb" else name)
            cells.append(_cell(each[name], limit))
        columns.append(cells)
    return table([list(cells) for cells in zip(*columns, strict=True)])


def _cell(value: Any, most: float | None) -> str:
    if isinstance(value, dict):
        return f"{TEXTS['limits'][value['name']]['says']}, {rounded(100 * value['used'])} %"
    text = "<0.01" if 0 < float(value) < 0.01 else rounded(float(value))
    return f"**{text}**" if most is not None and value > most else text


def limits_table(report: Mapping[str, Any]) -> list[str]:
    """Return the table of what runs out, the first first."""
    rows = [["What", "There is", "Jobs a day", "Then"]]
    for one in report["limits"]:
        texts = TEXTS["limits"][one["name"]]
        rows.append(
            [
                texts["says"],
                f"{rounded(one['most'])} {texts['unit']}",
                about(one["jobs_a_day"]),
                texts["then"],
            ]
        )
    return table(rows)


def about(jobs: int | None) -> str:
    """Return a number of jobs with two digits that count, rounded down: no more are known."""
    if jobs is None:
        return "any number"
    unit = 10 ** max(0, len(str(jobs)) - 2)
    return f"{jobs // unit * unit:,}"


def to_markdown(report: Mapping[str, Any], sizes: Sizing, when: str) -> str:
    """Return the page."""
    at = {one["name"]: one["jobs_a_day"] for one in report["limits"]}
    after = [one for one in report["limits"] if one["stops_jobs"] and one["name"] != "redis_memory"]
    facts = {
        **{name: rounded(float(value)) for name, value in report["plan"].items()},
        "waiting_job_mb": rounded(sizes.costs.waiting_job_mb),
        "redis_memory": about(at["redis_memory"]),
        "next_limit": TEXTS["limits"][after[0]["name"]]["says"],
        "next_jobs": about(after[0]["jobs_a_day"]),
        "city_jobs": about(at["city_requests"]),
        "redis_cpu": about(at["redis_cpu"]),
        "dispatcher_cpu": about(at["dispatcher_cpu"]),
        "one_machine": about(report["one_machine"]),
        "settled_kb": rounded(sizes.settled_bytes / 1024),
        "cores": sizing.CORES,
        "machine_gb": sizing.MACHINE_MB // 1024,
        "busy": round(100 * sizing.BUSY),
        "page_size": sizing.PAGE_SIZE,
        "max_walks": MAX_WALKS,
        "reads": sizes.reads_of_a_job,
        "most_reads": rounded(sizes.most_reads),
        "measured": when,
    }

    def says(name: str) -> list[str]:
        return [TEXTS[name].strip().format(**facts), ""]

    city = [["Requests a minute", *map(str, CITY_LIMITS)], ["Jobs a day"]]
    for most in CITY_LIMITS:
        allowed = sizing.greatest(lambda jobs, most=most: sizes.city_requests(jobs) <= most)  # type: ignore[misc]
        city[1].append(about(allowed))
    costs = [["Figure", "Value", "From"]]
    for name, value in report["costs"].items():
        scenario, *figures = TEXTS["costs"][name].get("figures", ("",))
        source = TEXTS["costs"][name].get("source") or f"`{scenario}`: {', '.join(figures)}"
        costs.append([TEXTS["costs"][name]["says"], rounded(value), source])
    plan = [["Option", "Value", "Meaning", "From"]]
    for name, value in report["plan"].items():
        entry = TEXTS["plan"][name]
        setting = entry.get("setting", "")
        source = entry.get("source") or f"`{Settings.model_fields[setting].alias}`"
        plan.append([f"`{option(name)}`", rounded(float(value)), entry["says"], source])
    return "\n".join(
        [
            *says("introduction"),
            *(*says("needs"), *needs_table(report), "", *says("notes")),
            *(*says("runs_out"), *limits_table(report), ""),
            *(*says("city"), *table(city), ""),
            *says("own"),
            *(*says("assumed"), *table(costs), ""),
            *(*says("assumed_plan"), *table(plan), ""),
            TEXTS["not_counted"].strip(),
            "",
        ]
    )
