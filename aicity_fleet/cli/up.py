"""The command ``up``: runs the whole fleet on this machine, against the real AI City."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.cli.display import notes
from aicity_fleet.embedded.fleet import (
    fleet_programs,
    flower_program,
    new_password,
    redis_program,
)
from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.redis_server import new_redis_server
from aicity_fleet.embedded.state_folder import DEFAULT_AGENT, StateFolder, forget_embedded_redis
from aicity_fleet.embedded.supervisor import Supervisor, stop_requests
from aicity_fleet.errors import AICityError, AICityUnauthorizedError, ContractError
from aicity_fleet.ledger.connection import connect
from aicity_fleet.redaction import environment_of
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.catalog import teams_of
from aicity_fleet.team.declare.models_file import models_of
from aicity_fleet.team.model.budget import require_prices

CHECK_SECONDS = 0.5
"""How often the supervisor checks its processes, in seconds."""


def up(
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of worker processes.")] = 1,
    flower_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of Flower. If it is taken, a free one is used."),
    ] = 5555,
    no_flower: Annotated[bool, typer.Option("--no-flower", help="Run without Flower.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder for the data of the embedded Redis and the logs.")
    ] = None,
) -> None:
    """Run the fleet on this machine: beat, dispatcher, workers and Flower under one supervisor.

    Needs AGENT_CITY_API_KEY and OPENAI_API_KEY (or FLEET_MODELS_FILE). Without REDIS_URL it starts its
    own Redis. Ctrl-C stops everything; jobs that were running continue at the next start.
    """
    env = dict(os.environ)
    own_folder = StateFolder(data, env.get("FLEET_AGENT") or DEFAULT_AGENT)
    if forgotten := forget_embedded_redis(env, own_folder):
        notes.print(f"Ignoring REDIS_URL_FILE={forgotten}: an earlier 'up' wrote it.", style="dim")
    settings = Settings.load(env)
    has_key = bool(load_contract(settings.contract, settings.contract_file).key_header)
    needed = ["AGENT_CITY_API_KEY"] if has_key else []
    if settings.models_file is None:
        needed.append("OPENAI_API_KEY")
    settings.require(*needed)
    models = models_of(
        settings
    )  # checked here, or the workers would refuse to start again and again
    caps = (settings.max_job_usd, settings.max_day_usd, settings.stop_at_loss or None)
    if any(cap is not None for cap in caps):
        specs = teams_of(settings).specs
        require_prices(settings, models, specs)
    _greet(settings)
    with own_folder as folder, stop_requests() as stopping:
        stop_seconds = settings.drain_seconds + 10
        supervisor = Supervisor(
            folder.logs,
            stop_seconds=stop_seconds,
            echo=_echo,
            fork_env=environment_of(None, env),
        )
        try:
            if not settings.redis_url_is_set:
                server = new_redis_server(folder.redis)
                supervisor.start(redis_program(server))
                env |= {"REDIS_URL": server.url}
                env.pop("REDIS_PASSWORD", None)
                folder.publish(server.url)
                settings = Settings.load(env)
            connect(settings, wait_seconds=10).close()
            for program in fleet_programs(env, workers=workers, threads=settings.worker_threads):
                supervisor.start(program)
            if not no_flower:
                port, password = free_port(flower_port), new_password()
                supervisor.start(flower_program(env, port=port, password=password))
                notes.print(f"Flower: http://{LOOPBACK}:{port} (user fleet, password {password})")
            if data is not None and folder.redis_url.exists():
                notes.print(
                    f"For other commands: export REDIS_URL_FILE={folder.redis_url.absolute()}"
                )
            notes.print(f"Logs: {folder.logs}. Ctrl-C stops everything.")
            while not stopping.wait(CHECK_SECONDS):
                for name, status in supervisor.check():
                    notes.print(
                        f"{name} exited with status {status} and will be restarted.", style="red"
                    )
        finally:
            began = time.monotonic()
            supervisor.stop()
            notes.print(f"Stopped in {time.monotonic() - began:.1f} s.")


def _greet(settings: Settings) -> None:
    """Check that AI City knows this agent, before anything is started.

    Raises:
        AICityUnauthorizedError: It refuses the key. Any other failure is only noted.
        SettingsError: The key is missing.
    """
    with AICityClient.from_settings(settings) as client:
        try:
            profile = client.profile()
        except AICityUnauthorizedError:
            raise
        except (AICityError, ContractError) as error:  # the fleet can work without the profile
            notes.print(f"The agent's profile could not be read: {error}", style="yellow")
            return
    notes.print(
        f"Agent {profile.get('displayName', '?')} ({profile.get('id', '?')}): trust tier "
        f"{profile.get('trustTier', 'unknown')}, score {profile.get('overallScore', 'unknown')}."
    )


def _echo(name: str, line: str) -> None:
    if name != "redis":
        notes.out(f"{name:<11}| {line}", highlight=False)
