"""The ids of a job's trace, computed by every process alike.

So two workers, and the dispatcher, add to one trace although no message carries anything but the job's id.
"""

import dataclasses
import hashlib
import os

ROOT = "job"
"""Names the span that all others of a trace hang from."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a span is."""

    trace: int
    span: int
    parent: int
    """The span that it hangs from; 0 for the root."""


def trace_id(agent: str, job_id: str, nonce: str) -> int:
    """Return the id of a job's trace, of 128 bits.

    Args:
        agent: The fleet's name.
        nonce: The job's random text. A job that is accepted again, after a wipe, gets a new trace.
    """
    return _number(16, "trace", agent, job_id, nonce)


def span_id(trace: int, name: str) -> int:
    """Return the id of a span that another process has to know, of 64 bits.

    Args:
        name: What is unique within the trace.
    """
    return _number(8, "span", f"{trace:032x}", name)


def run_name(attempt: int) -> str:
    """Return what names the span of an attempt within its trace."""
    return f"run {attempt}"


def new_span_id() -> int:
    """Return the id of any other span."""
    return int.from_bytes(os.urandom(8)) or 1


def _number(size: int, *parts: str) -> int:
    """Hash the parts to so many bytes; never zero, which stands for no id."""
    digest = hashlib.sha256("\n".join(("aicity-fleet", *parts)).encode()).digest()
    return int.from_bytes(digest[:size]) or 1
