"""AutoGen's requests and answers as plain JSON: what the journal stores, and what the history gets."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from autogen_core import FunctionCall
from autogen_core.models import CreateResult, FinishReasons, LLMMessage, RequestUsage
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from aicity_fleet.journal import REPEATED, estimated_tokens
from aicity_fleet.models import JsonObject
from aicity_fleet.team.engines.workbench import UNREADABLE_ARGUMENTS
from aicity_fleet.team.model.autogen_logs import CallNotes

_FINISH_REASONS: Mapping[str, FinishReasons] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "function_calls",
    "function_calls": "function_calls",
    # Anthropic's words. Source: docs.anthropic.com/en/api/handling-stop-reasons.
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    REPEATED: "length",
    "model_context_window_exceeded": "length",
    "tool_use": "function_calls",
}

REFUSALS = frozenset({"content_filter", "refusal"})
"""Finish reasons with which a provider declines; ``refusal`` is ours, for its field of that name."""


def canonical_request(
    messages: Sequence[LLMMessage],
    tools: Sequence[Tool | ToolSchema],
    tool_choice: Tool | Literal["auto", "required", "none"],
    json_output: bool | type[BaseModel] | None,
    extra: Mapping[str, Any],
) -> JsonObject:
    """Return a request in the form that is hashed and measured."""
    return {
        "messages": [message.model_dump(mode="json") for message in messages],
        "tools": [dict(tool if isinstance(tool, dict) else tool.schema) for tool in tools],
        "tool_choice": tool_choice if isinstance(tool_choice, str) else tool_choice.name,
        "json_output": json_output if isinstance(json_output, bool | None) else str(json_output),
        "extra": dict(extra),
    }


def prompt_tokens(request: JsonObject) -> int:
    """Estimate the tokens of a canonical request."""
    read = [request["messages"], request["tools"]]
    return estimated_tokens(json.dumps(read, ensure_ascii=False))


def to_answer(result: CreateResult, *, ordinal: int) -> JsonObject:
    """Return an answer as the model gave it, as plain data; a call without an id of its own gets one."""
    content: Any = result.content
    if isinstance(content, str):
        content = _encodable(content)
    else:
        ids = [call.id for call in content]
        content = [
            {
                "id": f"call_{ordinal}_{place}" if call.id in ("", None, *ids[:place]) else call.id,
                "name": _encodable(call.name),
                "arguments": _encodable(call.arguments),
            }
            for place, call in enumerate(content)
        ]
    return {"content": content, "thought": result.thought and _encodable(result.thought)}


def _encodable(text: str) -> str:
    """Return a text that the next request can carry: the provider could not read a lone surrogate."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _readable_arguments(arguments: str) -> str:
    """Return a call's arguments if they are a JSON object, else the mark of unreadable ones.

    The result becomes part of the history, and a history with malformed JSON is poison: llama-server
    answers it with a 500 forever (ggml-org/llama.cpp issue 25510). AutoGen waits forever when reading
    the arguments raises anything but ``JSONDecodeError``, as nesting too deep and numbers too long do.
    """
    if not arguments.strip():  # how some servers write a call without arguments
        return "{}"
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return json.dumps(UNREADABLE_ARGUMENTS)
    return arguments if isinstance(value, dict) else json.dumps(UNREADABLE_ARGUMENTS)


def finish_reason_of(result: CreateResult, notes: CallNotes) -> str:
    """Return why the model ended its answer, by the provider's own word where AutoGen changes it."""
    if notes.finish_reason == "refusal" or (notes.refusal and not result.content):
        return "refusal"
    return _FINISH_REASONS.get(notes.finish_reason, result.finish_reason)


def to_result(answer: JsonObject, finish_reason: str) -> CreateResult:
    """Return a journaled answer in the form that goes into the history."""
    content = answer["content"]
    if not isinstance(content, str):
        content = [
            FunctionCall(call["id"], _readable_arguments(call["arguments"]), call["name"])
            for call in content
        ]
    return CreateResult(
        finish_reason=_FINISH_REASONS.get(finish_reason, "unknown"),
        content=content,
        usage=RequestUsage(0, 0),
        cached=False,
        thought=answer.get("thought"),
    )
