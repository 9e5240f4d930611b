"""The simulated marketplace as one Starlette application: API, bridge, model and control side."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aicity_fleet.simulator.api import Api
from aicity_fleet.simulator.bodies import CityRefusedError
from aicity_fleet.simulator.bridge import Bridge
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.control import Control
from aicity_fleet.simulator.model.routes import ModelRoutes
from aicity_fleet.simulator.replies import refusal
from aicity_fleet.simulator.state import Simulator


def create_app(config: SimulatorConfig | None = None) -> Starlette:
    """Build the application; its ``state.simulator`` is the ``Simulator`` behind it.

    Args:
        config: How it behaves; the defaults suit a demo.
    """
    simulator = Simulator(config or SimulatorConfig())
    sides = (Api(simulator), Bridge(simulator), ModelRoutes(simulator), Control(simulator))
    app = Starlette(
        routes=[route for side in sides for route in side.routes()],
        exception_handlers=dict.fromkeys((CityRefusedError, HTTPException), _refused),
    )
    app.state.simulator = simulator
    return app


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, CityRefusedError):
        return refusal(request, error)
    status = getattr(error, "status_code", 404)
    code = "METHOD_NOT_ALLOWED" if status == 405 else "NOT_FOUND"
    return refusal(request, CityRefusedError(status, code, "this path or method is not served"))
