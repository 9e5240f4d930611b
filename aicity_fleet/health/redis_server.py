"""Judges the Redis of a fleet: its memory, its eviction policy, its role, its clock.

It turns plain values into plain sentences and does no I/O. A part of ``health``.
"""

from collections.abc import Iterator

from aicity_fleet.health.finding import Finding
from aicity_fleet.ledger.overview import Overview
from aicity_fleet.ledger.server import MUCH_MEMORY, TOO_MUCH_MEMORY, ServerState
from aicity_fleet.redis_faults import MEMORY_REMEDY
from aicity_fleet.words import duration, megabytes

CLOCK_SECONDS = 60.0
"""By how much the clocks of Redis and of this machine may differ without a remark, in seconds."""


def redis_findings(overview: Overview) -> Iterator[Finding]:
    """Yield what is wrong with the Redis server."""
    ahead = overview.clock_ahead_seconds
    if abs(ahead) > CLOCK_SECONDS:
        yield Finding(
            "redis_clock",
            f"The clock of Redis is {duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this "
            "machine's.",
            "Have both machines set their clocks by NTP. All times of the fleet, and the day of the daily "
            "cap, go by the clock of Redis.",
            needs_person=False,
        )
    if overview.server is not None:
        yield from _server(overview.server)


def _server(server: ServerState) -> Iterator[Finding]:
    if server.is_replica:
        yield Finding(
            "redis_replica",
            "This Redis is a read-only replica: no process of the fleet can write to it.",
            "Set REDIS_URL to the primary, or promote this one.",
            needs_person=True,
        )
    if server.eviction_policy != "noeviction":
        yield Finding(
            "redis_evicts",
            f"Redis deletes data when its memory is full (maxmemory-policy {server.eviction_policy}), and "
            "with it jobs and their journals.",
            "Set maxmemory-policy to noeviction. A managed Redis has a setting for it.",
            needs_person=True,
        )
    if server.used_share > MUCH_MEMORY:
        is_full = server.used_share > TOO_MUCH_MEMORY
        then = "It takes no new job, call or report once it is full" if is_full else "It fills up"
        yield Finding(
            "redis_memory",
            f"Redis uses {memory_text(server)}. {then}.",
            MEMORY_REMEDY,
            needs_person=is_full,
        )


def memory_text(server: ServerState) -> str:
    """Describe how much memory Redis uses, for people."""
    used = megabytes(server.used_bytes)
    if not server.max_bytes:
        return f"{used}, without a maxmemory"
    return f"{used} of {megabytes(server.max_bytes)} ({server.used_share:.0%})"
