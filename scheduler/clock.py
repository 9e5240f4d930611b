"""The clock of beat: the fleet's schedule, kept in memory. A message that cannot be sent is one log line.

This is all of the fleet's code that the beat process loads.
"""

from typing import Any

import structlog
from celery import signals
from celery.beat import Scheduler, SchedulingError

from aicity_fleet.celery_app import messages, settings
from aicity_fleet.ledger.connection import connect
from aicity_fleet.messaging.messages import poll_options
from aicity_fleet.messaging.routes import POLL
from aicity_fleet.startup import exit_on_fleet_error

log = structlog.get_logger(__name__)


class Clock(Scheduler):
    """Celery's scheduler with its state in memory, and no tracebacks while Redis is away."""

    def setup_schedule(self) -> None:
        """Install the fleet's entries."""
        every = settings.poll_seconds
        entry: Any = {"task": POLL, "schedule": every, "options": poll_options(every)}
        self.merge_inplace({"poll": entry})

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send what is due; what cannot be sent now is due again one interval later."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            log.warning("message.not_sent", task=entry.task, message=str(error.__cause__ or error))


@signals.beat_init.connect
def _begin_with_a_poll(**_: object) -> None:
    """Check that the clock can work, and poll now instead of one interval from now."""
    with exit_on_fleet_error():
        connect(settings, wait_seconds=settings.start_wait_seconds).close()
    messages.poll()  # if it is not sent: one interval later
