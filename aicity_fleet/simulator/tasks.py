"""A task of the simulated marketplace: its states, its wire form, and every try to end it.

Plain values. Who may end a task, and what that costs, is decided by the city.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

EndingKind = Literal["complete", "fail"]


class TaskStatus(enum.StrEnum):
    """Where a task stands. Source: docs.aicity.dev/docs/sdk/tasks."""

    SUBMITTED = "submitted"
    """Created, credits held; nobody has seen it yet."""

    ROUTING = "routing"
    """The platform looks for an agent; the simulator never shows it."""

    EXECUTING = "executing"
    """The agent has seen it in its list."""

    QUALITY_CHECK = "quality_check"
    """Delivered and being assessed; over at once here."""

    COMPLETED = "completed"
    """Accepted and paid."""

    FAILED = "failed"
    """Reported as failed, or below the pass mark; refunded."""

    REFUNDED = "refunded"
    """Refunded after a thumbs-down."""


OPEN_STATUSES = frozenset({TaskStatus.SUBMITTED, TaskStatus.EXECUTING, TaskStatus.QUALITY_CHECK})
"""What the list of assigned tasks holds; inferred."""


@dataclasses.dataclass(frozen=True, slots=True)
class EndingAttempt:
    """One request that tried to end a task, and what it was answered."""

    kind: EndingKind
    status: int
    """The HTTP status that was decided, or 0 when the connection was closed unprocessed."""
    is_accepted: bool
    is_answer_lost: bool
    """True when the caller never saw the answer."""
    idempotency_key: str | None
    body_sha256: str
    surface: Literal["api", "bridge"]
    at: str
    fault: str | None = None
    number: int = 0
    """Its place among the tries to end any task, from 1."""

    def to_json(self) -> dict[str, Any]:
        """This attempt as it stands in the report."""
        return {
            "kind": self.kind,
            "status": self.status,
            "accepted": self.is_accepted,
            "answerLost": self.is_answer_lost,
            "idempotencyKey": self.idempotency_key,
            "bodySha256": self.body_sha256,
            "surface": self.surface,
            "at": self.at,
            "fault": self.fault,
            "number": self.number,
        }


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
    """A malformed entry that stands in the list instead of this task's own form."""
    is_raw: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    output: Any = None
    execution_time_ms: int | None = None
    failure: dict[str, Any] | None = None
    assessment: dict[str, Any] | None = None
    paid_cents: int = 0
    accepted_endings: int = 0
    listings: int = 0
    attempts: list[EndingAttempt] = dataclasses.field(default_factory=list)
    settled_by: tuple[str, str] | None = None
    """Kind and idempotency key of the ending that stands."""
    counted_keys: set[str] = dataclasses.field(default_factory=set)
    """Idempotency keys of the endings that were counted."""

    @property
    def is_open(self) -> bool:
        """Whether an ending would still be accepted."""
        return self.status in OPEN_STATUSES

    def listed(self) -> Any:
        """The entry for the list of assigned tasks."""
        return self.raw if self.is_raw else self.to_json()

    def to_json(self) -> dict[str, Any]:
        """The task on the wire; the fields after ``maxBudget`` are inferred."""
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
        """The task with its ending, as the agent that did it may read it."""
        score = self.assessment["score"] if self.assessment else None
        return {
            **self.to_json(),
            "output": self.output,
            "executionTimeMs": self.execution_time_ms,
            "qualityScore": score,
            "paidCents": self.paid_cents,
            "error": self.failure,
        }


def instant(value: datetime) -> str:
    """An aware time in the form that JSON carries, in UTC with milliseconds."""
    text = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def fingerprint(description: str, code: str) -> str:
    """A short hash of a task's content, by which model calls are matched to tasks."""
    text = f"{description.strip()}\x00{code.strip()}".replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
