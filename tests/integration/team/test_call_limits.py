"""What limits a model call: its length, its context, its temperature, and how many run at a time."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import Counter
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from support.samples import GOOD_GENERAL, order
from support.scripted_provider import (
    Answer,
    Provider,
    calls,
    completion,
    completion_events,
    error,
    submit,
    text,
    until,
)
from support.team_runs import run_team

from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, Interrupted, Rejected
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits, only, open_model, team_for
from aicity_fleet.team.declare.spec import Member
from aicity_fleet.team.model.clients import Route


async def ask(run, config, **fields):
    """Run with a model whose configuration differs in these fields."""
    async with open_model(dataclasses.replace(config, **fields)) as model:
        return await run(model=model)


async def test_every_call_has_a_limit(run, provider: Provider):
    provider.will(text("thinking"), submit(GOOD_GENERAL))
    assert isinstance((await run(bounds={"max_output_tokens": 3000})).ending, Delivered)
    assert [request["max_tokens"] for request in provider.requests] == [3000, 3000]
    assert all("temperature" not in request for request in provider.requests)


async def test_an_alias_sets_its_own_limit_and_temperature(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL))
    await ask(run, config, max_output_tokens=900, temperature=0.3)
    (request,) = provider.requests
    assert (request["max_tokens"], request["temperature"]) == (900, 0.3)


async def test_the_limit_shrinks_with_the_budget_and_a_replay_does_not_notice(run, provider):
    """The limit is no part of the hash: another budget must not buy the same answers again."""
    provider.will(text("thinking"), submit(GOOD_GENERAL))
    journal = MemoryJournal()
    narrow = Limits(10, max_total_tokens=8000)
    first = await run(journal=journal, limits=narrow)
    asked = [request["max_tokens"] for request in provider.requests]
    assert asked[1] < asked[0] < 8000
    again = await run(journal=journal, limits=Limits(10, max_total_tokens=100_000))
    assert again.ending == first.ending
    assert len(provider.requests) == 2


async def test_dollars_limit_the_answer(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL))
    prices = {
        "input_usd_per_million": Decimal(0),
        "output_usd_per_million": Decimal(100),
    }
    async with open_model(dataclasses.replace(config, **prices)) as model:
        await run(model=model, limits=Limits(10, max_usd=Decimal("0.05")))
    assert provider.requests[0]["max_tokens"] == 500


@pytest.mark.parametrize("chars", [100, 100_000])
async def test_a_prompt_beyond_the_context_is_not_sent(run, provider: Provider, config, chars):
    async with open_model(dataclasses.replace(config, context_tokens=300)) as model:
        result = await run(order(description="word " * (chars // 5)), model=model)
    assert result.ending == Rejected("internal", "The task is larger than the model can take in.")
    assert provider.requests == []


LONG = "".join(f"value_{n} = compute({n})\n" for n in range(4000))


def block(provider: Provider, name: str) -> str:
    """The buyer's text of this name in the latest request."""
    (brief,) = [text for text in provider.texts() if "BEGIN BUYER TEXT" in text]
    _, _, rest = brief.partition(f": {name}\n")
    return rest.partition("\nEND BUYER TEXT")[0].strip()


@pytest.mark.parametrize("knows", [True, False])
async def test_a_shorter_brief_is_sent_to_a_small_model(run, provider, config, knows):
    """Known in advance it costs no request; else the server says that the prompt is too long."""
    room = 6000

    def script(body):
        if len(str(body["messages"])) > room * 4:
            return error(400, "context_length_exceeded")
        return submit(GOOD_GENERAL)

    provider.script = script
    journal, task = MemoryJournal(), order(code=LONG)
    small = dataclasses.replace(config, context_tokens=room if knows else None)
    async with open_model(small) as model:
        result = await run(task, model=model, journal=journal)
        assert result.ending == Delivered(GOOD_GENERAL, 100)
        sent = len(provider.requests)
        assert (sent == 1) == knows
        code, description = block(provider, "code"), block(provider, "description")
        assert code.startswith("value_0 = ")
        assert code.endswith("value_3999 = compute(3999)")
        assert "\n<...>\n" in code
        assert len(code) > room, "more than was needed was left out"
        assert description == task.description
        assert "The next block is shortened" in str(provider.requests[-1]["messages"])
        again = await run(task, model=model, journal=journal)
    assert again.ending == result.ending
    assert len(provider.requests) == sent, "the journal replays"


async def test_one_model_s_small_context_costs_another_nothing(run, provider: Provider, config):
    provider.will(text("A draft."), submit(GOOD_GENERAL))
    last = team_for("general").members[-1].model_copy(update={"tools": ()})
    drafter = Member(name="Drafter", system_prompt="Draft.", model="small")
    small = dataclasses.replace(config, context_tokens=6000)
    async with open_model(small) as first, open_model(config) as second:
        result = await run(
            order(code=LONG),
            models={"small": Route([first]), last.model: Route([second])},
            bounds={"members": (drafter, last)},
        )
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    drafted, handed_in = (str(request["messages"]) for request in provider.requests)
    assert "The next block is shortened" in drafted
    assert "The next block is shortened" not in handed_in


async def test_what_was_found_too_long_is_not_sent_again(run, provider: Provider):
    def script(body):
        if len(str(body["messages"])) > 24_000:
            return error(400, "context_length_exceeded")
        return text("thinking") if len(body["messages"]) < 4 else submit(GOOD_GENERAL)

    provider.script = script
    assert isinstance((await run(order(code=LONG))).ending, Delivered)
    long = [len(str(request["messages"])) > 24_000 for request in provider.requests]
    assert long == sorted(long, reverse=True)
    assert long.count(False) == 2


async def test_a_stand_in_with_a_larger_context_is_asked(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL))
    small = dataclasses.replace(config, name="small", context_tokens=1000)
    async with open_model(small) as first, open_model(config) as second:
        task = order(description="word " * 2000)
        result = await run(task, models={"default": Route([first, second])})
    assert isinstance(result.ending, Delivered)
    assert [request["model"] for request in provider.requests] == ["scripted-1"]


class Crowd:
    """A provider that answers slowly, and counts how many wait for it at a time."""

    def __init__(self, provider: Provider, answer) -> None:
        self.most = 0
        self._provider, self._answer = provider, answer
        provider.script = self._count

    def _count(self, _body):
        self.most = max(self.most, self._provider.under_way)
        return self._answer


@pytest.mark.parametrize(("setting", "most"), [(1, 1), (2, 2), (None, 4), (0, 6)])
async def test_only_so_many_calls_run_at_a_time(run, provider: Provider, config, setting, most):
    crowd = Crowd(provider, submit(GOOD_GENERAL).after(0.15))
    async with open_model(dataclasses.replace(config, max_concurrent_calls=setting)) as model:
        results = await asyncio.gather(*(run(model=model) for _ in range(6)))
    assert all(isinstance(result.ending, Delivered) for result in results)
    assert crowd.most == most


async def test_no_timeout_runs_while_a_call_waits_for_its_slot(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL).after(0.4))
    one = dataclasses.replace(
        config, max_concurrent_calls=1, timeout_seconds=1.0, first_token_seconds=0.9
    )
    async with open_model(one) as model:
        results = await asyncio.gather(*(run(model=model) for _ in range(4)))
    assert all(isinstance(result.ending, Delivered) for result in results)


async def waiting_for_a_slot(run, provider, model, stop_switch):
    """Start two runs, and return both when the first has the only slot."""
    first = asyncio.ensure_future(run(model=model))
    await until(lambda: len(provider.requests) == 1, "the first call")
    second = asyncio.ensure_future(run(model=model, stop_switch=stop_switch))
    await asyncio.sleep(0)
    await until(lambda: model.slots.waiting, "the second call waits")
    return first, second


async def test_a_drain_ends_the_wait_for_a_slot(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL).after(1.0))
    stop_switch = StopSwitch()
    async with open_model(dataclasses.replace(config, max_concurrent_calls=1)) as model:
        first, second = await waiting_for_a_slot(run, provider, model, stop_switch)
        stop_switch.drain()
        assert (await second).ending == Interrupted("drain")
        assert not first.done()
        assert isinstance((await first).ending, Delivered)
        assert isinstance((await run(model=model)).ending, Delivered), "the slot is free again"
    assert len(provider.requests) == 2


async def test_a_deadline_during_the_wait_fails_no_job(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL).after(1.2))
    async with open_model(dataclasses.replace(config, max_concurrent_calls=1)) as model:
        first = asyncio.ensure_future(run(model=model))
        await until(lambda: len(provider.requests) == 1, "the first call")
        second = await run(model=model, limits=Limits(0.4))
        assert second.ending == Interrupted("no_slot")
        assert isinstance((await first).ending, Delivered)
        late = await run(model=model, limits=Limits(0.4))
        assert late.ending == Rejected("deadline", "The work was not finished in time."), (
            "its own slowness is its own"
        )


async def test_many_jobs_on_a_few_slots_do_not_fail_for_having_waited(
    run, provider: Provider, config
):
    """All reach their deadline together. Whoever has a slot by then still gets the time that it waited."""
    provider.will(submit(GOOD_GENERAL).after(3.0))
    async with open_model(dataclasses.replace(config, max_concurrent_calls=2)) as model:
        runs = []
        for _ in range(20):
            runs.append(asyncio.ensure_future(run(model=model, limits=Limits(1.0))))
            await asyncio.sleep(0.02)
        endings = Counter(type(result.ending) for result in await asyncio.gather(*runs))
    # Two had a slot from the beginning, two when these had failed, and all four for a whole deadline.
    assert endings == {Rejected: 4, Interrupted: 16}
    assert len(provider.requests) == 4


async def test_an_answer_that_comes_within_the_time_that_was_waited_counts(
    run, provider: Provider, config
):
    provider.will(submit(GOOD_GENERAL).after(0.7))
    async with open_model(dataclasses.replace(config, max_concurrent_calls=1)) as model:
        first = asyncio.ensure_future(run(model=model))
        await until(lambda: len(provider.requests) == 1, "the first call")
        second = await run(model=model, limits=Limits(1.0))  # done after 1.4 s
        assert isinstance(second.ending, Delivered)
        await first


async def test_an_abort_ends_the_wait_for_a_slot(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL).after(1.0))
    stop_switch = StopSwitch()
    async with open_model(dataclasses.replace(config, max_concurrent_calls=1)) as model:
        first, second = await waiting_for_a_slot(run, provider, model, stop_switch)
        stop_switch.abort("lease_lost")
        assert (await second).ending == Interrupted("lease_lost")
        assert isinstance((await first).ending, Delivered)
        assert isinstance((await run(model=model)).ending, Delivered), "the slot is free again"
    assert len(provider.requests) == 2


class Search:
    name, description = "search", "Search."
    parameters: ClassVar[dict[str, Any]] = {"type": "object", "properties": {}}

    async def run(self, _arguments: Any) -> str:
        return "found"


CUT_ARGUMENTS = {"whole": json.dumps({"content": GOOD_GENERAL}), "not whole": '{"content": "Ligh'}


@pytest.mark.parametrize("cut", CUT_ARGUMENTS)
async def test_a_cut_hand_in_ends_a_turn_that_has_iterations_left(run, provider: Provider, cut):
    provider.will(calls(("submit", CUT_ARGUMENTS[cut]), finish_reason="length"))
    result = await run(tool_names=("search",), tools={"search": Search()})
    assert "did not fit the length" in result.ending.message
    assert len(provider.requests) == 2
    assert "cut off" in provider.texts(1)[-1]


LOOP = calls(("search", '{"query": "' + "and then again the same words, " * 1000 + '"}'))
CUT_SEARCHES = {
    "cut": calls(("search", '{"query": "light'), finish_reason="length"),
    "repeated": Answer(events=tuple(completion_events(completion(LOOP, "scripted-1", 1), None))),
}


@pytest.mark.parametrize("cut", CUT_SEARCHES)
async def test_a_cut_call_ends_the_turn_of_each_member(provider: Provider, model, engine, cut):
    """The first member is not asked again: the last one begins."""
    provider.will(CUT_SEARCHES[cut], submit(GOOD_GENERAL))
    spec = team_for("general")
    last = spec.members[-1].model_copy(update={"tools": ("search",)})
    first = last.model_copy(update={"name": "searcher"})
    journal = MemoryJournal()
    result = await run_team(
        order(), spec=spec.model_copy(update={"members": (first, last)}), models=only(model),
        engine=engine, tools={"search": Search()}, journal=journal,
    )  # fmt: skip
    assert journal.entries[0].finish_reason == {"cut": "length"}.get(cut, cut)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    offered = [[tool["function"]["name"] for tool in body["tools"]] for body in provider.requests]
    assert offered == [["search"], ["submit", "search"]]
