"""One small call to a model, to see what it can do: answer, call a tool, count its tokens. It costs money.

Called by ``aicity_fleet/doctor/``, for a person who asked for it.
"""

import asyncio
import dataclasses
import secrets
import time

from autogen_core import CancellationToken
from autogen_core.models import UserMessage
from autogen_core.tools import ParametersSchema, ToolSchema

from aicity_fleet.models import ProviderFatal, ProviderTrouble, Rejected
from aicity_fleet.team.declare.spec import ModelConfig
from aicity_fleet.team.model.clients import Model, open_model
from aicity_fleet.team.model.health_check import (
    OWN_SERVER_TIMEOUT_SECONDS,
    QUESTION,
    TIMEOUT_SECONDS,
)
from aicity_fleet.team.model.provider_errors import classify
from aicity_fleet.team.model.written_calls import read_calls

MAX_TOKENS = 400
"""The longest answer that is asked for, in tokens: a model that thinks does so before it calls a tool."""

TOOL = ToolSchema(
    name="confirm",
    description="Confirm that you can call tools.",
    parameters=ParametersSchema(
        type="object",
        properties={"word": {"type": "string", "description": "The word OK."}},
        required=["word"],
    ),
)

TOOL_QUESTION = "Call the tool confirm with the word OK, and write nothing else. ({})"
"""What is asked of a model that is said to call tools, with a random text as in ``QUESTION``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """What one call showed."""

    endpoint: str
    """The host and the model."""
    seconds: float
    failure: str = ""
    """Why there was no answer, in words for a person; empty where there was one."""
    is_fatal: bool = False
    """Whether the failure stays until a person acts."""
    offered_tool: bool = False
    called_tool: bool = False
    """Whether it called the tool, through the API or in a written form that the fleet reads."""
    was_cut: bool = False
    """Whether the answer ended at its limit, so that a missing call proves nothing."""
    tells_usage: bool = False
    """Whether the provider counted the tokens."""
    has_price: bool = False


async def try_model(config: ModelConfig) -> Trial:
    """Make one call, and return what it showed. Whatever goes wrong is a part of the result."""
    async with open_model(config) as model:
        began = time.monotonic()
        try:
            return await _call(model, began)
        except Exception as error:  # noqa: BLE001 -- AutoGen's client raises anything for a broken answer
            ending = classify(error)
            match ending:
                case ProviderTrouble() | ProviderFatal() | Rejected():
                    failure = ending.message
                case _:
                    failure = f"the call failed ({type(error).__name__})"
            return Trial(
                model.endpoint,
                time.monotonic() - began,
                failure,
                is_fatal=not isinstance(ending, ProviderTrouble),
                offered_tool=config.function_calling,
                has_price=model.prices is not None,
            )


async def _call(model: Model, began: float) -> Trial:
    config = model.config
    limit = OWN_SERVER_TIMEOUT_SECONDS if config.is_own_server else TIMEOUT_SECONDS
    question = TOOL_QUESTION if config.function_calling else QUESTION
    async with asyncio.timeout(min(limit, config.timeout_seconds)):
        result = await model.client.create(
            [UserMessage(content=question.format(secrets.token_hex(4)), source="user")],
            tools=[TOOL] if config.function_calling else [],
            extra_create_args={"max_tokens": MAX_TOKENS},
            cancellation_token=CancellationToken(),
        )
    content = result.content
    written = read_calls(content, {TOOL["name"]}) if isinstance(content, str) else ()
    return Trial(
        model.endpoint,
        time.monotonic() - began,
        offered_tool=config.function_calling,
        called_tool=bool(written) or not isinstance(content, str),
        was_cut=result.finish_reason == "length",
        tells_usage=bool(result.usage.prompt_tokens or result.usage.completion_tokens),
        has_price=model.prices is not None,
    )
