"""Prints the transcript of a run. Strangers wrote most of its text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from aicity_fleet.cli.display import console, foreign

if TYPE_CHECKING:
    from aicity_fleet.journal import Entry
    from aicity_fleet.team.replay.transcript import TranscriptEvent

HEADINGS = {
    "order": "briefs the team",
    "ask": "asks for repairs",
    "words": "says",
    "verdict": "ends the run",
}
"""The heading of a transcript event by its kind. The events of a tool are headed by its name."""


def print_event(event: TranscriptEvent) -> None:
    """Print one transcript event under its heading."""
    heading = foreign(f"{event.speaker} {_heading(event)}")
    heading.stylize("bold cyan" if event.kind in {"order", "ask", "verdict"} else "bold")
    console.print(heading)
    whole = not console.is_terminal  # a file or a pipe gets lines as they were written
    console.print(Text("  ").append_text(_indented(event.text)), highlight=False, soft_wrap=whole)
    console.print()


def recorded_answers(entries: Iterable[Entry]) -> list[TranscriptEvent]:
    """Return the answers in a journal that cannot be replayed. Who asked for them is unknown."""
    from aicity_fleet.team.replay.transcript import TranscriptEvent, events_of_answer  # noqa: PLC0415 -- as its callers

    events: list[TranscriptEvent] = []
    for entry in entries:
        if entry.kind == "model":
            events += events_of_answer(f"Call {entry.ordinal}", entry.answer)
        else:
            text = str(entry.answer.get("text", ""))
            events.append(TranscriptEvent(f"Call {entry.ordinal}", "result", text, "a tool"))
    return events


def _heading(event: TranscriptEvent) -> str:
    if event.kind == "call":
        return f"calls {event.tool}"
    if event.kind == "result":
        return f"gets a result from {event.tool}"
    return HEADINGS[event.kind]


def _indented(text: str) -> Text:
    return foreign(text.strip().replace("\n", "\n  ") or "(nothing)")
