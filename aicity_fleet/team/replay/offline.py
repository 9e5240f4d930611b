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
from aicity_fleet.journal import Entry
from aicity_fleet.models import AssignedTask, JsonObject, TeamResult
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team.declare.spec import Limits, ModelConfig
from aicity_fleet.team.model.clients import Model, Route
from aicity_fleet.team.replay.origin import Origin
from aicity_fleet.team.replay.transcript import TranscriptListener
from aicity_fleet.team.run import run_team, walks_like

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


class _Described:
    """A tool as models were told of it: a replay reads its answers."""

    def __init__(self, name: str, description: str, parameters: JsonObject) -> None:
        self.name, self.description, self.parameters = name, description, parameters

    async def run(self, arguments: Mapping[str, Any]) -> str:  # noqa: ARG002 - never called
        raise ReplayError(f"The tool {self.name} was called, and a replay has none.")


async def replay_team(
    task: AssignedTask,
    entries: Sequence[Entry],
    *,
    origin: Origin,
    nonce: str,
    on_event: TranscriptListener | None = None,
) -> TeamResult:
    """Run a team along a journal.

    Args:
        task: The order.
        entries: The journal, from its start.
        origin: What made it.
        nonce: The job's.
        hear: Told of everything that is said.

    Raises:
        ReplayError: The journal was made by another version, or does not fit.
        JournalEndedError: It ends before the run does: the job is not done, or was stopped from outside.
    """
    spec, engine = origin.spec, origin.engine
    # The team came with the journal, so only what gives it its turns can be another one here.
    ours = walks_like(engine)
    if entries and not entries[0].version.startswith(ours):
        raise ReplayError(
            f"The journal was made by '{entries[0].version or 'an earlier fleet'}', and this is "
            f"'{ours}': a replay would not be the same run."
        )
    return await run_team(
        task,
        spec=spec,
        models={alias: _route(origin.function_calling[alias]) for alias in spec.models},
        limits=Limits(DEADLINE_SECONDS),
        stop_switch=StopSwitch(),
        nonce=nonce,
        journal=_ReadOnly(entries),
        on_event=on_event,
        tools={name: _Described(name, **told) for name, told in origin.tools.items()},
        engine=engine,
    )


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
