"""Runs a job again from its journal alone: it calls no provider and no tool, and writes nothing.

For ``aicity-fleet job ID --replay`` and ``--transcript``, and for fixtures in tests. The code of a paid run
reads the journal, so a replay ends as the run did, or says where it differs.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NoReturn

from autogen_core.models import ChatCompletionClient, ModelFamily, ModelInfo
from autogen_ext.models.replay import ReplayChatCompletionClient

from aicity_fleet.errors import JournalEndedError, ReplayError
from aicity_fleet.journal import NOBODY, Caller, Entry
from aicity_fleet.models import AssignedTask, JsonObject, TeamResult
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team.declare.spec import Limits, ModelConfig
from aicity_fleet.team.model.clients import Model, Route
from aicity_fleet.team.replay.origin import Origin
from aicity_fleet.team.replay.transcript import TranscriptListener
from aicity_fleet.team.run import run_team
from aicity_fleet.team.team import Team, TeamRun, journal_prefix

DEADLINE_SECONDS = 600.0
"""The longest time that a replay may take, in seconds. It waits for nothing, so it takes far less."""


class _ReadOnly:
    """A journal that refuses what a replay must not need."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def recorded(self, ordinal: int) -> Entry | None:
        if ordinal < len(self._entries):
            return self._entries[ordinal]
        raise JournalEndedError(
            f"The journal ends after {len(self._entries)} calls, and the run asks for another one: "
            "the job had not ended."
        )

    def append(
        self,
        entry: Entry,
        caller: Caller = NOBODY,  # noqa: ARG002
    ) -> Awaitable[None] | None:
        _stray(entry.ordinal)

    def truncate(self, ordinal: int) -> Awaitable[None] | None:
        _stray(ordinal)


def _stray(ordinal: int) -> NoReturn:
    raise ReplayError(
        f"Call {ordinal} is not the one in the journal: the fleet, its team or the order has changed "
        "since."
    )


class _Described:
    """A tool as the models knew it. Its results are read from the journal."""

    def __init__(self, name: str, description: str, parameters: JsonObject) -> None:
        self.name, self.description, self.parameters = name, description, parameters

    async def run(self, arguments: Mapping[str, Any]) -> str:  # noqa: ARG002 - never called
        raise ReplayError(f"The run calls the tool {self.name}, and a replay has no tools.")


async def replay_team(
    task: AssignedTask,
    entries: Sequence[Entry],
    *,
    origin: Origin,
    nonce: str,
    on_event: TranscriptListener | None = None,
) -> TeamResult:
    """Run a team from a journal.

    Raises:
        ReplayError: The journal was made by another version, or does not fit.
        JournalEndedError: It ends before the run does: the job has not ended, or was stopped.
    """
    # The team comes from the journal, so only the engine and its release can differ.
    ours = journal_prefix(origin.engine)
    if entries and not entries[0].version.startswith(ours):
        raise ReplayError(
            f"The journal was made by '{entries[0].version or 'an earlier fleet'}', and this is "
            f"'{ours}': a replay would not be the same run."
        )
    team = Team(
        origin.spec,
        models={alias: _route(origin.function_calling[alias]) for alias in origin.spec.models},
        tools={name: _Described(name, **told) for name, told in origin.tools.items()},
        engine=origin.engine,
    )
    run = TeamRun(task, team, Limits(DEADLINE_SECONDS), nonce, _ReadOnly(entries))
    return await run_team(run, StopSwitch(), on_event=on_event)


def _route(function_calling: bool) -> Route:
    config = ModelConfig("replayed", None, "", 1.0, function_calling)
    return Route([Model(config, _client(function_calling=function_calling))])


def _client(*, function_calling: bool) -> ChatCompletionClient:
    info = ModelInfo(
        vision=False,
        function_calling=function_calling,
        json_output=False,
        family=ModelFamily.UNKNOWN,
        structured_output=False,
    )
    return ReplayChatCompletionClient([], model_info=info)
