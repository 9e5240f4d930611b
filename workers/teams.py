"""Runs teams for Celery's threads: on the bridge's loop, with shared model clients."""

from __future__ import annotations

from collections.abc import Mapping

from aicity_fleet.ledger import Lease
from aicity_fleet.models import TeamResult
from aicity_fleet.settings import Settings
from aicity_fleet.team import (
    Journal,
    Limits,
    ModelConfig,
    Route,
    TeamSpec,
    Watch,
    load_teams,
    open_model,
    run_team,
)
from aicity_fleet.team.aliases import models_of
from aicity_fleet.team.catalog import known_only
from aicity_fleet.team.spec import DEFAULT_MODEL
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.toolbox import TOOL_NAMES, Toolbox
from workers.bridge import Bridge


class TeamRunner:
    """Hands jobs to the bridge.

    Args:
        bridge: Whose loop the teams run on.
        settings: Which teams and models, and which limits.

    Raises:
        SettingsError: No model key is set.
        TeamError: A team or the file of models is wrong, or a team names what does not exist.
    """

    def __init__(self, bridge: Bridge, settings: Settings) -> None:
        self._bridge, self._settings = bridge, settings
        self._limits = Limits(
            deadline_seconds=settings.job_deadline_seconds,
            max_total_tokens=settings.max_job_tokens,
        )
        self._teams = load_teams(settings.teams_dir)
        aliases = models_of(settings)
        for spec in self._teams.specs:
            known_only(spec, tools=TOOL_NAMES, models=aliases)
        self._toolbox = Toolbox(Downloader(settings.repo_host_names))
        self._models = bridge.run(_open(aliases))
        self.endpoint = self._models[DEFAULT_MODEL].name
        """The host and the model that most jobs call, for people and as the name of the breaker."""

    def run(self, lease: Lease, watch: Watch, journal: Journal) -> TeamResult:
        """Run a job's team to its ending; waits for it, on the calling thread.

        Raises:
            LedgerError: Whatever the journal raises.
        """
        spec = self._teams.team_for(lease.task.task_type)
        if self._settings.pass_mark is not None:
            spec = spec.model_copy(update={"pass_mark": self._settings.pass_mark})
        return self._bridge.run(self._run(lease, watch, journal, spec))

    async def _run(
        self, lease: Lease, watch: Watch, journal: Journal, spec: TeamSpec
    ) -> TeamResult:
        with self._toolbox.tools_for(lease.task) as tools:
            return await run_team(
                lease.task,
                spec=spec,
                models=self._models,
                limits=self._limits,
                watch=watch,
                nonce=lease.nonce,
                journal=journal,
                tools=tools,
                engine=self._settings.engine,
            )

    def close(self) -> None:
        """Close the model clients, on their own loop, and remove what is left of any job's files."""
        self._bridge.run(_close(self._models))
        self._toolbox.close()


async def _open(aliases: Mapping[str, tuple[ModelConfig, ...]]) -> dict[str, Route]:
    # On the loop: clients are bound to it. One client per model, whoever stands in for whom.
    opened = {config: open_model(config) for configs in aliases.values() for config in configs}
    return {
        alias: Route([opened[config] for config in configs]) for alias, configs in aliases.items()
    }


async def _close(models: Mapping[str, Route]) -> None:
    for model in {model for route in models.values() for model in route.models}:
        await model.close()
