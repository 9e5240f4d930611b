"""A fleet of real processes on a Redis that the test may break, and what the test asks of it."""

from __future__ import annotations

import time
from pathlib import Path

import redis
from support.processes import FleetProcesses
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment

NAMES = ("dispatcher", "beat", "worker1")


class FleetRig:
    """The processes of one fleet.

    Args:
        folder: Where they run and log.
        url: Their ``REDIS_URL``.
        admin: A client that reaches the Redis whatever the fleet meets.
    """

    def __init__(
        self, folder: Path, city: SimulatedCity, url: str, admin: redis.Redis, **env: str
    ) -> None:
        (folder / "empty").mkdir()
        self.city, self.admin = city, admin
        self.ledger = Ledger(admin, Keys("outage"), retention_seconds=3600)
        settings = {
            "REDIS_URL": url,
            "FLEET_AGENT": "outage",
            **fleet_environment(city.url),
            "FLEET_POLL_SECONDS": "1",
            "FLEET_SWEEP_SECONDS": "0.5",
            "FLEET_LEASE_SECONDS": "4",
            "FLEET_DRAIN_SECONDS": "1",
            **env,
        }
        self.fleet = FleetProcesses(settings, folder / "empty")

    def start(self, *names: str) -> None:
        """Start these programs and see that they work."""
        self.fleet.start(*(names or NAMES))
        ids = self.city.submit({})
        self.until_reported(ids)

    def pids(self) -> dict[str, int | None]:
        """Every process of the fleet; None for one that died."""
        return {
            name: process.pid if process.poll() is None else None
            for name, process in self.fleet.running.items()
        }

    def hold(self, seconds: float) -> None:
        """Let a fault last."""
        end = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() >= end, seconds=seconds + 10, description="time passes")

    def until_reported(self, ids: list[str], seconds: float = 60) -> None:
        """Wait until each of these tasks has an accepted ending in AI City's books."""

        def all_ended() -> bool:
            tasks = self.city.report()["tasks"]
            return all(tasks[task_id]["acceptedEndings"] for task_id in ids)

        wait_until(all_ended, seconds=seconds, description="every task has its ending")

    def endings(self, ids: list[str]) -> dict[str, int]:
        """How many endings of each of these tasks AI City has accepted."""
        tasks = self.city.report()["tasks"]
        return {task_id: tasks[task_id]["acceptedEndings"] for task_id in ids}

    def running(self) -> int:
        """How many jobs run."""
        return self.ledger.counts()[JobState.RUNNING]

    def stop(self) -> None:
        """End the fleet."""
        self.fleet.stop()
        self.admin.close()
