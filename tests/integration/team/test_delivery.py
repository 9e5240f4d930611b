"""How work gets from the specialist to an ending, against a real HTTP provider."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from support.samples import CODE, GOOD, GOOD_GENERAL, GOOD_REVIEW, NONCE, order
from support.scripted_provider import Provider, calls, submit, text

from aicity_fleet.models import Delivered, Rejected, Usage
from aicity_fleet.stop_switch import Progress


@pytest.mark.parametrize("task_type", sorted(GOOD))
async def test_good_work_is_delivered_in_one_call(run, provider: Provider, task_type):
    task, deliverable = GOOD[task_type]
    provider.will(submit(deliverable))
    result = await run(task)
    assert result.ending == Delivered(deliverable.strip(), 100)
    assert result.rounds == 1
    assert result.usage == Usage(1, 100, 20)
    assert result.agents[0] == "Coordinator"
    assert len(result.agents) == 2
    assert result.model == "scripted-1"
    assert len(provider.requests) == 1


async def test_the_specialist_gets_the_brief_and_the_submit_tool(run, provider: Provider):
    provider.will(submit(GOOD_GENERAL))
    await run()
    request = provider.requests[0]
    system, brief = provider.texts(0)
    assert request["messages"][0]["role"] == "system"
    assert "specialist" in system
    assert brief.startswith("Task type: general\nHand in with: submit\n")
    assert f"BEGIN BUYER TEXT {NONCE}: description\n" in brief
    assert [tool["function"]["name"] for tool in request["tools"]] == ["submit"]
    assert all("name" not in message for message in request["messages"])


async def test_a_revision_is_asked_for_with_the_findings(run, provider: Provider):
    provider.will(submit("I looked at it and it is fine overall."), submit(GOOD_REVIEW))
    result = await run(order("code_review", code=CODE))
    assert result.ending == Delivered(GOOD_REVIEW.strip(), 100)
    assert result.rounds == 2
    revision = provider.texts(1)[-1]
    assert revision.startswith("Revise: your hand-in did not pass.\n- ")
    assert "line 12" in revision


async def test_rounds_used_up_end_with_the_top_findings(run, provider: Provider):
    provider.will(submit("I looked at it and it is fine overall."))
    result = await run(order("code_review", code=CODE))
    assert isinstance(result.ending, Rejected)
    assert result.ending.code == "quality"
    assert "Name the lines" in result.ending.message
    assert NONCE not in result.ending.message
    assert result.rounds == 3
    assert len(provider.requests) == 3


async def test_text_without_submit_is_no_deliverable_until_it_is_asked_for(run, provider: Provider):
    provider.will(
        text("I would write about lighthouses, and how they guided ships."), text(GOOD_GENERAL)
    )
    result = await run()
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert (result.rounds, result.hand_in, result.ignores_tools) == (1, "plain", True)
    assert len(provider.requests) == 3
    assert "Call the tool submit" in provider.texts(1)[-1]
    assert provider.texts(2)[-1].startswith("Reply with the finished deliverable and nothing else.")


async def test_a_reminder_brings_the_hand_in(run, provider: Provider):
    provider.will(text(GOOD_GENERAL), submit(GOOD_GENERAL))
    assert isinstance((await run()).ending, Delivered)


async def test_an_empty_answer_is_no_deliverable(run, provider: Provider):
    provider.will(text(""))
    assert (await run()).ending.code == "quality"
    provider.will(submit(""))
    assert (await run()).ending.code == "quality"
    provider.will(submit("ok"))
    result = await run()
    assert result.ending.code == "quality"
    assert result.rounds == 3


async def test_a_cut_text_is_no_deliverable(run, provider: Provider):
    provider.will(text(GOOD_GENERAL[:60], "length"))
    result = await run()
    assert result.ending.code == "quality"
    assert "length" in result.ending.message


async def test_a_cut_tool_call_that_still_parses_is_no_deliverable(run, provider: Provider):
    """AutoGen reports ``function_calls`` for it and warns; the provider's word is what counts."""
    provider.will(submit(GOOD_GENERAL, finish_reason="length"))
    result = await run()
    assert result.ending.code == "quality"
    assert "did not fit the length" in result.ending.message
    assert len(provider.requests) == 2
    assert "cut off" in provider.texts(1)[-1]


async def test_a_cut_tool_call_that_does_not_parse_is_asked_for_again(run, provider: Provider):
    provider.will(
        calls(("submit", '{"content": "Lighthouses gui'), finish_reason="length"),
        submit(GOOD_GENERAL),
    )
    assert isinstance((await run()).ending, Delivered)
    assert "cut off" in provider.texts(1)[-1]
    assert any("no complete JSON object" in said for said in provider.texts(1))


DEEP = '{"content": ' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize(
    "arguments",
    [
        "not json",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"content": 5}',
        '{"content": null}',
        '{"contents": "wrong name"}',
        pytest.param(DEEP, id="nested too deep"),
        pytest.param('{"content": ' + "9" * 5000 + "}", id="number too long"),
    ],
)
async def test_malformed_arguments_do_not_stop_the_team(run, provider: Provider, arguments):
    """AutoGen 0.7.5 waits for ever when reading the arguments raises anything but JSONDecodeError."""
    provider.will(calls(("submit", arguments)), submit(GOOD_GENERAL))
    assert isinstance((await run()).ending, Delivered)
    assert len(provider.requests) == 2


class Counter:
    """A tool all of whose arguments are optional: an empty object would run it."""

    name, description = "count", "Count to one."
    parameters: ClassVar = {"type": "object", "properties": {}}
    runs = 0

    async def run(self, arguments) -> str:
        self.runs += 1
        return "one"


async def test_malformed_arguments_run_no_tool(run, provider: Provider):
    counter = Counter()
    provider.will(calls(("count", '{"to": ')), calls(("count", "")), submit(GOOD_GENERAL))
    result = await run(tool_names=("count",), tools={"count": counter})
    assert isinstance(result.ending, Delivered)
    assert counter.runs == 1  # the second call, whose missing arguments mean none
    assert any("no complete JSON object" in said for said in provider.texts(1))


async def test_a_tool_call_without_an_id_does_not_stop_the_team(run, provider: Provider):
    provider.will(submit(GOOD_GENERAL, ids=False))
    assert isinstance((await run()).ending, Delivered)


@pytest.mark.parametrize(
    "odd", ["\x00", "\ud800", "x" * 2_000_000], ids=["nul", "surrogate", "huge"]
)
async def test_what_cannot_be_sent_is_asked_for_again(run, provider: Provider, odd):
    provider.will(submit(GOOD_GENERAL + odd), submit(GOOD_GENERAL))
    assert (await run()).ending == Delivered(GOOD_GENERAL, 100)


async def test_an_unknown_tool_is_no_deliverable(run, provider: Provider):
    provider.will(calls(("publish", json.dumps({"content": GOOD_GENERAL}))))
    result = await run()
    assert result.ending.code == "quality"
    assert result.rounds == 0


async def test_the_last_of_several_hand_ins_counts(run, provider: Provider):
    first, second = (
        json.dumps({"content": "A first draft, not done."}),
        json.dumps({"content": GOOD_GENERAL}),
    )
    provider.will(calls(("submit", first), ("submit", second)))
    assert (await run()).ending.text == GOOD_GENERAL


async def test_a_refusal_in_words_ends_the_run_at_the_second(run, provider: Provider):
    provider.will(text("I'm sorry, but I can't help with that."))
    result = await run()
    assert result.ending == Rejected("refused", "The task could not be done as it was ordered.")
    assert len(provider.requests) == 2


async def test_a_refusal_handed_in_is_a_refusal(run, provider: Provider):
    provider.will(submit("I'm sorry, but I can't help with that."))
    assert (await run()).ending.code == "refused"
    assert len(provider.requests) == 2


async def test_markers_stand_in_for_tools(run, marker_model, provider: Provider):
    def answer(body):
        header = body["messages"][1]["content"].split("\n")[1]
        marker = header.removeprefix("Hand in with: marker ")
        assert marker != header
        return text(f"{GOOD_GENERAL}\n{marker}\n")

    provider.script = answer
    result = await run(model=marker_model)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert "tools" not in provider.requests[0]


async def test_a_text_without_the_marker_is_asked_for_again(run, marker_model, provider: Provider):
    provider.will(text(f"{GOOD_GENERAL}\nTASK_COMPLETE"))
    result = await run(model=marker_model)
    assert result.ending.code == "quality"
    assert result.rounds == 3, "the gate rejects the control word in the plain answer"
    assert "marker on the last line" in provider.texts(1)[-1]
    assert len(provider.requests) == 5


async def test_progress_tells_where_the_run_stands_and_nothing_said(run, provider: Provider):
    provider.will(text("still thinking"), submit(GOOD_GENERAL))
    seen: list[Progress] = []
    await run(on_progress=seen.append)
    assert [(p.turn, p.speaker) for p in seen if not p.model_calls + p.streamed_tokens] == [
        (1, "Coordinator"),
        (2, "Worker"),
    ]
    assert seen[-1] == Progress(5, "Coordinator", 0, 2, 240)


async def test_a_failing_progress_display_does_not_cost_the_job(run, provider: Provider):
    def fail(_: Progress) -> None:
        raise OSError("display is gone")

    provider.will(submit(GOOD_GENERAL))
    assert isinstance((await run(on_progress=fail)).ending, Delivered)


async def test_our_own_words_are_no_part_of_the_work(run, provider: Provider):
    said = "Your answer is cut off at the length limit, which means you should have used a period."
    provider.will(submit(f"{GOOD_GENERAL}\n\n{said}"), submit(GOOD_GENERAL))
    assert (await run()).ending == Delivered(GOOD_GENERAL, 100)
    assert "speaks of its own handing in" in provider.texts(1)[-1]
