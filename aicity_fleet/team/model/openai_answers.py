"""OpenAI's answers as servers really give them: the form may differ from the protocol's.

Without this, a good answer with one odd field counts as unreadable, and is bought again. Only its form
changes, and never what the model said.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from autogen_ext.models.openai import (
    AzureOpenAIChatCompletionClient,
    BaseOpenAIChatCompletionClient,
    OpenAIChatCompletionClient,
)
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions
from openai.types.chat.chat_completion_message_function_tool_call import (
    ChatCompletionMessageFunctionToolCall,
    Function,
)


class _FormReading(BaseOpenAIChatCompletionClient):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # A cached property, so it can be set.
        self._client.chat = _Chat(self._client)  # type: ignore[misc]


class OpenAIClient(_FormReading, OpenAIChatCompletionClient):
    """AutoGen's client for OpenAI's protocol, which gets answers in the protocol's form."""


class AzureClient(_FormReading, AzureOpenAIChatCompletionClient):
    """AutoGen's client for Azure, which gets answers in the protocol's form."""


class _Chat(AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class _Completions(AsyncCompletions):
    async def create(self, *args: Any, **options: Any) -> Any:
        answer = await super().create(*args, **options)
        for choice in getattr(answer, "choices", None) or ():
            normalise_message(choice.message)
        normalise_usage(answer)
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
