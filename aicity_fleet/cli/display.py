"""How values look in a terminal: states in colour, moments, durations, money, JSON for scripts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from aicity_fleet.models import JobState

console = Console(markup=False)
"""Where results go: standard output. No markup: much of what is shown was written by strangers."""

notes = Console(stderr=True, markup=False)
"""Where progress and remarks go: standard error."""

STATE_STYLES = {
    JobState.QUEUED: "yellow",
    JobState.RUNNING: "cyan",
    JobState.FINISHED: "magenta",
    JobState.REPORTED: "green",
    JobState.HELD: "red",
    JobState.QUARANTINED: "red",
}


def print_json(value: Any) -> None:
    """Print a value as JSON, one document, to standard output."""
    console.out(json.dumps(value, indent=2, default=_plain), highlight=False)


def print_json_line(value: Any) -> None:
    """Print a value as JSON on one line, for whoever reads a stream of them."""
    console.out(json.dumps(value, default=_plain), highlight=False)


def state_text(state: JobState) -> Text:
    """A job's state in its colour."""
    return Text(str(state), style=STATE_STYLES[state])


def foreign(text: str) -> Text:
    """A text by a stranger, without the control characters that would steer the terminal."""
    return Text("".join(char for char in text if char.isprintable() or char in "\n\t"))


def moment(value: datetime | None) -> str:
    """A moment in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else "-"


def duration(seconds: float) -> str:
    """A duration in one or two units, for people."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} days"


def dollars(cents: int | Decimal) -> str:
    """Cents as dollars."""
    return f"${Decimal(cents) / 100:.2f}"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} is not JSON")
