"""A simulated AI City over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.simulated_city import SimulatedCity

from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running


@pytest.fixture
def city() -> Iterator[SimulatedCity]:
    """An empty simulated AI City that takes any deliverable and whose model answers at once."""
    config = SimulatorConfig(model_latency_seconds=(0.0, 0.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        yield SimulatedCity(url)
