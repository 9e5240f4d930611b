"""What to buy for so many jobs a day, and what runs out first: computed, not measured.

Takes the costs that 'make bench' measures, and assumptions that each option changes. Prints two tables.

examples:
  make capacity                                                 the committed costs
  make capacity ARGS="--calls 6 --tokens-in 20000 --seconds 180 --jobs 500,5000"
  make capacity ARGS="--costs bench.json --record --markdown docs/capacity.md"
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import sizing
from bench.capacity_page import limits_table, needs_table, option, to_markdown
from bench.costs import ON_RECORD, TEXTS, Plan, read_costs, record
from bench.sizing import Sizing

from aicity_fleet.settings import Settings

JOBS = (1, 100, 1000, 10_000, 100_000, 1_000_000)
"""The jobs a day of the page."""

MONEY = frozenset({"usd_in", "usd_out"})
"""What is an exact decimal."""


def defaults() -> dict[str, float | Decimal]:
    """Return the plan of the page: what ``capacity.toml`` assumes, and the defaults of the settings."""
    found: dict[str, float | Decimal] = {}
    for name, entry in TEXTS["plan"].items():
        value = entry.get("value")
        if value is None:
            value = Settings.model_fields[entry["setting"]].default
        found[name] = Decimal(value) if name in MONEY else value
    return found


def row(sizes: Sizing, jobs: float) -> dict[str, Any]:
    """Return what so many jobs a day need; keys as in the table ``rows`` of ``capacity.toml``."""
    limit, share = sizes.first_limit(jobs)
    by_name = {one.name: one.demand(jobs) for one in sizes.limits()}
    return {
        "jobs_a_day": jobs,
        "in_flight": sizes.in_flight(jobs),
        "workers": sizes.workers(jobs),
        "machines": sizes.machines(jobs, sizes.plan.job_mb),
        "machines_short": sizes.machines(jobs, sizes.costs.waiting_job_mb),
        "dispatchers": sizes.dispatchers(jobs),
        "dispatcher_cpu_percent": 100 * sizes.dispatcher_cpu(jobs),
        "redis_cpu_percent": 100 * sizes.redis_cpu(jobs),
        "redis_round_trips": sizes.round_trips(jobs),
        "redis_mb": sizes.redis_mb(jobs),
        "redis_buy_mb": sizing.REDIS_ROOM * sizes.redis_mb(jobs),
        **{name: by_name[name] for name in ("city_requests", "model_requests", "model_tokens")},
        "usd_a_day": f"{sizes.usd_a_day(jobs):f}",
        "first": {"name": limit.name, "used": share},
    }


def to_json(sizes: Sizing, jobs: Iterable[float]) -> dict[str, Any]:
    """Return everything as one JSON object, with dollars as exact decimals."""
    plan = dataclasses.asdict(sizes.plan)
    limits = sorted(
        sizes.limits(), key=lambda one: (one.saturates_at() is None, one.saturates_at())
    )
    return {
        "plan": {name: str(value) if name in MONEY else value for name, value in plan.items()},
        "costs": dataclasses.asdict(sizes.costs),
        "rows": [row(sizes, each) for each in jobs],
        "limits": [
            {
                "name": one.name,
                "most": one.most,
                "jobs_a_day": one.saturates_at(),
                "stops_jobs": one.stops_jobs,
            }
            for one in limits
        ],
        "one_machine": sizes.one_machine,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Compute, and print or write what the arguments ask for."""
    parser = _parser()
    args = vars(parser.parse_args(argv))
    try:
        measured = read_costs(args["costs"])
        plan = Plan(**{name: args[name] for name in TEXTS["plan"]})
        if args["record"]:
            record(measured)
    except ValueError as error:
        parser.error(str(error))
    if measured.missing:
        names = ", ".join(measured.missing)
        print(f"taken from {ON_RECORD.name}, not in the report: {names}", file=sys.stderr)
    sizes = Sizing(measured.costs, plan)
    report = to_json(sizes, args["jobs"])
    if args["markdown"]:
        args["markdown"].write_text(to_markdown(report, sizes, measured.when), "utf-8")
    if args["json"]:
        print(json.dumps(report, indent=1))
    else:
        print("\n".join([*needs_table(report), "", *limits_table(report)]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/bench/capacity.py",
        usage="%(prog)s [--jobs N,N] [--costs FILE [--record]] [--json] [--markdown FILE] [assumptions]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--jobs", type=_jobs, default=JOBS, metavar="N,N", help="numbers of jobs a day"
    )
    parser.add_argument(
        "--costs", type=Path, metavar="FILE", help="a report of 'make bench' (--json FILE)"
    )
    parser.add_argument(
        "--record", action="store_true", help=f"put these costs on record ({ON_RECORD.name})"
    )
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page there")
    plan = parser.add_argument_group("assumptions")
    for name, default in defaults().items():
        says = TEXTS["plan"][name]["says"].replace("%", "%%")
        read = _money if name in MONEY else _number
        plan.add_argument(
            option(name), type=read, default=default, metavar="N", help=f"{says} ({default:g})"
        )
    return parser


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: '{text}'") from None


def _money(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"not an amount: '{text}'")
    return amount


def _jobs(text: str) -> tuple[float, ...]:
    found = []
    for part in text.split(","):
        if not part.strip().isdigit() or not 0 < int(part) <= sizing.MOST_JOBS:
            raise argparse.ArgumentTypeError(
                f"'{part}' is not a number of jobs from 1 to {sizing.MOST_JOBS:,}"
            )
        found.append(int(part))
    return tuple(found)


if __name__ == "__main__":
    raise SystemExit(main())
