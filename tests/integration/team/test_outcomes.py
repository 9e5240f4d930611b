"""The outcome table: what a provider does, and the ending that it leads to."""

from __future__ import annotations

import dataclasses
import time

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import (
    Answer,
    Provider,
    calls,
    error,
    submit,
    text,
    until,
)

from aicity_fleet.models import (
    Delivered,
    Ending,
    Interrupted,
    ProviderFatal,
    ProviderTrouble,
    Rejected,
    Usage,
)
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits, ModelConfig, open_model

KEY = "sk-test-key-000000000000"

TABLE: dict[str, tuple[Answer, type[Ending], str]] = {
    "401": (error(401, "invalid_api_key", f"Incorrect API key: {KEY}"), ProviderFatal, ""),
    "402": (error(402), ProviderFatal, ""),
    "403": (error(403), ProviderFatal, ""),
    "404 unknown model": (error(404, "model_not_found"), ProviderFatal, ""),
    "429": (error(429, "rate_limit_exceeded"), ProviderTrouble, ""),
    "429 without quota": (error(429, "insufficient_quota"), ProviderFatal, ""),
    "400 content filter": (error(400, "content_filter"), Rejected, "refused"),
    "400 too long": (error(400, "context_length_exceeded"), Rejected, "internal"),
    "400 llama.cpp's context": (
        Answer(
            status=400,
            body={
                "error": {
                    "code": 400,
                    "message": "the request exceeds the available context size, try increasing it",
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 1407,
                    "n_ctx": 256,
                }
            },
        ),
        Rejected,
        "internal",
    ),
    "500 llama.cpp's context": (error(500, "exceed_context_size_error"), Rejected, "internal"),
    "500 an older llama.cpp's context": (
        error(500, "server_error", "the request exceeds the available context size"),
        Rejected,
        "internal",
    ),
    "400 vLLM's context": (
        Answer(
            status=400,
            body={
                "object": "error",
                "message": "This model's maximum context length is 4096 tokens.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        Rejected,
        "internal",
    ),
    "400 OpenRouter's context": (
        Answer(
            status=400,
            body={
                "error": {
                    "message": "This endpoint's maximum context length is 131072 tokens.",
                    "code": 400,
                }
            },
        ),
        Rejected,
        "internal",
    ),
    "400 a newer vLLM's context": (
        error(
            400,
            "BadRequestError",
            "You passed 202753 input tokens and requested 0 output tokens. However, the model's "
            "context length is only 202752 tokens.",
        ),
        Rejected,
        "internal",
    ),
    "400 Anthropic's sum behind a gateway": (
        error(
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 300000 + 16384 > 200000",
        ),
        Rejected,
        "internal",
    ),
    "400 Google's context": (
        error(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1300000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        Rejected,
        "internal",
    ),
    "400 unsupported parameter": (error(400, "unsupported_parameter"), ProviderFatal, ""),
    "400 other": (error(400), Rejected, "internal"),
    "413": (error(413), Rejected, "internal"),
    "422": (error(422), Rejected, "internal"),
    "500": (error(500), ProviderTrouble, ""),
    "502 html": (
        Answer(status=502, body="<html>bad gateway</html>", content_type="text/html"),
        ProviderTrouble,
        "",
    ),
    "503": (error(503), ProviderTrouble, ""),
    "529": (error(529), ProviderTrouble, ""),
    "200 html": (
        Answer(body="<html>welcome</html>", content_type="text/html"),
        ProviderTrouble,
        "",
    ),
    "200 broken json": (
        Answer(body='{"choices": [', content_type="application/json"),
        ProviderTrouble,
        "",
    ),
    "200 nothing": (Answer(body="", content_type="application/json"), ProviderTrouble, ""),
    "200 null": (Answer(body="null", content_type="application/json"), ProviderTrouble, ""),
    "200 list": (Answer(body=[1, 2]), ProviderTrouble, ""),
    "200 error object": (Answer(body={"error": {"message": "busy"}}), ProviderTrouble, ""),
    "no choices": (Answer(body={"choices": []}), ProviderTrouble, ""),
    "null choices": (Answer(body={"choices": None}), ProviderTrouble, ""),
    "null message": (Answer(body={"choices": [{"message": None}]}), ProviderTrouble, ""),
    "nameless tool": (calls((None, "{}")), ProviderTrouble, ""),
    "finish reason content_filter": (text("", "content_filter"), Rejected, "refused"),
    "refusal field": (
        Answer({"role": "assistant", "content": None, "refusal": "I cannot do that."}),
        Rejected,
        "refused",
    ),
    "dripping slowly": (submit(GOOD_GENERAL).after(30), ProviderTrouble, ""),
    "no submit": (text(GOOD_GENERAL), Delivered, ""),
    "cut": (text(GOOD_GENERAL, "length"), Rejected, "quality"),
    "empty": (text(""), Rejected, "quality"),
    "control word only": (text("TASK_COMPLETE"), Rejected, "quality"),
    "control word handed in": (submit("TASK_COMPLETE"), Rejected, "quality"),
    "refusal in words": (text("I'm sorry, I can't assist with that."), Rejected, "refused"),
    "good work": (submit(GOOD_GENERAL), Delivered, ""),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.filterwarnings("ignore:Finish reason mismatch")
async def test_outcome_table(run, provider: Provider, config: ModelConfig, name, caplog):
    answer, kind, code = TABLE[name]
    provider.will(answer)
    seconds = 2.0 if name == "dripping slowly" else 30.0  # only there does the time run out
    async with open_model(dataclasses.replace(config, timeout_seconds=seconds)) as model:
        result = await run(model=model)
    assert type(result.ending) is kind, result.ending
    if isinstance(result.ending, Rejected):
        assert result.ending.code == code
    if not isinstance(result.ending, Delivered):
        assert not isinstance(result.ending, Interrupted)
        message = result.ending.message
        assert KEY not in message
        assert "boom" not in message
        assert "Traceback" not in message
        assert "/" not in message
        assert "\n" not in message
    if kind in (ProviderTrouble, ProviderFatal):
        assert len(provider.requests) == 1, "retried within the call"
        assert result.usage == Usage()
    assert KEY not in caplog.text


async def test_retry_after_is_handed_on(run, provider: Provider):
    provider.will(error(429, headers={"retry-after": "17"}))
    assert (await run()).ending.retry_after_seconds == 17.0
    provider.will(error(503, headers={"retry-after-ms": "2500"}))
    assert (await run()).ending.retry_after_seconds == 2.5


async def test_a_provider_that_is_not_there_is_trouble(run, config: ModelConfig):
    gone = dataclasses.replace(config, base_url="http://127.0.0.1:9/v1")
    async with open_model(gone) as model:
        result = await run(model=model)
    assert result.ending == ProviderTrouble("the connection to the model's provider failed")


async def test_the_call_cap_ends_the_job(run, provider: Provider):
    provider.will(submit("too short, far too short"))
    result = await run(bounds={"max_model_calls": 2, "rounds": 9})
    assert result.ending.code == "over_budget"
    assert len(provider.requests) == 2


async def test_the_token_cap_stops_before_the_call_that_crosses_it(run, provider: Provider):
    provider.will(text("thinking"))
    result = await run(
        bounds={"reminders": 9}, limits=Limits(deadline_seconds=10, max_total_tokens=1000)
    )
    assert result.ending.code == "over_budget"
    assert result.usage.prompt_tokens + result.usage.completion_tokens <= 1000
    assert len(provider.requests) < 9


async def test_tokens_that_nobody_counts_are_estimated(run, provider: Provider):
    provider.will(dataclasses.replace(text("x" * 4000), usage=None))
    result = await run(
        bounds={"reminders": 9}, limits=Limits(deadline_seconds=10, max_total_tokens=3000)
    )
    assert result.ending.code == "over_budget"
    assert result.usage.prompt_tokens == 0
    assert len(provider.requests) < 4


async def test_the_deadline_ends_a_model_call(run, provider: Provider):
    provider.will(Answer(hangs=True))
    started = time.monotonic()
    result = await run(limits=Limits(deadline_seconds=1.0))  # enough for the request to leave
    assert result.ending == Rejected("deadline", "The work was not finished in time.")
    assert time.monotonic() - started < 4
    await until(lambda: provider.disconnects == 1, "the server sees the disconnect")


async def test_the_deadline_ends_endless_revisions(run, provider: Provider):
    provider.will(submit("never good enough, sorry").after(0.1))
    result = await run(
        bounds={"rounds": 10, "max_model_calls": 500}, limits=Limits(deadline_seconds=0.35)
    )
    assert result.ending.code == "deadline"
    assert len(provider.requests) <= 4


async def test_a_deadline_that_has_passed_makes_no_call(run, provider: Provider):
    assert (await run(limits=Limits(deadline_seconds=0))).ending.code == "deadline"
    assert provider.requests == []


async def test_a_run_that_was_stopped_before_it_began_makes_no_call(run, provider: Provider):
    stop_switch = StopSwitch()
    stop_switch.abort("lease_lost")
    assert (await run(stop_switch=stop_switch)).ending == Interrupted("lease_lost")
    assert provider.requests == []
