"""The connection to Redis, and the one place where redis-py's exceptions become ours."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from aicity_fleet.errors import LedgerError, LedgerUnavailableError
from aicity_fleet.ledger.keys import SCHEMA_VERSION, Keys
from aicity_fleet.redis_faults import REFUSALS, as_refusal, reason
from aicity_fleet.settings import Settings


def connect(
    settings: Settings, *, wait_seconds: float = 0, timeout_seconds: float = 5
) -> redis.Redis:
    """Open a connection pool to Redis and see that it answers.

    Args:
        wait_seconds: How long to wait for a Redis that is still starting.
        timeout_seconds: How long one command may take.

    Raises:
        LedgerUnavailableError: Redis does not answer or refuses us; the message names why.
    """
    client = redis.Redis.from_url(
        settings.broker_url(),
        decode_responses=True,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=3,
        health_check_interval=10,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3),
    )
    address, deadline = settings.redis_address(), time.monotonic() + wait_seconds
    while True:
        try:
            client.ping()
        except redis.AuthenticationError as error:
            raise LedgerUnavailableError(
                f"REDIS_URL: the Redis at {address} refuses our password ({error}). "
                "Correct REDIS_PASSWORD or the password within REDIS_URL."
            ) from error
        except redis.RedisError as error:
            if time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            raise LedgerUnavailableError(
                f"REDIS_URL: no Redis answers at {address} ({type(error).__name__}). "
                "Start one, or correct REDIS_URL."
            ) from error
        return client


def check_layout(client: redis.Redis, keys: Keys) -> None:
    """Check that this version of the fleet can work on a ledger; an unmarked ledger gets our mark.

    Raises:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: The ledger has another layout.
    """
    with wrapped("read the ledger's version"):
        client.set(keys.schema, SCHEMA_VERSION, nx=True)
        found = int(str(client.get(keys.schema) or SCHEMA_VERSION))
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
        raise LedgerUnavailableError(
            f"Redis could not {deed} ({type(e).__name__}). Is it up, writable and not full?"
        ) from e
    except redis.RedisError as e:
        if isinstance(e, redis.ResponseError) and isinstance(as_refusal(e), REFUSALS):
            raise LedgerUnavailableError(f"Redis could not {deed}: {reason(as_refusal(e))}.") from e
        raise LedgerError(f"Redis refused to {deed} ({type(e).__name__}: {str(e)[:200]}).") from e
