"""A simulator on a free port of the loopback, served from a thread, and clients for it."""

from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette

from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.simulator.state import Simulator

KEY = {"X-API-Key": "ac_live_simulated"}


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[str, Starlette]]:
    app = create_app(SimulatorConfig(model_latency_seconds=(0.0, 0.0)))
    with running(app) as url:
        yield url, app


@pytest.fixture
def url(served: tuple[str, Starlette]) -> str:
    address, app = served
    simulator: Simulator = app.state.simulator
    simulator.reset()
    return address


@pytest.fixture
def simulator(served: tuple[str, Starlette]) -> Simulator:
    state: Simulator = served[1].state.simulator
    return state


@pytest.fixture
def api(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/api/v1", headers=KEY, timeout=10) as client:
        yield client


@pytest.fixture
def bridge(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/bridge", timeout=10) as client:
        yield client


@pytest.fixture
def model(url: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer anything"}
    with httpx.Client(base_url=f"{url}/v1", headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def control(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/_sim", timeout=10) as client:
        yield client
