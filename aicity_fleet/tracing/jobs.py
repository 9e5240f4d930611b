"""The spans of a job that hang from its root, each written by a process that knows both of its ends.

They are called with plain values, so that any part of the tree may import this package.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable

from aicity_fleet.tracing import ids
from aicity_fleet.tracing.ids import Place
from aicity_fleet.tracing.spans import (
    NO_SPAN,
    NOTHING,
    Attributes,
    FinishedSpan,
    Noting,
    Span,
    Writer,
    span,
)
from aicity_fleet.tracing.switch import tracer

NS_PER_MS = 1_000_000
"""Nanoseconds in a millisecond: Redis's times are in these."""


def now_ms() -> int:
    """Return the present as these functions take it: in milliseconds since 1970."""
    return time.time_ns() // NS_PER_MS


def trace_ids(job_id: str, nonce: str) -> dict[str, str]:
    """Return what the log lines about a job carry besides its id: its trace's id, if it is traced."""
    trace = _trace_of(job_id, nonce)
    return {} if trace is None else {"trace_id": f"{trace.id:032x}"}


def accepted(jobs: Iterable[tuple[str, str]], *, began_ms: int) -> None:
    """Write the span of each job that a page brought: from the request for the page to the message.

    Args:
        jobs: The id and nonce of each.
        began_ms: When the page was asked for, see ``now_ms``.
    """
    for job_id, nonce in jobs:
        if trace := _trace_of(job_id, nonce):
            trace.write("accept", trace.inner(), began_ms * NS_PER_MS)


def run(
    job_id: str, nonce: str, *, attempt: int, owner: str, task_type: str, accepted_ms: int
) -> Noting:
    """Return the span of an attempt, and write the one of the job's wait before the first.

    It is not written when an exception ends it: then the lease lapses, and the sweep writes it.

    Args:
        owner: The process.
        accepted_ms: When the job was accepted, in milliseconds by Redis's clock; 0 if unknown.
    """
    trace = _trace_of(job_id, nonce)
    if trace is None:
        return NO_SPAN
    if attempt == 1 and accepted_ms:
        trace.write("wait", trace.inner(), accepted_ms * NS_PER_MS)
    attributes: Attributes = {
        "aicity_fleet.job_id": job_id,
        "aicity_fleet.attempt": attempt,
        "aicity_fleet.owner": owner,
        "aicity_fleet.task_type": task_type,
    }
    return Span(trace.writer, "run", trace.run(attempt), attributes, drops_on_error=True)


def lost_run(job_id: str, nonce: str, *, attempt: int, began_ms: int, why: str) -> None:
    """Write the span of an attempt whose process is gone, in its place.

    Args:
        began_ms: When the attempt began, in milliseconds since 1970.
        why: How it is known, one word.
    """
    if trace := _trace_of(job_id, nonce):
        attributes: Attributes = {"aicity_fleet.attempt": attempt, "aicity_fleet.did": "lost"}
        trace.write("run", trace.run(attempt), began_ms * NS_PER_MS, attributes, error=why)


def report(job_id: str, nonce: str, *, attempt: int, kind: str) -> Noting:
    """Return the span of one try to send a job's report.

    Args:
        attempt: The number of the try, from 1.
        kind: ``complete`` or ``fail``.
    """
    trace = _trace_of(job_id, nonce)
    if trace is None:
        return NO_SPAN
    attributes: Attributes = {
        "aicity_fleet.job_id": job_id,
        "aicity_fleet.report_attempt": attempt,
        "aicity_fleet.kind": kind,
    }
    return Span(trace.writer, "report", trace.inner(), attributes, holds=True)


def settled(
    job_id: str, nonce: str, *, kind: str, code: str, verdict: str, accepted_ms: int
) -> None:
    """Write a job's root span: from its acceptance to AI City's receipt.

    Args:
        kind: ``complete`` or ``fail``.
        code: Why it failed; empty for a completion.
        verdict: What AI City's answer meant.
        accepted_ms: When the job was accepted, in milliseconds by Redis's clock.
    """
    if trace := _trace_of(job_id, nonce):
        attributes = {"aicity_fleet.kind": kind, "aicity_fleet.verdict": verdict}
        began_ns = accepted_ms * NS_PER_MS or time.time_ns()
        trace.write("job", trace.root, began_ns, attributes, error=code)


def replayed(kind: str, ordinal: int) -> None:
    """Mark that an entry of the journal answered in place of a call.

    Args:
        kind: ``model`` or ``tool``.
        ordinal: The entry's place.
    """
    with span("replay", {"aicity_fleet.call": kind, "aicity_fleet.entry": ordinal}):
        pass


@dataclasses.dataclass(frozen=True, slots=True)
class _JobTrace:
    """The trace of one job."""

    id: int
    job_id: str
    writer: Writer

    @property
    def root(self) -> Place:
        """The place of the root, which all processes know before it exists."""
        return Place(self.id, ids.span_id(self.id, ids.ROOT), 0)

    def run(self, attempt: int) -> Place:
        """Return the place of an attempt, which the sweep knows as well."""
        return Place(self.id, ids.span_id(self.id, ids.run_name(attempt)), self.root.span)

    def inner(self) -> Place:
        """Return a place below the root that nobody else has to know."""
        return Place(self.id, ids.new_span_id(), self.root.span)

    def write(
        self,
        name: str,
        place: Place,
        began_ns: int,
        attributes: Attributes = NOTHING,
        *,
        error: str = "",
    ) -> None:
        """Write a span that ends now."""
        facts = {"aicity_fleet.job_id": self.job_id, **attributes}
        ended_ns = max(began_ns, time.time_ns())
        self.writer.write(FinishedSpan(name, "internal", place, began_ns, ended_ns, facts, error))


def _trace_of(job_id: str, nonce: str) -> _JobTrace | None:
    """Return a job's trace; None when this process does not trace."""
    using = tracer()
    if using is None:
        return None
    return _JobTrace(ids.trace_id(using.agent, job_id, nonce), job_id, using.writer)
