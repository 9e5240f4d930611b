"""Keeps an outage readable: the same warning once in half a minute, and no traceback where none helps.

Applied to every log line of a process by ``logs.configure``. Lines about different jobs are
different; lines that differ by a number alone are not.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from aicity_fleet.errors import FleetError

QUIET_SECONDS = 30.0
"""How long a warning is not repeated, in seconds."""

_LIBRARIES = {"redis", "kombu"}
"""Whose exceptions, when Redis is away, say all in one line."""

_CHANGES = "aicity_fleet.messaging.broker"
"""The logger of ours that says each change once by itself: away, back and away again are three lines."""

_NOISE = "worker_cancel_long_running_tasks_on_connection_loss"
"""Celery explains this setting in nine lines at every lost connection, also where it is set."""

_MAX_REMEMBERED = 500


class RepeatFilter(logging.Filter):
    """Drops repeated warnings, and the tracebacks of lost connections in Celery's own lines.

    Of the libraries it drops repeated errors as well; ours are rare, and each is another one.

    Args:
        now: A clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is to be written."""
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
    """What a line says, without its numbers; of ours, ids are kept."""
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
