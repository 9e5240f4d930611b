"""The events of a transcript, whether a run is live or replayed. No AutoGen here."""

import dataclasses
import json
from collections.abc import Callable, Iterable
from typing import Any, Literal

from aicity_fleet.models import JsonObject

TranscriptKind = Literal["order", "ask", "words", "call", "result", "verdict"]
"""The brief, a request of the coordinator, a member's text, its call of a tool, the result of the tool, and
the verdict with which the coordinator ended the run."""


@dataclasses.dataclass(frozen=True, slots=True)
class TranscriptEvent:
    """One event, whole. It holds what strangers wrote: show it to the owner, and never log it."""

    speaker: str
    kind: TranscriptKind
    text: str
    tool: str = ""
    """The tool that was called, or that returned the result."""


TranscriptListener = Callable[[TranscriptEvent], None]
"""Called with each event."""


def events_of_answer(member: str, answer: JsonObject) -> Iterable[TranscriptEvent]:
    """Yield the events of a journaled answer."""
    content: Any = answer.get("content")
    if answer.get("thought") and not isinstance(content, str):
        yield TranscriptEvent(member, "words", str(answer["thought"]))
    if isinstance(content, str):
        yield TranscriptEvent(member, "words", content)
        return
    for call in content or ():
        yield TranscriptEvent(member, "call", _arguments(call["arguments"]), tool=call["name"])


def _arguments(text: str) -> str:
    """Return a call's arguments for a person: the bare text where there is only one argument."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return only
    return text
