"""The second engine: a plain loop over the same model clients that does what AutoGen's team does.

AutoGen is in maintenance mode. This holds the wall around it upright: both pass the same tests, and
``FLEET_ENGINE=plain`` picks this one.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)

from aicity_fleet.team.engines.engine import Participant
from aicity_fleet.team.review.coordinator import COORDINATOR, Coordinator


class PlainEngine:
    """Keeps the messages of each participant, and asks its model."""

    version: ClassVar[str] = "plain 1"
    """Goes up when this engine asks in another way."""

    failure: Exception | None = None

    def __init__(self, coordinator: Coordinator, participants: Sequence[Participant]) -> None:
        self._coordinator = coordinator
        self._participants = {participant.name: participant for participant in participants}
        self._listens_to = participants[-1].name
        self._heard: dict[str, list[LLMMessage]] = {
            participant.name: [SystemMessage(content=participant.system_prompt)]
            for participant in participants
        }
        self._last_words = ""

    async def turn(self, speaker: str, token: CancellationToken) -> bool:
        """Let the coordinator speak, or a participant's model work."""
        if speaker == COORDINATOR:
            text = await self._coordinator.speak(self._last_words, token)
            self._last_words = ""
        else:
            text = await self._work(self._participants[speaker], token)
            if speaker == self._listens_to:
                self._last_words = text
        if text:
            for name, heard in self._heard.items():
                if name != speaker:
                    heard.append(UserMessage(content=text, source=speaker))
        return True

    def close(self) -> None:
        """Nothing to do: no member refers back to this."""

    async def _work(self, participant: Participant, token: CancellationToken) -> str:
        """Call the model until it answers with text instead of tool calls; return the text."""
        heard = self._heard[participant.name]
        tools = await participant.workbench.list_tools() if participant.workbench else []
        for _ in range(participant.max_tool_iterations):
            result = await participant.client.create(heard, tools=tools, cancellation_token=token)
            heard.append(
                AssistantMessage(
                    content=result.content, thought=result.thought, source=participant.name
                )
            )
            if isinstance(result.content, str):
                return result.content
            answers = [await self._call(participant, call, token) for call in result.content]
            heard.append(FunctionExecutionResultMessage(content=answers))
        return ""

    async def _call(
        self, participant: Participant, call: FunctionCall, token: CancellationToken
    ) -> FunctionExecutionResult:
        arguments = _arguments(call.arguments)
        if participant.workbench is None or arguments is None:
            text, is_error = "There is no such tool, or the arguments are no JSON object.", True
        else:
            result = await participant.workbench.call_tool(call.name, arguments, token, call.id)
            text, is_error = result.to_text(), result.is_error
        return FunctionExecutionResult(
            content=text, name=call.name, call_id=call.id, is_error=is_error
        )


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
