"""The clock that beat runs: a message that it cannot send is one line, and the next is sent again."""

from __future__ import annotations

from typing import Any

import structlog
from celery.beat import Scheduler, SchedulingError

log = structlog.get_logger(__name__)


class Clock(Scheduler):
    """Celery's scheduler with its state in memory, and no tracebacks while Redis is away."""

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send what is due; what cannot be sent now is due again one interval later."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            log.warning("beat.not_sent", task=entry.task, message=str(error.__cause__ or error))
