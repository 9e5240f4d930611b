"""The connection to Redis, and the one place where redis-py's exceptions become ours."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from aicity_fleet.errors import LedgerError, LedgerNotFoundError, LedgerUnavailableError
from aicity_fleet.ledger.keys import SCHEMA_VERSION, Keys
from aicity_fleet.redis_clients import redis_client
from aicity_fleet.redis_faults import REFUSALS, as_refusal, is_absent, is_tls_fault, reason, remedy
from aicity_fleet.settings import Settings

CONNECT_SECONDS = 3
"""How long a connection may take to open, in seconds."""

MOST_CONNECTIONS = 1000
"""How many connections one process may open: each thread that asks at the same moment takes one. redis-py's
100 are fewer than a worker may have threads, and the next one is told that Redis cannot be reached."""

BACKOFF = ExponentialBackoff(cap=0.5, base=0.05)


def connect(
    settings: Settings, *, wait_seconds: float = 0, timeout_seconds: float = 5, retries: int = 3
) -> redis.Redis:
    """Open a connection pool to Redis and see that it answers.

    Args:
        wait_seconds: How long to wait for a Redis that is still starting.
        timeout_seconds: How long one try of a command may take.
        retries: How often a command is tried again.

    Raises:
        LedgerNotFoundError: Nothing listens there.
        LedgerUnavailableError: Redis does not answer or refuses us; the message names why and what to do.
    """
    client = redis_client(
        settings.broker_url(),
        decode_responses=True,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=CONNECT_SECONDS,
        health_check_interval=10,
        max_connections=MOST_CONNECTIONS,
        # A Redis that hangs is told at once, and not after four times the timeout.
        retry=Retry(BACKOFF, 3, supported_errors=(redis.ConnectionError,)),
    )
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            client.ping()
        except redis.RedisError as error:
            is_final = isinstance(error, redis.AuthenticationError) or is_tls_fault(error)
            if time.monotonic() < deadline and not is_final:
                time.sleep(0.2)
                continue
            raise _no_answer(error, settings.redis_address(), timeout_seconds) from error
        client.set_retry(Retry(BACKOFF, retries))
        return client


def _no_answer(error: redis.RedisError, address: str, timeout_seconds: float) -> LedgerError:
    """Return why a Redis did not answer its first ``PING``, and what to do."""
    if is_absent(error):
        return LedgerNotFoundError(
            f"REDIS_URL: no Redis answers at {address} ({error.__context__}). Start one, or correct "
            "REDIS_URL."
        )
    if isinstance(error, redis.ResponseError):
        error = as_refusal(error)
    why, what_to_do = reason(error), remedy(error)
    if isinstance(error, redis.TimeoutError):
        if "connecting" in str(error):
            why = f"it cannot be reached within {CONNECT_SECONDS} s"
            what_to_do = "Check the address, the network and its firewalls."
        else:
            why = f"it accepts connections and does not answer within {timeout_seconds:g} s"
    elif isinstance(error, redis.AuthenticationError):
        why = f"{why} ({error})"
    return LedgerUnavailableError(
        f"REDIS_URL: the Redis at {address} does not serve us: {why}. {what_to_do}"
    )


def check_layout(client: redis.Redis, keys: Keys) -> None:
    """Check that this version of the fleet can work on a ledger; an unmarked ledger gets our mark.

    Raises:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: The ledger has another layout.
    """
    with wrapped("read the ledger's version"):
        found_text = client.get(keys.schema)
        if found_text is None:  # only then: a Redis that is full can still be looked at
            with suppress(redis.exceptions.NoPermissionError):  # a user who may only read
                client.set(keys.schema, SCHEMA_VERSION, nx=True)
            found_text = client.get(keys.schema)
        found = int(str(found_text or SCHEMA_VERSION))
    if found == SCHEMA_VERSION:
        return
    remedy = (
        "Upgrade this process."
        if found > SCHEMA_VERSION
        else "Let the version that wrote it finish its jobs, then delete the ledger's keys."
    )
    raise LedgerError(
        f"The ledger of agent '{keys.agent}' has layout {found}, and this version of the fleet "
        f"knows {SCHEMA_VERSION}. {remedy}"
    )


@contextmanager
def wrapped(deed: str) -> Iterator[None]:
    """Turn any exception of redis-py within into a ``LedgerError``.

    Args:
        deed: What was attempted, as it stands in the message.

    Raises:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: Redis answered something else that is an error.
    """
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, *REFUSALS) as e:
        raise LedgerUnavailableError(f"Redis could not {deed}: {reason(e)}. {remedy(e)}") from e
    except redis.RedisError as e:
        if isinstance(e, redis.ResponseError) and isinstance(as_refusal(e), REFUSALS):
            refusal = as_refusal(e)
            raise LedgerUnavailableError(
                f"Redis could not {deed}: {reason(refusal)}. {remedy(refusal)}"
            ) from refusal
        raise LedgerError(f"Redis refused to {deed} ({type(e).__name__}: {str(e)[:200]}).") from e
