"""What a call costs: the owner's prices first, list prices by address, and unknown is never zero."""

from __future__ import annotations

import dataclasses
import functools
import socket
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st

from aicity_fleet.money.cost import from_picodollars, picodollars
from aicity_fleet.money.prices import PriceTable, find_prices
from aicity_fleet.team import ModelConfig
from aicity_fleet.team.model.budget import prices_of

GROQ = "https://api.groq.com/openai/v1"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a price was asked for on the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def usd(model: str, *tokens: int, **where) -> Decimal | None:
    prices = find_prices(model, **{"provider": "openai", **where})
    return prices.usd(*tokens) if prices else None


def test_list_prices_are_exact_and_say_which_release_they_are_from():
    assert usd("gpt-4o-mini", 1000, 500) == Decimal("0.00045")
    prices = find_prices("gpt-4o-mini", provider="openai")
    assert prices is not None
    assert prices.source.startswith("genai-prices 0.")


@functools.cache
def prices_at(model: str, provider: str, base_url: str | None) -> PriceTable:
    found = find_prices(model, provider=provider, base_url=base_url)
    assert found is not None
    return found


LISTED_MODELS: dict[str, dict[str, Any]] = {
    "the same for each token": {"model": "gpt-4o-mini"},
    "in tiers": {"model": "claude-sonnet-4-5", "provider": "anthropic"},
    "by the time of day": {
        "model": "deepseek-chat", "provider": "compatible", "base_url": "https://api.deepseek.com",
    },
    "for each request as well": {
        "model": "sonar", "provider": "compatible", "base_url": "https://api.perplexity.ai",
    },
    "with more digits than it needs": {
        "model": "google/gemini-2.5-flash-image", "provider": "compatible",
        "base_url": "https://openrouter.ai/api/v1",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", LISTED_MODELS)
@given(st.integers(0, 500_000), st.integers(0, 500_000))
def test_a_list_price_is_the_list_s_own_to_the_last_digit(kind, prompt, completion):
    where = {"provider": "openai", **LISTED_MODELS[kind]}
    address = where.get("base_url")
    listed = {"provider_api_url": address} if address else {"provider_id": where["provider"]}
    found = prices_at(where["model"], where["provider"], address)
    tokens = Usage(input_tokens=prompt, output_tokens=completion)
    expected = calc_price(tokens, model_ref=where["model"], **listed).total_price
    assert f"{found.usd(prompt, completion):f}" == f"{expected:f}"


def test_the_owner_s_prices_come_first():
    own = (Decimal("2.00"), Decimal("8.00"))
    assert usd("gpt-4o-mini", 1000, 500, own=own) == Decimal("0.006")
    prices = find_prices("my-own-model", provider="compatible", own=own)
    assert prices is not None
    assert prices.source == "own"
    assert usd("m", 10, 10, own=(Decimal(0), Decimal(0))) == 0, "a price of nothing is known"


UNKNOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "a model of its own": ("scripted-1", {}),
    "a known name on somebody's machine": ("gpt-4o-mini", {"provider": "ollama"}),
    "a known name on a server like OpenAI's": (
        "gpt-4o-mini", {"provider": "compatible", "base_url": "http://127.0.0.1:8000/v1"},
    ),
    "half a price": ("scripted-1", {"own": (Decimal(1), None)}),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_nobody_knows_is_none(case):
    model, where = UNKNOWN[case]
    assert find_prices(model, **{"provider": "openai", **where}) is None


def test_the_address_decides_and_then_the_provider_s_name():
    assert usd("llama-3.3-70b-versatile", 1000, 500, provider="compatible", base_url=GROQ)
    assert usd("gpt-4o-mini", 1000, 500, provider="azure", base_url="https://x.openai.azure.com")


OWN_SERVERS = [
    ("openai", "http://127.0.0.1:8080/v1"),
    ("openai", "https://gateway.example/v1"),
    ("anthropic", "http://127.0.0.1:4000"),
]


@pytest.mark.parametrize(("provider", "base_url"), OWN_SERVERS)
def test_a_server_of_one_s_own_has_a_list_price_only_if_its_owner_says_so(provider, base_url):
    name = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}[provider]
    config = ModelConfig(name, base_url, "k", 5.0, provider=provider)
    assert config.is_own_server
    assert prices_of(config) is None
    assert prices_of(dataclasses.replace(config, list_prices=True))


@pytest.mark.parametrize(
    ("provider", "base_url"),
    [
        ("openai", None),
        ("openai", "https://api.openai.com/v1"),
        ("openai", "https://eu.api.openai.com/v1"),
        ("azure", "https://x.openai.azure.com"),
    ],
)
def test_a_provider_s_own_address_has_its_list_price(provider, base_url):
    config = ModelConfig("gpt-4o-mini", base_url, "k", 5.0, provider=provider)
    assert not config.is_own_server
    assert prices_of(config)


dollars = st.decimals(0, 100_000, places=6)
tokens = st.integers(0, 10_000_000)


@given(dollars, dollars, tokens, tokens)
def test_the_ledger_s_whole_numbers_lose_nothing(input_usd, output_usd, prompt, completion):
    cost = usd("m", prompt, completion, own=(input_usd, output_usd))
    assert cost is not None
    assert from_picodollars(picodollars(cost)) == cost
