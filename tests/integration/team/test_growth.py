"""What five hundred jobs leave behind in one process: no memory to speak of, no task, thread or connection.

In a process of its own, so that nothing else of the suite is counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import Provider, submit, text

from aicity_fleet.team.engines import ENGINES

JOBS, WARM = 500, 50
MOST_GROWTH_MIB = 20.0
"""The least growth that counts as a leak. Source: the promise in README.md."""

PROGRAM = """
import asyncio, gc, json, os, sys, threading
from support.samples import NONCE, order
from support.team_runs import run_team
from integration.team.test_members import PAIR
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits, ModelConfig
from aicity_fleet.team import only, open_model

url, engine, warm, jobs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

RUN = ("AssistantAgent", "CoordinatorAgent", "JournaledClient", "_Turns")

def held():
    ended = sum(type(each).__name__ in RUN for each in gc.get_objects())
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {
        "ended": ended,
        "mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
    }

async def main():
    async with open_model(ModelConfig("scripted-1", url, "sk-test-key-000000000000", 30.0)) as model:
        async def one(number):
            result = await run_team(
                order(description=f"Lighthouses of island {number} for ships."), spec=PAIR,
                models=only(model), limits=Limits(60), stop_switch=StopSwitch(),
                nonce=f"{NONCE}{number:04}",
                journal=MemoryJournal(), engine=engine)
            assert type(result.ending).__name__ == "Delivered", result.ending
        async def batch(first, last):
            for start in range(first, last, 25):
                await asyncio.gather(*(one(n) for n in range(start, start + 25)))
        gc.disable()  # what a run takes is free when it ends, and not when somebody looks for cycles
        await batch(0, warm)
        before = held()
        await batch(warm, warm + jobs)
        print(json.dumps([before, held()]))

asyncio.run(main())
"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("engine", ENGINES)
def test_five_hundred_jobs_leave_nothing_behind(provider: Provider, engine):
    def answer(body):
        return submit(GOOD_GENERAL) if "editor" in str(body["messages"][0]) else text("A draft.")

    provider.script = answer
    tests = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, provider.base_url, engine, str(WARM), str(JOBS)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": tests, "PATH": ""},
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    assert len(provider.requests) == 2 * (WARM + JOBS)
    assert after["mib"] - before["mib"] < MOST_GROWTH_MIB, (before, after)
    assert (before["ended"], after["ended"]) == (0, 0)
    for kind in ("tasks", "threads", "files"):
        assert after[kind] <= before[kind], (before, after)
