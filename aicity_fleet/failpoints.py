"""The named steps between the effects of a job's life, and who wants to know when one is reached.

Nothing listens in production. Tests do: they end the process at a step and see that the promises hold.
Each step stands behind one effect and before the next, so that a crash there leaves just that much.
"""

import enum
from collections.abc import Callable


class Failpoint(enum.StrEnum):
    """A place in the code between two effects."""

    POLLED = "polled"
    """A page of assigned tasks was read; nothing of it is accepted yet."""

    ACCEPTED = "accepted"
    """A task became a job; its message is not sent."""

    SENT = "sent"
    """A job's message is in the queue; the ledger does not know it."""

    SWEPT = "swept"
    """Due work is marked as handed out; no message of it is sent."""

    CLAIMED = "claimed"
    """The lease is ours; the team has not begun."""

    CALL_ANSWERED = "call_answered"
    """The model answered; the journal does not hold it."""

    CALL_JOURNALED = "call_journaled"
    """The answer is in the journal; the team has not seen it."""

    TEAM_ENDED = "team_ended"
    """The run has its ending; nothing of it is written."""

    OUTCOME_WRITTEN = "outcome_written"
    """The outcome is in the outbox; no message for its report is sent."""

    REPORT_TAKEN = "report_taken"
    """The right to report is ours; nothing is sent."""

    REPORT_ANSWERED = "report_answered"
    """AI City has the report, and we its answer; nothing of it is written."""

    SETTLED = "settled"
    """The answer is written down."""

    READ_BACK = "read_back"
    """A reported task was read back; nothing of what it shows is written."""


_listeners: list[Callable[[Failpoint, str], None]] = []


def reached(step: Failpoint, job_id: str = "") -> None:
    """Say that a step was reached."""
    for listener in _listeners:
        listener(step, job_id)


def listen(listener: Callable[[Failpoint, str], None]) -> None:
    """Have a function called at every step of this process, on the thread that reaches it.

    Args:
        listener: Gets the step and the job's id, which is empty where a step is about no single job.
    """
    _listeners.append(listener)
