"""The reasons why Redis cannot serve us, in words for a person, and one log line per outage.

Used by the broker's connections and by the ledger's. It decides nothing about jobs.
"""

import re
import socket
import ssl
import threading
import time

import redis
import structlog
from redis.sentinel import MasterNotFoundError


class RefusedError(redis.ResponseError):
    """Redis takes no writes for a reason that redis-py has no class for, such as a full disk."""


class NoPrimaryError(MasterNotFoundError):
    """The sentinels name no primary: why, and what a person can do about it.

    Args:
        why: In words for a person.
        remedy: As whole sentences.
    """

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why, remedy)


REFUSALS = (
    redis.OutOfMemoryError,
    redis.ReadOnlyError,
    redis.exceptions.MasterDownError,
    RefusedError,
)
"""What Redis answers to a write that it may take later. Measured: each of them ends a Celery worker
("Unrecoverable error") unless it counts as a lost connection."""

MEMORY_REMEDY = (
    "Raise its maxmemory, lower FLEET_RETENTION_DAYS or FLEET_MAX_JOURNAL_BYTES, or delete data that is "
    "not the fleet's."
)
"""What a person can do about a Redis whose memory runs out."""

TLS_REMEDY = (
    "Set REDIS_CA_FILE to the certificate of the authority that signed its certificate, and check that "
    "this one names the host of REDIS_URL and has not expired. A port without TLS needs redis:// in "
    "REDIS_URL."
)
"""What a person can do about a Redis to which there is no TLS connection."""

_REFUSAL_OF = {
    "OOM": redis.OutOfMemoryError,
    "READONLY": redis.ReadOnlyError,
    "MISCONF": RefusedError,
    "NOREPLICAS": RefusedError,
    "UNBLOCKED": RefusedError,  # a BRPOP under way while the primary was demoted
}
_REFUSAL_CODE = re.compile(r"(?:^|[-\s])(OOM|READONLY|MISCONF|NOREPLICAS|UNBLOCKED) ")

log = structlog.get_logger(__name__)


def reason(error: BaseException | None) -> str:
    """Return what is wrong with Redis, in words for a person.

    Args:
        error: An exception of redis-py, or one that was raised from one.
    """
    return _explain(error)[0]


def remedy(error: BaseException | None) -> str:
    """Return what a person can do about it, as whole sentences; the arguments are those of ``reason``."""
    return _explain(error)[1]


def is_absent(error: BaseException) -> bool:
    """Whether nothing listens at the address of Redis, or the address does not exist.

    Args:
        error: An exception of redis-py.
    """
    absent = (ConnectionRefusedError, FileNotFoundError, socket.gaierror)
    return isinstance(error.__cause__ or error.__context__, absent)


def is_tls_fault(error: BaseException) -> bool:
    """Whether a connection failed because of TLS: to wait does not help.

    Args:
        error: An exception of redis-py, or one that was raised from one.
    """
    return _tls_fault(error) is not None


def _tls_fault(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _explain(error: BaseException | None) -> tuple[str, str]:
    if (fault := _tls_fault(error)) is not None:
        what = getattr(fault, "verify_message", "") or fault.reason or "no reason given"
        return f"no TLS connection to it can be made ({what})", TLS_REMEDY
    seen: BaseException | None = error
    while seen is not None:
        match seen:
            case NoPrimaryError():
                return seen.args[0], seen.args[1]
            case redis.BusyLoadingError():
                return (
                    "it is still loading its data",
                    "Wait until it has loaded; that can take minutes.",
                )
            case redis.ReadOnlyError():
                return (
                    "it is read-only: a replica, or a primary that was demoted",
                    "Set REDIS_URL to the primary, or promote this one.",
                )
            case redis.OutOfMemoryError():
                return "it is full: it has reached its maxmemory", MEMORY_REMEDY
            case redis.exceptions.MasterDownError():
                return "it is a replica without its primary", "Set REDIS_URL to the primary."
            case redis.AuthenticationError():
                return (
                    "it refuses our password",
                    "Correct REDIS_PASSWORD or the password within REDIS_URL.",
                )
            case redis.TimeoutError() | TimeoutError():
                return (
                    "it does not answer in time",
                    "Look at its process, its machine and its log: it may be stopped, overloaded, or "
                    "waiting for its disk.",
                )
            case redis.ConnectionError() | OSError():
                return "it cannot be reached", "Start it, or correct REDIS_URL."
            case RefusedError() if "MISCONF" in str(seen):
                return (
                    f"it cannot write to its disk and takes no writes: {str(seen)[:120]}",
                    "Free space on its disk, or correct the rights of its folder ('INFO persistence' and "
                    "its log say more). It takes writes again by itself.",
                )
            case RefusedError():
                return f"it takes no writes: {str(seen)[:120]}", "Look at its log and its replicas."
        seen = seen.__cause__
    return f"it answers {type(error).__name__}", "Look at its log."


class Outage:
    """Says when Redis goes away and when it is back: one line per change, however many notice."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._why, self._since = "", 0.0

    def note(self, error: BaseException | None) -> None:
        """Redis just failed one of our connections in this way."""
        why = reason(error)
        with self._guard:
            if why == self._why:
                return
            self._since = self._since if self._why else time.monotonic()
            self._why = why
        _say(
            "redis.away",
            why=why,
            remedy=remedy(error),
            then="jobs wait in the ledger; nothing is lost",
        )

    def over(self) -> None:
        """Redis just served one of our connections."""
        if not self._why:
            return
        with self._guard:
            was, self._why = self._why, ""
            seconds = time.monotonic() - self._since
        if was:
            _say("redis.back", after_seconds=round(seconds, 1))


def _say(event: str, **fields: object) -> None:
    """Log, in a process that logs; a command at a prompt says it in its own words."""
    if structlog.is_configured():
        log.warning(event, **fields)


outage = Outage()
"""This process's."""


def as_refusal(error: redis.ResponseError) -> redis.ResponseError:
    """Return the refusal that an answer means, where redis-py has no class for it.

    Redis 6.2 wraps what a script's command was answered: measured, a read-only Redis ended every worker
    with a plain ``ResponseError`` from one of kombu's own scripts.
    """
    if isinstance(error, REFUSALS) or (found := _REFUSAL_CODE.search(str(error))) is None:
        return error
    return _REFUSAL_OF[found[1]](str(error))
