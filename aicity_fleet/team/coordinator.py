"""The Coordinator: a member of the team without a model, which nobody can talk into anything.

The guide's Coordinator is a UserProxyAgent, which reads stdin and cannot run in a worker. This one
writes the brief, judges each turn, and alone can make the StopMessage that ends the run.
"""

from __future__ import annotations

from collections.abc import Sequence

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, StopMessage, TextMessage
from autogen_core import CancellationToken

from aicity_fleet.models import AGENT_NAMES, Delivered, Rejected
from aicity_fleet.team.journal import Tape
from aicity_fleet.team.review import Ask, Desk, Review

COORDINATOR, WORKER = AGENT_NAMES


class Coordinator(BaseChatAgent):
    """Speaks first, and after each turn of the specialist."""

    def __init__(self, review: Review, desk: Desk, tape: Tape) -> None:
        super().__init__(COORDINATOR, "Gives out the order and checks what is handed in.")
        self.verdict: Delivered | Rejected | None = None
        """How the run ended; None while it goes on."""
        self.failure: Exception | None = None
        """What went wrong in here, before AutoGen wrapped it."""
        self._review = review
        self._desk = desk
        self._tape = tape
        self._has_briefed = False

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """The only agent that can produce a StopMessage."""
        return (TextMessage, StopMessage)

    async def on_messages(
        self,
        messages: Sequence[BaseChatMessage],
        cancellation_token: CancellationToken,  # noqa: ARG002 -- nothing here waits
    ) -> Response:
        """Brief, ask again, or end."""
        try:
            return self._next(messages)
        except Exception as error:
            self.failure = error
            raise

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Never used: every run has a team of its own."""
        raise NotImplementedError("a team is built for one run")

    def _next(self, messages: Sequence[BaseChatMessage]) -> Response:
        if not self._has_briefed:
            self._has_briefed = True
            return Response(chat_message=self._text(self._review.brief.text))
        # Only the specialist's own words count: a tool's result comes as another type.
        said = [
            message.content
            for message in messages
            if isinstance(message, TextMessage) and message.source == WORKER
        ]
        step = self._review.judge(
            self._desk.take(),
            said[-1] if said else "",
            finish_reason=self._tape.finish_reason,
        )
        if isinstance(step, Ask):
            return Response(chat_message=self._text(step.text))
        self.verdict = step
        return Response(chat_message=StopMessage(content="The run has ended.", source=self.name))

    def _text(self, content: str) -> TextMessage:
        return TextMessage(content=content, source=self.name)
