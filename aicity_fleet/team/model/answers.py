"""AutoGen's requests and answers as plain JSON: what the journal stores, and what the history gets.

The journal keeps an answer as the model gave it. ``to_result`` reads it afterwards, live and in a replay.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from autogen_core import FunctionCall
from autogen_core.models import CreateResult, FinishReasons, LLMMessage, RequestUsage
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from aicity_fleet.journal import REPEATED, estimated_tokens
from aicity_fleet.models import JsonObject
from aicity_fleet.team.engines.workbench import SUBMIT, UNREADABLE_ARGUMENTS
from aicity_fleet.team.model.autogen_logs import CallNotes
from aicity_fleet.team.model.reasoning import without_leading_blocks, without_reasoning
from aicity_fleet.team.model.written_calls import read_calls

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
    # Text Generation Inference, and Mistral.
    "eos_token": "stop",
    "model_length": "length",
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
    return _FINISH_REASONS.get(notes.finish_reason.lower(), result.finish_reason)


def names_of(tools: Sequence[Tool | ToolSchema]) -> frozenset[str]:
    """Return the names of the tools that a request offers."""
    return frozenset(tool["name"] if isinstance(tool, dict) else tool.name for tool in tools)


def to_result(
    answer: JsonObject, finish_reason: str, *, ordinal: int = 0, tools: Collection[str] = ()
) -> CreateResult:
    """Return a journaled answer in the form that goes into the history.

    It holds no reasoning, and a call that the model wrote as text has become a call.

    Args:
        ordinal: The answer's place in the journal; names the calls that have no id.
        tools: The names of the tools that the model was offered.
    """
    content = answer["content"]
    thought = None  # beside a text, AutoGen puts nothing but reasoning here
    if isinstance(content, str):
        content = without_reasoning(content)
        written = read_calls(content, tools)
        content = [
            FunctionCall(
                f"call_{ordinal}_{place}",
                _readable_arguments(_encodable(call.arguments)),
                call.name,
            )
            for place, call in enumerate(written)
        ] or content
    else:
        content = [
            FunctionCall(call["id"], _readable_arguments(call["arguments"]), call["name"])
            for call in content
        ]
        thought = without_reasoning(answer.get("thought") or "") or None
    if not isinstance(content, str):
        content = [_without_reasoning(call) if call.name == SUBMIT else call for call in content]
    return CreateResult(
        finish_reason=_FINISH_REASONS.get(finish_reason, "unknown"),
        content=content,
        usage=RequestUsage(0, 0),
        cached=False,
        thought=thought,
    )


def _without_reasoning(call: FunctionCall) -> FunctionCall:
    """Return a hand-in without the reasoning at the start of its texts.

    A tag that is closed and never opened stays: in a deliverable it may be what was ordered.
    """
    given = json.loads(call.arguments)
    kept = {
        name: without_leading_blocks(text) if isinstance(text, str) else text
        for name, text in given.items()
    }
    if kept == given:
        return call
    return FunctionCall(call.id, _encodable(json.dumps(kept, ensure_ascii=False)), call.name)
