"""Counts what a job takes, and compares it with the counts on record: ``make bench-check``.

Counts and not seconds, because those of a shared machine say nothing: Redis round trips of a whole fleet,
and Python calls of a run of the team and of the gate. A count that grew by more than a fifth fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha1
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis
from bench.answers import DELIVERABLE, ORDERED
from bench.contender import CONTENDERS
from bench.market import running_market
from bench.stage import stage

from aicity_fleet.ledger.lua import script_texts
from aicity_fleet.models import AssignedTask, Delivered
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Team, TeamRun, gate, open_routes, run_team
from aicity_fleet.team.declare.catalog import teams_of
from aicity_fleet.team.declare.models_file import models_of
from aicity_fleet.team.declare.spec import EngineName
from aicity_fleet.team.model.budget import limits_of
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.toolbox import Toolbox

ON_RECORD = Path(__file__).with_name("counts.json")

MOST_GROWTH = 1.2
"""How much a count may grow over the one on record."""

JOBS = 150

OF_A_JOB = frozenset(
    {"accept", "sent", "claim", "journal_append", "finish", "take_report", "settle"}
    | {"LPUSH", "BRPOP", "RPOP", "BLPOP", "end_listening", "PUBLISH"}
)
"""What the fleet asks Redis for the sake of jobs; the rest it asks whether there are any or not."""


def main() -> int:
    """Count, compare, print, and say with the exit status whether all is as good as before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="put these counts on record")
    args = parser.parse_args()
    found = {**round_trips(), **calls()}
    if args.record:
        ON_RECORD.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    known: Mapping[str, float] = json.loads(ON_RECORD.read_text("utf-8"))
    faults = compared(found, known)
    for name, count in found.items():
        print(f"{name}: {count:g} (on record {known.get(name, float('nan')):g})")
    for fault in faults:
        print(f"FAILED: {fault}")
    return 1 if faults else 0


def compared(found: Mapping[str, float], known: Mapping[str, float]) -> list[str]:
    """Return what is wrong with these counts, one line each."""
    faults = [f"{name} was not counted" for name in known.keys() - found.keys()]
    for name, count in found.items():
        if name not in known:
            faults.append(f"{name} is not on record: make bench-check ARGS=--record")
        elif count > known[name] * MOST_GROWTH:
            faults.append(f"{name} grew from {known[name]:g} to {count:g}")
    return sorted(faults)


def round_trips() -> dict[str, float]:
    """Count the Redis round trips of a job among others, in a fleet of real processes."""
    with stage(CONTENDERS["ours"], poll_seconds=300) as one:
        one.start()
        one.deliver(20, 60)
        with commands_of(one.setup.redis_url) as seen:
            one.deliver(JOBS, 60)
    trips = sum(count for command, count in seen.items() if command in OF_A_JOB)
    return {"redis round trips of a job": round(trips / JOBS, 2)}


@contextmanager
def commands_of(redis_url: str) -> Iterator[Counter[str]]:
    """Count what clients ask this Redis while the block runs; a script counts by its name."""
    # Redis's name of a script, and no secret.
    names = {sha1(t.encode()).hexdigest(): name for name, t in script_texts().items()}  # noqa: S324
    seen: Counter[str] = Counter()
    ends = threading.Event()

    def watch(monitor: redis.client.Monitor) -> None:
        for entry in monitor.listen():
            if ends.is_set():
                return
            if entry["client_type"] != "lua":
                command, *rest = entry["command"].split(" ", 2)
                seen[names.get(rest[0], command) if command == "EVALSHA" else command] += 1

    with redis.Redis.from_url(redis_url) as client, client.monitor() as monitor:
        thread = threading.Thread(target=watch, args=(monitor,), daemon=True)
        thread.start()
        yield seen
        time.sleep(0.5)  # what the last job still asks
        ends.set()
        client.ping()
        thread.join(5)


def calls() -> dict[str, float]:
    """Count the Python calls of one run of the team on each engine, and of the gate."""
    engines: tuple[EngineName, ...] = ("autogen", "plain")
    with running_market() as market:
        env = {"REDIS_URL": "redis://127.0.0.1/0", **fleet_environment(market.url)}
        settings = Settings.load(env)
        counts = {
            f"calls of a team, {engine}": asyncio.run(_team(settings, engine)) for engine in engines
        }
    task = AssignedTask("t", "general", ORDERED)

    def judge() -> None:
        assert gate.check("general", DELIVERABLE, task).has_passed

    judge()
    with counting() as counted:
        for _ in range(5):
            judge()
    return {**counts, "calls of the gate, general": counted["calls"] / 5}


async def _team(settings: Settings, engine: EngineName) -> float:
    """Count the calls of one run, on the average of some."""
    task = AssignedTask("t", "general", ORDERED)
    spec = teams_of(settings).team_for("general")
    toolbox = Toolbox(Downloader(settings.repo_host_names))
    async with open_routes(models_of(settings)) as models:

        async def run() -> None:
            limits = limits_of(settings, task, spent_before_usd=Decimal(0))
            with toolbox.tools_for(task) as tools:
                team = Team(spec, models, tools, engine)
                result = await run_team(TeamRun(task, team, limits, "nonce0"), StopSwitch())
            assert isinstance(result.ending, Delivered), result

        for _ in range(3):
            await run()
        with counting() as counted:
            for _ in range(10):
                await run()
    toolbox.close()
    return counted["calls"] / 10


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the Python functions that are called on this thread while the block runs."""
    counted: Counter[str] = Counter()

    def note(_frame: object, event: str, _arg: object) -> None:
        if event == "call":
            counted["calls"] += 1

    sys.setprofile(note)
    try:
        yield counted
    finally:
        sys.setprofile(None)


if __name__ == "__main__":
    sys.exit(main())
