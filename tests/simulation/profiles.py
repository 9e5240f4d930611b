"""What happens to the fleet of one seed, as data: rates of every fault, and how large everything is.

A profile is drawn from a seed, so that some seeds are calm, some have one kind of trouble and some have
everything at once. Rates are per effect unless a name says otherwise.
"""

from __future__ import annotations

import dataclasses
import random
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """One seed's world."""

    jobs: int = 10
    workers: int = 2
    slots: int = 3
    """Jobs that one worker runs at once."""
    dispatchers: int = 2
    beats: int = 1
    fault_seconds: float = 90.0
    """How long everything below goes on."""
    poll_seconds: float = 15.0
    max_running: int = 0
    brake: str = ""

    # --- Redis -----------------------------------------------------------------------------------
    redis_lost: float = 0.0
    """The call does not reach Redis."""
    redis_reply_lost: float = 0.0
    """It does, and its reply does not come."""
    redis_doubled: float = 0.0
    """Its reply is lost, and the client sends it again by itself."""
    slow: float = 0.02
    """An effect is held up for up to two seconds."""
    flushes: int = 0
    """FLUSHALL, in all."""

    # --- messages --------------------------------------------------------------------------------
    message_lost: float = 0.0
    message_refused: float = 0.0
    """The broker takes it or not, and says that it did not."""
    message_doubled: float = 0.0
    message_late: float = 0.0

    # --- processes: about how many, in all ---------------------------------------------------------
    kills: float = 0.0
    stops: float = 0.0
    drains: float = 0.0

    # --- AI City -----------------------------------------------------------------------------------
    city_lost: float = 0.0
    city_reply_lost: float = 0.0
    city_down: float = 0.0
    city_busy: float = 0.0
    city_refuses: float = 0.0
    """A report is answered 422, 403 or 404 although nothing is wrong with it."""
    key_refused: float = 0.0
    """How often the key is refused for a while, in all."""
    listing_stale: float = 0.0
    listing_doubled: float = 0.0
    malformed: float = 0.0
    """Share of listed entries that are malformed tasks."""
    withdrawn: float = 0.0
    """Share of tasks that their buyer takes back."""
    check_fails: float = 0.0
    """Share of deliveries that AI City's own check fails."""

    checked_later: float = 0.0
    """Share of deliveries that AI City judges some time after it took them."""
    taken_back: float = 0.0
    """Share of completed tasks that AI City fails or refunds later."""

    # --- jobs --------------------------------------------------------------------------------------
    rejects: float = 0.2
    """Share of jobs whose team gives up."""
    wavers: float = 0.0
    """Share of jobs whose every attempt may end differently."""
    most_calls: int = 6
    """Model calls of the longest jobs."""
    poison: float = 0.0
    """Share of jobs that kill their worker."""
    broken: float = 0.0
    """Share of runs in which our own code raises."""
    trouble: float = 0.0
    serves: float = 0.0
    """How often an endpoint passes its health check after trouble."""
    """Per model call."""
    fatal: float = 0.0

    # --- people: about how many moves, in all ---------------------------------------------------------
    moves: float = 0.0


KINDS: dict[str, dict[str, float]] = {
    "calm": {},
    "crashes": {"kills": 8, "stops": 6, "drains": 1, "message_lost": 0.1},
    "redis": {"redis_lost": 0.03, "redis_reply_lost": 0.03, "redis_doubled": 0.05, "slow": 0.06},
    "messages": {
        **{"message_lost": 0.3, "message_refused": 0.2, "message_doubled": 0.4},
        "message_late": 0.3,
    },
    "city": {
        **{"city_lost": 0.05, "city_reply_lost": 0.25, "city_down": 0.05, "city_busy": 0.03},
        **{"city_refuses": 0.05, "listing_stale": 0.2, "listing_doubled": 0.2, "malformed": 0.1},
        **{"key_refused": 0.7, "withdrawn": 0.08, "rejects": 0.6, "most_calls": 3},
    },
    "failures": {
        **{"rejects": 0.6, "wavers": 0.2, "city_reply_lost": 0.35, "check_fails": 0.25},
        **{"city_refuses": 0.08, "checked_later": 0.15, "taken_back": 0.15},
        **{"jobs": 22, "workers": 3, "slots": 4, "kills": 1, "most_calls": 2, "fault_seconds": 60},
    },
    "flushes": {
        **{"flushes": 3, "rejects": 0.6, "wavers": 0.3, "city_reply_lost": 0.2, "stops": 2},
        **{"listing_stale": 0.3, "most_calls": 3, "taken_back": 0.1},
    },
    "models": {
        "trouble": 0.15,
        "serves": 0.5,
        "fatal": 0.01,
        "poison": 0.12,
        "broken": 0.05,
        "kills": 1,
    },
    "people": {
        **{"moves": 25, "rejects": 0.4, "kills": 2, "city_refuses": 0.1, "city_reply_lost": 0.3},
        "wavers": 0.5,
    },
    "everything": {
        **{"redis_lost": 0.01, "redis_reply_lost": 0.015, "redis_doubled": 0.02, "flushes": 1},
        **{"message_lost": 0.1, "message_refused": 0.05, "message_doubled": 0.15},
        **{"message_late": 0.1, "kills": 5, "stops": 4, "drains": 1, "city_lost": 0.02},
        **{"city_reply_lost": 0.15, "city_down": 0.03, "city_busy": 0.02, "city_refuses": 0.03},
        **{"key_refused": 0.3, "listing_stale": 0.1, "listing_doubled": 0.1, "malformed": 0.05},
        **{"withdrawn": 0.04, "check_fails": 0.08, "rejects": 0.5, "wavers": 0.3, "poison": 0.05},
        **{"broken": 0.02, "trouble": 0.06, "serves": 0.3, "fatal": 0.003, "moves": 5},
        **{"checked_later": 0.05, "taken_back": 0.08},
    },
}
"""Kinds of trouble, by what they change."""

WEIGHTS = {"calm": 1, "everything": 6}
"""How often a kind is drawn, where it is not 2."""


def profile_of(seed: int) -> tuple[str, Profile]:
    """The name and the profile of one seed's world."""
    rng = random.Random(f"profile {seed}")  # noqa: S311
    names = sorted(KINDS)
    kind = rng.choices(names, [WEIGHTS.get(name, 2) for name in names])[0]
    changes = {
        name: rate * rng.choice((0.5, 1.0, 1.0, 1.5))
        if isinstance(rate, float) and rate < 1
        else rate
        for name, rate in KINDS[kind].items()
    }
    sizes: dict[str, Any] = {
        "jobs": rng.randint(8, 20),
        "workers": rng.randint(1, 3),
        "slots": rng.randint(1, 4),
        "dispatchers": rng.randint(1, 2),
        "beats": rng.choice((1, 1, 1, 2)),
        "max_running": rng.choice((0, 0, 0, 2)),
        "brake": rng.choice(("", "2/4", "5/8")),
    }
    return kind, dataclasses.replace(Profile(), **{**sizes, **changes})
