"""The class of every Celery task of the fleet: its body is counted, its expected errors are one line."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import Task

from aicity_fleet.errors import FleetError

log = structlog.get_logger(__name__)


class Bodies:
    """Counts the tasks whose bodies run now.

    Celery's own count cannot be used, because it shows a leaked slot as busy forever.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.running = 0
        """How many run."""

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one more while the block runs."""
        with self._guard:
            self.running += 1
        try:
            yield
        finally:
            with self._guard:
                self.running -= 1


bodies = Bodies()
"""This process's."""


class FleetTask(Task):  # type: ignore[type-arg]
    """What ``app.task`` makes of a function."""

    abstract = True
    # A ledger that is away is no fault of the task's: no traceback.
    throws = (FleetError,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body, within the request that the worker made: Celery's own would push an empty one."""
        with bodies.one():
            return self.run(*args, **kwargs)

    def on_failure(self, exc: Exception, *_: Any) -> None:
        """Say why, once: Celery logs expected errors below the level that is shown."""
        if isinstance(exc, FleetError):
            log.warning("task.failed", task=self.name, error=type(exc).__name__, message=str(exc))
