"""One trace per job for OpenTelemetry, to which every process adds that touches the job.

Off unless ``start`` finds a collector in the settings. While off, nothing of OpenTelemetry is imported
and a span costs one ``if``. No context travels in messages: each process computes the ids (``ids.py``).

A span holds ids, numbers and codes: no order, prompt, answer or deliverable, and no words of an error.
"""

from aicity_fleet.tracing.jobs import (
    accepted,
    lost_run,
    now_ms,
    replayed,
    report,
    run,
    settled,
    trace_ids,
)
from aicity_fleet.tracing.spans import current, span
from aicity_fleet.tracing.switch import is_on, start, stop

__all__ = [
    "accepted",
    "current",
    "is_on",
    "lost_run",
    "now_ms",
    "replayed",
    "report",
    "run",
    "settled",
    "span",
    "start",
    "stop",
    "trace_ids",
]
