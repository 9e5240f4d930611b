"""The wrapper between AutoGen and the model: one per member and run, around the shared client.

Every model call passes here. So here it is answered from the journal or bought, counted, and stopped
before it crosses a bound; and here the original exception is kept, which AutoGen loses.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from autogen_core import CancellationToken
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelCapabilities,  # type: ignore[attr-defined,unused-ignore]
    ModelInfo,
    RequestUsage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from aicity_fleet.journal import (
    Entry,
    JournalCursor,
    ModelCall,
    canonical_sha256,
    estimated_tokens,
)
from aicity_fleet.models import JsonObject, ProviderFatal, ProviderTrouble
from aicity_fleet.money.prices import charge_for
from aicity_fleet.redaction import Redact
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team.declare.spec import Member
from aicity_fleet.team.endings import DRAINING, REFUSED, TOO_LONG, StoppedError
from aicity_fleet.team.model.answers import (
    REFUSALS,
    canonical_request,
    finish_reason_of,
    names_of,
    prompt_tokens,
    to_answer,
    to_result,
)
from aicity_fleet.team.model.autogen_logs import CallNotes
from aicity_fleet.team.model.budget import Budget
from aicity_fleet.team.model.call_spans import call_span, facts_of, note_model
from aicity_fleet.team.model.clients import Model, Route
from aicity_fleet.team.model.event_stream import within
from aicity_fleet.team.model.live_call import LiveCall
from aicity_fleet.team.model.provider_errors import classify, may_cost
from aicity_fleet.team.model.short_brief import ShortBrief, shortened_messages
from aicity_fleet.team.review.coordinator import NO_WORDS

TROUBLE_REST_SECONDS, FATAL_REST_SECONDS = 30.0, 600.0
"""How long a model that was down, or needs a person to act, is asked after its stand-ins, in seconds."""

PROMPT_SHARE = 0.75
"""How much of a model's context a prompt may fill before its brief is shortened."""

_SILENCE = to_result({"content": NO_WORDS}, "stop")
"""The result of a turn that needs no call."""

_Call = Coroutine[Any, Any, CreateResult]

logger = logging.getLogger(__name__)


class JournaledClient(ChatCompletionClient):
    """The model client that one specialist of a run sees."""

    component_type = "model"

    def __init__(
        self,
        member: Member,
        route: Route,
        cursor: JournalCursor,
        budget: Budget,
        stop_switch: StopSwitch,
        *,
        needs_no_call: Callable[[Sequence[LLMMessage]], bool] = lambda _messages: False,
        on_answer: Callable[[JsonObject], None] = lambda _answer: None,
        redact: Redact = dict,
    ) -> None:
        """Wrap a route for one run.

        Args:
            stop_switch: Says when to drain.
            needs_no_call: Whether the member has nothing to say to these messages, so that its turn ends
                without a call.
            redact: Takes our own secrets out of an answer before anything is done with it.
        """
        self.failure: Exception | None = None
        """What stopped the run in here, before AutoGen wrapped it."""
        self.on_tokens: Callable[[int], None] = lambda _tokens: None
        """Called with an estimate of the tokens of the answer under way, at every piece of it."""
        self.is_waiting = False
        """Whether the latest call waits, or ended while it waited, for a slot of its model."""
        self.waited_seconds = 0.0
        """How long the calls that got their slot had waited for it."""
        self.brief: ShortBrief | None = None
        """The brief of the run, which becomes shorter where it does not fit; None to leave it as it is."""
        self._member, self.route, self._cursor = member, route, cursor
        self._budget, self._stop_switch = budget, stop_switch
        self._needs_no_call, self._on_answer, self._redact = needs_no_call, on_answer, redact

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
        if self._needs_no_call(messages):
            return _SILENCE
        messages = [message for message in messages if not _is_silence(message)]
        request = canonical_request(messages, tools, tool_choice, json_output, extra_create_args)
        # The alias and not the model: what one answered is not bought again from its stand-in.
        sha256 = canonical_sha256(
            {"member": self._member.name, "model": self._member.model} | request
        )
        try:
            if self._cursor.failure is not None:
                raise self._cursor.failure
            entry = await self._cursor.replay("model", sha256)
            if entry is None:
                if self._stop_switch.is_draining:
                    raise StoppedError(DRAINING)
                # What depends on the budget or on a model is added here, after the hash.
                entry = await self._buy_shortened(
                    sha256,
                    messages,
                    request,
                    lambda model, asked, bounds: model.client.create(
                        asked,
                        tools=tools,
                        tool_choice=tool_choice,
                        json_output=json_output,
                        extra_create_args={**extra_create_args, **bounds},
                        cancellation_token=cancellation_token,
                    ),
                    cancellation_token,
                )
            if entry.finish_reason in REFUSALS:
                raise StoppedError(REFUSED)
        except Exception as error:
            self.failure = error
            raise
        self._on_answer(entry.answer)
        return to_result(
            entry.answer, entry.finish_reason, ordinal=entry.ordinal, tools=names_of(tools)
        )

    async def _buy_shortened(
        self,
        sha256: str,
        messages: Sequence[LLMMessage],
        request: JsonObject,
        call: Callable[[Model, Sequence[LLMMessage], dict[str, Any]], _Call],
        token: CancellationToken | None,
    ) -> Entry:
        """Buy an answer; where the messages do not fit, with a shorter brief.

        Raises:
            StoppedError: The budget does not allow it, or not even the shortest brief fits.
            Exception: What the provider's client raised.
        """
        while True:
            asked = shortened_messages(messages, self.brief)
            shown = request
            if asked is not messages:
                shown = {**request, "messages": [m.model_dump(mode="json") for m in asked]}
            estimate = prompt_tokens(shown)
            # What is measured here costs no request: small steps keep more of the brief.
            if self._is_crowded(estimate) and self.brief and self.brief.shorten(0.8):
                continue
            self._budget.check_call(estimate)
            try:
                return await self._buy(
                    sha256,
                    lambda model: call(model, asked, self._bounds(model, estimate)),  # noqa: B023
                    estimate=estimate,
                    token=token,
                )
            except Exception as error:
                is_too_long = self._cursor.failure is None and classify(error) == TOO_LONG
                if not (is_too_long and self.brief and self.brief.shorten(0.5)):
                    raise

    def _is_crowded(self, estimate: int) -> bool:
        """Whether a prompt leaves too little of every context for an answer, as far as they are known."""
        contexts = [model.config.context_tokens or float("inf") for model in self.route.models]
        return estimate > max(contexts) * PROMPT_SHARE

    def _bounds(self, model: Model, estimate: int) -> dict[str, Any]:
        """Return the arguments that limit an answer and set its temperature."""
        tokens, temperature = self._budget.output_tokens(model, estimate), model.config.temperature
        found = {"max_tokens": tokens, "temperature": temperature}
        return {name: value for name, value in found.items() if value is not None}

    async def _buy(
        self,
        sha256: str,
        call: Callable[[Model], _Call],
        *,
        estimate: int,
        token: CancellationToken | None,
    ) -> Entry:
        """Buy an answer from the first model of the route that gives one.

        Raises:
            StoppedError: Each would cross a bound in dollars.
            Exception: What the first choice raised, when no stand-in answered either.
        """
        first: Exception | None = None
        for model in self._budget.affordable(self.route.in_order, estimate):
            if first is not None:
                if self._stop_switch.is_draining:
                    raise StoppedError(DRAINING)
                if not self._has_room(model, estimate):
                    break
            try:
                self.is_waiting, began = True, time.monotonic()
                async with model.slots.one(self._stop_switch, token):
                    self.is_waiting = False
                    self.waited_seconds += time.monotonic() - began
                    with call_span(model, self._member.name) as noted:
                        entry = await self._buy_from(model, sha256, call, estimate=estimate)
                        noted.note(facts_of(entry))
                    return entry
            except Exception as error:
                if self._cursor.failure is not None:
                    raise
                ending = classify(error)
                if isinstance(ending, ProviderTrouble | ProviderFatal):
                    if len(self.route.models) > 1 and not _is_own(ending, model):
                        model.rest(_rest_seconds(ending))
                        why = ending.message
                        logger.warning("model.down endpoint=%s why=%s", model.endpoint, why)
                elif ending != TOO_LONG:  # the context of a stand-in may be larger
                    raise
                if first is None or not isinstance(classify(first), ProviderTrouble):
                    first = error
        assert first is not None  # noqa: S101 -- a route has a model
        raise first

    def _has_room(self, model: Model, estimate: int) -> bool:
        """Whether a stand-in may be called: the calls before it failed, and may be charged."""
        try:
            self._budget.affordable([model], estimate)
        except StoppedError:
            return False
        return True

    async def _buy_from(
        self, model: Model, sha256: str, call: Callable[[Model], _Call], *, estimate: int
    ) -> Entry:
        await self._budget.reserve(model, estimate)
        started = time.monotonic()
        live = LiveCall(partial(self._took, model))
        try:
            with CallNotes() as notes, live:
                result = await within(model.config.timeout_seconds, call(model))
        except asyncio.CancelledError:
            model.note_end(live, has_answered=False)
            # The call was on its way. The cancellation goes on when it is booked.
            await asyncio.shield(self._budget.book_unanswered(model, estimate, live.tokens))
            raise
        except Exception as error:
            model.note_end(live, has_answered=False)
            if may_cost(error) or live.tokens:
                await self._budget.book_unanswered(model, estimate, live.tokens)
            else:
                await self._budget.give_back()
            raise
        model.note_end(live, has_answered=True)
        note_model(notes.model)
        answer = self._redact(to_answer(result, ordinal=self._cursor.model_calls))
        usage = (result.usage.prompt_tokens or 0, result.usage.completion_tokens or 0)
        written = json.dumps(answer, ensure_ascii=False)
        answer_estimate = estimated_tokens(written) + estimated_tokens(notes.reasoning)
        return await self._cursor.record(
            "model",
            sha256,
            answer,
            seconds=time.monotonic() - started,
            call=ModelCall(
                model=model.name,
                alias=self._member.model,
                endpoint=self.route.name,
                usage=usage,
                estimated_tokens=estimate + answer_estimate,
                finish_reason=live.finish_reason or finish_reason_of(result, notes),
                charge=charge_for(model.prices, usage, estimate=(estimate, answer_estimate)),
            ),
        )

    def _took(self, model: Model, call: LiveCall) -> None:
        """Note a piece of an answer."""
        model.note_life(call)
        self.on_tokens(call.tokens)

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
        """Answer in one piece: nothing reads the chunks, and AutoGen's streams lose the usage."""
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
        """Return an estimate: the real count downloads its tables within the event loop."""
        return prompt_tokens(canonical_request(messages, tools, "auto", None, {}))

    def remaining_tokens(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []
    ) -> int:
        """Return an estimate against the job's budget."""
        return self._budget.tokens_left - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelCapabilities:
        """The first choice's."""
        return self.route.models[0].client.capabilities

    @property
    def model_info(self) -> ModelInfo:
        """The first choice's."""
        return self.route.models[0].client.model_info


def _is_silence(message: LLMMessage) -> bool:
    """Whether a message stands for a turn in which a member said nothing. No model needs to read it."""
    return message.content == NO_WORDS and isinstance(message, AssistantMessage | UserMessage)


def _is_own(ending: ProviderTrouble | ProviderFatal, model: Model) -> bool:
    """Whether the trouble seems to be this job's own, so that others keep their first choice."""
    if isinstance(ending, ProviderFatal):
        return False
    return ending.is_of_job or (ending.is_silence and model.is_alive)


def _rest_seconds(ending: ProviderTrouble | ProviderFatal) -> float:
    if isinstance(ending, ProviderFatal):
        return FATAL_REST_SECONDS
    return max(TROUBLE_REST_SECONDS, ending.retry_after_seconds or 0.0)
