"""Sends the fleet's messages. A message is a hint: one that is not sent costs time and nothing else.

The ledger knows what is due, so the sweep sends again whatever the broker did not take.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from aicity_fleet.errors import QueueUnavailableError
from aicity_fleet.messaging.routes import JOBS_QUEUE, POLL, QUEUE_OF, REPORT, RUN_JOB

POLL_EXPIRES_AFTER_SHARE = 0.9
"""The share of the poll interval after which a poll's message expires: untaken polls do not pile up."""

log = structlog.get_logger(__name__)


class SendsTasks(Protocol):
    """What ``Messages`` needs of a Celery app."""

    def send_tasks(self, name: str, args: Sequence[list[str]], *, queue: str) -> Any:
        """Send a message for each list of arguments, together.

        Raises:
            QueueUnavailableError: The broker did not take all of them.
        """
        ...

    def send_task(self, name: str, args: Any = None, **options: Any) -> Any:
        """Send a message by the task's name.

        Raises:
            QueueUnavailableError: The broker did not take it.
        """
        ...


class Messages:
    """Sends messages that run a job, report a job, or poll AI City.

    Every method returns whether the broker took the message. The first refusal in a row is logged, and
    then nothing until a message gets through.
    """

    def __init__(self, app: SendsTasks, poll_seconds: float) -> None:
        self._app, self._poll_seconds = app, poll_seconds
        self._is_refused = False

    def run_job(self, job_id: str) -> bool:
        """Have a worker run a job, if it is to be run."""
        return self._send(RUN_JOB, [job_id])

    def run_jobs(self, job_ids: Sequence[str]) -> bool:
        """Have workers run several jobs, if they are to be run; all messages go out together."""
        if not job_ids:
            return True
        args = [[job_id] for job_id in job_ids]
        return self._taken(RUN_JOB, lambda: self._app.send_tasks(RUN_JOB, args, queue=JOBS_QUEUE))

    def report(self, job_id: str) -> bool:
        """Have the dispatcher report a job, and whatever else is due to be reported."""
        return self._send(REPORT, [job_id])

    def poll(self) -> bool:
        """Have the dispatcher poll AI City."""
        return self._send(POLL, [], **poll_options(self._poll_seconds))

    def _send(self, task: str, args: list[str], **options: Any) -> bool:
        options = {"queue": QUEUE_OF[task], **options}
        return self._taken(task, lambda: self._app.send_task(task, args=args, **options))

    def _taken(self, task: str, send: Callable[[], object]) -> bool:
        try:
            send()
        except QueueUnavailableError as error:
            if not self._is_refused:
                log.warning(
                    "message.not_sent", task=task, message=str(error), then="it is sent later"
                )
            self._is_refused = True
            return False
        self._is_refused = False
        return True


def poll_options(poll_seconds: float) -> dict[str, Any]:
    """Return the Celery options of a poll's message."""
    return {"queue": QUEUE_OF[POLL], "expires": poll_seconds * POLL_EXPIRES_AFTER_SHARE}
