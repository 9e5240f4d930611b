"""The fleet's Celery app whose consumer stalls on demand: for tests of the watchdog alone.

``STALL`` names how, and ``STALL_FILE`` the file whose appearance begins it.
"""

import os
import threading
from pathlib import Path

from celery import bootsteps

from aicity_fleet.celery_app import app


class Stall(bootsteps.StartStopStep):
    """Breaks the consumer of this process."""

    def register_with_event_loop(self, consumer, hub):
        hub.call_repeatedly(0.2, self._stall, consumer)

    def _stall(self, consumer):
        if not Path(os.environ["STALL_FILE"]).exists():
            return
        if os.environ["STALL"] == "blocked":  # the event loop turns no more
            threading.Event().wait()
        consumer.task_consumer.channel.qos.can_consume = lambda: (
            False
        )  # it turns, and takes nothing


app.steps["consumer"].add(Stall)
