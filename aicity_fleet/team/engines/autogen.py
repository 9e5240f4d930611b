"""The engine of choice: AutoGen's RoundRobinGroupChat, one turn per run of the team.

Every run has a team of its own: an AutoGen team that failed or was cancelled is dead, and a second run
of it ends with "The group chat is stopped.", which looks like success.
"""

import importlib.metadata
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import StopMessageTermination
from autogen_agentchat.messages import StopMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, RoutedAgent

from aicity_fleet.team.engines.coordinator_agent import CoordinatorAgent
from aicity_fleet.team.engines.engine import Participant
from aicity_fleet.team.engines.runtime import TeamRuntime, as_runtime
from aicity_fleet.team.review.coordinator import COORDINATOR, Coordinator

# AutoGen looks through all attributes of a class for each agent: a thirteenth of a run's instructions.
_agents: Any = RoutedAgent
_handlers_of: Any = cache(_agents._discover_handlers.__func__)
_agents._discover_handlers = classmethod(_handlers_of)


class AutoGenEngine:
    """A team of the Coordinator and one AssistantAgent per participant."""

    version: ClassVar[str] = f"autogen {importlib.metadata.version('autogen-agentchat')}"
    """Stands in the journal: another version may ask in another way."""

    def __init__(self, coordinator: Coordinator, participants: Sequence[Participant]) -> None:
        self._coordinator = coordinator
        self._agent = CoordinatorAgent(coordinator, listens_to=participants[-1].name)
        members = [
            AssistantAgent(
                participant.name,
                participant.client,
                workbench=participant.workbench,
                description="Does its part of the work.",
                system_message=participant.system_prompt,
                max_tool_iterations=participant.max_tool_iterations,
                reflect_on_tool_use=False,
            )
            for participant in participants
        ]
        self._runtime = TeamRuntime()
        self._team = RoundRobinGroupChat(
            [*members, self._agent],
            termination_condition=StopMessageTermination(),
            max_turns=1,
            runtime=as_runtime(self._runtime),
        )
        self._has_begun = False
        self._task: TextMessage | None = None

    @property
    def failure(self) -> Exception | None:
        """The exception of the coordinator, before AutoGen wrapped it."""
        return self._agent.failure

    async def turn(self, speaker: str, token: CancellationToken) -> bool:
        """Run the team for one turn; what the coordinator says first is the team's task."""
        if not self._has_begun:
            self._has_begun = True
            order = await self._coordinator.speak("", token)
            self._task = TextMessage(content=order or "", source=COORDINATOR)
            return True
        task, self._task = self._task, None
        result = await self._team.run(task=task, cancellation_token=token)
        last = result.messages[-1] if result.messages else None
        if last is None or last.source != speaker:  # "The group chat is stopped.": the team is dead
            return False
        return isinstance(last, StopMessage) == (self._coordinator.verdict is not None)

    def close(self) -> None:
        """Let go of the agents, which refer to what carries their messages and so to each other."""
        self._runtime.close()
