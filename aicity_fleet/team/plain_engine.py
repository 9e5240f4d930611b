"""A second engine, a plain loop over the same model clients: what AutoGen's team does, and no more.

AutoGen is in maintenance mode. This holds the wall around it upright: both pass the same tests, and
``FLEET_ENGINE=plain`` picks this one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)

from aicity_fleet.team.engine import Seat
from aicity_fleet.team.lead import COORDINATOR, Lead

VERSION = "plain 1"
"""Stands in the journal; goes up when this asks in another way."""


class PlainEngine:
    """Keeps what each seat has heard, and asks its model."""

    failure: Exception | None = None

    def __init__(self, lead: Lead, seats: Sequence[Seat]) -> None:
        self._lead = lead
        self._seats = {seat.name: seat for seat in seats}
        self._listens_to = seats[-1].name
        self._heard: dict[str, list[LLMMessage]] = {
            seat.name: [SystemMessage(content=seat.system_prompt)] for seat in seats
        }
        self._last_words = ""

    async def turn(self, speaker: str, token: CancellationToken) -> bool:
        """Let the lead speak, or a seat's model work."""
        if speaker == COORDINATOR:
            text = self._lead.speak(self._last_words)
            self._last_words = ""
        else:
            text = await self._work(self._seats[speaker], token)
            if speaker == self._listens_to:
                self._last_words = text
        if text:
            for name, heard in self._heard.items():
                if name != speaker:
                    heard.append(UserMessage(content=text, source=speaker))
        return True

    async def _work(self, seat: Seat, token: CancellationToken) -> str:
        """Call the model until it says something in place of calling tools; gives what it said."""
        heard = self._heard[seat.name]
        tools = await seat.workbench.list_tools() if seat.workbench else []
        for _ in range(seat.max_tool_iterations):
            result = await seat.client.create(heard, tools=tools, cancellation_token=token)
            heard.append(
                AssistantMessage(content=result.content, thought=result.thought, source=seat.name)
            )
            if isinstance(result.content, str):
                return result.content
            answers = [await self._call(seat, call, token) for call in result.content]
            heard.append(FunctionExecutionResultMessage(content=answers))
        return ""

    async def _call(
        self, seat: Seat, call: FunctionCall, token: CancellationToken
    ) -> FunctionExecutionResult:
        arguments = _arguments(call.arguments)
        if seat.workbench is None or arguments is None:
            text, is_error = "There is no such tool, or the arguments are no JSON object.", True
        else:
            result = await seat.workbench.call_tool(call.name, arguments, token, call.id)
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
