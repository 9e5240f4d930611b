"""Reads how the Redis server itself is doing, with one attempt and short limits of time; changes nothing.

The fleet's own connections are in ``aicity_fleet/ledger/connection.py``.
"""

import dataclasses
import socket
import time
from collections.abc import Mapping
from typing import Any, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.ledger import Ledger
from aicity_fleet.redis_clients import redis_client, server_address
from aicity_fleet.redis_faults import (
    NoPrimaryError,
    RefusedError,
    as_refusal,
    is_tls_fault,
    reason,
    remedy,
)
from aicity_fleet.settings import Settings

CONNECT_SECONDS = 2.0
"""How long the server may take to accept a connection, in seconds."""

ANSWER_SECONDS = 3.0
"""How long it may take for one answer, in seconds."""

Trouble = Literal[
    "",
    "unreachable",
    "tls",
    "no_primary",
    "password",
    "silent",
    "loading",
    "disk",
    "full",
    "read_only",
    "refused",
]
"""What keeps the server from serving us; empty for nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class RedisAnswer:
    """What the server says of itself, as far as it answers."""

    trouble: Trouble = ""
    said: str = ""
    """What came back, in the words of the server or the library; never a secret of ours."""
    cure: str = ""
    """What to do, where only what came back says it."""
    info: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The reply of INFO; empty where it was not to be had."""
    offset_seconds: float | None = None
    """How far the server's clock is ahead of this machine's, in seconds."""

    @property
    def answers(self) -> bool:
        """Whether the fleet's data can at least be read."""
        return self.trouble in {"", "disk", "full", "read_only"}


def open_client(settings: Settings) -> redis.Redis:
    """Return a client that tries once and never waits long. No connection is made yet."""
    return redis_client(
        settings.broker_url(),
        decode_responses=True,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def read_server(client: redis.Redis, settings: Settings) -> RedisAnswer:
    """Return what the server says that a client of ``open_client`` talks to."""
    try:
        address = server_address(client, settings.broker_url())
        # Of its own, to tell a server that is not there from one that accepts and keeps silent.
        socket.create_connection(address, CONNECT_SECONDS).close()
    except NoPrimaryError as error:
        return RedisAnswer("no_primary", reason(error), remedy(error))
    except OSError as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror
        return RedisAnswer("unreachable", str(why or type(error).__name__))
    trouble, said = _trouble(client.ping)
    if not trouble:
        # A write that writes nothing: an empty text, into a key that does not exist and is not created.
        no_key = f"{Keys(settings.agent).prefix}no_such_key"
        trouble, said = _trouble(lambda: client.setrange(no_key, 0, ""))
    if trouble in {"tls", "password", "silent"}:
        return RedisAnswer(trouble, said)
    return RedisAnswer(trouble, said, info=_info(client), offset_seconds=_offset_seconds(client))


def open_used_ledger(client: redis.Redis, settings: Settings) -> Ledger | None:
    """Return the ledger on this server; None where no fleet of this name has written one.

    Raises:
        LedgerUnavailableError: The server does not let it be read.
        LedgerError: A version of the fleet with another layout wrote it.
    """
    keys = Keys(settings.agent)
    with wrapped("look for the ledger"):
        if not client.exists(keys.schema):
            return None
    return Ledger(client, keys, retention_seconds=settings.retention_days * 86_400)


def _trouble(command: Any) -> tuple[Trouble, str]:
    try:
        command()
    except redis.BusyLoadingError as error:
        return "loading", str(error)
    except redis.AuthenticationError as error:
        return "password", str(error)
    except redis.TimeoutError:
        return "silent", f"no answer within {ANSWER_SECONDS:g} s"
    except redis.ResponseError as error:
        return _refusal(as_refusal(error))
    except redis.RedisError as error:
        if is_tls_fault(error):
            return "tls", reason(error)
        return "refused", f"{type(error).__name__}: {str(error)[:200]}"
    return "", ""


def _refusal(error: redis.ResponseError) -> tuple[Trouble, str]:
    said = str(error)[:200]
    match error:
        case redis.OutOfMemoryError():
            return "full", said
        case redis.ReadOnlyError() | redis.exceptions.MasterDownError():
            return "read_only", said
        case RefusedError() if "MISCONF" in said:
            return "disk", said
    if said.startswith(("NOAUTH", "WRONGPASS")) or "AUTH" in said:
        return "password", said
    return "refused", said


def _info(client: redis.Redis) -> dict[str, Any]:
    try:
        return dict(client.info())
    except redis.RedisError:
        return {}


def _offset_seconds(client: redis.Redis) -> float | None:
    began = time.time()
    try:
        seconds, microseconds = client.time()
    except redis.RedisError:
        return None
    return float(int(seconds) + int(microseconds) / 1e6 - (began + time.time()) / 2)
