"""Carries the messages of one AutoGen team between its members, and does nothing else.

AutoGen's own runtime serves many agents in many processes. It writes each message as JSON for a log, opens
tracing spans for it and hands it to a task of its own, which was half of what a run cost besides its model
calls. A team needs one message at a time, in order.
"""

import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from autogen_core import (
    Agent,
    AgentId,
    AgentInstantiationContext,
    AgentRuntime,
    AgentType,
    CancellationToken,
    MessageContext,
    MessageHandlerContext,
    MessageSerializer,
    Subscription,
    TopicId,
)
from autogen_core.exceptions import UndeliverableException


class TeamRuntime:
    """An ``AgentRuntime`` for one team, with one agent of each type.

    A message from outside is handled, and then what its handlers published, in the order in which it was
    published, before ``send_message`` returns. So a run of the team is over, with all that it set off, when
    the call that began it returns; what a handler raises comes out of that call, and cancelling that call
    cancels the handler.
    """

    def __init__(self) -> None:
        self._factories: dict[str, Callable[[], Any]] = {}
        self._agents: dict[str, Agent] = {}
        self._subscriptions: list[Subscription] = []
        self._subscribers: dict[TopicId, tuple[AgentId, ...]] = {}
        self._message_ids = itertools.count()
        self._published: deque[tuple[Any, TopicId, MessageContext]] = deque()
        self._is_handling = False

    async def send_message(
        self,
        message: Any,
        recipient: AgentId,
        *,
        sender: AgentId | None = None,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> Any:
        """Have an agent handle a message; one from outside is followed by all that it sets off.

        Raises:
            UndeliverableException: There is no such agent.
            Exception: What a handler raised. What was published and not yet handled is dropped.
        """
        context = self._context(sender, None, cancellation_token, message_id)
        if self._is_handling:
            return await self._handle(message, recipient, context)
        self._is_handling = True
        try:
            reply = await self._handle(message, recipient, context)
            while self._published:
                await self._deliver(*self._published.popleft())
        finally:
            self._is_handling = False
            self._published.clear()
        return reply

    async def publish_message(
        self,
        message: Any,
        topic_id: TopicId,
        *,
        sender: AgentId | None = None,
        cancellation_token: CancellationToken | None = None,
        message_id: str | None = None,
    ) -> None:
        """Keep a message for all who subscribed to its topic, except its sender."""
        context = self._context(sender, topic_id, cancellation_token, message_id)
        self._published.append((message, topic_id, context))

    def _context(
        self,
        sender: AgentId | None,
        topic: TopicId | None,
        token: CancellationToken | None,
        message_id: str | None,
    ) -> MessageContext:
        return MessageContext(
            sender=sender,
            topic_id=topic,
            is_rpc=topic is None,
            cancellation_token=token or CancellationToken(),
            message_id=message_id or str(next(self._message_ids)),
        )

    async def _deliver(self, message: Any, topic: TopicId, context: MessageContext) -> None:
        """Have each subscriber handle a message, in the order of their subscriptions."""
        for recipient in self._subscribers_of(topic):
            if recipient != context.sender:
                await self._handle(message, recipient, context)

    def _subscribers_of(self, topic: TopicId) -> tuple[AgentId, ...]:
        """Return who gets what is published on a topic; a team has few topics and many messages."""
        known = self._subscribers.get(topic)
        if known is None:
            matching = (each for each in self._subscriptions if each.is_match(topic))
            known = tuple(dict.fromkeys(each.map_to_agent(topic) for each in matching))
            self._subscribers[topic] = known
        return known

    async def _handle(self, message: Any, recipient: AgentId, context: MessageContext) -> Any:
        agent = self._agents.get(recipient.type) or await self._made(recipient)
        with MessageHandlerContext.populate_context(recipient):
            return await agent.on_message(message, context)

    async def _made(self, recipient: AgentId) -> Agent:
        """Make an agent when its first message comes."""
        factory = self._factories.get(recipient.type)
        if factory is None:
            raise UndeliverableException(f"The team has no agent of the type '{recipient.type}'.")
        with AgentInstantiationContext.populate_context((as_runtime(self), recipient)):
            made = factory()
            agent: Agent = await made if isinstance(made, Awaitable) else made
        self._agents[recipient.type] = agent
        return agent

    async def register_factory(
        self,
        type: str | AgentType,
        agent_factory: Callable[[], Any],
        *,
        expected_class: Any = None,  # noqa: ARG002 -- AutoGen's own classes call this
    ) -> AgentType:
        """Say how an agent is made."""
        agent_type = type if isinstance(type, AgentType) else AgentType(type)
        self._factories[agent_type.type] = agent_factory
        return agent_type

    async def add_subscription(self, subscription: Subscription) -> None:
        """Have an agent get what is published on a topic."""
        self._subscriptions.append(subscription)
        self._subscribers.clear()

    def close(self) -> None:
        """Let go of the agents. Nothing can be sent any more."""
        self._factories.clear()
        self._agents.clear()

    def add_message_serializer(
        self, serializer: MessageSerializer[Any] | Sequence[MessageSerializer[Any]]
    ) -> None:
        """Nothing to do: no message leaves the process."""


def as_runtime(runtime: TeamRuntime) -> AgentRuntime:
    """Return it as AutoGen's protocol. No team calls its other methods: remote agents, saved states."""
    return cast("AgentRuntime", runtime)
