"""The health check after trouble, against a real server that serves, refuses or keeps silent."""

from __future__ import annotations

import asyncio
import time

import pytest
from support.broken_model import BrokenModel, broken_model
from support.waiting import wait_until

from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import open_model
from aicity_fleet.team.declare.spec import ModelConfig
from aicity_fleet.team.model.clients import Route
from aicity_fleet.team.model.health_check import HealthChecks


@pytest.fixture
def server():
    with broken_model() as found:
        yield found


@pytest.fixture
async def route(server: BrokenModel):
    config = ModelConfig("some-model", server.base_url, "none", 5.0, provider="compatible")
    async with open_model(config) as model:
        yield Route([model])


async def serves(route: Route, *, after_silence: bool = False) -> bool | None:
    return await HealthChecks().serves(route, StopSwitch(), after_silence=after_silence)


async def test_an_endpoint_that_answers_serves(route):
    assert await serves(route) is True


@pytest.mark.parametrize("fault", ["500", "429", "reset", "html page", "no choices"])
async def test_an_endpoint_that_does_not_answer_does_not_serve(route, server, fault):
    server.outage = fault
    assert await serves(route) is False


async def test_answers_under_way_excuse_silence_and_nothing_else(route, server):
    server.outage = "500"
    route.models[0].note_life("another call")
    assert await serves(route, after_silence=True) is True
    assert await serves(route, after_silence=False) is False


async def test_what_came_of_a_call_that_failed_excuses_nothing(route, server):
    server.outage = "500"
    route.models[0].note_life("this call")
    route.models[0].note_end("this call", has_answered=False)
    assert await serves(route, after_silence=True) is False
    route.models[0].note_end("another call", has_answered=True)
    assert await serves(route, after_silence=True) is True


async def test_many_jobs_with_trouble_share_one_check(route, server):
    server.outage = "500"
    checks = HealthChecks()
    asked = [checks.serves(route, StopSwitch(), after_silence=False) for _ in range(20)]
    assert await asyncio.gather(*asked) == [False] * 20
    assert server.calls.total() == 1


async def test_a_drain_ends_the_wait_at_once(route, server):
    server.outage = "hang"
    switch = StopSwitch()
    asked = asyncio.ensure_future(HealthChecks().serves(route, switch, after_silence=False))
    await asyncio.to_thread(wait_until, server.calls.total, description="the check is sent")
    began = time.monotonic()
    switch.drain()
    assert await asked is None
    assert time.monotonic() - began < 1
