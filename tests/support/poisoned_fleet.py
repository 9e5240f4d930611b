"""A fleet under the embedded supervisor, some of whose jobs kill the process that works them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.waiting import wait_until

from aicity_fleet.embedded.fleet import fleet_programs
from aicity_fleet.embedded.supervisor import Supervisor

POISON_FOLDER = Path(__file__).parent / "poison"
"""Holds the ``sitecustomize`` that makes a job deadly."""


class PoisonedFleet:
    """Its processes; those that die are started again whenever the test waits.

    Args:
        supervisor: Runs them.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.deaths: list[tuple[str, int]] = []
        """Name and exit status of every process that died."""
        self.died_at: list[float] = []
        """When each of them was found dead, as ``time.monotonic()`` says it."""

    def wait_until(
        self, condition: Callable[[], object], *, description: str, seconds: float
    ) -> None:
        """Wait until a condition holds, and start again what dies meanwhile."""

        def check() -> object:
            died = self.supervisor.check()
            self.deaths += died
            self.died_at += [time.monotonic()] * len(died)
            return condition()

        wait_until(check, description=description, seconds=seconds)


@contextmanager
def poisoned_fleet(
    settings: Mapping[str, str], poison: Mapping[str, str], folder: Path, *, threads: int = 8
) -> Iterator[PoisonedFleet]:
    """Run beat, a dispatcher and two workers.

    Args:
        settings: Their environment, on top of this process's own.
        poison: Jobs that are deadly, each with the step at which it kills.
        folder: Where they log.
        threads: How many jobs a worker runs at once.
    """
    env = {
        **os.environ,
        **settings,
        "PYTHONPATH": str(POISON_FOLDER),
        "TESTS_POISON": ",".join(f"{job}:{step}" for job, step in poison.items()),
    }
    supervisor = Supervisor(folder, stop_seconds=15)
    try:
        for program in fleet_programs(env, workers=2, threads=threads):
            supervisor.start(program)
        yield PoisonedFleet(supervisor)
    finally:
        supervisor.stop()
