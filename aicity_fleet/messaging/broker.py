"""The broker's connections: a Redis that refuses is waited for, as one that is down, and said once.

Kombu counts a Redis that is full or read-only as a broken channel, on which a Celery worker exits.
Here it is a lost connection, and a connection counts as made only when Redis takes writes on it, so
that a worker waits instead of connecting in a tight loop. Decides nothing about jobs.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import kombu
import redis
from celery.app.amqp import AMQP
from kombu.transport import redis as kombu_redis

from aicity_fleet.redis_faults import REFUSALS, as_refusal, outage

LONGEST_WAIT_SECONDS = 5.0
"""The longest wait between two attempts to connect, in seconds. Kombu's is 30: a fleet whose Redis is
back would stand still that long, and could not be told from one that is stuck."""

LOOK_SECONDS = 2.0
"""How long one look at the queues may take, in seconds."""


taken: Counter[str] = Counter()
"""How many messages this process took out of each queue."""


def _ask_for_a_write(client: Any, key: str) -> None:
    """See whether Redis takes writes, by one that writes nothing: Redis checks before it looks at it.

    Raises:
        redis.RedisError: It does not.
    """
    client.execute_command("SETRANGE", key, 0, "")


class _Answers:
    """Names refusals where answers are read."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except redis.ResponseError as error:
            raise as_refusal(error) from error.__cause__


class PlainConnection(_Answers, redis.Connection):
    """A connection to Redis."""


class TlsConnection(_Answers, redis.SSLConnection):
    """A connection to Redis through TLS."""


class QoS(kombu_redis.QoS):
    """Kombu's book of messages that are not acknowledged, which no lost connection breaks.

    Measured: a reset between a message's pop and its acknowledgement ended the worker. Kombu puts such
    messages back, or acknowledges them, through a connection that it closed before (``AttributeError:
    'NoneType' object has no attribute ...``). Redis or the ledger's sweep sends them again.
    """

    @property
    def _is_closed(self) -> bool:
        return getattr(self.channel.connection, "client", None) is None

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Put messages back if there is a connection to do it with."""
        if self._delivered and self._is_closed:
            self._delivered.clear()
        super().restore_unacked_once(stderr)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, unless its channel was closed meanwhile."""
        if not self._is_closed:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject a message, unless its channel was closed meanwhile."""
        if not self._is_closed:
            super().reject(delivery_tag, requeue)


class Channel(kombu_redis.Channel):
    """A channel that exists only while Redis takes writes."""

    QoS = QoS
    connection_class = PlainConnection
    connection_class_ssl = TlsConnection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            _ask_for_a_write(self.client, f"{self.global_keyprefix}nothing")
        except Exception:
            self.close()
            raise


class Transport(kombu_redis.Transport):
    """Redis, whose refusals are lost connections."""

    Channel = Channel
    connection_errors = (*kombu_redis.Transport.connection_errors, *REFUSALS)

    def _deliver(self, message: Any, queue: str | None) -> None:
        taken[queue or ""] += 1
        super()._deliver(message, queue)


class Connection(kombu.Connection):
    """A connection of the app's that waits for Redis with short pauses and few words."""

    def get_transport_cls(self) -> Any:
        """Ours in place of kombu's; TLS (``rediss``) goes through the same class."""
        transport = super().get_transport_cls()
        return Transport if transport is kombu_redis.Transport else transport

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, and wait for it: as kombu's, with our one line per change for Celery's per attempt."""
        _errback, *rest = args or (kwargs.pop("errback", None),)
        kwargs.setdefault("interval_max", LONGEST_WAIT_SECONDS)
        super().ensure_connection(lambda error, _wait: outage.note(error), *rest, **kwargs)
        outage.over()
        return self


class FleetAMQP(AMQP):
    """Celery's factory of connections, which makes ours."""

    Connection = Connection
    BrokerConnection = Connection


class QueueMonitor:
    """Looks at queues from outside Celery, on a connection of its own.

    Args:
        url: Redis, with its password.
        prefix: What stands before every key of this fleet.
    """

    def __init__(self, url: str, prefix: str, queues: Sequence[str]) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=LOOK_SECONDS, socket_connect_timeout=LOOK_SECONDS
        )
        self._prefix, self._queues = prefix, queues

    def waiting(self) -> int | None:
        """Return how many messages wait in the queues; None if Redis does not answer."""
        try:
            _ask_for_a_write(self._client, f"{self._prefix}nothing")
            return sum(int(self._client.llen(self._prefix + queue)) for queue in self._queues)
        except (redis.RedisError, OSError):
            return None
