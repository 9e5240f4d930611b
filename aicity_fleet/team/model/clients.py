"""The shared model clients: one per endpoint, key and event loop, used by all jobs at once."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

import openai
from autogen_core.models import ChatCompletionClient, ModelFamily, ModelInfo

from aicity_fleet.errors import TeamError
from aicity_fleet.money.prices import PriceTable
from aicity_fleet.team.declare.spec import DEFAULT_MODEL, ModelConfig
from aicity_fleet.team.model import autogen_logs
from aicity_fleet.team.model.budget import prices_of
from aicity_fleet.team.model.dialect import Dialect
from aicity_fleet.team.model.direct_transport import HTTPClient
from aicity_fleet.team.model.event_stream import Pace
from aicity_fleet.team.model.openai_answers import AzureClient, OpenAIClient
from aicity_fleet.team.model.slots import Slots

BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "ollama": "http://localhost:11434/v1",
}
"""The address of each provider without a base URL. It is always passed on: without one, AutoGen sends the
key of a "claude-" or "gemini-" model elsewhere."""

ALIVE_SECONDS = 5.0
"""A model that wrote a piece of any answer within so many seconds is alive."""

CONNECT_TIMEOUT_SECONDS = 10.0
"""How long a host may take to accept a connection, in seconds."""


class Model:
    """An open model client. Bound to the event loop that it is first used on.

    Args:
        prices: What it charges; None when that is unknown.
    """

    def __init__(
        self, config: ModelConfig, client: ChatCompletionClient, prices: PriceTable | None = None
    ) -> None:
        self.config = config
        self.client = client
        self.prices = prices
        self.slots = Slots(config)
        """How many calls it gets at a time."""
        self._rests_until = 0.0
        self._alive_at: dict[object, float] = {}

    @property
    def name(self) -> str:
        """The model's name, as the provider knows it."""
        return self.config.name

    @property
    def endpoint(self) -> str:
        """The host and the model, for people and for the breaker."""
        return f"{urlsplit(address(self.config)).netloc} {self.config.name}"

    @property
    def is_resting(self) -> bool:
        """Whether it had trouble recently, so that its stand-ins are asked first."""
        return time.monotonic() < self._rests_until

    def rest(self, seconds: float) -> None:
        """Ask the stand-ins first for this long."""
        self._rests_until = time.monotonic() + seconds

    def note_life(self, call: object) -> None:
        """Note that a piece of an answer came."""
        self._alive_at[call] = time.monotonic()

    def note_end(self, call: object, *, has_answered: bool) -> None:
        """Note that a call is over. What came of one that failed says nothing for the model."""
        self._alive_at.pop(call, None)
        if has_answered:
            self._alive_at[None] = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether a piece of an answer came just now, in a call that has not failed."""
        latest = max(self._alive_at.values(), default=float("-inf"))
        return time.monotonic() - latest < ALIVE_SECONDS

    async def close(self) -> None:
        """Close the connections; the model cannot be used afterwards."""
        await self.client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Route:
    """The models behind one alias, in the order in which they are asked.

    Args:
        models: The first choice, and those that stand in while it is down.

    Raises:
        TeamError: One can call tools and another cannot: the brief is written for either.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = tuple(models)
        if len({model.config.function_calling for model in models}) > 1:
            names = ", ".join(model.name for model in models)
            raise TeamError(
                f"the models {names} stand in for each other, and only some can call functions; "
                "give all of them the same function_calling"
            )

    @property
    def name(self) -> str:
        """The name of its breaker: when all of its endpoints are down, it is."""
        return " or ".join(model.endpoint for model in self.models)

    @property
    def function_calling(self) -> bool:
        """Whether its models can call tools."""
        return self.models[0].config.function_calling

    @property
    def in_order(self) -> tuple[Model, ...]:
        """Its models; those with recent trouble come last."""
        return tuple(sorted(self.models, key=lambda model: model.is_resting))


Routes = Mapping[str, Route]
"""Every alias of the fleet."""


def only(model: Model) -> Routes:
    """Return the routes of a fleet with a single model."""
    return {DEFAULT_MODEL: Route([model])}


@contextlib.asynccontextmanager
async def open_routes(aliases: Mapping[str, Sequence[ModelConfig]]) -> AsyncIterator[Routes]:
    """Open each model once, even if several aliases share it, and close all of them at the end.

    Args:
        aliases: The models behind each alias, see ``models_file.models_of``.

    Enter it on the event loop that the models are used on.
    """
    opened: dict[ModelConfig, Model] = {}
    try:
        for config in (config for configs in aliases.values() for config in configs):
            if config not in opened:
                opened[config] = open_model(config)
        yield {alias: Route([opened[c] for c in configs]) for alias, configs in aliases.items()}
    finally:
        for model in opened.values():
            await model.close()


def address(config: ModelConfig) -> str:
    """Return the address of a model's endpoint."""
    return config.base_url or BASE_URLS[config.provider]


def open_model(config: ModelConfig) -> Model:
    """Open the client of a model; no request is made yet.

    Retries are off: a retry within the call would be paid for twice, and would wait past our deadline. The
    job goes back to the queue instead, and keeps its journal.
    """
    autogen_logs.silence()
    client = _client(config, None)
    if client is None or client.model_info["function_calling"] != config.function_calling:
        client = _client(config, _model_info(config, client))
    if client is None:  # pragma: no cover -- full model_info is always accepted
        raise AssertionError("AutoGen refused a full model_info")
    return Model(config, client, prices_of(config))


def _client(config: ModelConfig, info: ModelInfo | None) -> ChatCompletionClient | None:
    """Return the client; None when AutoGen does not know the name and needs ``info``."""
    options: dict[str, Any] = {
        "model": config.name,
        "api_key": config.api_key or "none",
        "timeout": openai.Timeout(config.timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
        "max_retries": 0,
    }
    if info is not None:
        options["model_info"] = info
    try:
        if config.provider != "anthropic":
            # Some servers refuse the field; the brief says who speaks.
            options["include_name_in_message"] = False
            options |= {"dialect": Dialect(config), "pace": _pace(config)}
            options["http_client"] = HTTPClient()
        match config.provider:
            case "openai" | "ollama" | "compatible":
                return OpenAIClient(base_url=address(config), **options)
            case "azure":
                return AzureClient(
                    azure_endpoint=address(config),
                    azure_deployment=config.name,
                    api_version=config.api_version or "",
                    **options,
                )
            case "anthropic":
                return _anthropic(config, options)
    except ValueError:
        if info is not None:
            raise
        return None


def _anthropic(config: ModelConfig, options: dict[str, Any]) -> ChatCompletionClient:
    # Half a second that few fleets need. Its Timeout is another class than openai's.
    from anthropic import Timeout  # noqa: PLC0415

    from aicity_fleet.team.model.anthropic_answers import AnthropicClient  # noqa: PLC0415

    timeout = Timeout(config.timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS)
    own = {"base_url": address(config), "timeout": timeout}
    dialect = Dialect(config, needs_limit=True)
    return AnthropicClient(**{**options, **own}, dialect=dialect, pace=_pace(config))


def _pace(config: ModelConfig) -> Pace:
    total = config.timeout_seconds
    return Pace(min(config.first_token_seconds, total), min(config.idle_seconds, total), total)


def _model_info(config: ModelConfig, known: ChatCompletionClient | None) -> ModelInfo:
    family = ModelFamily.UNKNOWN if known is None else known.model_info["family"]
    return ModelInfo(
        vision=False,
        function_calling=config.function_calling,
        json_output=False,
        family=family,
        structured_output=False,
        multiple_system_messages=False,
    )
