"""The seam between AutoGen and the model: one wrapper per run around the shared client.

Every model call passes here, so here is where it is answered from the journal or bought, counted,
stopped before it crosses a bound, and where the original exception is kept: AutoGen loses it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal

from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import (
    ChatCompletionClient,
    CreateResult,
    FinishReasons,
    LLMMessage,
    ModelCapabilities,  # type: ignore[attr-defined,unused-ignore]
    ModelInfo,
    RequestUsage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from aicity_fleet.journal import Entry, JournalCursor, ModelCall, canonical_sha256, estimated_tokens
from aicity_fleet.models import JsonObject, ProviderFatal, ProviderTrouble
from aicity_fleet.money.prices import charge_for
from aicity_fleet.redaction import Redact
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team.declare.spec import Limits, Member, TeamSpec
from aicity_fleet.team.engines.workbench import UNREADABLE_ARGUMENTS
from aicity_fleet.team.model import provider_errors as endings
from aicity_fleet.team.model.autogen_logs import CallNotes
from aicity_fleet.team.model.budget import Budget
from aicity_fleet.team.model.clients import Model, Route

_FINISH_REASONS: Mapping[str, FinishReasons] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "function_calls",
    "function_calls": "function_calls",
    # Anthropic's words. Source: docs.anthropic.com/en/api/handling-stop-reasons.
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "function_calls",
}

TROUBLE_REST_SECONDS, FATAL_REST_SECONDS = 30.0, 600.0
"""How long a stand-in is asked first after its better was down, or wants a person to act, in seconds."""

_Call = Coroutine[Any, Any, CreateResult]

logger = logging.getLogger(__name__)

_REFUSALS = frozenset({"content_filter", "refusal"})
"""Finish reasons with which a provider declines; ``refusal`` is ours, for its field of that name."""


class JournaledClient(ChatCompletionClient):
    """The model client that one specialist of a run sees."""

    component_type = "model"

    def __init__(
        self,
        member: Member,
        route: Route,
        cursor: JournalCursor,
        *,
        spec: TeamSpec,
        limits: Limits,
        budget: Budget,
        stop_switch: StopSwitch,
        instead: Callable[[], str | None],
        on_answer: Callable[[str, JsonObject], None],
        redact: Redact = dict,
    ) -> None:
        """Wrap a route for one run.

        Args:
            member: Who speaks.
            route: The shared clients behind its alias.
            tape: The run's walk along its journal.
            spec: Bounds of the team.
            limits: Bounds of the run.
            budget: What the run may still spend.
            watch: Says when to drain.
            instead: What the member says without a call, when none is worth its price.
            on_answer: Called with the member's name and each answer.
            withhold: Takes our own secrets out of an answer before anything is done with it.
        """
        self.failure: Exception | None = None
        """What stopped the run in here, before AutoGen wrapped it."""
        self._member = member
        self.route = route
        self._cursor = cursor
        self._spec = spec
        self._limits = limits
        self._budget = budget
        self._stop_switch = stop_switch
        self._instead = instead
        self._on_answer = on_answer
        self._redact = redact

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Answer from the journal, or buy an answer and write it down."""
        free = self._instead()
        if free is not None:
            return _to_result({"content": free}, "stop")
        request = _canonical(messages, tools, tool_choice, json_output, extra_create_args)
        # The alias and not the model: what one answered is not bought again from its stand-in.
        sha256 = canonical_sha256(
            {"member": self._member.name, "model": self._member.model} | request
        )
        try:
            if self._cursor.failure is not None:
                raise self._cursor.failure
            entry = await self._cursor.replay("model", sha256)
            if entry is None:
                self._stop_before_crossing(request)
                entry = await self._buy(
                    sha256,
                    lambda model: model.client.create(
                        messages,
                        tools=tools,
                        tool_choice=tool_choice,
                        json_output=json_output,
                        extra_create_args=extra_create_args,
                        cancellation_token=cancellation_token,
                    ),
                    estimate=_prompt_tokens(request),
                )
            if entry.finish_reason in _REFUSALS:
                raise endings.StoppedError(endings.REFUSED)
        except Exception as error:
            self.failure = error
            raise
        self._on_answer(self._member.name, entry.answer)
        return _to_result(entry.answer, entry.finish_reason)

    def _stop_before_crossing(self, request: JsonObject) -> None:
        if self._stop_switch.is_draining:
            raise endings.draining()
        if self._cursor.model_calls >= self._spec.max_model_calls:
            raise endings.over_budget()
        cap = self._limits.max_total_tokens
        if cap is not None and self._cursor.tokens + _prompt_tokens(request) > cap:
            raise endings.over_budget()

    async def _buy(self, sha256: str, call: Callable[[Model], _Call], *, estimate: int) -> Entry:
        """Buy an answer from the first model of the route that gives one.

        Raises:
            StoppedError: Each would cross a bound in dollars.
            Exception: What the first choice raised, when no stand-in answered either.
        """
        first: Exception | None = None
        for model in self._budget.affordable(self.route.in_order, estimate):
            self._stop_while_draining(first)
            await self._budget.reserve(model, estimate)
            try:
                return await self._buy_from(model, sha256, call(model), estimate=estimate)
            except Exception as error:
                if self._cursor.failure is not None:
                    raise
                await self._budget.give_back()
                ending = endings.classify(error)
                if not isinstance(ending, ProviderTrouble | ProviderFatal):
                    raise
                if len(self.route.models) > 1:
                    model.rest(_rest_seconds(ending))
                    logger.warning("model.down endpoint=%s why=%s", model.endpoint, ending.message)
                if first is None or isinstance(endings.classify(first), ProviderFatal):
                    first = error
        assert first is not None  # noqa: S101 -- a route has a model
        raise first

    def _stop_while_draining(self, tried: Exception | None) -> None:
        if tried is not None and self._stop_switch.is_draining:
            raise endings.draining()

    async def _buy_from(self, model: Model, sha256: str, call: _Call, *, estimate: int) -> Entry:
        started = time.monotonic()
        # The SDK's own timeout counts between two bytes: a server that dribbles never reaches it.
        with CallNotes() as notes:
            async with asyncio.timeout(model.config.timeout_seconds):
                result = await call
        answer = self._redact(_to_answer(result, ordinal=self._cursor.model_calls))
        finish_reason: str
        if notes.finish_reason == "refusal" or (notes.refusal and not result.content):
            finish_reason = "refusal"
        else:
            finish_reason = _FINISH_REASONS.get(notes.finish_reason, result.finish_reason)
        usage = (result.usage.prompt_tokens or 0, result.usage.completion_tokens or 0)
        answer_estimate = estimated_tokens(json.dumps(answer, ensure_ascii=False))
        return await self._cursor.record(
            "model",
            sha256,
            answer,
            seconds=time.monotonic() - started,
            call=ModelCall(
                model=model.name,
                usage=usage,
                estimated_tokens=estimate + answer_estimate,
                finish_reason=finish_reason,
                charge=charge_for(model.prices, usage, estimate=(estimate, answer_estimate)),
            ),
        )

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Answer in one piece: nobody watches the chunks, and usage is lost in streams."""
        yield await self.create(
            messages,
            tools=tools,
            tool_choice=tool_choice,
            json_output=json_output,
            extra_create_args=extra_create_args,
            cancellation_token=cancellation_token,
        )

    async def close(self) -> None:
        """Nothing to close: the shared client has another owner."""

    def actual_usage(self) -> RequestUsage:
        """Tokens that this run bought."""
        bought = self._cursor.bought
        return RequestUsage(bought.prompt_tokens, bought.completion_tokens)

    def total_usage(self) -> RequestUsage:
        """Tokens that this run bought."""
        return self.actual_usage()

    def count_tokens(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []
    ) -> int:
        """An estimate: the real count downloads its tables within the event loop."""
        return _prompt_tokens(_canonical(messages, tools, "auto", None, {}))

    def remaining_tokens(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []
    ) -> int:
        """An estimate against the job's budget."""
        cap = self._limits.max_total_tokens or 1_000_000
        return cap - self._cursor.tokens - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelCapabilities:
        """The first choice's."""
        return self.route.models[0].client.capabilities

    @property
    def model_info(self) -> ModelInfo:
        """The first choice's."""
        return self.route.models[0].client.model_info


def _rest_seconds(ending: ProviderTrouble | ProviderFatal) -> float:
    if isinstance(ending, ProviderFatal):
        return FATAL_REST_SECONDS
    return max(TROUBLE_REST_SECONDS, ending.retry_after_seconds or 0.0)


def _canonical(
    messages: Sequence[LLMMessage],
    tools: Sequence[Tool | ToolSchema],
    tool_choice: Tool | Literal["auto", "required", "none"],
    json_output: bool | type[BaseModel] | None,
    extra: Mapping[str, Any],
) -> JsonObject:
    return {
        "messages": [message.model_dump(mode="json") for message in messages],
        "tools": [dict(tool if isinstance(tool, dict) else tool.schema) for tool in tools],
        "tool_choice": tool_choice if isinstance(tool_choice, str) else tool_choice.name,
        "json_output": json_output if isinstance(json_output, bool | None) else str(json_output),
        "extra": dict(extra),
    }


def _prompt_tokens(request: JsonObject) -> int:
    read = [request["messages"], request["tools"]]
    return estimated_tokens(json.dumps(read, ensure_ascii=False))


def _to_answer(result: CreateResult, *, ordinal: int) -> JsonObject:
    """An answer as plain data, as the model gave it; a tool call without an id gets one."""
    content: Any = result.content
    if isinstance(content, str):
        content = _encodable(content)
    else:
        content = [
            {
                "id": call.id or f"call_{ordinal}_{place}",
                "name": _encodable(call.name),
                "arguments": _encodable(call.arguments),
            }
            for place, call in enumerate(content)
        ]
    return {"content": content, "thought": result.thought and _encodable(result.thought)}


def _encodable(text: str) -> str:
    """A text that the next request can carry: a lone surrogate would look like the provider's trouble."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _readable_arguments(arguments: str) -> str:
    """Return a call's arguments if they are a JSON object, else the mark of unreadable ones.

    The result becomes part of the history, and a history with malformed JSON is poison: llama-server
    answers it with a 500 for ever (ggml-org/llama.cpp issue 25510). AutoGen waits for ever when reading
    the arguments raises anything but ``JSONDecodeError``, as nesting too deep and numbers too long do.
    """
    if not arguments.strip():  # how some servers write a call without arguments
        return "{}"
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return json.dumps(UNREADABLE_ARGUMENTS)
    return arguments if isinstance(value, dict) else json.dumps(UNREADABLE_ARGUMENTS)


def _to_result(answer: JsonObject, finish_reason: str) -> CreateResult:
    content = answer["content"]
    if not isinstance(content, str):
        content = [
            FunctionCall(call["id"], _readable_arguments(call["arguments"]), call["name"])
            for call in content
        ]
    return CreateResult(
        finish_reason=_FINISH_REASONS.get(finish_reason, "unknown"),
        content=content,
        usage=RequestUsage(0, 0),
        cached=False,
        thought=answer.get("thought"),
    )
