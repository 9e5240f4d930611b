"""Answers in the forms that servers really give them: each is used, and nothing is bought again."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from support.samples import GOOD_GENERAL, NONCE, order
from support.scripted_provider import Answer, Provider, calls, submit

from aicity_fleet.models import Delivered
from aicity_fleet.team.review.brief import write_brief

ARGUMENTS = json.dumps({"content": GOOD_GENERAL})


def with_call(*found: dict[str, Any], **fields: Any) -> Answer:
    return Answer(
        {"role": "assistant", "content": None, "tool_calls": list(found), **fields}, "tool_calls"
    )


def call(arguments: Any, id_: str | None = "call_1") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "submit", "arguments": arguments}}


SHAPES: dict[str, Answer] = {
    "arguments as an object": with_call(call({"content": GOOD_GENERAL})),
    "arguments encoded twice": with_call(call(json.dumps(ARGUMENTS))),
    "the text under another name": with_call(call(json.dumps({"deliverable": GOOD_GENERAL}))),
    "no id": with_call(call(ARGUMENTS, None)),
    "an empty id": with_call(call(ARGUMENTS, "")),
    "one id for two calls": with_call(call(ARGUMENTS), call(ARGUMENTS)),
    "content as a list": with_call(
        call(ARGUMENTS),
        content=[{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Done."}],
    ),
    "usage of nulls": dataclasses.replace(
        submit(GOOD_GENERAL),
        usage={"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
    ),
    "usage without totals": dataclasses.replace(submit(GOOD_GENERAL), usage={"prompt_tokens": 7}),
    "no usage": dataclasses.replace(submit(GOOD_GENERAL), usage=None),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_good_answer_is_delivered_whatever_its_form(run, provider: Provider, shape):
    provider.will(SHAPES[shape])
    result = await run()
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert len(provider.requests) == result.usage.model_calls == 1


async def test_null_arguments_are_explained_to_the_model(run, provider: Provider):
    provider.will(with_call(call(None)), submit(GOOD_GENERAL))
    assert (await run()).ending == Delivered(GOOD_GENERAL, 100)
    assert len(provider.requests) == 2
    history = provider.requests[1]["messages"]
    (asked,) = [message["tool_calls"] for message in history if message.get("tool_calls")]
    assert json.loads(asked[0]["function"]["arguments"]) == {}


async def test_a_text_in_parts_is_read_without_its_thoughts(run, provider: Provider, marker_model):
    marker = write_brief(order(), nonce=NONCE, function_calling=False).marker
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "A thought."}]},
        {"type": "text", "text": f"{GOOD_GENERAL}\n"},
        {"type": "text", "text": marker},
    ]
    provider.will(Answer({"role": "assistant", "content": parts}, "stop"))
    assert (await run(model=marker_model)).ending == Delivered(GOOD_GENERAL, 100)


async def test_two_names_and_no_content_hand_nothing_in(run, provider: Provider):
    provider.will(calls(("submit", json.dumps({"a": "one", "b": "two"}))), submit(GOOD_GENERAL))
    assert (await run()).ending == Delivered(GOOD_GENERAL, 100)
    assert len(provider.requests) == 2
