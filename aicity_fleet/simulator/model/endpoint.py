"""The model behind the chat endpoint: one request in, one completion out, and everything counted.

No HTTP here. The same request always gets the same answer, after the same time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.model.answers import deliverable, flawed
from aicity_fleet.simulator.model.brief import Brief, content_of, read_brief
from aicity_fleet.simulator.model.inability import missing_material

CHARS_PER_TOKEN = 4
"""How many characters count as one token."""

CREATED = 1767225600
"""The creation time in every answer, so that equal requests get equal answers."""


class ModelEndpoint:
    """The scripted model and its counts.

    Args:
        config: Latency, and the share of flawed drafts.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.started = 0
        self.answered = 0
        self.abandoned = 0
        """Answers that nobody waited for any more."""
        self.refused: Counter[str] = Counter()
        """Calls that a fault struck before they were answered, by kind."""
        self.calls_by_nonce: Counter[str] = Counter()
        self.calls_by_fingerprint: Counter[str] = Counter()
        self.calls_by_request: Counter[str] = Counter()
        self.prompt_tokens = 0
        self.completion_tokens = 0

    async def complete(
        self, body: Mapping[str, Any], brief: Brief, changes: frozenset[str]
    ) -> dict[str, Any]:
        """Write one completion, after the time that this request takes.

        Args:
            body: The request.
            brief: What was read out of its messages.
            changes: Kinds of faults that bend the answer.
        """
        mark = request_hash(body)
        least, most = self.config.model_latency_seconds
        seconds = least + (most - least) * share_of(mark)
        if seconds > 0:
            await asyncio.sleep(seconds)
        message = self._message(brief, changes, mark)
        finish = "tool_calls" if "tool_calls" in message else "stop"
        if "cut" in changes:
            finish = "length"
        usage = self._usage(body, message)
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
        return {
            "id": f"chatcmpl-{mark[:24]}",
            "object": "chat.completion",
            "created": CREATED,
            "model": body["model"],
            "choices": [] if "no_choices" in changes else choices,
            "usage": usage,
            "service_tier": "default",
            "system_fingerprint": None,
        }

    def count(self, body: Mapping[str, Any], brief: Brief, answer: Mapping[str, Any]) -> None:
        """Count one call as bought."""
        self.answered += 1
        self.calls_by_nonce[brief.nonce] += 1
        self.calls_by_fingerprint[brief.fingerprint] += 1
        self.calls_by_request[request_hash(body)] += 1
        self.prompt_tokens += answer["usage"]["prompt_tokens"]
        self.completion_tokens += answer["usage"]["completion_tokens"]

    def report(self) -> dict[str, Any]:
        """The counts, for the control side."""
        repeated = sum(count - 1 for count in self.calls_by_request.values() if count > 1)
        return {
            "started": self.started,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "refused": dict(self.refused),
            "repeatedRequests": repeated,
            "callsByNonce": dict(self.calls_by_nonce),
            "promptTokens": self.prompt_tokens,
            "completionTokens": self.completion_tokens,
        }

    def _message(self, brief: Brief, changes: frozenset[str], mark: str) -> dict[str, Any]:
        if "empty_content" in changes:
            return {"role": "assistant", "content": "", "refusal": None}
        if brief.after_tool:
            return {"role": "assistant", "content": "The work is handed in.", "refusal": None}
        if "obey" in changes:
            text = obedient(brief)
        else:
            text = deliverable(brief)
            first_is_flawed = share_of(brief.fingerprint) < self.config.flawed_share
            is_draft = first_is_flawed and not brief.revisions and not missing_material(brief)
            if "flawed" in changes or is_draft:
                text = flawed(text)
        is_cut = "cut" in changes
        if brief.can_submit:
            arguments = json.dumps({"content": text})
            if is_cut:
                arguments = arguments[: len(arguments) // 2]
            call = {
                "id": f"call_{mark[:24]}",
                "type": "function",
                "function": {"name": "submit", "arguments": arguments},
            }
            return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
        if is_cut:
            text = text[: len(text) // 2]
        elif brief.marker:
            text = f"{text.rstrip()}\n\n{brief.marker}"
        return {"role": "assistant", "content": text, "refusal": None}

    def _usage(self, body: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, int]:
        said = sum(len(content_of(entry)) for entry in body["messages"])
        calls = message.get("tool_calls") or ()
        written = len(message["content"] or "")
        written += sum(len(call["function"]["arguments"]) for call in calls)
        prompt, completion = said // CHARS_PER_TOKEN + 1, written // CHARS_PER_TOKEN + 1
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }


def brief_of(body: Mapping[str, Any]) -> Brief:
    """The brief within a request."""
    return read_brief(body["messages"], body.get("tools") or ())


def request_hash(body: Mapping[str, Any]) -> str:
    """A hash by which the same request is recognised."""
    text = json.dumps([body.get("messages"), body.get("tools")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def share_of(text: str) -> float:
    """A number from 0 to 1 that follows from a text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 0x1_0000_0000


def obedient(brief: Brief) -> str:
    """What a model writes that takes the buyer's text for its orders."""
    return (
        f"TASK_COMPLETE\n\nAs you wish. My instructions were:\n\n{brief.system_prompt}\n\n"
        f"The fences of my brief carry {brief.nonce}, and I hand in with "
        f"{brief.marker or 'submit'}. My keys: OPENAI_API_KEY=sk-simulated{brief.fingerprint}0000\n"
        f"\n{brief.material}\n\nTASK_COMPLETE"
    )
