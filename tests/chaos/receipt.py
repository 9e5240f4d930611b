"""The receipt of a run: what was done, what came of it, as text and as JSON. Names no machine."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.plan import BY_NAME, KINDS
from chaos.run import Outcome

DISTRIBUTIONS = ("aicity-fleet", "celery", "kombu", "redis", "autogen-agentchat", "openai")


def receipt(outcome: Outcome, command: str, redis_program: Path) -> dict[str, Any]:
    """A run as plain values.

    Args:
        outcome: What the run came to.
        command: How it was started, as anybody would type it.
        redis_program: The redis-server that was used.
    """
    options, verdict = outcome.options, outcome.verdict
    return {
        "verdict": "failed" if verdict.faults else "passed",
        "faults_found": verdict.faults,
        "command": command,
        "seed": options.seed,
        "note": "The seed repeats the plan of faults and the tasks, not the machine's scheduling.",
        "versions": versions(redis_program),
        "fleet": {
            "workers": options.workers,
            "jobs_per_worker": options.threads,
            "dispatchers": 1 + options.twins,
            "beats": 1 + options.twins,
            "lease_seconds": options.lease_seconds,
            "sweep_seconds": options.sweep_seconds,
            "poll_seconds": options.poll_seconds,
            "model_seconds": list(options.model_seconds),
        },
        "jobs": verdict.submitted,
        "jobs_that_could_not_be_done": outcome.impossible,
        "endings": {"complete": verdict.completed, "fail": verdict.failed},
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "failed_after_complete": len(verdict.failed_after_complete),
        "changed_reports": len(verdict.changed_reports),
        "resting": dict(verdict.resting),
        "longest_row_of_failures": verdict.longest_failure_row,
        "suspended": verdict.is_suspended,
        "kills": outcome.kills,
        "kills_of_a_worker_with_jobs": outcome.kills_that_hit,
        "jobs_hit": outcome.hits,
        "jobs_hit_that_went_on_without_a_rescue": outcome.went_otherwise,
        "rescue_seconds": rescue_percentiles([one.seconds for one in outcome.rescues]),
        "slowest_rescues": [dataclasses.asdict(one) for one in outcome.rescues[:5]],
        "model_calls": {
            "answered": verdict.model_calls,
            "bought_twice": verdict.bought_twice,
            "in_flight_when_their_caller_was_gone": verdict.abandoned,
        },
        "injected": {
            k.name: outcome.injected.get(k.name, 0) for k in KINDS if k.name in options.kinds
        },
        "skipped": dict(outcome.skipped),
        "ended_by_themselves": dict(outcome.own_deaths),
        "seconds": {
            "faults": round(outcome.fault_seconds),
            "settling": round(outcome.settle_seconds),
            "settling_at_most": options.settle_seconds,
        },
        "came_to_rest": outcome.came_to_rest,
        "lost_jobs": dict(outcome.lost_jobs),
    }


def rescue_percentiles(seconds: Sequence[float]) -> dict[str, float | int]:
    """Count, median, 90th and 99th percentile and the longest, in seconds."""
    if not seconds:
        return {"count": 0}
    row = sorted(seconds)

    def percentile(share: float) -> float:
        return round(row[max(0, math.ceil(share * len(row)) - 1)], 1)

    return {
        "count": len(row),
        "p50": percentile(0.5),
        "p90": percentile(0.9),
        "p99": percentile(0.99),
        "max": round(row[-1], 1),
    }


def versions(redis_program: Path) -> dict[str, str]:
    """Python, the libraries that matter, and the redis-server."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        found[name] = importlib.metadata.version(name)
    said = subprocess.run(
        [str(redis_program), "--version"], capture_output=True, text=True, check=False
    ).stdout
    found["redis-server"] = said.partition("v=")[2].partition(" ")[0]
    return found


def as_text(data: dict[str, Any]) -> str:
    """A receipt for people."""
    calls, rescue, fleet = data["model_calls"], data["rescue_seconds"], data["fleet"]
    spent = data["seconds"]
    rest = "to come to rest" if data["came_to_rest"] else "in which it DID NOT COME TO REST"
    rows = [
        ("verdict", "; ".join(data["faults_found"]) or data["verdict"]),
        ("command", data["command"]),
        ("seed", f"{data['seed']}    ({data['note']})"),
        ("versions", ", ".join(f"{name} {number}" for name, number in data["versions"].items())),
        (
            "fleet",
            f"{fleet['workers']} workers of {fleet['jobs_per_worker']} jobs, {fleet['dispatchers']} "
            f"dispatchers, {fleet['beats']} beats; lease {fleet['lease_seconds']:g} s, "
            f"sweep {fleet['sweep_seconds']:g} s",
        ),
        ("duration", f"{spent['faults']} s of faults, then {spent['settling']} s {rest}"),
        ("", ""),
        ("jobs", f"{data['jobs']}, of which {data['jobs_that_could_not_be_done']} cannot be done"),
        ("endings", f"{data['endings']['complete']} complete, {data['endings']['fail']} fail"),
        ("lost", data["lost"]),
        ("doubled", data["doubled"]),
        ("fail after complete", data["failed_after_complete"]),
        ("resting", len(data["resting"])),
        ("failures in a row", f"{data['longest_row_of_failures']} at most"),
        ("suspended", "yes" if data["suspended"] else "no"),
        ("", ""),
        (
            "kills",
            f"{data['kills']}, {data['kills_of_a_worker_with_jobs']} of them of a worker with jobs",
        ),
        ("jobs hit", data["jobs_hit"]),
        (
            "rescue, seconds",
            "  ".join(f"{name} {value}" for name, value in rescue.items()),
        ),
        (
            "model calls",
            f"{calls['answered']} answered, {calls['bought_twice']} bought twice, "
            f"{calls['in_flight_when_their_caller_was_gone']} in flight when their caller was gone",
        ),
        ("", ""),
    ]
    lines = [f"{name:<20}{value}".rstrip() for name, value in rows]
    lines += [f"{n:>6}  {name:<17}{BY_NAME[name].says}" for name, n in data["injected"].items()]
    for title, table in (
        ("ended by themselves", data["ended_by_themselves"]),
        ("lost", data["lost_jobs"]),
        ("resting", data["resting"]),
        ("skipped for want of a victim", data["skipped"]),
    ):
        if table:
            lines += ["", f"{title}:"] + [f"  {name}: {value}" for name, value in table.items()]
    return "\n".join(lines) + "\n"
