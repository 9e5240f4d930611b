"""Streamed answers: slow is not dead, half is not whole, and odd forms are read."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from typing import Any

import pytest
from support.samples import GOOD_GENERAL, NONCE, order
from support.scripted_provider import DONE, Answer, Provider, chunk, submit, text, until

from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, Interrupted, ProviderFatal, ProviderTrouble, Rejected
from aicity_fleet.stop_switch import Progress, StopSwitch
from aicity_fleet.team import open_model
from aicity_fleet.team.review.brief import write_brief

ARGUMENTS = json.dumps({"content": GOOD_GENERAL})
HALF = len(ARGUMENTS) // 2
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def called(index: Any = 0, id_: str | None = "call_1", arguments: Any = ARGUMENTS, **more: Any):
    """One piece of a tool call; a name is in it unless ``name`` is None."""
    function = {"name": more.pop("name", "submit"), "arguments": arguments}
    call = {"index": index, "id": id_, "type": "function", "function": function, **more}
    return {"tool_calls": [{name: value for name, value in call.items() if value is not None}]}


def more_of(arguments: str, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"function": {"arguments": arguments}, **fields}]}


def stream(*events: Any, **more: Any) -> Answer:
    return Answer(events=events, **more)


END = (chunk({}, "tool_calls"), DONE)

FORMS: dict[str, Answer] = {
    "by index": stream(
        chunk(called(arguments=ARGUMENTS[:HALF])), chunk(more_of(ARGUMENTS[HALF:], index=0)), *END
    ),
    "without index or id": stream(
        chunk(called(None, None, ARGUMENTS[:HALF])), chunk(more_of(ARGUMENTS[HALF:])), *END
    ),
    "whole": stream(chunk(called()), *END),
    "whole calls, all at index 0": stream(
        chunk(called(id_="a", arguments='{"q": "x"}', name="lookup")), chunk(called(id_="b")), *END
    ),
    "whole calls, all at index 0, without ids": stream(
        chunk(called(id_=None, arguments='{"q": "x"}', name="lookup")), chunk(called(id_=None)), *END
    ),
    "arguments as an object": stream(chunk(called(arguments={"content": GOOD_GENERAL})), *END),
    "the name in each piece": stream(
        chunk(called(arguments=ARGUMENTS[:HALF])), chunk(called(arguments=ARGUMENTS[HALF:])), *END
    ),
    "a message in place of a delta": stream(
        {"choices": [{"message": {"role": "assistant", **called()}, "finish_reason": "stop"}]}, DONE
    ),
    "no finish reason but DONE": stream(chunk(called()), DONE),
    "no DONE": stream(chunk(called()), chunk({}, "tool_calls")),
    "a connection that breaks behind the end": stream(
        chunk(called()), chunk({}, "tool_calls"), breaks=True
    ),
    "comments, retries, ids and returns": stream(
        ": PROCESSING\r\n\r\n", "retry: 10\r\nid: 7\r\n", chunk(called()), ":\n\n", *END
    ),
    "no empty lines between events": stream(
        f"data: {json.dumps(chunk(called()))}\ndata: {json.dumps(END[0])}\ndata: [DONE]\n"
    ),
    "pieces without choices": stream(
        {"choices": [], "prompt_filter_results": []}, {"choices": None}, chunk(called()), *END
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
async def test_a_streamed_hand_in_is_delivered_whatever_its_form(run, provider: Provider, form):
    provider.will(FORMS[form])
    result = await run()
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert len(provider.requests) == result.usage.model_calls == 1


@pytest.mark.parametrize("streams", [True, False])
async def test_usage_is_counted_streamed_or_not(run, provider: Provider, streams):
    provider.will(dataclasses.replace(submit(GOOD_GENERAL), usage=USAGE, streams=streams))
    usage = (await run()).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (11, 7)
    assert provider.requests[0]["stream_options"] == {"include_usage": True}


async def test_a_line_separator_within_a_text_does_not_end_a_line(run, provider, marker_model):
    marker = write_brief(order(), nonce=NONCE, function_calling=False).marker
    content = f"{GOOD_GENERAL} One\u2028two\u0085three.\n{marker}"
    raw = json.dumps(chunk({"content": content}), ensure_ascii=False)
    provider.will(stream(f"data: {raw}\n\n", chunk({}, "stop"), DONE))
    ending = (await run(model=marker_model)).ending
    assert isinstance(ending, Delivered)
    assert "three." in ending.text


def slowly(pause: float, *, times: int = 4) -> Answer:
    """A hand-in in pieces, each after a pause."""
    size = len(ARGUMENTS) // times + 1
    pieces = [ARGUMENTS[at : at + size] for at in range(0, len(ARGUMENTS), size)]
    events: list[Any] = [pause, chunk(called(arguments=pieces[0]))]
    for piece in pieces[1:]:
        events += [pause, chunk(more_of(piece, index=0))]
    return stream(*events, *END)


@pytest.fixture
async def patient(config):
    """A model that may take a while in total, but not between two tokens."""
    slow = dataclasses.replace(
        config, timeout_seconds=8.0, first_token_seconds=2.0, idle_seconds=2.0
    )
    async with open_model(slow) as model:
        yield model


async def test_a_slow_model_that_works_is_waited_for(run, provider: Provider, patient):
    provider.will(slowly(0.3, times=8))
    started = time.monotonic()
    assert isinstance((await run(model=patient)).ending, Delivered)
    assert time.monotonic() - started > 2.0, "longer than the wait for the first token alone"


TROUBLES: dict[str, tuple[Answer, str]] = {
    "dead from the start": (Answer(hangs=True), "the model did not begin to answer within 2 s"),
    "no token after the headers": (
        stream(chunk({"role": "assistant"}), 30.0, *END),
        "the model did not begin to answer within 2 s",
    ),
    "dead in mid-answer": (
        stream(chunk(called(arguments=ARGUMENTS[:HALF])), 30.0, *END),
        "the model stopped in mid-answer (no token for 2 s)",
    ),
    "comments alone are no tokens": (
        stream(chunk(called(arguments=ARGUMENTS[:HALF])), *[": wait\n\n", 0.2] * 20, *END),
        "the model stopped in mid-answer (no token for 2 s)",
    ),
    "an endless trickle": (
        stream(*[chunk({"content": "word "}), 0.4] * 40),
        "the model took longer than 8 s",
    ),
    "cut off in mid-answer": (
        stream(chunk(called(arguments=ARGUMENTS[:HALF]))),
        "the model's answer broke off",
    ),
    "cut off behind a whole call": (stream(chunk(called())), "the model's answer broke off"),
    "a broken connection": (
        stream(chunk(called(arguments=ARGUMENTS[:HALF])), breaks=True),
        "the connection broke in mid-answer",
    ),
    "nothing at all": (stream(DONE), "the model's answer held nothing"),
    "an event that is no JSON": (
        stream("data: {\n\n"),
        "the model's address answered with text that is not JSON",
    ),
    "a web page": (
        Answer(body="<html>welcome</html>", content_type="text/html"),
        "the model's address answered with a web page",
    ),
    "no choices": (Answer(body={"choices": []}), "the model's answer held nothing"),
    "an error without a code": (
        stream(chunk({"content": "Well"}), {"error": {"message": "boom"}}),
        "the model's provider reported an error in place of an answer",
    ),
    "OpenRouter's error in mid-stream": (
        stream(chunk({"content": "Well"}), chunk({}, "error")),
        "the model's provider broke its answer off",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_half_an_answer_is_trouble_and_says_which(run, provider, patient, trouble):
    answer, message = TROUBLES[trouble]
    provider.will(answer)
    journal = MemoryJournal()
    result = await run(model=patient, journal=journal)
    assert isinstance(result.ending, ProviderTrouble)
    assert result.ending.message == message
    assert journal.entries == []
    assert len(provider.requests) == 1


ERRORS_WITH_STATUS_200: dict[str, tuple[Any, Any, str]] = {
    "OpenRouter's rate limit": ({"code": 429, "message": "boom"}, ProviderTrouble, "busy (429)"),
    "a code as text": ({"code": "502", "message": "boom"}, ProviderTrouble, "down (502)"),
    "no credit": ({"code": 402, "message": "boom"}, ProviderFatal, "wants payment"),
    "no quota": ({"code": "insufficient_quota"}, ProviderFatal, "quota"),
    "a wrong key": ({"type": "authentication_error"}, ProviderFatal, "refuses the key"),
    "a filter": ({"code": "content_filter"}, Rejected, "declined"),
    "the context": ({"message": "maximum context length is 4096"}, Rejected, "larger than"),
}


@pytest.mark.parametrize("place", ["whole", "first event", "in mid-stream"])
@pytest.mark.parametrize("name", ERRORS_WITH_STATUS_200)
async def test_an_error_with_status_200_counts_as_its_code_says(run, provider, name, place):
    error, kind, words = ERRORS_WITH_STATUS_200[name]
    before = [chunk({"content": "Well"})] if place == "in mid-stream" else []
    body = {"error": error}
    provider.will(Answer(body=body) if place == "whole" else stream(*before, body, DONE))
    ending = (await run()).ending
    assert isinstance(ending, kind), ending
    assert words in ending.message
    assert "boom" not in ending.message


async def test_a_server_that_never_streams_has_the_whole_time(run, provider: Provider, config):
    """The first answer teaches it: from then on the wait for a first token makes no sense."""
    whole = dataclasses.replace(submit(GOOD_GENERAL), streams=False)
    impatient = dataclasses.replace(config, first_token_seconds=1.0, timeout_seconds=8.0)
    async with open_model(impatient) as model:
        provider.will(whole)
        assert isinstance((await run(model=model)).ending, Delivered)
        provider.will(whole.after(1.5))
        assert isinstance((await run(model=model)).ending, Delivered)


async def test_a_stop_ends_an_answer_under_way(run, provider: Provider):
    provider.will(stream(chunk(called(arguments=ARGUMENTS[:HALF])), 20.0, *END))
    stop_switch = StopSwitch()
    seen: list[Progress] = []
    running = asyncio.ensure_future(run(stop_switch=stop_switch, on_progress=seen.append))
    await until(lambda: any(p.streamed_tokens for p in seen), "the answer has begun")
    stop_switch.abort("lease_lost")
    assert (await running).ending == Interrupted("lease_lost")
    await until(lambda: provider.disconnects == 1, "the server sees the disconnect")


async def test_progress_counts_the_tokens_of_the_answer_under_way(run, provider, patient):
    provider.will(slowly(0.3, times=8))
    seen: list[Progress] = []
    assert isinstance((await run(model=patient, on_progress=seen.append)).ending, Delivered)
    streamed = [progress.streamed_tokens for progress in seen]
    growing = streamed[: streamed.index(max(streamed)) + 1]
    assert growing == sorted(growing)
    assert 0 < max(streamed) < len(ARGUMENTS)
    assert streamed[-1] == 0, "the answer is whole, and counted among the others"
    assert len(seen) < 12, "not at every piece"


async def test_thoughts_are_no_part_of_the_answer(run, provider: Provider, marker_model):
    marker = write_brief(order(), nonce=NONCE, function_calling=False).marker
    thoughts = [chunk({"reasoning_content": f"thought {n} "}) for n in range(3)]
    provider.will(
        stream(*thoughts, chunk({"content": f"{GOOD_GENERAL}\n{marker}"}), chunk({}, "stop"), DONE)
    )
    journal = MemoryJournal()
    result = await run(model=marker_model, journal=journal)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert journal.entries[0].answer["thought"] == "thought 0 thought 1 thought 2 "


async def test_a_model_that_repeats_itself_is_stopped_early(run, provider: Provider):
    """Ten thousand tokens are on offer; a fraction is taken, and the next answer counts."""
    loop = [chunk({"content": f"and then again the same words, {n % 4}. "}) for n in range(10_000)]
    left = [stream(*loop, chunk({}, "stop"), DONE), submit(GOOD_GENERAL)]
    provider.script = lambda _: left.pop(0)
    journal = MemoryJournal()
    result = await run(journal=journal)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    first = journal.entries[0]
    assert first.finish_reason == "repeated"
    assert 4000 <= len(first.answer["content"]) < 6000
    assert first.estimated_tokens > 1000
    assert "cut off at the length limit" in provider.texts(1)[-1]
    await until(lambda: provider.disconnects == 1, "the server sees the disconnect")
    assert (await run(journal=journal)).ending == result.ending, "the journal replays"


async def test_a_table_and_a_refrain_are_not_repetitions(run, provider: Provider, marker_model):
    marker = write_brief(order(), nonce=NONCE, function_calling=False).marker
    rows = "".join(
        f"| item {n} | 0.00 | 0.00 | the same remark in each row |\n" for n in range(200)
    )
    refrain = "Row, row, row your boat, gently down the stream.\n" * 8
    provider.will(text(f"{GOOD_GENERAL}\n{rows}\n{refrain}\n{marker}"))
    journal = MemoryJournal()
    await run(model=marker_model, journal=journal)
    assert journal.entries[0].finish_reason == "stop"
