"""Runs teams for Celery's threads: on one event loop, with shared model clients."""

from aicity_fleet.journal import Journal
from aicity_fleet.ledger import Lease
from aicity_fleet.models import TeamResult
from aicity_fleet.settings import Settings
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Team, TeamRun, open_routes, run_team
from aicity_fleet.team.declare.catalog import known_only, teams_of
from aicity_fleet.team.declare.models_file import models_of
from aicity_fleet.team.declare.spec import TeamSpec
from aicity_fleet.team.model.budget import SpendingLimiter, limits_of, require_prices
from aicity_fleet.team.model.health_check import HealthChecks
from aicity_fleet.team.tools import TOOL_NAMES
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.toolbox import Toolbox
from workers.event_loop import EventLoopThread


class TeamRunner:
    """Runs the team of one job after another, many at once.

    Args:
        settings: Which teams and models, and which limits.

    Raises:
        SettingsError: No model key is set, FLEET_JUDGE names no model, or a cap in dollars is set and the
            price of a model is unknown.
        TeamError: A team or the models file is wrong, or a team names a tool or model that does not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._teams = teams_of(settings)
        aliases = models_of(settings)
        for spec in self._teams.specs:
            known_only(spec, tools=TOOL_NAMES, models=aliases)
        self._toolbox = Toolbox(Downloader(settings.repo_host_names))
        require_prices(settings, aliases, self._teams.specs)
        self._opened = open_routes(aliases)
        self._loop = EventLoopThread()
        self._models = self._loop.run(self._opened.__aenter__())
        self._health = HealthChecks()
        self.endpoint = self._endpoint_of(self._teams.team_for(""))
        """The host and model that most jobs call: the name of the breaker, and what people see."""
        every = {each: self._endpoint_of(spec) for each, spec in self._teams.by_type.items()}
        self.endpoints = {each: name for each, name in every.items() if name != self.endpoint}
        """Those of the task types whose teams call another."""

    def _endpoint_of(self, spec: TeamSpec) -> str:
        """Return where a team's specialist calls: the model that does most of the work."""
        return self._models[spec.members[-1].model].name

    def run(
        self,
        lease: Lease,
        stop_switch: StopSwitch,
        journal: Journal,
        limiter: SpendingLimiter | None = None,
    ) -> TeamResult:
        """Run a job's team to its ending, and wait for it on the calling thread.

        Args:
            limiter: The attempt's share of what the fleet may spend in a day; None for any amount.

        Raises:
            LedgerError: Whatever the journal or the limiter raises.
        """
        return self._loop.run(self._run(lease, stop_switch, journal, limiter))

    async def _run(
        self,
        lease: Lease,
        stop_switch: StopSwitch,
        journal: Journal,
        limiter: SpendingLimiter | None,
    ) -> TeamResult:
        task, settings = lease.task, self._settings
        spec = self._teams.team_for(task.task_type)
        with self._toolbox.tools_for(task) as tools:
            run = TeamRun(
                task,
                Team(spec, self._models, tools, settings.engine),
                limits_of(settings, task, spent_before_usd=lease.spent_usd),
                lease.nonce,
                journal=journal,
                limiter=limiter,
                secrets=settings.secret_texts,
            )
            return await run_team(run, stop_switch, on_progress=stop_switch.note)

    @property
    def turns(self) -> int:
        """How often the event loop of the runs has turned; see ``EventLoopThread.turns``."""
        return self._loop.turns

    def serves(self, endpoint: str, stop_switch: StopSwitch, *, after_silence: bool) -> bool | None:
        """Whether an endpoint serves anybody now; see ``HealthChecks.serves``.

        Args:
            endpoint: The name of its breaker, see ``TeamResult.endpoint``.
        """
        for route in self._models.values():
            if route.name == endpoint:
                return self._loop.run(
                    self._health.serves(route, stop_switch, after_silence=after_silence)
                )
        return False

    def close(self) -> None:
        """Close the model clients on their loop, stop the loop, and remove the files of jobs."""
        self._loop.run(self._opened.__aexit__(None, None, None))
        self._loop.stop()
        self._toolbox.close()
