"""The one log format of every process: to stderr, without secrets and without repeats."""

import logging
import sys
from typing import Any

import structlog

from aicity_fleet.logs.repeats import RepeatFilter
from aicity_fleet.redaction import log_redactor
from aicity_fleet.settings import Settings, unknown_variables

_QUIET_LOGGERS = {
    "httpx": logging.WARNING,  # one line per request, with the URL
    "kombu": logging.WARNING,
    "openai": logging.WARNING,
    "celery.app.trace": logging.WARNING,  # a line per task, also for each tick of the clock
    "celery.worker.strategy": logging.WARNING,
}
"""Libraries that log too much at the fleet's own level. The team silences AutoGen's loggers, because it
listens to one of them."""


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process to stderr, in one format, without secrets."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
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
        _RedactingFormatter(
            settings,
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
    """Log a warning for each ``FLEET_*`` variable that is not a setting."""
    log = structlog.get_logger(__name__)
    for sentence in unknown_variables():
        log.warning("settings.unknown", hint=sentence)


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Removes secrets from the finished line, which holds every field, argument and traceback."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(**options)
        self._redact = log_redactor(settings.secret_texts)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as it is written."""
        return self._redact(super().format(record))
