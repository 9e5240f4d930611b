"""The shared model client: one per endpoint, key and event loop, used by all jobs at once."""

from __future__ import annotations

from typing import Any, Self

import openai

from aicity_fleet.team import quiet

# isort: split
from autogen_core.models import ChatCompletionClient, ModelFamily, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

from aicity_fleet.team.spec import ModelConfig

OPENAI_BASE_URL = "https://api.openai.com/v1"
"""Always passed: without it AutoGen sends the key of a "claude-" or "gemini-" model elsewhere."""

CONNECT_TIMEOUT_SECONDS = 10.0
"""A host that does not answer the connection in this time is down, in seconds."""


class Model:
    """An open model client. Bound to the event loop that it is first used on."""

    def __init__(self, config: ModelConfig, client: ChatCompletionClient) -> None:
        self.config = config
        self.client = client

    @property
    def name(self) -> str:
        """The model's name, as the provider knows it."""
        return self.config.name

    async def close(self) -> None:
        """Close the connections; the model cannot be used afterwards."""
        await self.client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def open_model(config: ModelConfig) -> Model:
    """Open the client of a model; no request is made yet.

    Retries are off: a retry within the call would be bought twice and slept outside of our
    deadline. The job goes back to the queue instead, and its journal keeps what it has.
    """
    quiet.silence()
    client = _client(config, None)
    if client is None or client.model_info["function_calling"] != config.function_calling:
        client = _client(config, _model_info(config, client))
    if client is None:  # pragma: no cover -- full model_info is always accepted
        raise AssertionError("AutoGen refused a full model_info")
    return Model(config, client)


def _client(config: ModelConfig, info: ModelInfo | None) -> OpenAIChatCompletionClient | None:
    """The client, or None when AutoGen does not know the name and wants to be told of the model."""
    options: dict[str, Any] = {
        "model": config.name,
        "base_url": config.base_url or OPENAI_BASE_URL,
        "api_key": config.api_key or "none",
        "timeout": openai.Timeout(config.timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
        "max_retries": 0,
        # Some servers refuse the field; the brief says who speaks.
        "include_name_in_message": False,
    }
    if info is not None:
        options["model_info"] = info
    try:
        return OpenAIChatCompletionClient(**options)
    except ValueError:
        if info is not None:
            raise
        return None


def _model_info(config: ModelConfig, known: OpenAIChatCompletionClient | None) -> ModelInfo:
    family = ModelFamily.UNKNOWN if known is None else known.model_info["family"]
    return ModelInfo(
        vision=False,
        function_calling=config.function_calling,
        json_output=False,
        family=family,
        structured_output=False,
        multiple_system_messages=False,
    )
