"""How a process of the fleet begins: readable faults instead of tracebacks, and one log format."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from pydantic import SecretStr

from aicity_fleet.errors import FleetError
from aicity_fleet.logs.repeats import RepeatFilter
from aicity_fleet.settings import Settings, unknown_variables

_QUIET_LOGGERS = {
    "httpx": logging.WARNING,  # one line per request, with the URL
    "kombu": logging.WARNING,
    "openai": logging.WARNING,
    "celery.app.trace": logging.WARNING,  # a line per task, also for each tick of the clock
    "celery.worker.strategy": logging.WARNING,
}
"""Libraries that would log much noise at the fleet's own level. AutoGen's are silenced by the team,
which listens to one of them."""


@contextmanager
def exit_on_fleet_error() -> Iterator[None]:
    """End the process with one readable message, and no traceback, when a ``FleetError`` comes out.

    Raises:
        SystemExit: With the error's own exit code: 2 for settings, 1 for anything else.
    """
    try:
        yield
    except FleetError as error:
        sys.stderr.write(f"aicity-fleet: {error}\n")
        raise SystemExit(error.exit_code) from None


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process to stderr, in one format, without secrets."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Redaction(settings),
    ]
    renderer: Any
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.addFilter(RepeatFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name, level in _QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(max(level, root.level))


def warn_of_unknown_variables() -> None:
    """Log a warning for each ``FLEET_*`` variable that is no setting."""
    log = structlog.get_logger(__name__)
    for sentence in unknown_variables():
        log.warning("settings.unknown", hint=sentence)


class _Redaction:
    """Replaces every secret of the settings in whatever is about to be logged."""

    def __init__(self, settings: Settings) -> None:
        values = (getattr(settings, name) for name in Settings.model_fields)
        secrets = [v.get_secret_value() for v in values if isinstance(v, SecretStr)]
        self._secrets = [secret for secret in [*secrets, settings.broker_url()] if len(secret) > 5]

    def __call__(
        self, _logger: object, _name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "[secret]")
        return value
