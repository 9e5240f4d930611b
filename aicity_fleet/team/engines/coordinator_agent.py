"""The CoordinatorAgent: a member of the team without a model, so no text can persuade it.

The guide's Coordinator is a UserProxyAgent, which reads stdin and cannot run in a worker. This one
says what ``Coordinator`` says, and only it can make the StopMessage that ends the run.
"""

from collections.abc import Sequence

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, StopMessage, TextMessage
from autogen_core import CancellationToken

from aicity_fleet.team.review.coordinator import COORDINATOR, Coordinator


class CoordinatorAgent(BaseChatAgent):
    """Speaks after each round of the specialists. What it says before the first is the team's task."""

    def __init__(self, coordinator: Coordinator, listens_to: str) -> None:
        super().__init__(COORDINATOR, "Gives out the order and checks what is handed in.")
        self.failure: Exception | None = None
        """The exception of the coordinator, before AutoGen wrapped it."""
        self._coordinator = coordinator
        self._listens_to = listens_to

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """The only agent that can produce a StopMessage."""
        return (TextMessage, StopMessage)

    async def on_messages(
        self,
        messages: Sequence[BaseChatMessage],
        cancellation_token: CancellationToken,
    ) -> Response:
        """Ask again, or end."""
        # Only the specialist's own words count: a tool's result comes as another type.
        said = [
            message.content
            for message in messages
            if isinstance(message, TextMessage) and message.source == self._listens_to
        ]
        try:
            text = await self._coordinator.speak(said[-1] if said else "", cancellation_token)
        except Exception as error:
            self.failure = error
            raise
        if text is None:
            return Response(
                chat_message=StopMessage(content="The run has ended.", source=self.name)
            )
        return Response(chat_message=TextMessage(content=text, source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Never used: every run has a team of its own."""
        raise NotImplementedError("a team is built for one run")
