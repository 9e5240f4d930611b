"""Puts the pieces of a streamed chat completion together. No AutoGen here.

Source: platform.openai.com/docs/api-reference/chat-streaming; the odd forms are those of other servers.
"""

from __future__ import annotations

import json
from typing import Any

from aicity_fleet.journal import REPEATED
from aicity_fleet.team.model.call_errors import CallError
from aicity_fleet.team.model.event_stream import Clock, json_object
from aicity_fleet.team.model.live_call import LiveCall
from aicity_fleet.team.model.repetition import RepetitionWatch

_HEAD: dict[str, Any] = {"id": "", "created": 0, "model": ""}
"""What every piece repeats, with what stands for a missing value."""

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
"""The texts of a message; the last two are the thoughts of a model, as different servers call them."""


class Assembly:
    """One answer that grows piece by piece.

    Args:
        call: Counts its tokens.
    """

    clock: Clock
    """Its clock, from the moment at which the response begins."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call
        self._repetition = RepetitionWatch()
        self._head: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._calls: list[_ToolCall] = []
        self._only_call: _ToolCall | None = None
        self._finish_reason: str | None = None
        self._usage: Any = None
        self._has_choice = False

    @property
    def is_finished(self) -> bool:
        """Whether the server said that the answer is whole, or the fleet ended it."""
        return self._finish_reason is not None

    def take(self, data: str) -> bool:
        """Take the data of one event; returns whether more is wanted.

        Raises:
            CallError: It is no piece of an answer.
        """
        if data == "[DONE]":
            # Some servers end an answer with this alone.
            if self._has_choice and self._finish_reason is None:
                has_calls = self._calls or self._only_call
                self._finish_reason = "tool_calls" if has_calls else "stop"
            self.clock.finish()  # read on to the end, so that the connection can be used again
            return True
        if not data:
            return True
        chunk = json_object(data)
        self.clock.go_on()
        self._head = self._head or {name: chunk.get(name) or empty for name, empty in _HEAD.items()}
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            self._take_choice(choices[0])
        return self._call.finish_reason != REPEATED

    def answer(self) -> dict[str, Any]:
        """Return the whole answer in the protocol's form.

        Raises:
            CallError: The stream ended before the answer was whole.
        """
        if self._finish_reason is None:
            raise self.clock.unfinished()
        message: dict[str, Any] = {"role": "assistant", "content": None}
        message |= {name: "".join(pieces) for name, pieces in self._texts.items()}
        if self._calls:
            message["tool_calls"] = [call.whole() for call in self._calls]
        if self._only_call:
            message["function_call"] = self._only_call.whole()["function"]
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage,
        }

    def _take_choice(self, choice: dict[str, Any]) -> None:
        self._has_choice = True
        delta = choice.get("delta") or choice.get("message")  # some send a whole message
        if isinstance(delta, dict):
            for name in _TEXTS:
                if delta.get(name):
                    self._take_text(name, delta[name])
            for piece in delta.get("tool_calls") or ():
                if isinstance(piece, dict):
                    self._take_call(piece)
            named = delta.get("function_call")  # the form before tool_calls: one call, no index
            if isinstance(named, dict):
                self._only_call = self._only_call or _ToolCall(None)
                self._grew(self._only_call.take(named) or " ")
        reason = choice.get("finish_reason")
        if reason == "error":  # OpenRouter's, after an answer that had begun
            raise CallError("the model's provider broke its answer off")
        if reason and self._finish_reason is None:
            self._finish_reason = str(reason)
            self.clock.finish()

    def _take_text(self, name: str, content: Any) -> None:
        parts = content if isinstance(content, list) else [content]
        for part in parts:
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str) and not _is_thought(part):
                self._texts.setdefault(name, []).append(text)
                self._grew(text)

    def _take_call(self, piece: dict[str, Any]) -> None:
        found = piece.get("function")
        function: dict[str, Any] = found if isinstance(found, dict) else {}
        call = self._call_of(piece, function.get("name"), _arguments_of(function))
        call.id = call.id or piece.get("id")
        self._grew(call.take(function) or " ")

    def _call_of(self, piece: dict[str, Any], name: Any, arguments: str) -> _ToolCall:
        """Return the call that a piece belongs to.

        A piece belongs to the call of its index, and without one to the latest. But a server that sends
        whole calls may give all of them index 0 or none: then another id, or another beginning of
        arguments, tells them apart.
        """
        index = piece.get("index")
        known = [call for call in self._calls if index is None or call.index == index]
        if known:
            call = known[-1]
            id_ = piece.get("id")
            is_other = bool(id_ and call.id and id_ != call.id)
            begins_again = not id_ and call.has_begun and arguments.startswith("{")
            if not (name and (is_other or begins_again or (index is None and not id_))):
                return call
        self._calls.append(_ToolCall(index))
        return self._calls[-1]

    def _grew(self, text: str) -> None:
        self.clock.begin()
        self._call.took(text)
        if self._finish_reason is None and self._repetition.repeats(text):
            self._call.finish_reason = REPEATED
            self._finish_reason = "length"


class _ToolCall:
    def __init__(self, index: Any) -> None:
        self.index = index
        self.id: Any = None
        self.name: Any = None
        self.arguments: list[str] = []

    @property
    def has_begun(self) -> bool:
        return bool(self.arguments) and self.arguments[0].startswith("{")

    def take(self, function: dict[str, Any]) -> str:
        """Take a piece of the call; returns the arguments in it as text."""
        self.name = self.name or function.get("name")
        arguments = _arguments_of(function)
        if arguments:
            self.arguments.append(arguments)
        return arguments

    def whole(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": "".join(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


def _arguments_of(function: dict[str, Any]) -> str:
    arguments = function.get("arguments")
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments)


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") not in ("text", "output_text", None)
