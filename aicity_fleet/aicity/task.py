"""Reads an assigned task off AI City's wire: whatever the entry is, it becomes a task or a refusal."""

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from aicity_fleet.errors import TaskRefusedError
from aicity_fleet.faults import faults_of
from aicity_fleet.models import AssignedTask

MAX_TASK_ID_CHARS = 200
"""Longest task id that is accepted, in characters; AI City's examples have about 25."""

MAX_DEPTH = 50
"""How deep the JSON of a task may be nested; deeper serves nothing but to break readers."""


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
        raise TaskRefusedError("; ".join(faults_of(error))) from None
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
