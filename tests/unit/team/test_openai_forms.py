"""Answers as the SDK's class: the quick way gives what the SDK's own way gives, whatever their form."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from aicity_fleet.team.model.openai_answers import completion

CALL = {"id": "c", "type": "function", "function": {"name": "submit", "arguments": "{}"}}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def answer(message: Any, usage: Any = USAGE, finish_reason: Any = "stop", **head: Any) -> Any:
    message = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    head = {"id": "a", "created": 1, "model": "m", "object": "chat.completion", **head}
    return {**head, "choices": [choice], "usage": usage}


FORMS = {
    "a text": answer({"content": "Hello."}),
    "a call": answer({"tool_calls": [CALL]}, finish_reason="tool_calls"),
    "thoughts beside it": answer({"content": "Hello.", "reasoning_content": "Hm.", "reasoning": 1}),
    "an unknown finish reason": answer({"content": "Hello."}, finish_reason="eos_token"),
    "parts": answer({"content": [{"type": "text", "text": "Hello."}]}),
    "a call without an id": answer({"tool_calls": [{**CALL, "id": None}]}),
    "a call with an object": answer(
        {"tool_calls": [{**CALL, "function": {"name": "submit", "arguments": {"content": "x"}}}]}
    ),
    "a call of an unknown type": answer({"tool_calls": [{**CALL, "type": "tool"}]}),
    "the form before calls": answer({"function_call": {"name": "submit", "arguments": "{}"}}),
    "no counts": answer({"content": "Hello."}, usage=None),
    "counts as texts": answer({"content": "Hello."}, usage={"prompt_tokens": "900"}),
    "counts with more than the protocol's": answer(
        {"content": "Hello."},
        usage={**USAGE, "completion_tokens_details": {"odd": 1.5}, "cost": 0.1},
    ),
    "a time as a text": answer({"content": "Hello."}, created="yesterday"),
    "no role": answer({"content": "Hello.", "role": None}),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_is_what_the_sdk_makes_of_it(form):
    expected = ChatCompletion.construct(**FORMS[form])
    found = completion(FORMS[form])
    assert found.model_dump(warnings=False) == expected.model_dump(warnings=False)
    assert repr(found) == repr(expected)
