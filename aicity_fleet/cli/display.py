"""Formats values for a terminal: states in colour, endings, times, durations, money, JSON."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from aicity_fleet.models import (
    Delivered,
    Interrupted,
    JobState,
    JsonObject,
    ProviderFatal,
    ProviderTrouble,
    Rejected,
)

console = Console(markup=False)
"""Standard output, for results. No markup, because strangers wrote much of the text."""

notes = Console(stderr=True, markup=False)
"""Standard error, for progress and remarks."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
"""The option of every command that can print JSON."""

STATE_STYLES = {
    JobState.QUEUED: "yellow",
    JobState.RUNNING: "cyan",
    JobState.FINISHED: "magenta",
    JobState.REPORTED: "green",
    JobState.HELD: "red",
    JobState.QUARANTINED: "red",
}

ENDING_NAMES: dict[type, str] = {
    Delivered: "delivered",
    Rejected: "rejected",
    ProviderTrouble: "provider trouble",
    ProviderFatal: "provider refusal",
    Interrupted: "interrupted",
}
"""How the run of a team ended, by the class of its ending."""

SILENCES: dict[str, str] = {
    "unreadable": "its answers could not be read",
    "refused": "its provider declined to answer",
    "too_long": "the work is longer than it can take in",
    "over_budget": "its tokens, or the job's budget, were spent",
}
"""Why a judge had no say, in words."""


def judgement_text(judgement: JsonObject) -> str:
    """Return what a judge said, for people.

    Args:
        judgement: As ``Judgement.to_json`` returns it.
    """
    if judgement["score"] is not None:
        return f"{judgement['score']} of 100"
    return f"no say: {SILENCES.get(judgement['silence'], judgement['silence'])}"


def print_json(value: Any) -> None:
    """Print a value to standard output as one JSON document."""
    console.out(json.dumps(value, indent=2, default=_plain), highlight=False)


def print_json_line(value: Any) -> None:
    """Print a value to standard output as one line of JSON."""
    console.out(json.dumps(value, default=_plain), highlight=False)


def state_text(state: JobState) -> Text:
    """Return a job's state in its colour."""
    return Text(str(state), style=STATE_STYLES[state])


def foreign(text: str) -> Text:
    """Return a stranger's text without the control characters that could steer the terminal."""
    return Text("".join(char for char in text if char.isprintable() or char in "\n\t"))


def dollars(cents: int | Decimal) -> str:
    """Format cents as dollars."""
    return f"${Decimal(cents) / 100:.2f}"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} is not JSON")
