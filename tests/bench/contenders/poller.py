"""The poller of a peer: lists the assigned tasks, and hands each to the peer's queue once.

    python -m bench.contenders.poller MODULE

``MODULE`` is a module beside this one with ``async def enqueue(task)``. It polls every
``BENCH_POLL_SECONDS``, and at once on SIGUSR1.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from typing import Any

import httpx

PAGE_SIZE = 50


class Poller:
    """Looks at AI City again and again.

    Args:
        queue: The module whose ``enqueue`` takes a task.
    """

    def __init__(self, queue: Any) -> None:
        self.queue = queue
        self.seen: set[str] = set()
        self.http = httpx.AsyncClient(
            base_url=f"{os.environ['BENCH_URL']}/api/v1", headers={"X-API-Key": "ac_live_bench"}
        )

    async def run(self) -> None:
        """Poll until the process is ended."""
        asked, seconds = asyncio.Event(), float(os.environ["BENCH_POLL_SECONDS"])
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, asked.set)
        while True:
            asked.clear()
            # The list changes while it is walked: it is walked again until nothing on it is new.
            while await self.walk():
                pass
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), seconds)

    async def walk(self) -> bool:
        """Walk the list once; returns whether another walk may bring more."""
        new, page, pages = 0, 1, 1
        while page <= pages:
            asked = {"page": page, "page_size": PAGE_SIZE}
            answer = (await self.http.get("/tasks/assigned", params=asked)).json()
            for task in answer["data"]:
                if task["id"] not in self.seen:
                    self.seen.add(task["id"])
                    new += 1
                    await self.queue.enqueue(task)
            page, pages = page + 1, answer["pagination"]["totalPages"]
        return new > 0 and page > 2


if __name__ == "__main__":
    asyncio.run(Poller(importlib.import_module(f"bench.contenders.{sys.argv[1]}")).run())
