"""The command ``up``: runs the whole fleet on this machine, against the real AI City."""

import os
from pathlib import Path
from typing import Annotated

import typer

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.cli.display import notes
from aicity_fleet.embedded.state_folder import DEFAULT_AGENT, StateFolder, forget_embedded_redis
from aicity_fleet.embedded.up import Plan, become_supervisor
from aicity_fleet.errors import AICityError, AICityUnauthorizedError, ContractError
from aicity_fleet.ledger.connection import connect
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.catalog import teams_of
from aicity_fleet.team.declare.models_file import models_of
from aicity_fleet.team.model.budget import require_prices


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
    """Run the fleet on this machine: dispatcher with beat, workers and Flower under one supervisor.

    Needs AGENT_CITY_API_KEY and OPENAI_API_KEY (or FLEET_MODELS_FILE). Without REDIS_URL it starts its
    own Redis. Ctrl-C stops everything; jobs that were running continue at the next start.
    """
    env = dict(os.environ)
    agent = env.get("FLEET_AGENT") or DEFAULT_AGENT
    if forgotten := forget_embedded_redis(env, StateFolder(data, agent)):
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
    if settings.redis_url_is_set:
        connect(settings, wait_seconds=10).close()
    become_supervisor(
        Plan(
            agent=agent,
            data=None if data is None else str(data),
            workers=workers,
            threads=settings.worker_threads,
            stop_seconds=settings.drain_seconds + 10,
            flower_port=None if no_flower else flower_port,
            with_redis=not settings.redis_url_is_set,
        ),
        env,
    )


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
