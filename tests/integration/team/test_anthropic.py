"""Anthropic's own protocol: answers, tools, stop reasons and errors, through autogen-ext's client."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import (
    Answer,
    Provider,
    anthropic_message,
    calls,
    error,
    submit,
    text,
)

from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, ProviderFatal, ProviderTrouble, Rejected, Usage
from aicity_fleet.team import open_model


@pytest.fixture
async def claude(config, provider: Provider):
    config = dataclasses.replace(
        config,
        name="claude-new-1",
        provider="anthropic",
        base_url=provider.base_url.removesuffix("/v1"),
    )
    async with open_model(config) as model:
        yield model


async def test_work_is_delivered_and_counted(run, provider: Provider, claude):
    provider.will(text("thinking"), submit("too short"), submit(GOOD_GENERAL))
    result = await run(model=claude)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert result.usage == Usage(3, 300, 60)
    assert result.model == "claude-new-1"
    first = provider.requests[0]
    assert "You are a specialist" in str(first["system"])
    assert first["max_tokens"] == 16_384
    assert first["stream"] is True


async def test_an_answer_cut_off_in_a_hand_in_is_not_delivered(run, provider: Provider, claude):
    provider.will(submit(GOOD_GENERAL, finish_reason="length"), submit(GOOD_GENERAL))
    result = await run(model=claude)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert result.rounds == 2


async def test_a_refusal_is_a_refusal(run, provider: Provider, claude):
    provider.will(text("", finish_reason="refusal"))
    assert (await run(model=claude)).ending.code == "refused"


async def test_a_tool_is_called(run, provider: Provider, claude):
    class Lookup:
        name, description = "lookup", "Looks it up."
        parameters = {"type": "object", "properties": {}, "required": []}  # noqa: RUF012

        async def run(self, arguments):
            return "looked up"

    provider.will(calls(("lookup", "{}")), submit(GOOD_GENERAL))
    result = await run(model=claude, tool_names=("lookup",), tools={"lookup": Lookup()})
    assert isinstance(result.ending, Delivered)
    assert "looked up" in str(provider.requests[1]["messages"])


def fault(status: int, kind: str, message: str = "boom", **more) -> Answer:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return Answer(status=status, body=body, **more)


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (fault(529, "overloaded_error"), ProviderTrouble),
        (fault(500, "api_error"), ProviderTrouble),
        (fault(401, "authentication_error"), ProviderFatal),
        (fault(404, "not_found_error"), ProviderFatal),
        (
            fault(400, "invalid_request_error", "Your credit balance is too low to access the API"),
            ProviderFatal,
        ),
        (fault(400, "invalid_request_error", "prompt is too long: 250000 tokens"), Rejected),
        (fault(413, "request_too_large"), Rejected),
        (error(502), ProviderTrouble),
        (Answer(body="<html>", content_type="text/html"), ProviderTrouble),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
async def test_errors_lead_to_the_same_endings(run, provider: Provider, claude, answer, ending):
    provider.will(answer)
    found = (await run(model=claude)).ending
    assert isinstance(found, ending), found
    assert "boom" not in found.message


START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-new-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    },
}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def words(text_: str) -> dict[str, Any]:
    delta = {"type": "text_delta", "text": text_}
    return {"type": "content_block_delta", "index": 0, "delta": delta}


TROUBLES: dict[str, tuple[Answer, str]] = {
    "dead from the start": (Answer(hangs=True), "the model did not begin to answer within 1 s"),
    "pings alone": (
        Answer(events=(START, *[{"type": "ping"}, 0.2] * 20)),
        "the model did not begin to answer within 1 s",
    ),
    "dead in mid-answer": (
        Answer(events=(START, BLOCK, words("Well"), 20.0)),
        "the model stopped in mid-answer (no token for 0.5 s)",
    ),
    "cut off": (Answer(events=(START, BLOCK, words("Well"))), "the model's answer broke off"),
    "a broken connection": (
        Answer(events=(START, BLOCK, words("Well")), breaks=True),
        "the connection broke in mid-answer",
    ),
    "overloaded in mid-answer": (
        Answer(
            events=(
                START, BLOCK, words("Well"),
                {"type": "error", "error": {"type": "overloaded_error", "message": "boom"}},
            )
        ),
        "the model's provider is down (503)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_half_an_answer_is_trouble_and_says_which(run, provider, claude, trouble):
    answer, message = TROUBLES[trouble]
    provider.will(answer)
    impatient = dataclasses.replace(claude.config, first_token_seconds=1.0, idle_seconds=0.5)
    async with open_model(impatient) as model:
        ending = (await run(model=model)).ending
    assert isinstance(ending, ProviderTrouble)
    assert ending.message == message
    assert len(provider.requests) == 1


async def test_a_slow_answer_is_waited_for(run, provider: Provider, claude):
    (whole,) = anthropic_message(submit(GOOD_GENERAL), "claude-new-1")["content"]
    arguments = json.dumps(whole["input"])
    size = len(arguments) // 6 + 1
    start = {**BLOCK, "content_block": {**whole, "input": {}}}
    events: list[Any] = [START, start]
    for at in range(0, len(arguments), size):
        delta = {"type": "input_json_delta", "partial_json": arguments[at : at + size]}
        events += [0.3, {"type": "content_block_delta", "index": 0, "delta": delta}]
    ending = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": 9}})
    provider.will(Answer(events=(*events, {"type": "message_stop"})))
    impatient = dataclasses.replace(claude.config, first_token_seconds=1.0, idle_seconds=0.9)
    async with open_model(impatient) as model:
        result = await run(model=model)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (10, 9)


async def test_an_answer_with_its_stop_reason_is_whole_though_the_connection_breaks(
    run, provider: Provider, claude
):
    (whole,) = anthropic_message(submit(GOOD_GENERAL), "claude-new-1")["content"]
    delta = {"type": "input_json_delta", "partial_json": json.dumps(whole["input"])}
    ending = {"stop_reason": "tool_use", "stop_sequence": None}
    events = (
        START,
        {**BLOCK, "content_block": {**whole, "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 9}},
    )
    provider.will(Answer(events=events, breaks=True))
    result = await run(model=claude)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert len(provider.requests) == 1


async def test_an_answer_in_one_piece_is_read(run, provider: Provider, claude):
    provider.will(dataclasses.replace(submit(GOOD_GENERAL), streams=False))
    result = await run(model=claude)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert result.usage == Usage(1, 100, 20)


async def test_a_model_that_repeats_itself_is_stopped_early(run, provider: Provider, claude):
    loop = [words("and then again the same words. ") for _ in range(2000)]
    provider.will(Answer(events=(START, BLOCK, *loop)), submit(GOOD_GENERAL))
    journal = MemoryJournal()
    assert isinstance((await run(model=claude, journal=journal)).ending, Delivered)
    assert journal.entries[0].finish_reason == "repeated"
    assert journal.entries[0].estimated_tokens > 1000


async def test_its_rate_limit_says_when(run, provider: Provider, claude):
    provider.will(fault(429, "rate_limit_error", headers={"retry-after": "20"}))
    result = await run(model=claude)
    assert result.ending == ProviderTrouble(
        "the model's provider is busy (429)", 20.0, is_busy=True
    )


async def test_a_call_that_never_ends_is_cut(run, provider: Provider, claude):
    provider.will(text("late").after(20))
    claude.config = dataclasses.replace(claude.config, timeout_seconds=0.3)
    ending = (await run(model=claude)).ending
    assert ending == ProviderTrouble("the model took longer than 0.3 s", is_silence=True)
