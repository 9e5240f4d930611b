"""The guide's loop: the process that polls also works, one job after the other."""

from __future__ import annotations

from typing import Any

from bench.contenders.job import agent


async def enqueue(task: dict[str, Any]) -> None:
    """Run the job here and now."""
    await agent().run(task)
