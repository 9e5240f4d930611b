"""How what is said in a run looks in a terminal. Strangers wrote most of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from aicity_fleet.cli.display import console, foreign

if TYPE_CHECKING:
    from aicity_fleet.journal import Entry
    from aicity_fleet.team.replay.transcript import TranscriptEvent

HEADINGS = {
    "order": "gives out the order",
    "ask": "asks for more",
    "words": "says",
    "verdict": "ends the run",
}
"""What stands over an utterance, by its kind; over those of tools stands their name."""


def print_said(said: TranscriptEvent) -> None:
    """Print one utterance under its heading."""
    heading = foreign(f"{said.speaker} {_deed(said)}")
    heading.stylize("bold cyan" if said.kind in {"order", "ask", "verdict"} else "bold")
    console.print(heading)
    whole = not console.is_terminal  # a file or a pipe gets lines as they were written
    console.print(Text("  ").append_text(_indented(said.text)), highlight=False, soft_wrap=whole)
    console.print()


def said_in(entries: Iterable[Entry]) -> list[TranscriptEvent]:
    """What models and tools answered, where a journal cannot be replayed: who asked is not known."""
    from aicity_fleet.team.replay.transcript import TranscriptEvent, events_of_answer  # noqa: PLC0415 -- as its callers

    heard: list[TranscriptEvent] = []
    for entry in entries:
        if entry.kind == "model":
            heard += events_of_answer(f"Call {entry.ordinal}", entry.answer)
        else:
            text = str(entry.answer.get("text", ""))
            heard.append(TranscriptEvent(f"Call {entry.ordinal}", "result", text, "a tool"))
    return heard


def _deed(said: TranscriptEvent) -> str:
    if said.kind == "call":
        return f"calls {said.tool}"
    if said.kind == "result":
        return f"hears from {said.tool}"
    return HEADINGS[said.kind]


def _indented(text: str) -> Text:
    return foreign(text.strip().replace("\n", "\n  ") or "(nothing)")
