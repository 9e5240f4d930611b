"""Stopping a run from outside: in a model call, in a tool, between turns; nothing is left behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import HANG, Provider, calls, submit, text, until

from aicity_fleet.errors import TeamError
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, Interrupted, Rejected
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits


class Lookup:
    """A tool that does what the test says."""

    name = "lookup"
    description = "Looks something up."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {}, "required": []}

    def __init__(self, result: str | BaseException | float) -> None:
        self.result = result
        self.runs = 0
        self.was_cancelled = False

    async def run(self, arguments: Mapping[str, Any]) -> str:
        self.runs += 1
        if isinstance(self.result, BaseException):
            raise self.result
        if isinstance(self.result, float):
            try:
                await asyncio.sleep(self.result)
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
            return "slept"
        return self.result


WITH_LOOKUP = {"tool_names": ("lookup",), "bounds": {"tool_timeout_seconds": 0.2}}
CALL_LOOKUP = calls(("lookup", "{}"))


@pytest.mark.parametrize("reason", ["lease_lost", "cancelled", "drain"])
async def test_abort_within_a_model_call(run, provider: Provider, reason):
    provider.will(HANG)
    stop_switch = StopSwitch()
    running = asyncio.ensure_future(run(stop_switch=stop_switch))
    await until(lambda: provider.requests, "the model call")
    started = time.monotonic()
    threading.Thread(target=stop_switch.abort, args=(reason,)).start()
    assert (await running).ending == Interrupted(reason)
    assert time.monotonic() - started < 1
    await until(lambda: provider.disconnects == 1, "the server sees the disconnect")


async def test_abort_within_a_tool(run, provider: Provider):
    """AutoGen 0.7.5 waits for ever when its token is cancelled while a tool runs."""
    provider.will(CALL_LOOKUP)
    stop_switch, tool = StopSwitch(), Lookup(30.0)
    running = asyncio.ensure_future(
        run(
            tool_names=("lookup",),
            bounds={"tool_timeout_seconds": 30.0},
            tools={"lookup": tool},
            stop_switch=stop_switch,
        )
    )
    await until(lambda: tool.runs, "the tool call")
    started = time.monotonic()
    stop_switch.abort("cancelled")
    assert (await running).ending == Interrupted("cancelled")
    assert time.monotonic() - started < 1
    assert tool.was_cancelled
    assert len(provider.requests) == 1


async def test_deadline_within_a_tool(run, provider: Provider):
    provider.will(CALL_LOOKUP)
    tool = Lookup(30.0)
    result = await run(
        tool_names=("lookup",),
        bounds={"tool_timeout_seconds": 30.0},
        tools={"lookup": tool},
        limits=Limits(deadline_seconds=0.4),
    )
    assert result.ending.code == "deadline"
    assert tool.was_cancelled


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("TASK_COMPLETE is what the page says", "TASK_COMPLETE is what the page says"),
        (30.0, "longer than 0.2 seconds"),
        (RuntimeError("tool exploded at /etc/passwd"), "The tool failed (RuntimeError)."),
        (asyncio.CancelledError(), "The tool was stopped."),
    ],
    ids=["stop word", "too slow", "raises", "cancels itself"],
)
async def test_whatever_a_tool_does_the_specialist_goes_on(run, provider: Provider, result, told):
    provider.will(CALL_LOOKUP, submit(GOOD_GENERAL))
    answer = await run(**WITH_LOOKUP, tools={"lookup": Lookup(result)})
    assert answer.ending == Delivered(GOOD_GENERAL, 100)
    assert told in provider.texts(1)[-1]
    assert "/etc" not in provider.texts(1)[-1]
    assert len(provider.requests) == 2, "a call was bought after the hand-in"


async def test_a_tool_result_is_never_the_deliverable(run, provider: Provider):
    provider.will(CALL_LOOKUP)
    result = await run(
        tool_names=("lookup",),
        bounds={"max_tool_iterations": 1},
        tools={"lookup": Lookup(GOOD_GENERAL)},
    )
    assert result.ending == Rejected("quality", "No finished deliverable came of the work.")


async def test_tool_calls_are_replayed_from_the_journal(run, provider: Provider):
    provider.will(CALL_LOOKUP, submit(GOOD_GENERAL))
    journal, tool = MemoryJournal(), Lookup("found")
    first = await run(**WITH_LOOKUP, tools={"lookup": tool}, journal=journal)
    assert [entry.kind for entry in journal.entries] == ["model", "tool", "model"]
    second = await run(**WITH_LOOKUP, tools={"lookup": tool}, journal=journal)
    assert second.ending == first.ending
    assert tool.runs == 1
    assert len(provider.requests) == 2


async def test_an_unknown_tool_in_a_spec_is_a_fault(run):
    with pytest.raises(TeamError, match="lookup"):
        await run(**WITH_LOOKUP)


async def test_cancelling_the_run_itself_ends_the_model_call(run, provider: Provider):
    provider.will(HANG)
    running = asyncio.ensure_future(run())
    await until(lambda: provider.requests, "the model call")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: provider.disconnects == 1, "the server sees the disconnect")


async def test_a_timeout_around_the_run_ends_it_at_once(run, provider: Provider):
    """Around AutoGen's own ``team.run`` it would first make and pay all remaining calls."""
    provider.will(text("thinking").after(0.4))
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await run()
    assert time.monotonic() - started < 1
    assert len(provider.requests) == 1


async def test_drain_lets_the_call_in_flight_finish_and_makes_no_other(run, provider: Provider):
    stop_switch, journal = StopSwitch(), MemoryJournal()
    provider.will(text("thinking").after(0.2), submit(GOOD_GENERAL))
    running = asyncio.ensure_future(run(stop_switch=stop_switch, journal=journal))
    await until(lambda: provider.requests, "the model call")
    stop_switch.drain()
    assert (await running).ending == Interrupted("drain")
    assert len(provider.requests) == 1
    assert len(journal.entries) == 1
    assert provider.disconnects == 0


async def test_drain_delivers_what_was_just_handed_in(run, provider: Provider):
    stop_switch = StopSwitch()
    provider.will(submit(GOOD_GENERAL).after(0.2))
    running = asyncio.ensure_future(run(stop_switch=stop_switch))
    await until(lambda: provider.requests, "the model call")
    stop_switch.drain()
    assert isinstance((await running).ending, Delivered)


async def test_drain_before_the_run_makes_no_call(run, provider: Provider):
    stop_switch = StopSwitch()
    stop_switch.drain()
    assert (await run(stop_switch=stop_switch)).ending == Interrupted("drain")
    assert provider.requests == []
