"""A job as the ledger records it, for people and for the processes that move it on."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self, TypeVar

from aicity_fleet.models import (
    UNREADABLE,
    AssignedTask,
    JobState,
    JsonObject,
    Outcome,
    Standing,
    outcome_from_json,
)
from aicity_fleet.money.cost import Cost, from_picodollars
from aicity_fleet.money.earnings import Earnings, Later, earnings

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One job's record."""

    job_id: str
    state: JobState
    task_type: str
    task: AssignedTask | None
    """What AI City assigned; None for a refused task."""
    attempt: int
    """How many leases were granted on it; also the fencing token of the latest one."""
    lapses: int
    """How many of its leases lapsed."""
    is_isolated: bool
    """Whether it runs alone in a process, because it may kill processes."""
    owner: str
    """The process that holds the lease, while it runs."""
    reason: str
    """Why it waits or is quarantined, where a reason was given."""
    decision: str
    """In quarantine, why it waits for nobody: one of ``rules.DECISIONS``; else empty."""
    accepted_at: datetime | None
    changed_at: datetime | None
    finished_at: datetime | None
    not_before: datetime | None
    started_at: datetime | None
    """When its latest attempt began."""
    progress: JsonObject | None
    """How far its run is, some seconds old: the fields of ``Progress``, and the attempt. None while it does
    not run. It holds no message bodies."""
    ran_ms: int
    """How long all its attempts ran, in milliseconds."""
    model: str
    """The model that its team called last."""
    hand_in: str
    """How that model handed in last: ``tool``, ``marker`` or ``plain``; empty when it did not."""
    model_calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: Cost
    """What all its attempts spent, including calls whose journal was discarded since: a call counts as soon
    as its answer is written down."""
    unanswered_calls: int
    """How many of its calls were sent and got no answer. They are in no other count."""
    unanswered_usd: Decimal
    """An estimate of what these cost, in US dollars. It counts against the job's cap and the day's."""
    prices: str
    """The price tables that the cost is from; empty when no call was priced."""
    score: int | None
    """The gate's own score of the deliverable, 0 to 100."""
    judgement: JsonObject | None
    """What the judge said last: ``score``, 0 to 100, or None without a say, and ``silence``, why it had
    none. None when it was not asked."""
    outcome: Outcome | None
    report_attempts: int
    receipt: JsonObject | None
    """AI City's answer to the report."""
    standing: Standing
    """Where its delivery stands at AI City; empty before the report, and for a failure."""
    seen: JsonObject | None
    """What its task showed when it was read back last: ``status``, as AI City wrote it, and ``at``, an
    aware datetime. None before that."""
    later: list[JsonObject]
    """What AI City changed after the report, the oldest first: ``at``, an aware datetime; ``kind``, a
    standing, ``thumbs_down`` or ``unreadable``; and ``detail``."""
    paid_cents: int | None
    """What AI City showed later as the agent's pay; None when it showed nothing."""

    @classmethod
    def from_fields(cls, job_id: str, fields: Mapping[str, str]) -> Self:
        """Read a job's hash. A part that cannot be read counts as absent: others must still be seen."""

        def number(name: str) -> int:
            return int(fields.get(name) or 0)

        def part(name: str, read: Callable[[Any], _T] = lambda data: data) -> _T | None:
            try:
                data = json.loads(fields.get(name) or "null")
                return None if data is None else read(data)
            except UNREADABLE:
                return None

        progress = part("progress", dict)
        is_running = fields["state"] == JobState.RUNNING
        if not is_running or (progress or {}).get("attempt") != number("attempt"):
            progress = None  # of an earlier attempt
        return cls(
            job_id=job_id,
            state=JobState(fields["state"]),
            task_type=fields.get("task_type", ""),
            task=part("task", AssignedTask.from_json),
            attempt=number("attempt"),
            lapses=number("lapses"),
            is_isolated=bool(number("isolated")),
            owner=fields.get("owner", ""),
            reason=fields.get("reason", ""),
            decision=fields.get("decision", ""),
            accepted_at=_moment(fields.get("accepted_at")),
            changed_at=_moment(fields.get("changed_at")),
            finished_at=_moment(fields.get("finished_at")),
            not_before=_moment(fields.get("not_before")),
            started_at=_moment(fields.get("started_at")),
            progress=progress,
            ran_ms=number("ran_ms"),
            model=fields.get("model", ""),
            hand_in=fields.get("hand_in", ""),
            model_calls=number("model_calls"),
            prompt_tokens=number("prompt_tokens"),
            completion_tokens=number("completion_tokens"),
            cost=Cost(from_picodollars(number("spent")), number("unpriced_calls")),
            unanswered_calls=number("unanswered_calls"),
            unanswered_usd=from_picodollars(number("unanswered_cost")),
            prices=fields.get("prices", ""),
            score=int(fields["score"]) if fields.get("score") else None,
            judgement=part("judgement"),
            outcome=part("outcome", outcome_from_json),
            report_attempts=number("report_attempt"),
            receipt=part("receipt"),
            standing=fields.get("standing", ""),  # type: ignore[arg-type]  # the scripts write no other
            seen=part("seen", _timed),
            later=part("later", lambda events: [_timed(event) for event in events]) or [],
            paid_cents=number("paid_cents") if fields.get("paid_cents") else None,
        )

    def earnings(self, now: datetime) -> Earnings:
        """Return what it earns, as far as its receipt and what was read back later tell.

        Args:
            now: The present by Redis's clock.
        """
        is_reported = self.state is JobState.REPORTED
        return earnings(
            kind=self.outcome.kind if self.outcome else "",
            receipt=self.receipt if is_reported else None,
            max_budget_cents=self.task.max_budget_cents if self.task else None,
            reported_at=self.changed_at if is_reported else None,
            now=now,
            later=Later(self.standing, self.paid_cents),
        )

    def to_json(self) -> JsonObject:
        """Return this job as plain JSON values, for scripts."""
        data: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, datetime):
                value = value.isoformat(timespec="milliseconds")
            elif isinstance(value, Cost):
                value = value.to_json()
            elif isinstance(value, Decimal):
                value = str(value)
            elif dataclasses.is_dataclass(value) and not isinstance(value, type):
                value = dataclasses.asdict(value)
            data[field.name] = value
        return data


def _timed(event: JsonObject) -> JsonObject:
    return {**event, "at": datetime.fromtimestamp(event["at"] / 1000, UTC)}


def _moment(milliseconds: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None
