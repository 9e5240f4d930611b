"""docket with its defaults but for the number of jobs at once."""

from __future__ import annotations

import os
from typing import Any

from bench.contenders.job import agent
from docket import Docket

NAME = "bench"

_dockets: list[Docket] = []


async def run_job(task: dict[str, Any]) -> None:
    """Run one job."""
    await agent().run(task)


tasks = [run_job]
"""What ``docket worker --tasks`` reads."""


async def enqueue(task: dict[str, Any]) -> None:
    """Send a job's message."""
    if not _dockets:
        docket = Docket(NAME, url=os.environ["BENCH_REDIS_URL"])
        await docket.__aenter__()
        docket.register(run_job)
        _dockets.append(docket)
    await _dockets[0].add(run_job, key=task["id"])(task)
