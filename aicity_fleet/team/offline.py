"""Runs a job again from its journal alone: no provider, no tool, nothing bought, nothing written.

For ``aicity-fleet job ID --replay`` and ``--transcript``, and for fixtures in tests. The same code as a
paid run walks along the journal, so it ends the same or says where it left the recorded path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NoReturn

from autogen_core.models import ChatCompletionClient, ModelFamily, ModelInfo
from autogen_ext.models.replay import ReplayChatCompletionClient

from aicity_fleet.errors import JournalEndedError, ReplayError
from aicity_fleet.models import AssignedTask, JsonObject, TeamResult
from aicity_fleet.team.driver import journal_version, run_team
from aicity_fleet.team.journal import Entry
from aicity_fleet.team.model import Model, Route
from aicity_fleet.team.said import Hear
from aicity_fleet.team.spec import EngineName, Limits, ModelConfig, TeamSpec
from aicity_fleet.team.tools import Described
from aicity_fleet.team.tools.toolbox import DESCRIBED
from aicity_fleet.team.watch import Watch

DEADLINE_SECONDS = 600.0
"""Longest time that a replay may take; it calls nobody, so this is never reached in health."""


class _ReadOnly:
    """A journal that refuses whatever a replay must not need."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def recorded(self, ordinal: int) -> Entry | None:
        if ordinal < len(self._entries):
            return self._entries[ordinal]
        raise JournalEndedError(
            f"The journal ends after {len(self._entries)} calls, and the run asks for another one: "
            "the job had not ended there."
        )

    def append(self, entry: Entry) -> Awaitable[None] | None:
        _stray(entry.ordinal)

    def truncate(self, ordinal: int) -> Awaitable[None] | None:
        _stray(ordinal)


def _stray(ordinal: int) -> NoReturn:
    raise ReplayError(
        f"Call {ordinal} is not the one that the journal holds at this place: the fleet, its team or "
        "the order changed since."
    )


class _Unheard:
    """A tool as models are told of it, and no more: a replay reads its answers."""

    def __init__(self, name: str) -> None:
        described = DESCRIBED.get(name) or Described(name, "", {})
        self.name, self.description = name, described.description
        self.parameters: JsonObject = described.parameters

    async def run(self, arguments: Mapping[str, Any]) -> str:  # noqa: ARG002 - never called
        raise ReplayError(f"The tool {self.name} was called, and a replay has none.")


async def replay_team(
    task: AssignedTask,
    entries: Sequence[Entry],
    *,
    spec: TeamSpec,
    nonce: str,
    function_calling: bool,
    engine: EngineName = "autogen",
    hear: Hear | None = None,
) -> TeamResult:
    """Run a team along a journal.

    Args:
        task: The order.
        entries: The journal, from its start.
        spec: The team that made it.
        nonce: The job's.
        function_calling: Whether its models could call tools.
        engine: What gave the turns.
        hear: Told of everything that is said.

    Raises:
        ReplayError: The journal was made by another version or team, or does not fit.
        JournalEndedError: It ends before the run does: the job is not done, or was stopped from outside.
    """
    version = journal_version(engine, spec)
    if entries and entries[0].version != version:
        raise ReplayError(
            f"The journal was made by '{entries[0].version or 'an earlier fleet'}', and this is "
            f"'{version}': a replay would not be the same run."
        )
    config = ModelConfig("replayed", None, "", 1.0, function_calling)
    route = Route([Model(config, _client(function_calling=function_calling))])
    return await run_team(
        task,
        spec=spec,
        models=dict.fromkeys(spec.models, route),
        limits=Limits(DEADLINE_SECONDS),
        watch=Watch(),
        nonce=nonce,
        journal=_ReadOnly(entries),
        hear=hear,
        tools={name: _Unheard(name) for name in spec.tools},
        engine=engine,
    )


def _client(*, function_calling: bool) -> ChatCompletionClient:
    info = ModelInfo(
        vision=False,
        function_calling=function_calling,
        json_output=False,
        family=ModelFamily.UNKNOWN,
        structured_output=False,
    )
    return ReplayChatCompletionClient([], model_info=info)
