"""The same kills done to a plain Celery recipe: what a user would write without a ledger.

Only kills of workers, unless others are asked for with ``--only``: as many, by the same plan; the
same tasks and model, the same number of worker processes and of jobs at once, the same time to come to
rest, the same judge. The recipe runs once with Celery's defaults and twice with late acknowledgement.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.options import Options
from chaos.receipt import rescue_percentiles, versions
from chaos.run import Outcome
from chaos.stage import the_fleet

from aicity_fleet.embedded.supervisor import Program

SETTLE_SECONDS = 120.0
"""How long each of them gets to come to rest, in seconds."""

KINDS = "kill-worker"
"""What is broken unless ``--only`` says something else."""

UPTIME_SECONDS = 6.0
"""How long a worker must have run before it is killed, the same for all, in seconds."""

RECIPES = {
    "Celery defaults": {},
    "Celery acks_late (visibility_timeout 3600)": {"RECIPE_ACKS_LATE": "1"},
    "Celery acks_late, visibility_timeout 10": {
        "RECIPE_ACKS_LATE": "1",
        "RECIPE_VISIBILITY_TIMEOUT": "10",
    },
}
"""What is compared, and how the recipe is told."""

Measure = Callable[..., Outcome]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One of those that were compared."""

    name: str
    outcome: Outcome


def compare(options: Options, measure: Measure) -> list[Row]:
    """Run every recipe and then the fleet, one after the other.

    Args:
        options: Of each run; what makes the comparison unfair is switched off.
        measure: Makes one run.
    """
    options = dataclasses.replace(
        options,
        failing_share=0.0,
        twins=False,
        suspends=False,
        settle_seconds=SETTLE_SECONDS,
        least_uptime_seconds=UPTIME_SECONDS,
    )
    rows = []
    for name, settings in RECIPES.items():
        programs = _recipe_programs(settings)
        rows.append(Row(name, measure(name, options, programs=programs, is_fleet=False)))
    rows.append(Row("aicity-fleet", measure("aicity-fleet", options, programs=the_fleet)))
    return rows


def table(rows: list[Row], options: Options, command: str, redis_program: Path) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "command": command,
        "seed": options.seed,
        "versions": versions(redis_program),
        "settle_seconds_at_most": SETTLE_SECONDS,
        "setting": f"{options.workers} workers of {options.threads} jobs of "
        f"{options.model_seconds[0]:g} to {options.model_seconds[1]:g} s; {options.kills} kills; "
        f"what is broken: {', '.join(sorted(options.kinds))}",
        "rows": [
            {
                "name": row.name,
                "jobs": row.outcome.verdict.submitted,
                "kills": row.outcome.kills,
                "stranded": len(row.outcome.verdict.lost) + len(row.outcome.verdict.resting),
                "doubled": len(row.outcome.verdict.doubled),
                "model_calls": row.outcome.verdict.model_calls,
                "bought_twice": row.outcome.verdict.bought_twice,
                "came_to_rest": row.outcome.came_to_rest,
                "seconds_faults": round(row.outcome.fault_seconds),
                "seconds_settling": round(row.outcome.settle_seconds),
                "rescue_seconds": rescue_percentiles([one.seconds for one in row.outcome.rescues]),
            }
            for row in rows
        ],
    }


def as_text(data: dict[str, Any]) -> str:
    """The comparison for people."""
    head = ("", "jobs", "kills", "stranded", "ended twice", "calls bought twice")
    fields = ("name", "jobs", "kills", "stranded", "doubled", "bought_twice")
    lines = [
        data["command"],
        data["setting"],
        f"stranded: no ending {data['settle_seconds_at_most']:.0f} s after the last kill",
        "(with visibility_timeout 3600 Celery runs what it held again, an hour after it was taken)",
        "",
        _line(head),
        *(_line([row[field] for field in fields]) for row in data["rows"]),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Any) -> str:
    name, *numbers = cells
    widths = (6, 7, 10, 13, 20)
    return f"{name:<44}" + "".join(f"{n:>{w}}" for n, w in zip(numbers, widths, strict=True))


def _recipe_programs(settings: dict[str, str]) -> Callable[..., list[Program]]:
    def programs(env: dict[str, str], options: Options) -> list[Program]:
        tests = str(Path(__file__).resolve().parents[1])
        env = {**env, **settings, "PYTHONPATH": tests, "PATH": os.environ.get("PATH", "")}
        celery = [sys.executable, "-m", "celery", "-A", "chaos.recipe.app"]
        found = [Program("beat", [*celery, "beat", "--schedule", "beat-schedule"], env)]
        for number in range(1, options.workers + 1):
            argv = [*celery, "worker", "-n", f"worker{number}@%h", "-c", str(options.threads)]
            found.append(Program(f"worker{number}", argv, env))
        return found

    return programs
