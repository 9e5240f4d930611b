"""The broker's connections: a Redis that refuses is waited for, as one that is down, and said once.

Kombu counts a Redis that is full or read-only as a broken channel, on which a Celery worker exits.
Here it is a lost connection, and a connection counts as made only when Redis takes writes on it, so
that a worker waits instead of connecting in a tight loop. Decides nothing about jobs.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from queue import Empty
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import kombu
import redis
import structlog
from celery.app.amqp import AMQP
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual

from aicity_fleet.redis_address import addresses_in, is_sentinel, primary_in
from aicity_fleet.redis_clients import (
    PlainConnection,
    SentinelConnection,
    TlsConnection,
    sentinel_pool,
)
from aicity_fleet.redis_faults import REFUSALS, outage

LONGEST_WAIT_SECONDS = 5.0
"""The longest wait between two attempts to connect, in seconds. Kombu's is 30: a fleet whose Redis is
back would stand still that long, and could not be told from one that is stuck."""

BRPOP_SECONDS = 4
"""How long a consumer waits for a message before it asks again, in seconds; with kombu's 1 that is half of
what it does at rest. A dead link is noticed that much later, but a new message or a stop is not. A message
that comes while the worker stops may be taken, and is put back."""

CHECK_SECONDS = 4.0
"""How often a worker checks whether its connections still live, in seconds. With ``BRPOP_SECONDS`` and
``health_check_interval``, a dead link is noticed within 13 s: before the watchdog would end the worker."""

LISTEN_SECONDS = 1.5
"""How long beat and Flower listen before they look up, in seconds; Celery's 1 was half of what they do at
rest. Beat stops that much later."""

MOST_AT_ONCE = 10
"""The most messages that a consumer takes in one turn. A turn costs more than a message. Without a limit,
one worker would take them all."""

BACKLOG_SECONDS = 0.01
"""A message that comes within this time, in seconds, was in the queue before it was asked for. Others may
be there too."""


log = structlog.get_logger(__name__)

taken: Counter[str] = Counter()
"""How many messages this process took out of each queue."""

found_empty: Counter[str] = Counter()
"""How often this process asked each queue for a message and there was none until the answer."""


def ask_for_a_write(client: Any, key: str) -> None:
    """See whether Redis takes writes, by one that writes nothing: Redis checks before it looks at it.

    Raises:
        redis.RedisError: It does not.
    """
    client.execute_command("SETRANGE", key, 0, "")


class QoS(kombu_redis.QoS):
    """Kombu's record of messages that are not acknowledged, kept in memory alone.

    Kombu keeps it in Redis as well, which took two transactions for each message. No promise rests on it:
    a message is acknowledged when its task starts, and the sweep sends again what was lost before that.
    Measured besides: a reset between a message's pop and its acknowledgement ended the worker, because
    kombu uses a connection that it closed before.
    """

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note that a message was taken."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Drop a message, or have it delivered again after all others."""
        if requeue and delivery_tag in self._taken:
            self._put_back([self._taken[delivery_tag]], leftmost=True)
        virtual.QoS.ack(self, delivery_tag)

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ARG002 -- kombu passes one
        """Have what was taken and not acknowledged delivered next, if there is a connection."""
        cast("Any", self)._flush()  # what was acknowledged meanwhile
        messages = list(self._taken.values())
        self._taken.clear()
        self._put_back(messages, leftmost=False)

    def restore_visible(self, *_: Any, **__: Any) -> None:
        """Restore nothing: no record outlives its process."""

    @property
    def _taken(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._delivered)

    def _put_back(self, messages: Sequence[Any], *, leftmost: bool) -> None:
        channel: Any = self.channel
        if not messages or getattr(channel.connection, "client", None) is None:
            return
        with channel.conn_or_acquire() as client:
            for message in messages:
                where = message.delivery_info
                target = (where["exchange"], where["routing_key"], client)
                channel._do_restore_message(message._raw, *target, leftmost=leftmost)


class Channel(kombu_redis.Channel):
    """A channel that exists only while Redis takes writes, and that takes several messages in one turn."""

    QoS = QoS
    connection_class: Any = PlainConnection
    connection_class_ssl = TlsConnection
    _own_client: Any = None
    room: Callable[[], int] = staticmethod(lambda: 0)
    """Returns how many further messages may be taken now. A consumer of one queue sets it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            ask_for_a_write(self.client, f"{self.global_keyprefix}nothing")
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Close the channel, as kombu's, but end a BRPOP under way instead of waiting until it ends."""
        if asked := cast("Any", self)._in_poll:
            greeting = asked.handshake_metadata or {}
            try:
                with self.conn_or_acquire() as client:
                    client.client_unblock(greeting.get(b"id", greeting.get("id", 0)))
            except redis.ResponseError:  # our Redis user may not: the BRPOP ends by itself
                pass
            except (redis.RedisError, OSError):
                asked.disconnect()  # nor would there be an answer to the BRPOP
        super().close()

    def _brpop_read(self, **options: Any) -> Any:
        """Take the message that was asked for and, where messages have waited, those behind it."""
        channel: Any = self
        had_waited = time.monotonic() - channel._brpop_sent_at < BACKLOG_SECONDS
        try:
            was_taken = super()._brpop_read(**options)  # type: ignore[misc]
        except Empty:
            found_empty.update(self.active_queues)
            raise
        if had_waited and len(self.active_queues) == 1 and not channel._closing:
            self._take_more(*self.active_queues)
        return was_taken

    def _take_more(self, queue: str) -> None:
        """Take what waits in a queue without waiting for it."""
        most = min(self.room(), MOST_AT_ONCE - 1)
        if most < 1:
            return
        with self.conn_or_acquire() as client:
            waiting = client.rpop(queue, most) or ()
        for each in waiting:
            try:
                message = json.loads(each)
            except ValueError:
                log.warning("message.unreadable", queue=queue)
                continue
            self.connection._deliver(message, queue)

    def _create_client(self, asynchronous: bool = False) -> Any:
        """Return one client for each pool. Kombu makes one per message, which costs more than its use."""
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        if self._own_client is None or self._own_client.connection_pool is not self.pool:
            self._own_client = super()._create_client()  # type: ignore[misc]
        return self._own_client


class SentinelChannel(Channel):
    """A channel to the primary that sentinels name; two options of the transport say where and which."""

    connection_class = SentinelConnection
    from_transport_options = (
        *kombu_redis.Channel.from_transport_options,
        *("sentinels", "master_name"),
    )
    sentinels: Sequence[Sequence[Any]] = ()
    master_name = ""

    def _get_pool(self, asynchronous: bool = False) -> Any:
        options = cast("Any", self)._connparams(asynchronous)
        self.keyprefix_fanout = self.keyprefix_fanout.format(db=options["db"])
        for name in ("host", "port"):  # of one of the sentinels
            del options[name]
        addresses = [(str(host), int(port)) for host, port in self.sentinels]
        return sentinel_pool(addresses, self.master_name, **options)


class Transport(kombu_redis.Transport):
    """Redis, whose refusals are lost connections."""

    Channel = Channel
    brpop_timeout = BRPOP_SECONDS
    connection_errors = (*kombu_redis.Transport.connection_errors, *REFUSALS)

    def drain_events(self, connection: Any, timeout: Any = None, **options: Any) -> None:
        """As kombu's; but beat and Flower, which only listen, each time for a second, listen for longer."""
        cycle = cast("Any", self).cycle
        if timeout == 1 and not any(channel.active_queues for channel in cycle._channels):
            timeout = LISTEN_SECONDS
        super().drain_events(connection, timeout=timeout, **options)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """As kombu's, with one timer in place of five, each of which would wake up the loop.

        Two of them have nothing to do here: there is nothing to restore, and no password that changes.
        """
        super().register_with_event_loop(connection, loop)
        cycle = cast("Any", self).cycle
        checks = "restore_messages", "reauth", "subclient_health", "binding_expiry", "brpop_health"
        for check in checks:
            getattr(cycle, f"_{check}_tref").cancel()
        cycle._brpop_health_tref = loop.call_repeatedly(CHECK_SECONDS, self._check)

    def _check(self) -> None:
        cycle = cast("Any", self).cycle
        cycle.maybe_check_brpop_health()
        cycle.maybe_check_subclient_health()
        cycle.maybe_refresh_binding_expiry()

    def _deliver(self, message: Any, queue: str | None) -> None:
        taken[queue or ""] += 1
        super()._deliver(message, queue)


class SentinelTransport(Transport):
    """The same, on the primary that sentinels name."""

    Channel = SentinelChannel


def broker_settings(url: str) -> tuple[str, dict[str, Any]]:
    """Return the broker's URL for Celery, and what else its transport has to know.

    Kombu's form of several sentinels, URLs with semicolons between, is none that Flower can read. It has
    one of them, and all are in the options.

    Args:
        url: A valid ``REDIS_URL``, with its password.
    """
    if not is_sentinel(url):
        return url, {}
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    first = parts._replace(netloc=login + at + hosts.split(",")[0], query="")
    return urlunsplit(first), {"sentinels": addresses_in(url), "master_name": primary_in(url)}


class Connection(kombu.Connection):
    """A connection of the app's that waits for Redis with short pauses and few words."""

    def get_transport_cls(self) -> Any:
        """Ours in place of kombu's; TLS (``rediss``) goes through the same class."""
        transport = super().get_transport_cls()
        ours: dict[Any, Any] = {
            kombu_redis.Transport: Transport,
            kombu_redis.SentinelTransport: SentinelTransport,
        }
        return ours.get(transport, transport)

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
