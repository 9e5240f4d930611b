"""A task of the simulated marketplace: its states, its wire form, and every try to end it.

Plain values. Who may end a task, and what that costs, is decided by the city.
"""

import dataclasses
import enum
import hashlib
from datetime import UTC, datetime
from typing import Any


class TaskStatus(enum.StrEnum):
    """Where a task stands; a part of the states in docs.aicity.dev/docs/sdk/tasks."""

    SUBMITTED = "submitted"
    """Created, credits held; nobody has seen it yet."""

    EXECUTING = "executing"
    """The agent has seen it in its list."""

    QUALITY_CHECK = "quality_check"
    """Delivered, and not judged yet."""

    COMPLETED = "completed"
    """Accepted and paid."""

    FAILED = "failed"
    """Reported as failed, or below the pass mark; refunded."""

    REFUNDED = "refunded"
    """Accepted, and refunded after a thumbs-down."""


OPEN_STATUSES = frozenset({TaskStatus.SUBMITTED, TaskStatus.EXECUTING})
"""What the list of assigned tasks holds; inferred."""


@dataclasses.dataclass(slots=True)
class CityTask:
    """One task, from the moment a buyer submitted it."""

    task_id: str
    agent_id: str
    task_type: str
    input: dict[str, Any]
    max_budget: int
    """The ceiling of the price, in cents."""
    created_at: datetime
    status: TaskStatus = TaskStatus.SUBMITTED
    raw: Any = None
    """With ``is_raw``: the malformed entry that the list shows instead of this task."""
    is_raw: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    output: Any = None
    execution_time_ms: int | None = None
    failure: dict[str, Any] | None = None
    assessment: dict[str, Any] | None = None
    feedback: dict[str, Any] | None = None
    """What the buyer said of the delivery; the field is inferred."""
    paid_cents: int = 0
    accepted_endings: int = 0
    listings: int = 0
    attempts: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Every try to end it, as the report shows them."""
    counted_keys: set[str] = dataclasses.field(default_factory=set)
    """Idempotency keys of the endings that were counted."""

    @property
    def is_open(self) -> bool:
        """Whether an ending would still be accepted."""
        return self.status in OPEN_STATUSES

    @property
    def score(self) -> int | None:
        """The score of its delivery, 0 to 100; None before there is one."""
        return self.assessment["score"] if self.assessment else None

    @property
    def fingerprint(self) -> str:
        """The hash of its content; see ``fingerprint``."""
        return fingerprint(str(self.input.get("description", "")), str(self.input.get("code", "")))

    def listed(self) -> Any:
        """Return the entry for the list of assigned tasks."""
        return self.raw if self.is_raw else self.to_json()

    def to_json(self) -> dict[str, Any]:
        """Return the task on the wire; the fields after ``maxBudget`` are inferred."""
        return {
            "id": self.task_id,
            "status": self.status.value,
            "taskType": self.task_type,
            "input": self.input,
            "maxBudget": self.max_budget,
            "agentId": self.agent_id,
            "createdAt": instant(self.created_at),
            "startedAt": instant(self.started_at) if self.started_at else None,
            "completedAt": instant(self.ended_at) if self.ended_at else None,
        }

    def to_full_json(self) -> dict[str, Any]:
        """Return the task with its ending, as the agent that did it may read it."""
        return {
            **self.to_json(),
            "output": self.output,
            "executionTimeMs": self.execution_time_ms,
            "qualityScore": self.score,
            "paidCents": self.paid_cents,
            "error": self.failure,
            "feedback": self.feedback,
        }


def instant(value: datetime) -> str:
    """Return an aware time as JSON carries it, in UTC with milliseconds."""
    text = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def fingerprint(description: str, code: str) -> str:
    """Return a short hash of a task's content, by which model calls are matched to tasks."""
    text = f"{description.strip()}\x00{code.strip()}".replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
