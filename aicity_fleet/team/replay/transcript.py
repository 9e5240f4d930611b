"""What is said in a run, as it happens: for a live transcript and for one read back. No AutoGen here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from typing import Any, Literal

from aicity_fleet.models import JsonObject

TranscriptKind = Literal["order", "ask", "words", "call", "result", "verdict"]
"""The brief; a request of the coordinator's; a member's text; its call of a tool; what the tool gave; and
how the coordinator ended the run."""


@dataclasses.dataclass(frozen=True, slots=True)
class TranscriptEvent:
    """One utterance, whole. Holds what strangers wrote: for the owner's eyes alone, never for a log."""

    speaker: str
    kind: TranscriptKind
    text: str
    tool: str = ""
    """Which tool was called or answered."""


TranscriptListener = Callable[[TranscriptEvent], None]
"""Told of each utterance."""


def events_of_answer(member: str, answer: JsonObject) -> Iterable[TranscriptEvent]:
    """The utterances that a journaled answer holds."""
    content: Any = answer.get("content")
    if answer.get("thought") and not isinstance(content, str):
        yield TranscriptEvent(member, "words", str(answer["thought"]))
    if isinstance(content, str):
        yield TranscriptEvent(member, "words", content)
        return
    for call in content or ():
        yield TranscriptEvent(member, "call", _arguments(call["arguments"]), tool=call["name"])


def _arguments(text: str) -> str:
    """A call's arguments as a person reads them: the text itself where there is just one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return only
    return text
