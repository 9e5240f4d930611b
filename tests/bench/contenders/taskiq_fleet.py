"""taskiq with its defaults on a Redis stream, which acknowledges."""

from __future__ import annotations

import os
from typing import Any

from bench.contenders.job import agent
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(os.environ["BENCH_REDIS_URL"])

_started: list[bool] = []


@broker.task
async def run_job(task: dict[str, Any]) -> None:
    """Run one job."""
    await agent().run(task)


async def enqueue(task: dict[str, Any]) -> None:
    """Send a job's message."""
    if not _started:
        await broker.startup()
        _started.append(True)
    await run_job.kiq(task)
