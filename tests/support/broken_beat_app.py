"""The fleet's Celery app whose beat breaks once ``BREAK_FILE`` is there: for a test of its thread alone."""

import os
from pathlib import Path

from aicity_fleet.celery_app import app
from scheduler.clock import Clock


class BrokenClock(Clock):
    """A clock that stops for good."""

    def tick(self, *args, **kwargs):
        """Return after how many seconds to look again."""
        if Path(os.environ["BREAK_FILE"]).exists():
            raise RuntimeError("the clock is broken")
        return min(0.1, super().tick(*args, **kwargs))


app.conf.beat_scheduler = BrokenClock
