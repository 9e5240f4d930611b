"""Anthropic's answers, streamed, so that a slow model is told from a dead one.

Source: docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
from anthropic.resources.messages import AsyncMessages
from anthropic.types import Message
from autogen_ext.models.anthropic import AnthropicChatCompletionClient

from aicity_fleet.journal import REPEATED
from aicity_fleet.team.model import live_call
from aicity_fleet.team.model.call_errors import CallError
from aicity_fleet.team.model.dialect import Dialect
from aicity_fleet.team.model.event_stream import Clock, Pace, json_object
from aicity_fleet.team.model.live_call import LiveCall
from aicity_fleet.team.model.repetition import RepetitionWatch
from aicity_fleet.team.model.streamed_answer import Terms, streamed_answer


class AnthropicClient(AnthropicChatCompletionClient):
    """AutoGen's client for Anthropic's protocol, over streams."""

    def __init__(self, *, dialect: Dialect, pace: Pace, **options: Any) -> None:
        super().__init__(**options)
        # A cached property, so it can be set.
        self._client.messages = _Messages(self._client, dialect, pace)


class _Messages(AsyncMessages):
    def __init__(self, client: anthropic.AsyncAnthropic, dialect: Dialect, pace: Pace) -> None:
        super().__init__(client)
        self._dialect, self._terms = dialect, Terms(client, dialect, pace)
        self._raw = AsyncMessages(client).with_streaming_response

    async def create(self, **options: Any) -> Any:
        """Ask for a stream, and once more without each parameter that the server refuses."""
        options |= {"stream": True}
        while True:
            asked = self._dialect.request(options)
            try:
                found = await streamed_answer(
                    self._ask, asked, _Assembly(live_call.current()), _whole, self._terms
                )
                return Message.construct(**found)
            except anthropic.APIStatusError as refusal:
                if not self._dialect.learn(refusal.status_code, refusal.body, asked, options):
                    raise

    @contextlib.asynccontextmanager
    async def _ask(self, asked: dict[str, Any]) -> AsyncIterator[Any]:
        async with self._raw.create(**asked) as response:
            yield response.http_response


class _Assembly:
    """One answer that grows event by event."""

    clock: Clock
    is_finished = False
    """Whether the server said that the answer is whole."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call
        self._repetition = RepetitionWatch()
        self._message: dict[str, Any] = {}
        self._blocks: dict[Any, dict[str, Any]] = {}
        self._pieces: dict[tuple[Any, str], list[str]] = {}

    def take(self, data: str) -> bool:
        """Take the data of one event; returns whether more is wanted."""
        event = json_object(data)
        self.clock.go_on()
        match event.get("type"):
            case "message_start":
                self._message = dict(event["message"])
            case "content_block_start":
                self._blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                self._grow(event["index"], event["delta"])
            case "message_delta":
                self._message |= {k: v for k, v in event["delta"].items() if v is not None}
                self._message["usage"] = {**self._usage, **(event.get("usage") or {})}
                if self._message.get("stop_reason"):
                    self._finish()
            case "message_stop":
                self._finish()
        return self._call.finish_reason != REPEATED

    def _finish(self) -> None:
        self.is_finished = True
        self.clock.finish()  # read on to the end, so that the connection can be used again

    def answer(self) -> dict[str, Any]:
        """Return the whole answer.

        Raises:
            CallError: The stream ended before the answer was whole.
        """
        if self._message.get("stop_reason") is None:
            raise self.clock.unfinished()
        for (index, name), pieces in self._pieces.items():
            block = self._blocks.get(index, {})
            text = "".join(pieces)
            if name == "partial_json":
                block["input"] = _input_of(text)
            else:
                block[name] = f"{block.get(name) or ''}{text}"
        return {**self._message, "content": list(self._blocks.values())}

    @property
    def _usage(self) -> dict[str, Any]:
        found: dict[str, Any] = self._message.get("usage") or {}
        return found

    def _grow(self, index: Any, delta: dict[str, Any]) -> None:
        for name in ("text", "partial_json", "thinking", "signature"):
            text = delta.get(name)
            if not isinstance(text, str):
                continue
            self._pieces.setdefault((index, name), []).append(text)
            self.clock.begin()
            self._call.took(text)
            if self._repetition.repeats(text):
                self._call.finish_reason = REPEATED
                self._message["stop_reason"] = "max_tokens"
                # What was counted at the start is not what was bought.
                self._message["usage"] = {"input_tokens": 0, "output_tokens": 0}


def _input_of(text: str) -> Any:
    """Return the arguments of a tool call: an object, or the text when it breaks off."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text


def _whole(body: bytes) -> dict[str, Any]:
    """Return an answer that came in one piece.

    Raises:
        CallError: It is no answer.
    """
    answer = json_object(body)
    if not isinstance(answer.get("content"), list):
        raise CallError("the model's answer held nothing")
    return answer
