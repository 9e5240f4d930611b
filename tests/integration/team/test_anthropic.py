"""Anthropic's own protocol: answers, tools, stop reasons and errors, through autogen-ext's client."""

from __future__ import annotations

import dataclasses

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import Answer, Provider, calls, error, submit, text

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


async def test_its_rate_limit_says_when(run, provider: Provider, claude):
    provider.will(fault(429, "rate_limit_error", headers={"retry-after": "20"}))
    result = await run(model=claude)
    assert result.ending == ProviderTrouble("the model's provider is busy (429)", 20.0)


async def test_a_call_that_never_ends_is_cut(run, provider: Provider, claude):
    provider.will(text("late").after(20))
    claude.config = dataclasses.replace(claude.config, timeout_seconds=0.3)
    assert (await run(model=claude)).ending == ProviderTrouble("the model took longer than 0.3 s")
