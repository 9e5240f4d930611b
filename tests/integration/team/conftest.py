from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from support.samples import order
from support.scripted_provider import Provider, ProviderServer
from support.team_runs import run_team

from aicity_fleet.models import AssignedTask, TeamResult
from aicity_fleet.team import EngineName, Model, ModelConfig, only, open_model, team_for
from aicity_fleet.team.engines import ENGINES

RunTeam = Callable[..., Awaitable[TeamResult]]


@pytest.fixture(scope="session")
def provider_server() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def provider(provider_server: ProviderServer) -> Provider:
    return provider_server.open()


@pytest.fixture
def config(provider: Provider) -> ModelConfig:
    return ModelConfig("scripted-1", provider.base_url, "sk-test-key-000000000000", 5.0)


@pytest.fixture
async def model(config: ModelConfig) -> AsyncIterator[Model]:
    async with open_model(config) as model:
        yield model


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    """Every test: no asyncio task outlives the run that made it."""
    before = asyncio.all_tasks()
    yield
    for _ in range(50):
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"tasks left behind: {left}")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    """Every engine: what holds for one has to hold for all."""
    return request.param


@pytest.fixture
def run(model: Model, engine: EngineName) -> RunTeam:
    """``run_team`` with defaults for what a test does not speak of: the one who hands in works alone."""

    async def run_with_defaults(
        task: AssignedTask | None = None,
        *,
        model: Model = model,
        bounds: dict[str, Any] | None = None,
        tool_names: tuple[str, ...] = (),
        **parts: Any,
    ) -> TeamResult:
        task = task or order()
        spec = team_for(task.task_type)
        alone = spec.members[-1].model_copy(update={"tools": tool_names})
        defaults: dict[str, Any] = {
            "spec": spec.model_copy(update={"members": (alone,), **(bounds or {})}),
            "models": only(model),
            "engine": engine,
        }
        return await run_team(task, **{**defaults, **parts})

    return run_with_defaults


@pytest.fixture
async def marker_model(config: ModelConfig) -> AsyncIterator[Model]:
    """The same endpoint, as a model that cannot call tools."""
    async with open_model(dataclasses.replace(config, function_calling=False)) as model:
        yield model
