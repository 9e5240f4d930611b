"""Has a worker take no further job while little memory is free.

So ``FLEET_WORKER_THREADS`` can be high: jobs mostly wait for their model and then need little, and a few
large ones are no reason to run few of the others.
"""

import time
from pathlib import Path
from types import MethodType
from typing import Any

import structlog
from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

from aicity_fleet.messaging.task_class import bodies

ALWAYS_JOBS = 20
"""So many jobs a worker runs whatever the memory is like, as far as it has threads."""

LOOK_SECONDS = 0.5
"""How long a look at the memory holds, in seconds."""

CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Where a container finds its limit, its use, and the part of its use that the kernel gives back when it
needs it: versions 2 and 1. Source: docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html."""

log = structlog.get_logger(__name__)


def free_share(
    cgroup: Path = Path("/sys/fs/cgroup"), meminfo: Path = Path("/proc/meminfo")
) -> float:
    """Return which share of the memory of this container and of this machine is free, the lesser of both.

    Returns:
        From 0 to 1; 1 where the system does not say.
    """
    return min([1.0, *_of_container(cgroup), *_of_machine(meminfo)])


def _of_container(cgroup: Path) -> list[float]:
    for limit_file, used_file, stat_file, given_back in CGROUP_FILES:
        try:
            limit = int((cgroup / limit_file).read_text())  # "max" when there is none
            used = int((cgroup / used_file).read_text())
            stat = dict(line.split() for line in (cgroup / stat_file).read_text().splitlines())
        except (OSError, ValueError):
            continue
        return [1 - (used - int(stat.get(given_back, 0))) / limit] if limit else []
    return []


def _of_machine(meminfo: Path) -> list[float]:
    try:
        lines = (line.split() for line in meminfo.read_text().splitlines())
        kilobytes = {words[0]: int(words[1]) for words in lines}
        return [kilobytes["MemAvailable:"] / kilobytes["MemTotal:"]]
    except (OSError, ValueError, LookupError):
        return []


class Memory:
    """Says whether this process is to take no further job, for want of memory."""

    def __init__(self) -> None:
        self.least_free = 0.0
        """The share of the memory that stays free; 0 for no limit."""
        self._is_little, self._looked_at = False, 0.0

    def is_short(self, jobs: int) -> bool:
        """Whether a process with so many jobs is to take no further one."""
        return bool(self.least_free) and jobs >= ALWAYS_JOBS and self._look()

    def room(self, jobs: int, slots: int) -> int:
        """Return how many more jobs a process with so many jobs and slots is to take.

        Args:
            slots: How many it can run at once.
        """
        return (min(slots, ALWAYS_JOBS) if self.is_short(slots) else slots) - jobs

    def _look(self) -> bool:
        """Whether too little is free, as of a moment ago."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            before, self._is_little = self._is_little, free_share() < self.least_free
            self._looked_at = time.monotonic()
            if self._is_little and not before:
                log.warning("memory.short", running=bodies.running, then="no further job is taken")
        return self._is_little


memory = Memory()
"""This process's."""


class MemoryLimit(bootsteps.StartStopStep):
    """Asks for no message while memory is short, and for the next one when it is not."""

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Limit what this connection's consumer takes. Celery calls this for each connection."""
        channel = consumer.task_consumer.channel
        may_consume = channel.qos.can_consume

        def can_consume(_qos: Any) -> bool:
            if not may_consume():
                return False
            # What was asked for before comes here and must not lie about.
            return bool(channel._in_poll) or not memory.is_short(_jobs())

        channel.qos.can_consume = MethodType(can_consume, channel.qos)
        channel.room = lambda: memory.room(_jobs(), consumer.pool.num_processes)


def _jobs() -> int:
    """How many jobs this process has. A message that was taken counts before its body runs."""
    return max(bodies.running, len(state.reserved_requests))
