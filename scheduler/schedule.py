"""The schedule of beat: what it sends, and how often."""

from typing import Any

from aicity_fleet.messaging.messages import poll_options
from aicity_fleet.messaging.routes import POLL


def beat_schedule(poll_seconds: float) -> dict[str, Any]:
    """Return the clock's entries, in Celery's form."""
    return {"poll": {"task": POLL, "schedule": poll_seconds, "options": poll_options(poll_seconds)}}
