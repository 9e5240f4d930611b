"""Model aliases: which models the members of teams may name, read from the owner's TOML file.

No AutoGen here. Keys are never in the file: it names the environment variable that holds one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from aicity_fleet.errors import SettingsError, TeamError
from aicity_fleet.faults import fault_list, faults_of, read_toml
from aicity_fleet.redaction import KEY_VARIABLE, NOT_FOR_MODELS, read_secret
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.spec import (
    DEFAULT_FIRST_TOKEN_SECONDS,
    DEFAULT_MODEL,
    ModelConfig,
    Provider,
)

NEEDS_KEY = frozenset({"openai", "azure", "anthropic"})
"""Providers that always need a key. The others get the key that is set, if any."""


def _decimal(value: object) -> object:
    """Prices as text or whole numbers: a float would already have lost what was written."""
    if isinstance(value, bool | float):
        raise ValueError('must be a text such as "0.15", so that it is exact')  # noqa: TRY004
    if isinstance(value, str | int):
        try:
            return Decimal(value)
        except InvalidOperation:
            raise ValueError('must be a number in quotes, such as "0.15"') from None
    return value


Usd = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0, le=100_000)]


Aliases = Mapping[str, tuple[ModelConfig, ...]]
"""The models behind each alias: the first choice, and those that stand in for it."""


class _Alias(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: str = Field(min_length=1, max_length=100)
    provider: Provider = "openai"
    base_url: str | None = None
    key: str | None = Field(default=None, pattern=KEY_VARIABLE)
    api_version: str | None = None
    timeout_seconds: float | None = Field(default=None, gt=0, le=3600)
    first_token_seconds: float | None = Field(default=None, gt=0, le=3600)
    idle_seconds: float | None = Field(default=None, gt=0, le=3600)
    function_calling: bool = True
    max_output_tokens: int | None = Field(default=None, ge=64, le=1_000_000)
    temperature: float | None = Field(default=None, ge=0, le=2)
    context_tokens: int | None = Field(default=None, ge=1000, le=100_000_000)
    max_concurrent_calls: int | None = Field(default=None, ge=0, le=10_000)
    input_usd_per_million: Usd | None = None
    output_usd_per_million: Usd | None = None
    list_prices: bool = False
    fallback: tuple[str, ...] = ()

    @field_validator("fallback", mode="before")
    @classmethod
    def _tuple_from_array(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://unset")
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be an http:// or https:// URL without user name and password")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> _Alias:
        if self.key is not None and self.key.startswith(NOT_FOR_MODELS):
            raise ValueError(f"key: {self.key} is not a secret for a model's provider")
        if self.provider == "azure" and not (self.base_url and self.api_version):
            raise ValueError("azure needs base_url and api_version")
        if self.provider == "compatible" and not self.base_url:
            raise ValueError("compatible needs base_url: the address of the server")
        if (self.input_usd_per_million is None) != (self.output_usd_per_million is None):
            raise ValueError("give both prices or none")
        if self.list_prices and self.provider not in NEEDS_KEY:
            raise ValueError(f"list_prices: {self.provider} has no price list; give both prices")
        return self


def read_aliases(
    file: Path | None, default: ModelConfig | None, environ: Mapping[str, str] | None = None
) -> Aliases:
    """Return the models behind each alias: the first choice, and those that stand in for it.

    Args:
        file: The owner's file; None when the fleet has the one model of its settings.
        default: That model, which is the alias ``default`` unless the file has one.
        environ: Where the keys are; the process's own by default.

    Raises:
        TeamError: The file is malformed, or a key that it names is not set; all faults at once.
    """
    aliases: dict[str, tuple[ModelConfig, ...]] = {}
    if default is not None:
        aliases[DEFAULT_MODEL] = (default,)
    if file is None:
        return aliases
    entries = _read(file)
    env = os.environ if environ is None else environ
    faults: list[str] = []
    configs = {
        alias: _config(alias, entry, env, default, faults) for alias, entry in entries.items()
    }
    known = {**{alias: found[0] for alias, found in aliases.items()}, **configs}
    for alias, entry in entries.items():
        faults += [
            f"{alias}.fallback: there is no alias {name!r}"
            for name in entry.fallback
            if name not in known
        ]
        stand_ins = [known[name] for name in dict.fromkeys(entry.fallback) if name in known]
        aliases[alias] = (configs[alias], *stand_ins)
    if DEFAULT_MODEL not in aliases:
        faults.append(f"there is no [{DEFAULT_MODEL}], and OPENAI_API_KEY is not set either")
    if faults:
        raise TeamError(fault_list(f"{file.name} is wrong", faults))
    return aliases


def models_of(settings: Settings) -> Aliases:
    """Return the models that these settings name, by alias.

    Raises:
        SettingsError: No model key is set, and no file names models; or one of two prices is missing; or
            the judge has no model.
        TeamError: The models file is wrong.
    """
    if settings.models_file is None:
        settings.require("OPENAI_API_KEY")
    if (settings.model_input_usd is None) != (settings.model_output_usd is None):
        raise SettingsError("Set FLEET_MODEL_INPUT_USD and FLEET_MODEL_OUTPUT_USD, or neither.")
    default = None
    if settings.openai_key is not None:
        default = ModelConfig(
            name=settings.model,
            base_url=settings.openai_base_url,
            api_key=settings.openai_key.get_secret_value(),
            timeout_seconds=settings.model_timeout_seconds,
            first_token_seconds=settings.model_first_token_seconds,
            idle_seconds=settings.model_idle_seconds,
            function_calling=settings.model_tools,
            max_output_tokens=settings.model_max_output_tokens,
            temperature=settings.model_temperature,
            context_tokens=settings.model_context_tokens,
            max_concurrent_calls=settings.model_max_concurrent_calls,
            input_usd_per_million=settings.model_input_usd,
            output_usd_per_million=settings.model_output_usd,
            list_prices=settings.model_list_prices,
        )
    aliases = read_aliases(settings.models_file, default)
    require_judge(settings, aliases)
    return aliases


def require_judge(settings: Settings, aliases: Collection[str]) -> None:
    """Check that the judge of the settings, if there is one, has a model.

    Raises:
        SettingsError: ``FLEET_JUDGE`` names no alias; the message lists those that exist.
    """
    if settings.judge is not None and settings.judge not in aliases:
        raise SettingsError(
            f"FLEET_JUDGE: there is no model alias {settings.judge!r} (there are: "
            f"{', '.join(sorted(aliases))}). Declare it in the file of FLEET_MODELS_FILE, or unset "
            "FLEET_JUDGE."
        )


def alias_names(file: Path | None) -> frozenset[str]:
    """Return the aliases that teams may name; ``default`` is always one of them.

    Raises:
        TeamError: The file is malformed.
    """
    return frozenset({DEFAULT_MODEL, *(_read(file) if file is not None else ())})


def _read(file: Path) -> dict[str, _Alias]:
    entries, faults = {}, []
    for alias, entry in read_toml(file, file.name, TeamError).items():
        try:
            entries[alias] = _Alias.model_validate(entry)
        except ValidationError as error:
            faults += faults_of(error, alias)
    if faults:
        raise TeamError(fault_list(f"{file.name} is wrong", faults))
    return entries


def _config(
    alias: str,
    entry: _Alias,
    env: Mapping[str, str],
    default: ModelConfig | None,
    faults: list[str],
) -> ModelConfig:
    options: dict[str, Any] = entry.model_dump(exclude={"model", "key", "fallback"})
    for name in ("timeout_seconds", "first_token_seconds", "idle_seconds"):
        if options[name] is None:  # then as for the model of the settings
            del options[name]
            options |= {} if default is None else {name: getattr(default, name)}
    if entry.provider == "ollama" and entry.idle_seconds is None:
        # It sends nothing while it collects a tool call. Source: ollama/ollama, server/routes.go.
        options["idle_seconds"] = options.get("first_token_seconds", DEFAULT_FIRST_TOKEN_SECONDS)
    variable = entry.key or ("OPENAI_API_KEY" if entry.provider == "openai" else None)
    unreadable: list[str] = []
    key = (read_secret(variable, env, unreadable) or "").strip() if variable else ""
    faults += [f"{alias}.key: {fault}" for fault in unreadable]
    if not key and not unreadable and (entry.provider in NEEDS_KEY or entry.key):
        wanted = f"{variable} (or {variable}_FILE)" if variable else "the variable that key names"
        faults.append(f"{alias}.key: {wanted} is not set")
    return ModelConfig(name=entry.model, api_key=key, **options)
