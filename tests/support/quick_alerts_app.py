"""The fleet's Celery app whose alerts look more often and wait less: so that tests take seconds.

They wait long for a receiver: a test that lets it hang decides itself when that ends.
"""

from aicity_fleet import webhook
from aicity_fleet.celery_app import app
from scheduler import alerts

__all__ = ["app"]

alerts.LOOK_SECONDS = 0.2
alerts.AWAY_SECONDS = 1.0
alerts.BACKOFF_SECONDS = (0.2, 0.5)
webhook.TIMEOUT_SECONDS = 60.0
