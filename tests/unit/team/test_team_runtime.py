"""The runtime of one AutoGen team: in order, one at a time, and nothing left over."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from autogen_core import (
    AgentId,
    BaseAgent,
    CancellationToken,
    DefaultTopicId,
    MessageContext,
    TypeSubscription,
)
from autogen_core.exceptions import UndeliverableException

from aicity_fleet.team.engines.runtime import TeamRuntime, as_runtime


class Heard(list[tuple[str, str]]):
    """Who heard what, in order."""

    waits: asyncio.Event
    """Set when a member begins to wait."""


class Member(BaseAgent):
    """Notes what it hears, and publishes what it is told to say to it."""

    def __init__(self, name: str, heard: Heard, says: dict[str, list[str]]) -> None:
        super().__init__("a member")
        self._name, self._heard, self._says = name, heard, says

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
        self._heard.append((self._name, message))
        if message == "break":
            raise ValueError("broken")
        if message == "wait":
            self._heard.waits.set()
            await asyncio.Event().wait()
        for word in self._says.get(message, []):
            await self.publish_message(word, DefaultTopicId("group"))
        return f"{self._name} heard {message}"


async def team_of(
    *names: str, says: dict[str, dict[str, list[str]]] | None = None
) -> tuple[TeamRuntime, Heard]:
    runtime, heard = TeamRuntime(), Heard()
    for name in names:
        words = (says or {}).get(name, {})
        factory = partial(Member, name, heard, words)
        await Member.register(as_runtime(runtime), name, factory)
        await runtime.add_subscription(TypeSubscription("group", name))
    return runtime, heard


def test_all_that_a_message_sets_off_is_handled_before_the_call_returns():
    async def run() -> None:
        says = {"a": {"go": ["one", "two"]}, "b": {"one": ["three"]}}
        runtime, heard = await team_of("a", "b", "c", says=says)
        reply = await runtime.send_message("go", AgentId("a", "team"))
        assert reply == "a heard go"
        assert heard == [
            ("a", "go"),
            *(("b", "one"), ("c", "one")),
            *(("b", "two"), ("c", "two")),
            *(("a", "three"), ("c", "three")),
        ]

    asyncio.run(run())


def test_what_a_handler_raises_comes_out_and_the_rest_is_dropped():
    async def run() -> None:
        runtime, heard = await team_of("a", "b", says={"a": {"go": ["break", "later"]}})
        with pytest.raises(ValueError, match="broken"):
            await runtime.send_message("go", AgentId("a", "team"))
        await runtime.send_message("again", AgentId("a", "team"))
        assert heard == [("a", "go"), ("b", "break"), ("a", "again")]

    asyncio.run(run())


def test_cancelling_the_call_cancels_the_handler_and_leaves_no_task():
    async def run() -> None:
        runtime, heard = await team_of("a", "b", says={"a": {"go": ["wait", "later"]}})
        waiting = heard.waits = asyncio.Event()
        call = asyncio.create_task(runtime.send_message("go", AgentId("a", "team")))
        await waiting.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert ("b", "later") not in heard

    asyncio.run(run())


def test_a_message_to_nobody_is_an_error():
    async def run() -> None:
        runtime, _ = await team_of("a")
        with pytest.raises(UndeliverableException, match="'b'"):
            await runtime.send_message("go", AgentId("b", "team"))

    asyncio.run(run())


def test_the_token_of_a_call_reaches_the_handler():
    class Asking(BaseAgent):
        def __init__(self) -> None:
            super().__init__("asks")

        async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
            return ctx.cancellation_token

    async def run() -> None:
        runtime, token = TeamRuntime(), CancellationToken()
        await Asking.register(as_runtime(runtime), "a", Asking)
        given = await runtime.send_message("go", AgentId("a", "team"), cancellation_token=token)
        assert given is token

    asyncio.run(run())
