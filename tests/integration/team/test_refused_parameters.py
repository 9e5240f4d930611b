"""Parameters that a server refuses: the call is made again without, and the process remembers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import Answer, Provider, submit

from aicity_fleet.models import Delivered, ProviderFatal, ProviderTrouble, Rejected
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import open_model
from aicity_fleet.team.model.clients import Route
from aicity_fleet.team.model.health_check import HealthChecks

Body = dict[str, Any]


def refusal(message: str, *, status: int = 400, **fields: Any) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": None, **fields}
    return Answer(status=status, body={"error": error})


OPENAI_LIMIT = refusal(
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    param="max_tokens",
    code="unsupported_parameter",
)
OPENAI_TEMPERATURE = refusal(
    "Unsupported value: 'temperature' does not support 0.3 with this model.",
    param="temperature",
    code="unsupported_value",
)
AZURE_OPTIONS = refusal("Unrecognized request argument supplied: stream_options")
OPENAI_STREAM = refusal(
    "Your organization must be verified to stream this model.",
    param="stream",
    code="unsupported_value",
)
MISTRAL_OPTIONS = Answer(
    status=422,
    body={
        "object": "error",
        "message": {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "stream_options"],
                    "msg": "not permitted",
                }
            ]
        },
    },
)

REFUSALS: dict[str, tuple[Any, Answer, Any]] = {
    "max_tokens": (lambda body: "max_tokens" in body, OPENAI_LIMIT, {"max_completion_tokens": 16_384}),
    "temperature": (lambda body: "temperature" in body, OPENAI_TEMPERATURE, {"max_tokens": 16_384}),
    "stream_options": (lambda body: "stream_options" in body, AZURE_OPTIONS, {"stream": True}),
    "stream_options, with details": (
        lambda body: "stream_options" in body, MISTRAL_OPTIONS, {"stream": True},
    ),
    "stream": (lambda body: body["stream"], OPENAI_STREAM, {"stream": False}),
    "too long an answer": (
        lambda body: body["max_tokens"] > 4096,
        refusal(
            "max_tokens is too large: 16384. This model supports at most 4096 completion tokens, "
            "whereas you provided 16384.",
            param="max_tokens",
        ),
        {"max_tokens": 4096},
    ),
    "above a bound": (
        lambda body: body["max_tokens"] > 12_288,
        refusal(
            "The parameter `max_tokens` specified in the request are not valid: integer above maximum "
            "value, expected a value <= 12288, but got 16384 instead.",
            param="max_tokens",
        ),
        {"max_tokens": 12_288},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
async def test_the_call_is_made_again_without_it_and_never_with_it(run, provider, config, name):
    refuses, answer, accepted = REFUSALS[name]
    provider.script = lambda body: answer if refuses(body) else submit(GOOD_GENERAL)
    async with open_model(dataclasses.replace(config, temperature=0.3)) as model:
        assert isinstance((await run(model=model)).ending, Delivered)
        assert len(provider.requests) == 2
        assert accepted.items() <= provider.requests[1].items()
        assert isinstance((await run(model=model)).ending, Delivered)
        assert len(provider.requests) == 3, "the refusal is remembered"


async def test_several_refusals_are_learnt_one_after_another(run, provider: Provider, config):
    def script(body: Body) -> Answer:
        for name, answer in (
            ("max_tokens", OPENAI_LIMIT), ("temperature", OPENAI_TEMPERATURE),
            ("stream_options", AZURE_OPTIONS),
        ):  # fmt: skip
            if name in body:
                return answer
        return submit(GOOD_GENERAL)

    provider.script = script
    async with open_model(dataclasses.replace(config, temperature=0.3)) as model:
        assert isinstance((await run(model=model)).ending, Delivered)
    assert len(provider.requests) == 4


async def test_a_server_that_refuses_all_gets_no_endless_calls(run, provider: Provider, config):
    provider.script = lambda body: refusal(f"I do not know max_tokens, temperature, {list(body)}")
    async with open_model(dataclasses.replace(config, temperature=0.3)) as model:
        ending = (await run(model=model)).ending
    assert isinstance(ending, Rejected | ProviderFatal)
    assert len(provider.requests) < 8


async def test_openai_itself_gets_the_new_name(config):
    async with open_model(dataclasses.replace(config, name="gpt-5", base_url=None)) as model:
        dialect = model.client._client.chat.completions._dialect  # type: ignore[attr-defined]
        assert dialect.request({"max_tokens": 9}) == {"max_completion_tokens": 9}


SUMS = {
    "vLLM": "This model's maximum context length is 20000 tokens. However, you requested 16384 output "
    "tokens and your prompt contains at least 4000 input tokens, for a total of at least 20384 tokens.",
    "an older vLLM": "'max_tokens' or 'max_completion_tokens' is too large: 16384. This model's maximum "
    "context length is 20000 tokens and your request has 4000 input tokens (16384 > 20000 - 4000).",
    "OpenAI": "This model's maximum context length is 20000 tokens. However, you requested 20384 tokens "
    "(4000 in the messages, 16384 in the completion).",
}


@pytest.mark.parametrize("server", SUMS)
async def test_prompt_and_limit_that_do_not_fit_together_are_no_overflow(run, provider, server):
    answer = refusal(SUMS[server])
    provider.script = lambda body: answer if "max_tokens" in body else submit(GOOD_GENERAL)
    assert isinstance((await run()).ending, Delivered)
    assert len(provider.requests) == 2


@pytest.mark.parametrize("server", SUMS)
async def test_a_prompt_that_does_not_fit_without_a_limit_is_an_overflow(run, provider, server):
    provider.will(refusal(SUMS[server]))
    assert (await run()).ending == Rejected(
        "internal", "The task is larger than the model can take in."
    )
    assert len(provider.requests) == 2


NO_TOOLS = {
    "Ollama": refusal("registry.ollama.ai/library/gemma:2b does not support tools"),
    "vLLM": refusal('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser'),
    "llama.cpp": refusal("tools param requires --jinja flag", status=500),
    "an older llama.cpp": refusal("Unsupported param: tools", status=500),
    "OpenRouter": refusal("No endpoints found that support tool use.", status=404),
}


@pytest.mark.parametrize("server", NO_TOOLS)
async def test_a_server_without_tools_needs_a_person_and_fails_no_job(run, provider, server):
    provider.will(NO_TOOLS[server])
    ending = (await run()).ending
    assert isinstance(ending, ProviderFatal)
    assert "FLEET_MODEL_TOOLS" in ending.message


async def test_the_reset_of_a_rate_limit_is_obeyed(run, provider: Provider):
    provider.will(
        Answer(
            status=429,
            body={"error": {"code": "rate_limit_exceeded"}},
            headers={
                "x-ratelimit-remaining-requests": "12",
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1m7.5s",
            },
        )
    )
    assert (await run()).ending == ProviderTrouble(
        "the model's provider is busy (429)", 67.5, is_busy=True
    )


class TestAnthropic:
    @pytest.fixture
    async def claude(self, config, provider: Provider):
        url = provider.base_url.removesuffix("/v1")
        claude = dataclasses.replace(
            config, name="claude-new-1", provider="anthropic", base_url=url, temperature=0.3
        )
        async with open_model(claude) as model:
            yield model

    async def test_its_refusals_are_learnt(self, run, provider: Provider, claude):
        def script(body: Body) -> Answer:
            if body["max_tokens"] > 8192:
                return refusal(
                    "max_tokens: 16384 > 8192, which is the maximum allowed number of output tokens"
                )
            return submit(GOOD_GENERAL)

        provider.script = script
        assert isinstance((await run(model=claude)).ending, Delivered)
        assert isinstance((await run(model=claude)).ending, Delivered)
        assert [body["max_tokens"] for body in provider.requests] == [16_384, 8192, 8192]

    async def test_its_limit_shrinks_to_what_the_context_has_left(self, run, provider, claude):
        answer = refusal(
            "input length and `max_tokens` exceed context limit: 190000 + 16384 > 200000, decrease "
            "input length or `max_tokens` and try again"
        )
        provider.script = lambda body: (
            answer if body["max_tokens"] > 10_000 else submit(GOOD_GENERAL)
        )
        assert isinstance((await run(model=claude)).ending, Delivered)
        assert [body["max_tokens"] for body in provider.requests] == [16_384, 10_000]


# --- what an error may not teach --------------------------------------------------------------------------


async def test_two_first_calls_at_once_lose_no_limit(config):
    async with open_model(config) as model:
        dialect = model.client._client.chat.completions._dialect  # type: ignore[attr-defined]
        options: list[Body] = [{"max_tokens": 900}, {"max_tokens": 900}]
        asked = [dialect.request(one) for one in options]
        body = OPENAI_LIMIT.body
        assert [
            dialect.learn(400, body, one, of) for one, of in zip(asked, options, strict=True)
        ] == [True, True]
        assert [dialect.request(one) for one in options] == [{"max_completion_tokens": 900}] * 2


async def test_a_server_that_knows_no_limit_costs_only_its_own_calls(run, provider, config):
    provider.script = lambda body: (
        refusal("Unsupported.", param=found[0])
        if (found := [name for name in body if name.startswith("max_")])
        else submit(GOOD_GENERAL)
    )
    async with open_model(config) as model:
        assert isinstance((await run(model=model)).ending, Delivered)
        provider.script = lambda _: submit(GOOD_GENERAL)
        assert isinstance((await run(model=model)).ending, Delivered)
    assert "max_completion_tokens" in provider.requests[-1]


CUT = refusal(
    "Could not finish the message because max_tokens or model output limit was reached. "
    "Please try again with higher max_tokens."
)


async def test_an_answer_that_was_all_reasoning_is_a_cut_answer_and_no_lesson(
    run, provider: Provider, config
):
    provider.will(CUT, submit(GOOD_GENERAL))
    async with open_model(config) as model:
        assert await HealthChecks().serves(Route([model]), StopSwitch(), after_silence=False)
        provider.will(CUT, submit(GOOD_GENERAL))
        assert (await run(model=model)).ending == Delivered(GOOD_GENERAL, 100)
        assert provider.requests[-1]["max_tokens"] == 16_384


QUOTE = "max_tokens <= 400 is unsupported, use 'x' instead; temperature, and stream the file"
QUOTES = {
    "FastAPI": Answer(
        status=422,
        body={
            "detail": [
                {"loc": ["body", "messages", 0, "content"], "msg": "No text", "input": QUOTE}
            ]
        },
    ),
    "a named parameter": refusal(QUOTE, param="messages"),
    "late in the text": refusal("Invalid request: " + "the lighthouse " * 20 + QUOTE),
    "a limit below all": refusal("max_tokens <= 10"),
}


@pytest.mark.parametrize("server", QUOTES)
async def test_a_quoted_order_teaches_nothing(run, provider: Provider, config, server):
    provider.will(QUOTES[server])
    async with open_model(dataclasses.replace(config, temperature=0.3)) as model:
        assert isinstance((await run(model=model)).ending, Rejected)
        assert len(provider.requests) == 1
        provider.will(submit(GOOD_GENERAL))
        assert isinstance((await run(model=model)).ending, Delivered)
    last = provider.requests[-1]
    assert (last["max_tokens"], last["temperature"], last["stream"]) == (16_384, 0.3, True)


async def test_each_lesson_is_logged(run, provider: Provider, config, caplog):
    caplog.set_level("INFO", "aicity_fleet.team.model.dialect")
    provider.script = lambda body: OPENAI_LIMIT if "max_tokens" in body else submit(GOOD_GENERAL)
    async with open_model(config) as model:
        assert isinstance((await run(model=model)).ending, Delivered)
    assert "refused=max_tokens" in caplog.text


@pytest.mark.parametrize("words", ["does not support tools", "maximum context length"])
@pytest.mark.parametrize("place", ["beside the message", "late in the message"])
async def test_a_quoted_order_does_not_choose_the_ending(run, provider: Provider, words, place):
    if place == "beside the message":
        answer = refusal("No.", param="messages", input=words)
    else:
        answer = refusal("Not valid: " + "the lighthouse " * 30 + words, param="messages")
    provider.will(answer)
    assert (await run()).ending == Rejected(
        "internal", "The model's provider did not accept this task."
    )


async def test_the_message_of_a_provider_behind_another_is_read(run, provider: Provider):
    raw = '{"error": {"message": "gemma does not support tools"}}'
    provider.will(refusal("Provider returned error", metadata={"raw": raw}))
    assert isinstance((await run()).ending, ProviderFatal)
