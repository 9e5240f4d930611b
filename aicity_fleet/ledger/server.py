"""What the Redis server says of itself: its memory, its eviction policy, its role. Read by the overview."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import redis

from aicity_fleet.ledger.connection import wrapped

MUCH_MEMORY, TOO_MUCH_MEMORY = 0.8, 0.95
"""From which shares of its memory on a Redis is nearly full, and as good as full."""


@dataclasses.dataclass(frozen=True, slots=True)
class ServerState:
    """How a Redis server stands."""

    used_bytes: int
    max_bytes: int
    """Its ``maxmemory``; 0 when it has no bound."""
    eviction_policy: str
    """What it does when that is reached: ``noeviction``, or the data that it deletes then."""
    is_replica: bool

    @property
    def used_share(self) -> float:
        """How much of its ``maxmemory`` is used, from 0; it can exceed 1. 0 when it has no bound."""
        return self.used_bytes / self.max_bytes if self.max_bytes else 0.0


def read_server_state(client: redis.Redis) -> ServerState | None:
    """Return how the server stands; None when our Redis user may not ask.

    Raises:
        LedgerUnavailableError: Redis does not answer.
    """
    with wrapped("read the state of the server"):
        try:
            info: Mapping[str, Any] = client.info()
        except redis.exceptions.NoPermissionError:
            return None
    return ServerState(
        used_bytes=int(info.get("used_memory", 0)),
        max_bytes=int(info.get("maxmemory", 0)),
        eviction_policy=str(info.get("maxmemory_policy", "noeviction")),
        is_replica=info.get("role") == "slave",
    )
