"""What the driver makes of AutoGen's own failures; no network."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import StopMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.replay import ReplayChatCompletionClient
from support.samples import GOOD_GENERAL, NONCE, order, without_tools
from support.team_runs import run_team

from aicity_fleet.models import Delivered, Rejected
from aicity_fleet.team import Limits, Model, ModelConfig, only
from aicity_fleet.team.review.brief import write_brief
from aicity_fleet.team.review.review import Review

CONFIG = ModelConfig("replayed", None, "sk-test-key", 5.0, function_calling=False)


def answer() -> str:
    marker = write_brief(order(), nonce=NONCE, function_calling=False).marker
    return f"{GOOD_GENERAL}\n{marker}"


async def run(*answers: str, **parts):
    model = Model(CONFIG, ReplayChatCompletionClient(list(answers)))
    defaults = {
        "limits": Limits(5.0, turn_grace_seconds=0.1),
    }
    return await run_team(
        order(), spec=without_tools(), models=only(model), **{**defaults, **parts}
    )


async def test_a_story_without_a_network():
    assert (await run(answer())).ending == Delivered(GOOD_GENERAL, 100)


async def test_without_the_marker_there_is_a_reminder_and_then_a_delivery():
    assert isinstance((await run("thinking", answer())).ending, Delivered)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [StopMessage(content="The group chat is stopped.", source="RoundRobinGroupChatManager")],
        [TextMessage(content=GOOD_GENERAL, source="Worker")],
        [StopMessage(content="The run has ended.", source="Coordinator")],
    ],
    ids=["nothing", "dead team", "wrong speaker", "stop without a verdict"],
)
async def test_a_team_that_does_not_behave_delivers_nothing(monkeypatch, messages):
    async def dead(*_, **__):
        return TaskResult(messages=messages, stop_reason="The group chat is stopped.")

    monkeypatch.setattr(RoundRobinGroupChat, "run", dead)
    assert (await run(answer())).ending == Rejected(
        "internal", "The work stopped on an internal error."
    )


async def test_an_error_of_ours_is_internal_and_says_no_more_than_its_kind(monkeypatch, caplog):
    def broken(*_, **__):
        raise KeyError("confidential")

    monkeypatch.setattr(Review, "judge", broken)
    with caplog.at_level(logging.DEBUG, logger="aicity_fleet"):
        result = await run(answer())
    assert isinstance(result.ending, Rejected)
    assert result.ending.code == "internal"
    assert "confidential" not in result.ending.message + caplog.text
    assert "kind=KeyError" in caplog.text


async def test_a_turn_that_nothing_stops_is_left_behind(monkeypatch, caplog):
    """The last line of defence: the run ends although AutoGen does not."""
    release = asyncio.Event()

    async def stuck(*_, **__):
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(RoundRobinGroupChat, "run", stuck)
    started = time.monotonic()
    result = await run(answer(), limits=Limits(0.1, turn_grace_seconds=0.1))
    assert isinstance(result.ending, Rejected)
    assert result.ending.code == "deadline"
    assert time.monotonic() - started < 2
    assert "team.stuck" in caplog.text
    release.set()
    await asyncio.sleep(0)


async def test_a_cancelled_turn_that_nobody_asked_for_is_trouble(monkeypatch):
    async def cancelled(*_, **__):
        raise asyncio.CancelledError

    monkeypatch.setattr(RoundRobinGroupChat, "run", cancelled)
    assert (await run(answer())).ending.message == "the model call was cut off"
