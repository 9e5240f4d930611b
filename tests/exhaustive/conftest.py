"""A simulated AI City over real HTTP, to compare with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.simulated_city import SimulatedCity

from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running


@pytest.fixture
def city() -> Iterator[SimulatedCity]:
    """An empty one that takes any deliverable."""
    with running(create_app(SimulatorConfig(quality_gate=False))) as url:
        yield SimulatedCity(url)
