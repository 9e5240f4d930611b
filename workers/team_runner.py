"""Runs teams for Celery's threads: on the bridge's loop, with shared model clients."""

from __future__ import annotations

from collections.abc import Callable

from aicity_fleet.journal import Journal
from aicity_fleet.ledger import Lease
from aicity_fleet.models import TeamResult
from aicity_fleet.settings import Settings
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import TeamSpec, load_teams, open_routes, run_team
from aicity_fleet.team.declare.catalog import known_only
from aicity_fleet.team.declare.models_file import models_of
from aicity_fleet.team.declare.spec import DEFAULT_MODEL
from aicity_fleet.team.model.budget import SpendingLimiter, limits_of, require_prices
from aicity_fleet.team.tools import TOOL_NAMES
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.toolbox import Toolbox
from workers.event_loop import Bridge

MakeLimiter = Callable[[Lease, StopSwitch], SpendingLimiter]
"""Makes an attempt's share of what the fleet may spend in a day."""


class TeamRunner:
    """Hands jobs to the bridge.

    Args:
        bridge: Whose loop the teams run on.
        settings: Which teams and models, and which limits.

    Raises:
        SettingsError: No model key is set, or a cap in dollars is and a model's price is unknown.
        TeamError: A team or the file of models is wrong, or a team names what does not exist.
    """

    def __init__(self, bridge: Bridge, settings: Settings) -> None:
        self._bridge, self._settings = bridge, settings
        self._teams = load_teams(settings.teams_dir, pass_mark=settings.pass_mark)
        aliases = models_of(settings)
        for spec in self._teams.specs:
            known_only(spec, tools=TOOL_NAMES, models=aliases)
        self._toolbox = Toolbox(Downloader(settings.repo_host_names))
        require_prices(settings, aliases, self._teams.specs)
        self._opened = open_routes(aliases)
        self._models = bridge.run(self._opened.__aenter__())
        self.endpoint = self._models[DEFAULT_MODEL].name
        """The host and the model that most jobs call, for people and as the name of the breaker."""

    def run(
        self,
        lease: Lease,
        stop_switch: StopSwitch,
        journal: Journal,
        limiter: MakeLimiter | None = None,
    ) -> TeamResult:
        """Run a job's team to its ending; waits for it, on the calling thread.

        Args:
            lease: The job.
            watch: What stops it from outside.
            journal: What it bought before.
            purse: Makes its share of what the fleet may spend in a day; None for any amount.

        Raises:
            LedgerError: Whatever the journal or the purse raises.
        """
        spec = self._teams.team_for(lease.task.task_type)
        own_limiter = None if limiter is None else limiter(lease, stop_switch)
        return self._bridge.run(self._run(lease, stop_switch, journal, spec, own_limiter))

    async def _run(
        self,
        lease: Lease,
        stop_switch: StopSwitch,
        journal: Journal,
        spec: TeamSpec,
        limiter: SpendingLimiter | None,
    ) -> TeamResult:
        with self._toolbox.tools_for(lease.task) as tools:
            return await run_team(
                lease.task,
                spec=spec,
                models=self._models,
                limits=limits_of(self._settings, lease.task, spent_before_usd=lease.spent_usd),
                stop_switch=stop_switch,
                nonce=lease.nonce,
                journal=journal,
                on_progress=stop_switch.note,
                tools=tools,
                engine=self._settings.engine,
                limiter=limiter,
                secrets=self._settings.secret_texts,
            )

    def close(self) -> None:
        """Close the model clients, on their own loop, and remove what is left of any job's files."""
        self._bridge.run(self._opened.__aexit__(None, None, None))
        self._toolbox.close()
