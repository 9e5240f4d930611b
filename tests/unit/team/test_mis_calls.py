"""Which answers in a row end a turn."""

from __future__ import annotations

from autogen_core import FunctionCall
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    UserMessage,
)

from aicity_fleet.team.model.mis_calls import MisCalls


def answer(arguments: str, *errors: bool) -> list[LLMMessage]:
    """An answer with a call for each result, and the results."""
    calls = [FunctionCall(f"c{n}", arguments, "search") for n, _ in enumerate(errors)]
    results = [
        FunctionExecutionResult(content="x", name="search", call_id=call.id, is_error=error)
        for call, error in zip(calls, errors, strict=True)
    ]
    return [
        AssistantMessage(content=calls, source="Worker"),
        FunctionExecutionResultMessage(content=results),
    ]


def ends_after(*answers: list[LLMMessage]) -> list[bool]:
    mis_calls, ended = MisCalls(), []
    for messages in answers:
        assert mis_calls.note(messages)
        ended.append(mis_calls.are_too_many)
    return ended


def test_the_third_failure_in_a_row_ends_the_turn():
    assert ends_after(*(answer(str(n), True) for n in range(4))) == [False, False, True, True]


def test_one_call_of_several_that_succeeds_is_enough():
    bad, mixed = answer("1", True), answer("2", True, False)
    assert ends_after(bad, answer("3", True), mixed, bad) == [False] * 4


def test_the_same_call_for_the_third_time_ends_the_turn():
    assert ends_after(*(answer("1", False) for _ in range(3))) == [False, False, True]


def test_messages_without_a_result_begin_a_turn():
    mis_calls = MisCalls()
    assert not mis_calls.note([UserMessage(content="The brief.", source="Coordinator")])
    assert not mis_calls.note([])
