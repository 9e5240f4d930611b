"""Celery with its defaults: the prefork pool on a Redis broker. ``BENCH_ACKS_LATE`` acknowledges late."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import Any

from bench.contenders.job import agent
from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"])
app.conf.task_acks_late = bool(os.environ.get("BENCH_ACKS_LATE"))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of this process; it lasts as long as its connections."""
    return asyncio.new_event_loop()


@app.task(name="bench.run_job", ignore_result=True)
def run_job(task: dict[str, Any]) -> None:
    """Run one job."""
    _loop().run_until_complete(agent().run(task))


async def enqueue(task: dict[str, Any]) -> None:
    """Send a job's message."""
    run_job.delay(task)
