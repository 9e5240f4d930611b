"""Messages for tests without a broker: each is kept in a list, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicity_fleet.errors import QueueUnavailableError
from aicity_fleet.messaging.messages import Messages


class RecordedMessages(Messages):
    """Keeps what is sent, in order, as task name and job id; a poll's id is empty."""

    def __init__(self, ids: list[str] | None = None) -> None:
        super().__init__(self, 30)
        self.sent: list[tuple[str, str]] = []
        self.ids = [] if ids is None else ids
        """The job ids of what is sent, in order."""
        self.is_refusing = False
        """Whether the broker takes nothing."""

    def send_task(self, name: str, args: Any = None, **_: Any) -> None:
        """As Celery's app."""
        if self.is_refusing:
            raise QueueUnavailableError("the broker takes no message")
        self.sent.append((name, args[0] if args else ""))
        self.ids.append(self.sent[-1][1])

    def send_tasks(self, name: str, args: Sequence[list[str]], **options: Any) -> None:
        """As Celery's app."""
        for each in args:
            self.send_task(name, each, **options)
