"""OpenAI's answers as servers really give them: streamed, and not always in the protocol's form.

AutoGen asks for whole answers. Here each becomes a stream, so that a slow model is told from a dead one.
A good answer with one odd field would count as unreadable, and be bought again. Only its form changes, and
never what the model said.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from functools import cached_property
from typing import Any

import httpx
import openai
from autogen_ext.models.openai import (
    AzureOpenAIChatCompletionClient,
    BaseOpenAIChatCompletionClient,
    OpenAIChatCompletionClient,
)
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_message_function_tool_call import (
    ChatCompletionMessageFunctionToolCall,
    Function,
)
from pydantic import ValidationError

from aicity_fleet.team.model import live_call
from aicity_fleet.team.model.call_errors import CallError
from aicity_fleet.team.model.dialect import Dialect
from aicity_fleet.team.model.event_stream import Pace, json_object
from aicity_fleet.team.model.openai_stream import Assembly
from aicity_fleet.team.model.provider_errors import is_cut_answer
from aicity_fleet.team.model.streamed_answer import Terms, streamed_answer


class _FormReading(BaseOpenAIChatCompletionClient):
    def __init__(self, *, dialect: Dialect, pace: Pace, **options: Any) -> None:
        super().__init__(**options)
        # A cached property, so it can be set.
        self._client.chat = _Chat(self._client, dialect, pace)  # type: ignore[misc]


class OpenAIClient(_FormReading, OpenAIChatCompletionClient):
    """AutoGen's client for OpenAI's protocol, which gets answers in the protocol's form."""


class AzureClient(_FormReading, AzureOpenAIChatCompletionClient):
    """AutoGen's client for Azure, which gets answers in the protocol's form."""


class _Chat(AsyncChat):
    def __init__(self, client: openai.AsyncOpenAI, dialect: Dialect, pace: Pace) -> None:
        super().__init__(client)
        self._dialect, self._pace = dialect, pace

    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client, self._dialect, self._pace)


class _Completions(AsyncCompletions):
    def __init__(self, client: openai.AsyncOpenAI, dialect: Dialect, pace: Pace) -> None:
        super().__init__(client)
        self._dialect, self._terms = dialect, Terms(client, dialect, pace)

    async def create(self, **options: Any) -> Any:
        """Ask for a stream, and once more without each parameter that the server refuses."""
        options |= {"stream": True, "stream_options": {"include_usage": True}}
        while True:
            asked = self._dialect.request(options)
            try:
                found = await streamed_answer(
                    self._ask, asked, Assembly(live_call.current()), _whole, self._terms
                )
                answer = completion(found)
                break
            except openai.APIStatusError as refusal:
                if is_cut_answer(refusal.body):
                    answer = ChatCompletion.construct(**_cut_answer(options["model"]))
                    break
                if not self._dialect.learn(refusal.status_code, refusal.body, asked, options):
                    raise
        for choice in answer.choices:
            normalise_message(choice.message)
        normalise_usage(answer)
        return answer

    @contextlib.asynccontextmanager
    async def _ask(self, asked: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        """Send a request as it is, by the SDK's method for what it has no method of its own for.

        Its own one would walk through each parameter by its type hints, which took a tenth of a short run
        and changes nothing in what is JSON already.
        """
        body = {
            name: value
            for name, value in asked.items()
            # AutoGen gives the timeout to the client as well.
            if name != "timeout" and not isinstance(value, openai.NotGiven | openai.Omit)
        }
        body |= body.pop("extra_body", None) or {}
        response: Any = await self._client.post(
            "/chat/completions",
            body=body,
            cast_to=httpx.Response,
            stream=True,  # the body stays unread, whatever its form
            stream_cls=openai.AsyncStream[Any],
        )
        try:
            yield response
        finally:
            await response.aclose()


def completion(found: dict[str, Any]) -> ChatCompletion:
    """Return an answer as the SDK's class.

    ``construct`` takes any form, and goes through it by type hints. Of a right form validation makes the
    same in a twentieth of the time; strict, because it would turn some odd values into others.
    """
    try:
        return ChatCompletion.model_validate(found, strict=True)
    except ValidationError:
        return ChatCompletion.construct(**found)


def _cut_answer(model: str) -> dict[str, Any]:
    """Return an answer without a word that reached its limit. Its tokens are estimated by the fleet."""
    message = ChatCompletionMessage(role="assistant", content="")
    choice = Choice(index=0, finish_reason="length", message=message)
    return {"id": "", "model": model, "choices": [choice], "object": "chat.completion"}


def _whole(body: bytes) -> dict[str, Any]:
    """Return an answer that came in one piece.

    Raises:
        CallError: It is no answer.
    """
    answer = json_object(body)
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        raise CallError("the model's answer held nothing")
    return answer


def normalise_usage(answer: Any) -> None:
    """Set token counts that a server left out or null to 0: the fleet then estimates them."""
    usage = getattr(answer, "usage", None)
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if usage is not None and not isinstance(getattr(usage, name, None), int):
            setattr(usage, name, 0)


def normalise_message(message: Any) -> None:
    """Bring one message into the protocol's form.

    Args:
        message: A ``ChatCompletionMessage`` as the SDK read it, which checks no types. May be None.
    """
    if message is None:
        return
    if isinstance(message.content, list):
        message.content = "".join(_texts(message.content))
    named = message.function_call
    if named is not None:  # the protocol's form before tool_calls
        message.function_call = None
        message.tool_calls = message.tool_calls or [
            ChatCompletionMessageFunctionToolCall(
                id="",
                function=Function(name=named.name, arguments=_as_text(named.arguments)),
                type="function",
            )
        ]
    for call in message.tool_calls or ():
        if call.function is not None:
            call.function.arguments = _as_text(call.function.arguments)


def _texts(parts: list[Any]) -> Iterator[str]:
    """Yield the text of each part of a content list. Thoughts and pictures are no part of the answer.

    Source: docs.mistral.ai (content chunks); platform.openai.com/docs/api-reference/chat.
    """
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict) and part.get("type") in {"text", "output_text"}:
            yield str(part.get("text") or "")


def _as_text(arguments: object) -> str:
    """Return the arguments of a call as the JSON text that the protocol wants.

    Some servers send null or an object, and some models encode the object twice.
    """
    if arguments is None:
        return ""
    if not isinstance(arguments, str):
        return json.dumps(arguments)
    try:
        decoded = json.loads(arguments)
        is_twice = isinstance(decoded, str) and isinstance(json.loads(decoded), dict)
    except (ValueError, RecursionError):
        return arguments
    return decoded if is_twice else arguments
