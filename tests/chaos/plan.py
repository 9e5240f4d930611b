"""What a chaos run breaks, and in which order: every kind of fault with its switch, and a seeded plan.

The plan is the same for the same seed and options. What it meets is not: which job a process holds
when it dies is decided by the machine's scheduler, and no seed repeats that.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection, Sequence
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    name: str
    group: Literal["kill", "stop", "redis", "city", "model"]
    says: str
    per_kill: float
    """How many of them a run holds for each kill; of a kill, its share of all kills."""
    is_on: bool = True
    """Whether it happens unless switched off."""


KINDS = (
    Kind("kill-worker", "kill", "kill -9 of a worker's process group, in mid-job", 0.74),
    Kind("kill-dispatcher", "kill", "kill -9 of a dispatcher's process group", 0.18),
    Kind("kill-beat", "kill", "kill -9 of a beat's process group", 0.08),
    Kind("stop-worker", "stop", "SIGSTOP of a worker, held past the lease, SIGCONT", 0.1),
    Kind("stop-dispatcher", "stop", "the same with a dispatcher", 0.03),
    Kind("stop-beat", "stop", "the same with a beat", 0.03),
    Kind("redis-kill", "redis", "kill -9 of Redis, AOF everysec, restart", 0.05),
    Kind("flushall", "redis", "FLUSHALL: ledger, guard and queues are gone", 0.03),
    Kind("redis-latency", "redis", "50 to 300 ms more on every answer, for 4 s", 0.04),
    Kind("redis-reset", "redis", "every connection to Redis is reset", 0.1),
    Kind("redis-full", "redis", "maxmemory reached for 3 s: no write is taken", 0.03),
    Kind(
        "failover",
        "redis",
        "kill -9 of the primary; sentinels promote its replica, and it comes back as the new one",
        0.25,
        is_on=False,
    ),
    Kind("city-reply-lost", "city", "the ending is accepted, its answer is lost", 0.2),
    Kind("city-5xx", "city", "a burst of 500, 502 and 503 on everything", 0.1),
    Kind("city-429", "city", "429, Retry-After in seconds", 0.05),
    Kind("city-429-date", "city", "429, Retry-After as a date", 0.03),
    Kind("city-429-absent", "city", "429 on reports, without Retry-After", 0.05),
    Kind(
        "city-429-huge",
        "city",
        "429, Retry-After of thirty years; the fleet rests for the longest time that it believes",
        0.01,
        is_on=False,
    ),
    Kind("city-401", "city", "401 once: all stops, until a person says that the key works", 0.02),
    Kind("city-410", "city", "410 on the list of tasks", 0.03),
    Kind("city-410-report", "city", "410 on a report", 0.02),
    Kind("city-garbage", "city", "a page for people instead of JSON, before and after", 0.1),
    Kind("model-hang", "model", "the model does not answer", 0.06),
    Kind("model-endless", "model", "the model's answer dribbles and never ends", 0.04),
    Kind("model-cut", "model", "the model's answer is cut off", 0.06),
    Kind("model-empty", "model", "the model's answer is empty", 0.06),
    Kind("model-5xx", "model", "a burst of 500 and 503 from the model", 0.06),
    Kind("model-unservable", "model", "one job more, which the model never serves", 0.2),
)
"""Every kind of fault there is."""

ONE_REDIS = frozenset({"redis-kill", "redis-latency", "redis-reset"})
"""Kinds that need one Redis behind a proxy. With ``failover``, the fleet has sentinels in its place."""

BY_NAME = {kind.name: kind for kind in KINDS}

DEFAULT_KINDS = frozenset(kind.name for kind in KINDS if kind.is_on)


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One fault of a plan."""

    kind: str
    wait_seconds: float
    """How long after the event before it."""
    pick: float
    """From 0 to 1: which victim of several, and how strong."""


def make_plan(kills: int, seed: int, kinds: Collection[str]) -> list[Event]:
    """Lay out a run's faults.

    Args:
        kills: How many processes of the fleet are killed.
        seed: The same seed gives the same plan.
        kinds: Names of the kinds that are switched on.

    Raises:
        ValueError: A kind is unknown, or kills are wanted and every kind of kill is off.
    """
    unknown = set(kinds) - set(BY_NAME)
    if unknown:
        raise ValueError(f"there is no fault called {', '.join(sorted(unknown))}")
    dice = random.Random(seed)  # noqa: S311 - a plan's dice, not a secret
    on = [kind for kind in KINDS if kind.name in kinds]
    killing = [kind for kind in on if kind.group == "kill"]
    if kills and not killing:
        raise ValueError("kills are wanted, and every kind of kill is switched off")
    names = _share_out(kills, killing)
    for kind in on:
        if kind.group != "kill":
            names += [kind.name] * max(1, round(kills * kind.per_kill))
    dice.shuffle(names)
    return [
        Event(name, dice.uniform(*_WAITS[BY_NAME[name].group]), dice.random()) for name in names
    ]


def _share_out(kills: int, kinds: Sequence[Kind]) -> list[str]:
    """Divide the kills among their kinds by share; what is left over goes to the first."""
    whole = sum(kind.per_kill for kind in kinds)
    least = int(kills >= 2 * len(kinds))
    names = [
        kind.name
        for kind in kinds[1:]
        for _ in range(max(least, int(kills * kind.per_kill / whole)))
    ]
    return names + [kind.name for kind in kinds[:1] for _ in range(kills - len(names))]


_WAITS = {"kill": (0.5, 3.0), "stop": (0.2, 1.0), "redis": (0.2, 1.0)} | dict.fromkeys(
    ("city", "model"), (0.1, 0.6)
)
"""Least and most seconds before an event, by group."""
