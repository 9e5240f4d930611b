"""The description of AI City's API as data: paths, headers, body templates, runnable statuses.

Much of the API is not confirmed by its public documentation, so nothing of it stands in code: a
built-in TOML file describes it, and a file of the user's overrides any part.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from aicity_fleet.errors import ContractError
from aicity_fleet.faults import fault_list, faults_of, read_toml
from aicity_fleet.models import Completed, JsonObject, Outcome

COMPLETE_VALUES = frozenset({"text", "model", "agents", "team_size", "execution_time_ms"})
"""What a template of ``complete_body`` may stand for."""

FAIL_VALUES = frozenset({"code", "message", "execution_time_ms"})
"""What a template of ``fail_body`` may stand for."""


class Paths(BaseModel):
    """The endpoints, relative to the base URL; an empty one means that the API cannot do that."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    assigned: str = Field(pattern=r"^/")
    complete: str = Field(pattern=r"^/.*\{task_id\}")
    fail: str = Field(pattern=r"^/.*\{task_id\}")
    task: str = Field("", pattern=r"^($|/.*\{task_id\})")
    profile: str = Field("", pattern=r"^($|/)")
    update_profile: str = Field("", pattern=r"^($|/)")
    register_agent: str = Field("", alias="register", pattern=r"^($|/)")


class Contract(BaseModel):
    """One description of the API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    base_path: str = Field("", pattern=r"^($|/)")
    key_header: str = ""
    """The header that carries the agent's key; empty where none is sent."""
    idempotency_header: str = ""
    runnable_statuses: frozenset[str] = Field(min_length=1)
    """Statuses that mean "run me"; a task without a status counts as runnable."""
    page_parameter: str = ""
    page_size_parameter: str = ""
    page_size: int = Field(50, ge=1, le=1000)
    disputed_statuses: frozenset[str] = frozenset()
    """Statuses of a delivered task that its buyer disputes."""
    paid_cents_field: str = ""
    """Where a task that is read back shows what the agent was paid, a dotted path; empty for nowhere."""
    feedback_field: str = ""
    """Where it shows the buyer's feedback, a dotted path; empty for nowhere."""
    thumbs_down_values: frozenset[str] = frozenset()
    """What stands there after a thumbs-down."""
    paths: Paths
    complete_body: Mapping[str, Any]
    fail_body: Mapping[str, Any]

    @field_validator("complete_body", "fail_body")
    @classmethod
    def _known_values(cls, template: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        _check_template(
            template, COMPLETE_VALUES if info.field_name == "complete_body" else FAIL_VALUES
        )
        return template

    def is_runnable(self, status: str) -> bool:
        """Whether a task with this status is ours to run."""
        return not status or status in self.runnable_statuses

    def body(self, outcome: Outcome) -> JsonObject:
        """Return the request body that reports this outcome."""
        if isinstance(outcome, Completed):
            values: JsonObject = {
                "text": outcome.text,
                "model": outcome.model,
                "agents": list(outcome.agents),
                "team_size": len(outcome.agents),
                "execution_time_ms": outcome.execution_time_ms,
            }
            return dict(_fill(self.complete_body, values))
        values = {
            "code": outcome.code,
            "message": outcome.message,
            "execution_time_ms": outcome.execution_time_ms,
        }
        return dict(_fill(self.fail_body, values))


def load_contract(name: Literal["api", "bridge"], override: Path | None = None) -> Contract:
    """Read a built-in contract and lay the user's file over it.

    Raises:
        ContractError: The file cannot be read, or holds a field that is unknown or wrong.
    """
    built_in = resources.files(__package__).joinpath("contracts", f"{name}.toml")
    data = read_toml(built_in, f"contract {name}", ContractError)
    source = f"FLEET_CONTRACT_FILE: {override}" if override else f"contract {name}"
    if override is not None:
        data = _merge(data, read_toml(override, source, ContractError))
    try:
        return Contract.model_validate(data)
    except ValidationError as error:
        headline = f"{source} does not describe a contract"
        raise ContractError(
            fault_list(headline, [*faults_of(error), f"Known fields: {', '.join(_known_fields())}"])
        ) from None


def _known_fields() -> list[str]:
    paths = [f"paths.{field.alias or name}" for name, field in Paths.model_fields.items()]
    return [*(name for name in Contract.model_fields if name != "paths"), *paths]


def _merge(base: JsonObject, over: JsonObject) -> JsonObject:
    """Lay one TOML table over another; a body template is replaced whole, not mixed."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if key == "paths" and isinstance(below, dict) and isinstance(value, dict):
            merged[key] = {**below, **value}
        else:
            merged[key] = value
    return merged


def _placeholder(value: object) -> str | None:
    """Return the name in a text that is one placeholder, ``{name}``; None for anything else."""
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return value[1:-1]
    return None


def _check_template(value: object, known: frozenset[str]) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _check_template(item, known)
    elif isinstance(value, list):
        for item in value:
            _check_template(item, known)
    else:
        name = _placeholder(value)
        if name is not None and name not in known:
            raise ValueError(f"{{{name}}} is not a value; known: {', '.join(sorted(known))}")


def _fill(template: Any, values: JsonObject) -> Any:
    if isinstance(template, Mapping):
        return {key: _fill(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [_fill(item, values) for item in template]
    name = _placeholder(template)
    return template if name is None else values[name]
