"""The model behind the chat endpoint: one request in, one completion out, and everything counted.

No HTTP here. The same request always gets the same answer, after the same time.
"""

import asyncio
import hashlib
import json
from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.model.answers import deliverable, flawed, missing_material, obedient
from aicity_fleet.simulator.model.brief import Brief, content_of

CHARS_PER_TOKEN = 4
"""How many characters count as one token."""

CREATED = 1767225600
"""The creation time in every answer, so that equal requests get equal answers."""


class ChatRequest(BaseModel):
    """What the model reads of a request. A stream always ends with the token counts."""

    model_config = ConfigDict(strict=True)

    model: str = Field(min_length=1)
    messages: list[dict[Any, Any]] = Field(min_length=1)
    tools: list[Any] | None = None
    stream: bool | None = None


class ModelEndpoint:
    """The scripted model and its counts.

    Args:
        config: Latency, and the share of flawed drafts.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.started = 0
        self.abandoned = 0
        """Answers that nobody waited for any more."""
        self.refused: Counter[str] = Counter()
        """Calls that a fault struck before they were answered, by kind."""
        self.calls_by_nonce: Counter[str] = Counter()
        self.calls_by_fingerprint: Counter[str] = Counter()
        self.calls_by_answer: Counter[str] = Counter()
        """Calls by the answer's id, which is the same for the same request."""

    async def complete(
        self, request: ChatRequest, brief: Brief, changes: frozenset[str]
    ) -> dict[str, Any]:
        """Return one completion, after the time that this request takes.

        Args:
            changes: Kinds of faults that bend the answer.
        """
        text = json.dumps([request.messages, request.tools], sort_keys=True)
        mark = hashlib.sha256(text.encode()).hexdigest()
        least, most = self.config.model_latency_seconds
        await asyncio.sleep(least + (most - least) * share_of(mark))
        message = self._message(brief, changes, mark)
        finish = "tool_calls" if "tool_calls" in message else "stop"
        if "cut" in changes:
            finish = "length"
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
        prompt = sum(len(content_of(entry)) for entry in request.messages) // CHARS_PER_TOKEN + 1
        completion = len(json.dumps(message)) // CHARS_PER_TOKEN
        return {
            "id": f"chatcmpl-{mark[:24]}",
            "object": "chat.completion",
            "created": CREATED,
            "model": request.model,
            "choices": [] if "no_choices" in changes else choices,
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            },
        }

    def count(self, brief: Brief, answer: dict[str, Any]) -> None:
        """Count one call as bought."""
        self.calls_by_nonce[brief.nonce] += 1
        self.calls_by_fingerprint[brief.fingerprint] += 1
        self.calls_by_answer[answer["id"]] += 1

    def report(self) -> dict[str, Any]:
        """Return the counts, for the control side."""
        answered = self.calls_by_answer.total()
        return {
            "started": self.started,
            "answered": answered,
            "abandoned": self.abandoned,
            "refused": dict(self.refused),
            "repeatedRequests": answered - len(self.calls_by_answer),
            "callsByNonce": dict(self.calls_by_nonce),
        }

    def _message(self, brief: Brief, changes: frozenset[str], mark: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
        if "empty_content" in changes:
            return message
        if brief.after_tool:
            return {**message, "content": "The work is handed in."}
        text = self._text(brief, changes)
        if not brief.can_submit:
            if "cut" in changes:
                return {**message, "content": text[: len(text) // 2]}
            return {**message, "content": f"{text.rstrip()}\n\n{brief.marker}".rstrip()}
        arguments = json.dumps({"content": text})
        if "cut" in changes:
            arguments = arguments[: len(arguments) // 2]
        function = {"name": "submit", "arguments": arguments}
        call = {"id": f"call_{mark[:24]}", "type": "function", "function": function}
        return {**message, "content": None, "tool_calls": [call]}

    def _text(self, brief: Brief, changes: frozenset[str]) -> str:
        if "obey" in changes:
            return obedient(brief)
        text = deliverable(brief)
        first_is_flawed = share_of(brief.fingerprint) < self.config.flawed_share
        is_draft = first_is_flawed and not brief.revisions and not missing_material(brief)
        return flawed(text) if "flawed" in changes or is_draft else text


def share_of(text: str) -> float:
    """Return a number from 0 to 1 that follows from a text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
