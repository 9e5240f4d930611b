"""Counts the messages that wait, for the watchdog of a consumer. Takes none."""

from collections.abc import Sequence

import redis

from aicity_fleet.messaging.broker import ask_for_a_write
from aicity_fleet.redis_clients import redis_client

LOOK_SECONDS = 2.0
"""How long one look at the queues may take, in seconds."""


class QueueMonitor:
    """Looks at queues from outside Celery, on a connection of its own.

    Args:
        url: Redis, with its password.
        prefix: What stands before every key of this fleet.
    """

    def __init__(self, url: str, prefix: str, queues: Sequence[str]) -> None:
        self._client = redis_client(
            url, socket_timeout=LOOK_SECONDS, socket_connect_timeout=LOOK_SECONDS
        )
        self._prefix, self._queues = prefix, queues

    def waiting(self) -> int | None:
        """Return how many messages wait in the queues; None if Redis does not answer."""
        try:
            with self._client.pipeline(transaction=False) as pipe:
                ask_for_a_write(pipe, f"{self._prefix}nothing")
                for queue in self._queues:
                    pipe.llen(self._prefix + queue)
                return sum(map(int, pipe.execute()))
        except (redis.RedisError, OSError):
            return None
