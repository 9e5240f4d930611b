"""The simulated marketplace as one Starlette application: API, bridge, model and control side."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aicity_fleet.simulator import api, bridge, control
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.model.routes import ModelRoutes
from aicity_fleet.simulator.registry import CityRefusedError
from aicity_fleet.simulator.replies import refusal
from aicity_fleet.simulator.state import Simulator

__all__ = ["SimulatorConfig", "create_app"]


def create_app(config: SimulatorConfig | None = None) -> Starlette:
    """Build the application; its ``state.simulator`` is the ``Simulator`` behind it.

    Args:
        config: How it behaves; the defaults suit a demo.
    """
    simulator = Simulator(config or SimulatorConfig())
    routes: list[Route] = [
        *api.Api(simulator).routes(),
        *bridge.Bridge(simulator).routes(),
        *ModelRoutes(simulator).routes(),
        *control.Control(simulator).routes(),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _no_such_path, 405: _no_such_method})
    app.state.simulator = simulator
    return app


async def _no_such_path(_request: Request, _error: Exception) -> Response:
    return refusal(CityRefusedError(404, "NOT_FOUND", "there is nothing at this path"))


async def _no_such_method(_request: Request, _error: Exception) -> Response:
    return refusal(CityRefusedError(405, "METHOD_NOT_ALLOWED", "this path has other methods"))
