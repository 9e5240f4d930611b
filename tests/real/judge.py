"""What a run may not show: a job that hangs, is lost or loops, or junk that was delivered.

A weak model may fail every job. Only text that AI City got as a deliverable is read here, and only for what
no honest deliverable is: nothing, the order said back, or one phrase over and over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from aicity_fleet.ledger import Job
from aicity_fleet.models import Completed, JobState

SETTLED = frozenset({JobState.REPORTED, JobState.HELD, JobState.QUARANTINED})
"""States in which nothing more happens by itself, or only after another job's success."""

WORDS_AT_ONCE = 4
"""Texts are compared by runs of so many words."""

MOST_FROM_ORDER = 0.7
"""The largest share of a deliverable that may come from its order. A fixed function repeats much of it."""

LEAST_DISTINCT = 0.3
"""The smallest share of a deliverable that may be distinct. A model that loops writes less."""

LEAST_WORDS = 5
"""A shorter text delivers nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One job at the end of a run."""

    task_id: str
    task_type: str
    has_tools: bool
    state: str
    """A state of the ledger, or ``unknown``."""
    ending: str
    """``complete``, the code of a failure, or the reason why it waits."""
    attempts: int
    calls: int
    seconds: float
    tokens: int
    first_line: str
    """Of the deliverable, if AI City accepted one."""
    faults: tuple[str, ...]
    """Why the run failed, as far as this job goes."""


def row(
    order: Mapping[str, Any],
    job: Job | None,
    booked: Mapping[str, Any],
    *,
    has_tools: bool,
    most_calls: int,
) -> Row:
    """Judge one job.

    Args:
        order: The task as it was submitted, with its id.
        job: What the ledger says; None when the fleet never took the task.
        booked: What the simulated AI City says of the task.
        most_calls: How many model calls its team may make.
    """
    delivered = job.outcome.text if job and isinstance(job.outcome, Completed) else None
    return Row(
        task_id=str(order["id"]),
        task_type=str(order["taskType"]),
        has_tools=has_tools,
        state=str(job.state) if job else "unknown",
        ending=_ending(job),
        attempts=job.attempt if job else 0,
        calls=calls_of(job),
        seconds=round(job.ran_ms / 1000, 1) if job else 0.0,
        tokens=tokens_of(job),
        first_line=next(iter((delivered or "").strip().splitlines()), ""),
        faults=tuple(_faults(order, job, booked, delivered, most_calls)),
    )


def junk(order: Mapping[str, Any], text: str) -> str | None:
    """Return why a text is no deliverable, or None."""
    given = order["input"]
    runs = _runs(text)
    if len(text.split()) < LEAST_WORDS:
        return "it delivers nothing"
    known = set(_runs(f"{given['description']}\n{given.get('code', '')}"))
    if sum(run in known for run in runs) > MOST_FROM_ORDER * len(runs):
        return "it delivers the order itself"
    if len(set(runs)) < LEAST_DISTINCT * len(runs):
        return "it delivers one phrase over and over"
    return None


def calls_of(job: Job | None) -> int:
    """How many calls of a job were answered; while it runs, its record tells only of earlier attempts."""
    return max(job.model_calls, (job.progress or {}).get("model_calls", 0)) if job else 0


def tokens_of(job: Job | None) -> int:
    """How many tokens these calls took."""
    if job is None:
        return 0
    return max(job.prompt_tokens + job.completion_tokens, (job.progress or {}).get("tokens", 0))


def _faults(
    order: Mapping[str, Any],
    job: Job | None,
    booked: Mapping[str, Any],
    delivered: str | None,
    most_calls: int,
) -> Iterator[str]:
    if job is None:
        yield "is lost: the fleet never took it"
        return
    if job.state not in SETTLED:
        yield f"hangs: it is {job.state} ({job.reason or 'no reason given'})"
    if job.state is JobState.REPORTED and booked["acceptedEndings"] != 1:
        yield f"is lost or ended twice: AI City accepted {booked['acceptedEndings']} endings"
    if calls_of(job) > most_calls:
        yield f"loops: it made {calls_of(job)} calls, and its team may make {most_calls}"
    if delivered is not None and (why := junk(order, delivered)):
        yield f"is junk: {why}"


def _ending(job: Job | None) -> str:
    if job is None:
        return "none"
    if job.outcome is None:
        return job.reason or "none"
    return "complete" if isinstance(job.outcome, Completed) else job.outcome.code


def _runs(text: str) -> list[tuple[str, ...]]:
    words = text.lower().split()
    return [
        tuple(words[at : at + WORDS_AT_ONCE])
        for at in range(max(1, len(words) - WORDS_AT_ONCE + 1))
    ]
