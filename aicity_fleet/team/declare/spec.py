"""Teams as data: who works on which kind of task, within which bounds. No AutoGen here.

``catalog`` reads them from TOML; no spec can name a class, a provider, a URL or a key.
``team/run.py`` builds what they describe.
"""

from __future__ import annotations

import dataclasses
import hashlib
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from aicity_fleet.models import AGENT_NAMES

DEFAULT_MODEL = "default"
"""The model alias of a member that names none; every fleet has it."""


ALIAS = r"^[a-z][a-z0-9_-]{0,49}$"
"""What the alias of a model looks like."""

EngineName = Literal["autogen", "plain"]
"""What gives the turns: AutoGen's group chat, or a plain loop over the same model clients."""


class _Strict(BaseModel):
    """TOML has arrays, the schema wants tuples; nothing else is converted, and no key is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @field_validator("task_types", "tools", "members", mode="before", check_fields=False)
    @classmethod
    def _tuple_from_array(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class Member(_Strict):
    """One specialist of a team."""

    name: str = Field(default=AGENT_NAMES[1], pattern=r"^[A-Z][A-Za-z0-9]{0,29}$")
    """How the others and AI City's metadata know it."""
    system_prompt: str = Field(min_length=1, max_length=20_000)
    model: str = Field(default=DEFAULT_MODEL, pattern=ALIAS)
    """The alias of the model that it speaks with."""
    tools: tuple[str, ...] = ()
    """Names of its tools, besides ``submit``."""

    @field_validator("name")
    @classmethod
    def _is_no_coordinator(cls, value: str) -> str:
        if value == AGENT_NAMES[0]:
            raise ValueError(f"{value} is reserved for the fleet's own member")
        return value


class JudgeSpec(_Strict):
    """The judge of a team's work: the second stage of the gate."""

    model: str = Field(pattern=ALIAS)
    """The alias of its model."""
    system_prompt: str = Field(min_length=1, max_length=20_000)
    """What it is told first: how to judge, and the rubric of the task type."""
    pass_mark: int = Field(ge=0, le=100)
    """The lowest score of the judge that passes."""
    max_tokens: int = Field(ge=1000)
    """How many tokens, in and out, the judging of one job may take."""


class TeamSpec(_Strict):
    """One team: its specialists and the bounds of a run."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")
    task_types: tuple[str, ...] = Field(min_length=1)
    """The values of AI City's ``taskType`` that this team works on."""
    members: tuple[Member, ...] = Field(min_length=1, max_length=5)
    """The specialists in the order in which they speak. All but the last draft, once; the last hands
    in, and alone is asked for repairs."""
    rounds: int = Field(default=3, ge=1, le=10)
    """How many times something may be handed in to the gate."""
    reminders: int = Field(default=2, ge=0, le=10)
    """How many turns may end without a hand-in before the run is given up."""
    max_model_calls: int = Field(default=24, ge=1, le=500)
    """Hard cap on model calls per job, replayed ones included."""
    max_tool_iterations: int = Field(default=8, ge=1, le=50)
    """Model calls within one turn of a member that has tools."""
    tool_timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    deadline_seconds: float | None = Field(default=None, gt=0, le=86400)
    """How long one attempt may take; the fleet's own limit where that is shorter, or none is given."""
    max_tokens: int | None = Field(default=None, ge=1000)
    """How many tokens, in and out, one job may buy; the fleet's own limit where that is lower."""
    max_output_tokens: int = Field(default=16_384, ge=64, le=1_000_000)
    """How many tokens one answer may have, thoughts included; a model's alias may set another limit."""
    pass_mark: int = Field(default=70, ge=0, le=100)
    """Lowest score of the gate that passes.

    Source: docs.aicity.dev/docs/guides/disputes (70 unless the buyer sets another).
    """
    judge: JudgeSpec | None = None
    """Who judges what the gate has passed; None for nobody. The settings say so, and no file of a team."""

    @model_serializer(mode="wrap")
    def _without_absent_judge(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a judge that there is not: without one, a team has the hash that it always had."""
        data: dict[str, Any] = write(self)
        if data.get("judge") is None:
            data.pop("judge", None)
        return data

    @model_validator(mode="after")
    def _names_differ(self) -> TeamSpec:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError(f"two members share a name ({', '.join(names)})")
        return self

    @property
    def agents(self) -> tuple[str, ...]:
        """Who takes part, in the order of their turns."""
        return (AGENT_NAMES[0], *(member.name for member in self.members))

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that any member names, each once."""
        return tuple(dict.fromkeys(tool for member in self.members for tool in member.tools))

    @property
    def models(self) -> tuple[str, ...]:
        """The model aliases that a member or the judge names, each once."""
        named = [member.model for member in self.members]
        return tuple(dict.fromkeys([*named, *([self.judge.model] if self.judge else ())]))

    @property
    def sha256(self) -> str:
        """A hash of all that it says: another team has another one."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


Provider = Literal["openai", "azure", "anthropic", "ollama", "compatible"]
"""Whose protocol an endpoint speaks; ``compatible`` is any server that speaks OpenAI's."""

PROVIDER_HOSTS = {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}
"""The host of each provider whose protocol other servers speak as well."""

DEFAULT_TIMEOUT_SECONDS, DEFAULT_FIRST_TOKEN_SECONDS, DEFAULT_IDLE_SECONDS = 600.0, 300.0, 60.0
"""How long a model call, its wait for the first token, and a pause between tokens may take, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which model to call, and where."""

    name: str
    base_url: str | None
    """Where the endpoint is; None means the provider's own address."""
    api_key: str = dataclasses.field(repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    """Longest time for one model call, from its start to the last byte."""
    function_calling: bool = True
    """Whether the model can call tools; without, it hands in with a marker."""
    provider: Provider = "openai"
    api_version: str | None = None
    """Azure's version of the API; needed there and nowhere else."""
    input_usd_per_million: Decimal | None = None
    """The owner's price of a million tokens in, in US dollars; None leaves it to the list prices."""
    output_usd_per_million: Decimal | None = None
    """The owner's price of a million tokens out, in US dollars."""
    list_prices: bool = False
    """Whether the list prices of the provider also hold at an address that is not the provider's."""
    first_token_seconds: float = DEFAULT_FIRST_TOKEN_SECONDS
    """Longest time until the answer begins, or until it is whole if the server does not stream."""
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    """Longest pause within an answer that has begun."""
    max_output_tokens: int | None = None
    """Most tokens of one answer; None leaves it to the team."""
    temperature: float | None = None
    """How random the answers are, from 0 to 2; None leaves it to the provider."""
    context_tokens: int | None = None
    """How many tokens of prompt and answer together the model can take in; None if unknown."""
    max_concurrent_calls: int | None = None
    """Most calls of one process at a time; 0 for any number, and None for what suits the provider."""

    @property
    def is_own_server(self) -> bool:
        """Whether the endpoint is not the provider's own, so that its prices and capacity are unknown."""
        if self.provider in ("ollama", "compatible"):
            return True
        host = (urlsplit(self.base_url or "").hostname or "").lower()
        own = PROVIDER_HOSTS.get(self.provider)
        return bool(host and own) and host != own and not host.endswith(f".{own}")


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run, beyond those of its team."""

    deadline_seconds: float
    """Wall-clock time for the whole run."""
    turn_grace_seconds: float = 2.0
    """How long a cancelled turn may take to end before it is abandoned."""
    max_total_tokens: int | None = None
    """Token budget of the job, replayed calls included; None for none."""
    max_model_calls: int | None = None
    """Model calls of the job, replayed ones included; None for any number."""
    max_output_tokens: int | None = None
    """Tokens of one answer of a model whose alias sets no limit of its own; None for any number."""
    max_usd: Decimal | None = None
    """Most that the job may spend, replayed calls included, in US dollars; None for any amount."""
    earns_usd: Decimal | None = None
    """What the job earns: one that would spend more is stopped. None never stops one for that."""
    spent_before_usd: Decimal = Decimal(0)
    """What earlier attempts spent, as far as it is known, in US dollars."""

    def narrowed(self, max_total_tokens: int) -> Limits:
        """These limits, with a token budget that may be lower."""
        lower = _tighter(self.max_total_tokens, max_total_tokens)
        return dataclasses.replace(self, max_total_tokens=lower)

    def within(self, spec: TeamSpec) -> Limits:
        """These limits, and the team's own where those are tighter."""
        return dataclasses.replace(
            self,
            deadline_seconds=min(self.deadline_seconds, spec.deadline_seconds or float("inf")),
            max_total_tokens=_tighter(self.max_total_tokens, spec.max_tokens),
            max_model_calls=_tighter(self.max_model_calls, spec.max_model_calls),
            max_output_tokens=_tighter(self.max_output_tokens, spec.max_output_tokens),
        )


def _tighter(*caps: int | None) -> int | None:
    """Return the lowest of some caps; None is no cap."""
    return min((cap for cap in caps if cap is not None), default=None)
