"""arq with its defaults but for the number of jobs at once."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from bench.contenders.job import agent

SETTINGS = RedisSettings.from_dsn(os.environ["BENCH_REDIS_URL"])

_pools: list[ArqRedis] = []


async def run_job(_context: dict[str, Any], task: dict[str, Any]) -> None:
    """Run one job."""
    await agent().run(task)


class WorkerSettings:
    """What ``arq`` reads."""

    functions: ClassVar = [run_job]
    redis_settings = SETTINGS
    max_jobs = int(os.environ["BENCH_SLOTS"])


async def enqueue(task: dict[str, Any]) -> None:
    """Send a job's message."""
    if not _pools:
        _pools.append(await create_pool(SETTINGS))
    await _pools[0].enqueue_job("run_job", task)
