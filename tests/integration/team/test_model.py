"""The shared client: what it is built with, and that nothing of a run stays with it."""

from __future__ import annotations

import dataclasses
import gc
import os

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import CreateResult, UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from openai import Timeout
from support.samples import GOOD_GENERAL
from support.scripted_provider import Provider, submit, text

from aicity_fleet.journal import JournalCursor, MemoryJournal
from aicity_fleet.models import Delivered
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits, ModelConfig, Route, open_model, team_for
from aicity_fleet.team.model.budget import Budget
from aicity_fleet.team.model.direct_transport import HTTPClient
from aicity_fleet.team.model.journaled_client import JournaledClient

NAMES = ["gpt-4o", "gpt-5.1", "o4-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "Llama-9", "local"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("function_calling", [True, False])
async def test_any_name_opens_with_full_model_info(name, function_calling):
    config = ModelConfig(name, None, "sk-test", 33.0, function_calling)
    async with open_model(config) as model:
        assert model.client.model_info["function_calling"] is function_calling
        assert {"vision", "json_output", "family", "structured_output"} <= set(
            model.client.model_info
        )


@pytest.mark.parametrize("name", NAMES)
async def test_the_key_goes_nowhere_but_to_the_configured_host(name, monkeypatch):
    """AutoGen picks other hosts, and other keys, by the model's name."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://other.example/v1")
    async with open_model(ModelConfig(name, None, "sk-test", 33.0)) as model:
        assert isinstance(model.client, OpenAIChatCompletionClient)
        inner = model.client._client
        assert str(inner.base_url) == "https://api.openai.com/v1/"
        assert inner.api_key == "sk-test"


async def test_timeouts_and_retries_are_set_where_they_count():
    """A misspelt option would be ignored without a word; 30 minutes per call would stay."""
    async with open_model(ModelConfig("local", "http://127.0.0.1:9/v1", "", 33.0)) as model:
        assert isinstance(model.client, OpenAIChatCompletionClient)
        inner = model.client._client
        assert isinstance(inner._client, HTTPClient)
        assert inner.max_retries == 0
        assert isinstance(inner.timeout, Timeout)
        assert inner.timeout.read == 33.0
        assert inner.timeout.connect == 10.0
        assert inner.api_key == "none"


async def test_a_model_that_answers_under_another_name_is_fine(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL))
    async with open_model(dataclasses.replace(config, name="gpt-4o")) as model:
        assert isinstance((await run(model=model)).ending, Delivered)


async def test_one_client_serves_many_runs_and_keeps_none(run, provider: Provider, model):
    provider.will(submit(GOOD_GENERAL))
    for _ in range(30):
        await run()
    gc.collect()
    assert [thing for thing in gc.get_objects() if isinstance(thing, AssistantAgent)] == []
    # The shared client's own meter is of no job; each run has its own.
    assert model.client.total_usage().prompt_tokens == 3000


async def test_tokens_are_estimated_without_the_network(model, monkeypatch):
    """AutoGen's count downloads a table within the event loop, without a timeout."""
    cursor = JournalCursor(MemoryJournal())
    client = JournaledClient(
        team_for("general").members[0],
        Route([model]),
        cursor,
        Budget(Limits(10, max_total_tokens=1000), cursor, None),
        StopSwitch(),
    )
    messages = [UserMessage(content="x" * 400, source="Coordinator")]
    assert 100 <= client.count_tokens(messages) < 150
    assert client.remaining_tokens(messages) == 1000 - client.count_tokens(messages)


async def test_a_stream_is_answered_in_one_piece(model, provider: Provider):
    provider.will(text("whole"))
    cursor = JournalCursor(MemoryJournal())
    client = JournaledClient(
        team_for("general").members[0],
        Route([model]),
        cursor,
        Budget(Limits(10), cursor, None),
        StopSwitch(),
    )
    (piece,) = [
        piece async for piece in client.create_stream([UserMessage(content="x", source="u")])
    ]
    assert isinstance(piece, CreateResult)
    assert piece.content == "whole"
    assert client.total_usage().prompt_tokens == cursor.bought.prompt_tokens == 100


def test_runtime_tracing_is_off():
    assert os.environ["AUTOGEN_DISABLE_RUNTIME_TRACING"] == "true"


async def test_azure_is_asked_at_its_deployment(run, provider: Provider, config):
    azure = dataclasses.replace(
        config, name="our-deployment", provider="azure", api_version="2024-10-21"
    )
    provider.will(submit(GOOD_GENERAL))
    async with open_model(azure) as model:
        assert model.endpoint.endswith(" our-deployment")
        assert isinstance((await run(model=model)).ending, Delivered)
    assert len(provider.requests) == 1


async def test_a_local_server_needs_no_key(run, provider: Provider, config):
    local = dataclasses.replace(config, name="llama3.1", provider="ollama", api_key="")
    provider.will(submit(GOOD_GENERAL))
    async with open_model(local) as model:
        assert isinstance((await run(model=model)).ending, Delivered)


async def test_no_other_key_of_the_environment_is_sent(
    run, provider: Provider, config, monkeypatch
):
    """The SDK would take an administrator's key from there for some of its methods."""
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-of-somebody")
    provider.will(submit(GOOD_GENERAL))
    async with open_model(config) as model:
        assert isinstance((await run(model=model)).ending, Delivered)
    assert provider.keys == [f"Bearer {config.api_key}"]
