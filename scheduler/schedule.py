"""What beat sends, and how often. It sends and never works."""

from __future__ import annotations

from typing import Any

from aicity_fleet.celery_app import POLL, QUEUE_OF, app
from aicity_fleet.settings import Settings


def beat_schedule(settings: Settings) -> dict[str, Any]:
    """The clock's entries, in Celery's form.

    A message expires shortly before the next is due, so that polls which nobody took do not pile up.
    """
    return {
        "poll": {
            "task": POLL,
            "schedule": settings.poll_seconds,
            "options": {"queue": QUEUE_OF[POLL], "expires": settings.poll_seconds * 0.9},
        }
    }


def send_poll(settings: Settings) -> None:
    """Send the message of a poll, as beat does.

    Raises:
        QueueUnavailableError: The broker took no message.
    """
    app.send_task(POLL, **beat_schedule(settings)["poll"]["options"])
