"""A model that is down is replaced by the next of its list, and nothing is bought twice for it."""

from __future__ import annotations

import dataclasses

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import Provider, error, submit, text

from aicity_fleet.errors import TeamError
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, ProviderFatal, ProviderTrouble, Rejected
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import open_model
from aicity_fleet.team.model.clients import Route


@pytest.fixture
def second(provider_server) -> Provider:
    return provider_server.open()


@pytest.fixture
async def routes(model, config, second: Provider):
    other = dataclasses.replace(config, name="scripted-2", base_url=second.base_url)
    async with open_model(other) as stand_in:
        yield {"default": Route([model, stand_in])}


@pytest.mark.parametrize("fault", [error(503), error(429), error(401), text("", body=[])], ids=str)
async def test_the_next_one_answers(run, provider: Provider, second: Provider, routes, fault):
    provider.will(fault)
    second.will(submit(GOOD_GENERAL))
    result = await run(models=routes)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert (len(provider.requests), len(second.requests)) == (1, 1)
    assert result.usage.model_calls == 1
    assert result.model == "scripted-2"
    assert result.endpoint == routes["default"].name


async def test_one_that_was_down_a_moment_ago_is_not_asked_first(run, provider, second, routes):
    provider.will(error(503))
    second.will(text("thinking"), submit(GOOD_GENERAL))
    assert isinstance((await run(models=routes)).ending, Delivered)
    assert (len(provider.requests), len(second.requests)) == (1, 2)


async def test_when_all_are_down_it_is_trouble_and_nobody_s_failure(run, provider, second, routes):
    provider.will(error(503))
    second.will(error(429, headers={"Retry-After": "7"}))
    result = await run(models=routes)
    assert result.ending == ProviderTrouble("the model's provider is down (503)", is_busy=True)
    assert result.endpoint == routes["default"].name


async def test_trouble_outweighs_what_only_a_person_can_mend(run, provider, second, routes):
    provider.will(error(401))
    second.will(error(503))
    assert isinstance((await run(models=routes)).ending, ProviderTrouble)
    provider.will(error(401))
    second.will(error(401))
    assert isinstance((await run(models=routes)).ending, ProviderFatal)


async def test_a_refusal_is_an_answer_and_goes_to_nobody_else(run, provider, second, routes):
    provider.will(error(400, "content_filter"))
    second.will(submit(GOOD_GENERAL))
    result = await run(models=routes)
    assert isinstance(result.ending, Rejected)
    assert result.ending.code == "refused"
    assert second.requests == []


async def test_what_one_answered_is_not_bought_again_from_the_other(run, provider, second, routes):
    journal = MemoryJournal()
    provider.will(text("thinking"), error(503))
    second.will(error(503))
    assert isinstance((await run(models=routes, journal=journal)).ending, ProviderTrouble)
    assert [entry.model for entry in journal.entries] == ["scripted-1"]
    provider.will(error(503))
    second.will(submit(GOOD_GENERAL))
    second.requests.clear()
    result = await run(models=routes, journal=journal)
    assert isinstance(result.ending, Delivered)
    assert len(second.requests) == 1
    assert [entry.model for entry in journal.entries] == ["scripted-1", "scripted-2"]


async def test_a_draining_worker_asks_nobody_else(run, provider, second, routes):
    stop_switch = StopSwitch()

    def drain(_body):
        stop_switch.drain()
        return error(503)

    provider.script = drain
    second.will(submit(GOOD_GENERAL))
    await run(models=routes, stop_switch=stop_switch)
    assert second.requests == []


async def test_stand_ins_hand_in_in_the_same_way(model, marker_model):
    with pytest.raises(TeamError, match="function_calling"):
        Route([model, marker_model])
