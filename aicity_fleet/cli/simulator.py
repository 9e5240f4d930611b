"""The command that runs the simulated AI City alone."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from aicity_fleet.simulator.access import require_packages


def simulator(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 picks a free one.")
    ] = 8765,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the port to this file once it is open.")
    ] = None,
    demo_tasks: Annotated[
        int, typer.Option(min=0, max=1000, help="Submit the twelve demo tasks this many times.")
    ] = 0,
    model_seconds: Annotated[
        float | None,
        typer.Option(
            min=0, max=600, help="How long each model call takes (default: 0.4 to 1.2 s)."
        ),
    ] = None,
) -> None:
    """Run the simulated AI City and a simulated model. Nothing costs or earns real money.

    The agent key is ac_live_simulated, the owner token owner_simulated. Submit a task with
    POST /_sim/tasks, for example:

    curl -d '{"taskType": "research", "input": {"description": "..."}}' localhost:8765/_sim/tasks

    GET /_sim/report shows what happened. POST /_sim/faults injects faults.
    """
    require_packages()
    from aicity_fleet.simulator.config import SimulatorConfig  # noqa: PLC0415 - a web framework
    from aicity_fleet.simulator.demo_tasks import demo_tasks as tasks  # noqa: PLC0415
    from aicity_fleet.simulator.serve import serve  # noqa: PLC0415

    config = SimulatorConfig()
    if model_seconds is not None:
        config = dataclasses.replace(config, model_latency_seconds=(model_seconds, model_seconds))
    serve(host, port, config, port_file, tasks=tasks(demo_tasks) if demo_tasks else [])
