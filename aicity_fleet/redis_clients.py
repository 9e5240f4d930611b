"""Opens connections to the Redis of the fleet, which a URL names or sentinels find.

A connection that sentinels found asks them again each time that it connects, so a process follows a
failover by itself. Decides nothing about jobs.
"""

import socket
import ssl
from typing import Any, cast

import redis
from redis import sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from aicity_fleet.redis_address import addresses_in, database_in, is_sentinel, login_in, primary_in
from aicity_fleet.redis_faults import NoPrimaryError, as_refusal

ASK_SECONDS = 1.0
"""How long one sentinel may take to answer, in seconds. Then the next one is asked."""


class Answers:
    """Names refusals where answers are read."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """As redis-py's."""
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]
        except redis.ResponseError as error:
            raise as_refusal(error) from error.__cause__


class PlainConnection(Answers, redis.Connection):
    """A connection to Redis."""


class TlsConnection(Answers, redis.SSLConnection):
    """A connection to Redis through TLS, which trusts ``REDIS_CA_FILE`` or else the system's authorities.

    redis-py would trust both, and read the system's for each connection: 11 ms of CPU in place of 0.3.
    """

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self.ca_certs)
        return context.wrap_socket(sock, server_hostname=self.host)


class SentinelConnection(sentinel.SentinelManagedConnection, PlainConnection):
    """A connection to the primary. A refusal is named before redis-py's class looks for a demoted one."""


class Sentinels(sentinel.Sentinel):
    """The sentinels of a URL. Each is asked once and briefly; the first that knows is believed."""

    def __init__(self, addresses: list[tuple[str, int]]) -> None:
        options: dict[str, Any] = {
            "socket_timeout": ASK_SECONDS,
            "socket_connect_timeout": ASK_SECONDS,
            "retry": Retry(NoBackoff(), 0),
        }
        super().__init__(addresses, sentinel_kwargs=options)  # type: ignore[no-untyped-call]

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return host and port of the primary.

        Raises:
            NoPrimaryError: No sentinel answers, none knows the name, or all say that it is down.
        """
        silent: list[str] = []
        known: set[str] = set()
        for one in self.sentinels:
            try:
                primaries: Any = one.sentinel_masters()
            except redis.RedisError as error:
                silent.append(str(error) or type(error).__name__)
                continue
            known |= set(primaries)
            state = primaries.get(service_name)
            if state and state["is_master"] and not state["is_sdown"] and not state["is_odown"]:
                # Asked first the next time. Another thread may do the same now, so no list is changed.
                self.sentinels = [one, *(other for other in self.sentinels if other is not one)]
                return state["ip"], state["port"]
        raise _no_primary(service_name, silent, known, len(self.sentinels))


def _no_primary(name: str, silent: list[str], known: set[str], count: int) -> NoPrimaryError:
    if len(silent) == count:
        return NoPrimaryError(
            f"none of its {count} sentinels answers ({silent[-1][:120]})",
            "Start them, or correct the addresses in REDIS_URL. They must answer without a password.",
        )
    if name not in known:
        names = ", ".join(sorted(known)) or "no primary at all"
        return NoPrimaryError(
            f"its sentinels know no primary named '{name}', only {names}",
            "Correct 'master=' in REDIS_URL.",
        )
    return NoPrimaryError(
        f"its sentinels say that the primary '{name}' is down",
        "They promote a replica within seconds. If they do not, look at their logs: most of them must "
        "agree, and a replica must be up.",
    )


def sentinel_pool(
    addresses: list[tuple[str, int]], primary: str, **options: Any
) -> sentinel.SentinelConnectionPool:
    """Return a pool of connections to the primary that these sentinels name.

    Args:
        options: Those of a connection of redis-py.
    """
    options.setdefault("connection_class", SentinelConnection)
    make: Any = sentinel.SentinelConnectionPool  # which has no types
    return cast("sentinel.SentinelConnectionPool", make(primary, Sentinels(addresses), **options))


def server_address(client: redis.Redis, url: str) -> tuple[str, int]:
    """Return host and port of the server that a client of ``redis_client`` would connect to now.

    Raises:
        NoPrimaryError: The sentinels name none.
    """
    pool: Any = client.connection_pool
    if is_sentinel(url):
        host, port = pool.get_master_address()
        return str(host), int(port)
    return addresses_in(url)[0]


def redis_client(url: str, **options: Any) -> redis.Redis:
    """Return a client of the Redis that a URL names. No connection is made yet.

    Args:
        url: A valid ``REDIS_URL``, with its password.
        options: Those of a connection of redis-py.
    """
    if not is_sentinel(url):
        if url.startswith("rediss:"):
            options["connection_class"] = TlsConnection
        return redis.Redis.from_url(url, **options)
    options = {"db": database_in(url), **login_in(url), **options}
    return redis.Redis.from_pool(sentinel_pool(addresses_in(url), primary_in(url), **options))
