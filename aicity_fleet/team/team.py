"""A team that can run, and one run of it: what ``run_team`` needs, as values."""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence

from aicity_fleet.errors import ReplayError, TeamError
from aicity_fleet.journal import Journal, MemoryJournal
from aicity_fleet.models import AssignedTask
from aicity_fleet.team.declare.catalog import known_only
from aicity_fleet.team.declare.spec import EngineName, Limits, TeamSpec
from aicity_fleet.team.engines import ENGINES
from aicity_fleet.team.model.budget import SpendingLimiter
from aicity_fleet.team.model.clients import Routes
from aicity_fleet.team.replay.origin import Origin
from aicity_fleet.team.tools import Tool

JOURNAL_FORMAT = 3
"""Goes up when requests are hashed in another way: older journals are then not replayed."""


def journal_prefix(engine: EngineName) -> str:
    """Return how the version of each journal begins that this engine and release can replay."""
    return f"{JOURNAL_FORMAT}; {ENGINES[engine].version}; "


@dataclasses.dataclass(frozen=True, slots=True)
class Team:
    """A spec with the models, tools and engine that it runs with.

    Raises:
        TeamError: The spec names a tool or a model that does not exist.
    """

    spec: TeamSpec
    models: Routes
    """The shared model clients by alias, on their own event loop."""
    tools: Mapping[str, Tool] = dataclasses.field(default_factory=dict)
    """The tools that exist, by name; the spec says which member gets which."""
    engine: EngineName = "autogen"
    """What gives the members their turns."""

    def __post_init__(self) -> None:
        known_only(self.spec, tools=self.tools, models=self.models)

    @property
    def journal_version(self) -> str:
        """The version of its journals: a job whose journal has another one starts over."""
        return f"{journal_prefix(self.engine)}{self.spec.name} {self.spec.sha256[:16]}"

    @property
    def origin(self) -> Origin:
        """What a replay must know of this team."""
        capable = {alias: route.function_calling for alias, route in self.models.items()}
        return Origin.of(self.engine, self.spec, function_calling=capable, tools=self.tools)


@dataclasses.dataclass(frozen=True, slots=True)
class TeamRun:
    """One run of a team on a task."""

    task: AssignedTask
    team: Team
    limits: Limits
    """The bounds of this run; the team's own hold where they are tighter."""
    nonce: str
    """Random hex text of the job. The same nonce and journal replay to the same calls."""
    journal: Journal = dataclasses.field(default_factory=MemoryJournal)
    """What the job bought before; new calls are appended."""
    limiter: SpendingLimiter | None = None
    """What all jobs of the fleet may spend together; None for any amount."""
    secrets: Sequence[str] = dataclasses.field(default=(), repr=False)
    """Texts besides the models' keys that may not go out, such as passwords. No model is told any."""


async def as_it_began(run: TeamRun) -> TeamRun:
    """Return a run with the judge, or without one, that its journal began with.

    So a job that goes on after a change of the judge's settings, or of a rubric, is judged as it began, and
    buys no call again. Any other change of the team, or a judge whose model is gone, starts it over.

    Raises:
        Exception: What the journal raises.
    """
    first = run.journal.recorded(0)
    entry = await first if inspect.isawaitable(first) else first
    if entry is None or entry.origin is None or entry.version == run.team.journal_version:
        return run
    try:
        judge = Origin.from_json(entry.origin).spec.judge
        spec = run.team.spec.model_copy(update={"judge": judge})
        team = dataclasses.replace(run.team, spec=spec)
    except (ReplayError, TeamError):
        return run
    return dataclasses.replace(run, team=team) if team.journal_version == entry.version else run
