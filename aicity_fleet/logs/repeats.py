"""A log filter that keeps an outage readable: each warning once in half a minute, no useless traceback.

``logs.configure`` applies it to every log line of a process. Lines about different jobs are different;
lines that differ only in a number are the same.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from aicity_fleet.errors import FleetError

QUIET_SECONDS = 30.0
"""How long a repeated warning is dropped, in seconds."""

_LIBRARIES = {"redis", "kombu"}
"""Libraries whose exceptions need no traceback when Redis is down: one line says everything."""

_CHANGES = "aicity_fleet.messaging.broker"
"""Our logger that already logs each change once: away, back and away again are three lines."""

_NOISE = "worker_cancel_long_running_tasks_on_connection_loss"
"""Celery explains this setting in nine lines at every lost connection, even if it is set."""

_MAX_REMEMBERED = 500


class RepeatFilter(logging.Filter):
    """Drops repeated warnings, and the tracebacks of lost connections in Celery's own lines.

    It also drops repeated errors of libraries. It keeps every error of ours: they are rare and differ.

    Args:
        now: A clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write this line."""
        if record.levelno < logging.WARNING:
            return True
        if record.name == "py.warnings" and _NOISE in record.getMessage():
            return False
        _drop_traceback(record)
        if record.name == _CHANGES or (record.levelno > logging.WARNING and _is_ours(record)):
            return True
        key, now = _words(record), self._now()
        if now - self._said.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        if len(self._said) >= _MAX_REMEMBERED:
            self._said = {k: at for k, at in self._said.items() if now - at < QUIET_SECONDS}
        self._said[key] = now
        return True


def _is_ours(record: logging.LogRecord) -> bool:
    return isinstance(record.msg, Mapping)


def _words(record: logging.LogRecord) -> str:
    """Return the text of a line without its numbers; our own lines keep their ids."""
    if _is_ours(record):
        fields: Mapping[str, Any] = record.msg  # type: ignore[assignment]
        said = {k: v for k, v in fields.items() if k != "timestamp" and isinstance(v, str | bool)}
        return f"{record.name} {sorted(said.items())}"
    return f"{record.name} {re.sub(r'[0-9]+', '0', record.getMessage())}"


def _drop_traceback(record: logging.LogRecord) -> None:
    if not record.name.startswith(("celery", "kombu")) or not record.exc_info:
        return
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    library = type(error).__module__.partition(".")[0]
    if library in _LIBRARIES or isinstance(error, OSError | FleetError):
        record.exc_info = None
