from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest import mock

import pytest
from containment.secrets import ENVIRONMENT, MODEL_KEY
from openai._utils import is_given
from openai.resources.chat.completions import completions
from support.scripted_provider import Provider, ProviderServer
from support.simulated_city import SimulatedCity

from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.team import Model, ModelConfig, open_model


@pytest.fixture(scope="session", autouse=True)
def no_transformation() -> Iterator[None]:
    """The SDK renames parameters for half of its time, and nothing that is sent here has another name."""

    async def unchanged(data: dict[str, Any], *_: object) -> dict[str, Any]:
        return {name: value for name, value in data.items() if is_given(value)}

    with mock.patch.object(completions, "async_maybe_transform", unchanged):
        yield


@pytest.fixture(autouse=True)
def canary_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the process that nothing may ever tell."""
    monkeypatch.setenv("FLEET_CANARY", ENVIRONMENT)


@pytest.fixture(scope="session")
def provider_server() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def provider(provider_server: ProviderServer) -> Provider:
    return provider_server.open()


@pytest.fixture(params=[True, False], ids=["tool", "marker"])
def function_calling(request: pytest.FixtureRequest) -> bool:
    """Whether the puppet hands in with the tool or with the marker."""
    return request.param


@pytest.fixture
async def puppet_model(provider: Provider, function_calling: bool) -> AsyncIterator[Model]:
    """The puppet, as a model with one of the canaries as its key."""
    config = ModelConfig("puppet-1", provider.base_url, MODEL_KEY, 20.0, function_calling)
    async with open_model(config) as model:
        yield model


@pytest.fixture
def city() -> Iterator[SimulatedCity]:
    """A simulated AI City that takes any deliverable."""
    config = SimulatorConfig(quality_gate=False)
    with running(create_app(config)) as url:
        yield SimulatedCity(url)
