"""The nouns of the fleet as frozen values: what came in, how a run ended, what is reported.

No behaviour beyond parsing and (de)serialising lives here, and no I/O.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from aicity_fleet.errors import TaskRefusedError
from aicity_fleet.money.cost import NO_COST, Cost

JsonObject = dict[str, Any]

AGENT_NAMES = ("Coordinator", "Worker")
"""The two members of the guide's team, as AI City's metadata names them; a team of its own may have more
and other ones beside the first."""

MAX_TASK_ID_CHARS = 200
"""Longest task id that is accepted, in characters; AI City's examples have about 25."""

MAX_DEPTH = 50
"""How deep the JSON of a task may be nested; deeper serves nothing but to break readers."""


class JobState(enum.StrEnum):
    """Where a job stands in the ledger."""

    QUEUED = "queued"
    """Accepted, or handed back: waits for a worker."""

    RUNNING = "running"
    """A worker holds a lease on it."""

    FINISHED = "finished"
    """Its outcome is written down and waits in the outbox for AI City's answer."""

    REPORTED = "reported"
    """AI City gave a definite answer; nothing more will happen."""

    HELD = "held"
    """It failed, and the guard keeps the failure back."""

    QUARANTINED = "quarantined"
    """It may not go on by itself; a person has to look."""


# --- what came in -------------------------------------------------------------------------------


class _TaskInput(BaseModel):
    """The ``input`` object of an assigned task. Unknown keys are kept: the API grows additively."""

    model_config = ConfigDict(extra="allow", frozen=True)

    description: StrictStr | None = None
    code: StrictStr | None = None
    repo: StrictStr | None = None


class _WireTask(BaseModel):
    """An assigned task on the wire. Only what the fleet reads is checked; the rest is ignored.

    Source: docs.aicity.dev/docs/sdk/tasks.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: StrictStr = Field(min_length=1, max_length=MAX_TASK_ID_CHARS, pattern=r"^[\x21-\x7e]+$")
    status: StrictStr = ""
    task_type: StrictStr = Field(
        alias="taskType", min_length=1, max_length=100, pattern=r"^[\x20-\x7e]+$"
    )
    input: _TaskInput
    max_budget: StrictInt | None = Field(default=None, alias="maxBudget", ge=0)


@dataclasses.dataclass(frozen=True, slots=True)
class AssignedTask:
    """What AI City handed us, parsed and bounded. Every text in it was written by a stranger."""

    task_id: str
    task_type: str
    """An open set: AI City's ten categories and others, such as ``bug_fix``."""
    description: str = ""
    code: str = ""
    repo: str = ""
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Further keys of ``input``, as JSON values."""
    max_budget_cents: int | None = None
    status: str = ""

    def to_json(self) -> JsonObject:
        """This task as a JSON object, the form in which the ledger stores it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AssignedTask:
        """The inverse of ``to_json``; fields that this version does not know are ignored."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in names})


def parse_task(raw: object, *, max_input_chars: int) -> AssignedTask:
    """Read one entry of the assigned list.

    Args:
        raw: The decoded JSON value, whatever it is.
        max_input_chars: Upper bound for all texts of the task together, in characters.

    Raises:
        TaskRefusedError: The entry cannot become a job; the message names every fault.
    """
    if not isinstance(raw, dict):
        raise TaskRefusedError(f"the entry is a JSON {_json_kind(raw)}, not an object")
    if _depth_exceeds(raw, MAX_DEPTH):
        raise TaskRefusedError(f"input: nested deeper than {MAX_DEPTH} levels")
    try:
        wire = _WireTask.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'task'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise TaskRefusedError(faults) from None
    details = dict(wire.input.model_extra or {})
    task = AssignedTask(
        task_id=wire.id,
        task_type=wire.task_type,
        description=wire.input.description or "",
        code=wire.input.code or "",
        repo=wire.input.repo or "",
        details=details,
        max_budget_cents=wire.max_budget,
        status=wire.status,
    )
    if not (task.description.strip() or task.code.strip() or task.repo.strip() or details):
        raise TaskRefusedError(
            "input: nothing to work on (no description, code, repo or other text)"
        )
    size = len(task.description) + len(task.code) + len(task.repo) + _json_chars(details)
    if size > max_input_chars:
        raise TaskRefusedError(
            f"input: {size} characters, more than the {max_input_chars} that "
            "FLEET_MAX_INPUT_CHARS allows"
        )
    return task


def _depth_exceeds(value: object, limit: int) -> bool:
    """Whether a JSON value is nested deeper than this; does not recurse."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (
                outer.values()
                if isinstance(outer, dict)
                else outer
                if isinstance(outer, list)
                else ()
            )
        ]
        if not level:
            return False
    return True


def _json_chars(value: object) -> int:
    """Characters of all keys and texts within a JSON value, without building another copy."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(key)) + _json_chars(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(_json_chars(item) for item in value)
    return 1


def _json_kind(value: object) -> str:
    kinds = {str: "string", bool: "boolean", list: "array", type(None): "null"}
    return kinds.get(type(value), "number")


# --- how a team's run ends ------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Delivered:
    """The gate accepted what the team handed in."""

    text: str
    score: int
    """The gate's own score, 0 to 100."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rejected:
    """The job itself cannot be delivered; running it again would not help."""

    code: Literal[
        "quality",
        "refused",
        "over_budget",
        "unprofitable",
        "deadline",
        "journal_full",
        "poison",
        "internal",
    ]
    message: str
    """One sentence for the buyer: no prompt, path, key or stack trace."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderTrouble:
    """The model's provider is down or busy (429, 5xx, timeout, garbage): try again later."""

    message: str
    retry_after_seconds: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderFatal:
    """The provider will not serve us until a person acts (bad key, no quota, unknown model)."""

    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Interrupted:
    """The run was stopped from outside; the job goes on elsewhere or later."""

    reason: Literal["drain", "lease_lost", "cancelled", "day_cap"]
    """``day_cap``: the fleet may spend no more today; the job goes on when it may."""


Ending = Delivered | Rejected | ProviderTrouble | ProviderFatal | Interrupted


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What a run bought: calls that got an answer, and the tokens that the provider counted."""

    model_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.model_calls + other.model_calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """What one attempt at a job took."""

    ran_ms: int
    """From before the claim to the ending, in milliseconds."""
    usage: Usage = Usage()
    model: str = ""
    """Which model was called; empty when none was."""


@dataclasses.dataclass(frozen=True, slots=True)
class TeamResult:
    """One run of a team: how it ended, what it used, and who took part."""

    ending: Ending
    usage: Usage
    model: str
    agents: tuple[str, ...] = AGENT_NAMES
    rounds: int = 0
    """How many times something was handed in to the gate."""
    endpoint: str = ""
    """The name of the breaker of the model that was called last; empty for the fleet's only one."""
    cost: Cost = NO_COST
    """What the run bought cost; replayed calls are not in it, as in ``usage``."""


# --- what is reported -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Completed:
    """The outcome of a job whose deliverable passed the gate."""

    text: str
    execution_time_ms: int
    model: str
    agents: tuple[str, ...] = AGENT_NAMES
    kind: Literal["complete"] = "complete"

    def to_json(self) -> JsonObject:
        """This outcome as a JSON object, the form in which the outbox stores it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """The outcome of a job that cannot be delivered."""

    code: str
    """A short machine-readable reason, such as ``quality`` or ``deadline``."""
    message: str
    execution_time_ms: int = 0
    kind: Literal["fail"] = "fail"

    def to_json(self) -> JsonObject:
        """This outcome as a JSON object, the form in which the outbox stores it."""
        return dataclasses.asdict(self)


Outcome = Completed | Failed


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    """The inverse of ``Completed.to_json`` and ``Failed.to_json``."""
    if data["kind"] == "complete":
        return Completed(
            text=data["text"],
            execution_time_ms=data["execution_time_ms"],
            model=data["model"],
            agents=tuple(data["agents"]),
        )
    return Failed(
        code=data["code"],
        message=data["message"],
        execution_time_ms=data.get("execution_time_ms", 0),
    )
