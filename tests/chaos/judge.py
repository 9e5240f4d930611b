"""The verdict on a run, from the marketplace's books alone: what was lost, what was ended twice.

Pure functions. The one thing taken from the fleet's ledger is why a job rests; a job that rests for
a stated reason is told apart from a lost one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Attempt = Mapping[str, Any]

UNDER_WAY_SECONDS = 2.0
"""How long after a wipe a report may arrive that was on its way before, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What became of every task of a run."""

    submitted: int
    completed: int
    """Tasks whose first ending was a delivery."""
    failed: int
    """Tasks whose first ending was a failure."""
    lost: tuple[str, ...]
    """Tasks without an ending that do not rest for a stated reason either."""
    resting: Mapping[str, str]
    """Tasks without an ending whose job rests, with the reason."""
    doubled: tuple[str, ...]
    """Tasks with more than one counted ending."""
    failed_after_complete: tuple[str, ...]
    """Tasks that a failure was sent for after a delivery was tried, the ledger being whole."""
    changed_reports: tuple[str, ...]
    """Tasks whose endings of one kind went out under two keys or with two bodies, the ledger whole."""
    longest_failure_row: int
    """Most failures in a row that were accepted."""
    is_suspended: bool
    model_calls: int
    """Model calls that were answered."""
    bought_twice: int
    """Answered model calls whose very request had been answered before."""
    abandoned: int
    """Model calls whose caller was gone when the answer was ready."""

    @property
    def faults(self) -> list[str]:
        """Why this run counts as failed; empty when it does not."""
        found = []
        for what, ids in (
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("failed after complete", self.failed_after_complete),
        ):
            if ids:
                found.append(f"{len(ids)} {what}: {', '.join(ids[:5])}")
        if self.longest_failure_row > 2:
            found.append(f"{self.longest_failure_row} failures in a row were accepted")
        if self.is_suspended:
            found.append("the agent was suspended")
        return found


def judge(
    report: Mapping[str, Any], resting: Mapping[str, str], flushed_at: Sequence[float] = ()
) -> Verdict:
    """Judge a run that has come to rest.

    Args:
        report: The simulator's ``/_sim/report``, in the mode that counts second endings.
        resting: Jobs that rest in the ledger, with the reason.
        flushed_at: When the ledger was wiped, as time stamps.
    """
    tasks: Mapping[str, Any] = report["tasks"]
    first = {
        task_id: accepted[0] for task_id, task in tasks.items() if (accepted := _accepted(task))
    }
    without = [task_id for task_id in tasks if task_id not in first]
    kinds = [attempt["kind"] for attempt in first.values()]
    model = report["model"]
    return Verdict(
        submitted=len(tasks),
        completed=kinds.count("complete"),
        failed=kinds.count("fail"),
        lost=tuple(task_id for task_id in without if task_id not in resting),
        resting={task_id: resting[task_id] for task_id in without if task_id in resting},
        doubled=tuple(task_id for task_id, task in tasks.items() if task["acceptedEndings"] > 1),
        failed_after_complete=tuple(
            task_id
            for task_id, task in tasks.items()
            if any(_turned_to_failure(row) for row in _eras(task, flushed_at))
        ),
        changed_reports=tuple(
            task_id
            for task_id, task in tasks.items()
            if any(_changed(row) for row in _eras(task, flushed_at))
        ),
        longest_failure_row=_longest_row(tasks),
        is_suspended=any(agent["status"] == "suspended" for agent in report["agents"].values()),
        model_calls=model["answered"],
        bought_twice=model["repeatedRequests"],
        abandoned=model["abandoned"],
    )


def _accepted(task: Mapping[str, Any]) -> list[Attempt]:
    return [attempt for attempt in task["attempts"] if attempt["accepted"]]


def _longest_row(tasks: Mapping[str, Any]) -> int:
    every = [attempt for task in tasks.values() for attempt in _accepted(task)]
    longest = row = 0
    for attempt in sorted(every, key=lambda attempt: attempt["number"]):
        row = row + 1 if attempt["kind"] == "fail" else 0
        longest = max(longest, row)
    return longest


def _eras(task: Mapping[str, Any], flushed_at: Sequence[float]) -> list[list[Attempt]]:
    """The tries to end a task, split where the ledger was wiped: it cannot know of what was before."""
    rows: list[list[Attempt]] = [[]]
    for attempt in sorted(task["attempts"], key=lambda attempt: attempt["number"]):
        at = datetime.fromisoformat(attempt["at"]).timestamp()
        if rows[-1]:
            before = datetime.fromisoformat(rows[-1][-1]["at"]).timestamp()
            if any(before - UNDER_WAY_SECONDS <= flush <= at for flush in flushed_at):
                rows.append([])
        rows[-1].append(attempt)
    return rows


def _turned_to_failure(row: Sequence[Attempt]) -> bool:
    kinds = [attempt["kind"] for attempt in row]
    return "complete" in kinds and "fail" in kinds[kinds.index("complete") :]


def _changed(row: Sequence[Attempt]) -> bool:
    sent = {(attempt["kind"], attempt["idempotencyKey"], attempt["bodySha256"]) for attempt in row}
    return len(sent) > len({kind for kind, _, _ in sent})
