"""The stories: each test file tells one promise of the README. Read test_the_life_of_a_job first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.simulated_city import SimulatedCity
from support.story_fleet import StoryFleet

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.ledger import Ledger
from aicity_fleet.simulator.access import AGENT_KEY
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running


@pytest.fixture
def fleet(ledger: Ledger) -> Iterator[StoryFleet]:
    with (
        running(create_app(SimulatorConfig(quality_gate=False))) as url,
        AICityClient(url, AGENT_KEY, load_contract("api")) as client,
    ):
        fleet = StoryFleet(ledger, SimulatedCity(url), client)
        yield fleet
        fleet.worker.leases.stop()
