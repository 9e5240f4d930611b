"""Dramatiq with its defaults and its own middleware for async actors: one event loop per process."""

from __future__ import annotations

import os
from typing import Any

import dramatiq
from bench.contenders.job import agent
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware.asyncio import AsyncIO

broker = RedisBroker(url=os.environ["BENCH_REDIS_URL"])
broker.add_middleware(AsyncIO())
dramatiq.set_broker(broker)


@dramatiq.actor
async def run_job(task: dict[str, Any]) -> None:
    """Run one job."""
    await agent().run(task)


async def enqueue(task: dict[str, Any]) -> None:
    """Send a job's message."""
    run_job.send(task)
