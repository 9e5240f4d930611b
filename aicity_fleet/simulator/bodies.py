"""The JSON that requests carry: models with exact types, and the refusal of what does not fit them."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from aicity_fleet.errors import SimulatorError

Model = TypeVar("Model", bound=BaseModel)


class CityRefusedError(SimulatorError):
    """The city refuses a request.

    Args:
        code: The machine-readable code of the error envelope.
        details: Faults by field, or None.
    """

    def __init__(self, status: int, code: str, message: str, details: Any = None) -> None:
        super().__init__(status, code, message, details)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"


def invalid(**details: str) -> CityRefusedError:
    """Return the refusal of a wrong body, with one fault per field."""
    return CityRefusedError(400, "VALIDATION_ERROR", "the request failed validation", details)


def parse(model: type[Model], body: Any) -> Model:
    """Read a body.

    Raises:
        CityRefusedError: 400, with one fault per field.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        faults = {".".join(map(str, e["loc"])) or "body": e["msg"] for e in error.errors()}
        raise invalid(**faults) from None


class Body(BaseModel):
    """A JSON object whose fields have exact types and names in camel case."""

    model_config = ConfigDict(strict=True, alias_generator=to_camel, populate_by_name=True)


class Completion(Body):
    """A delivery. Source: the migration guide has ``output`` as an object."""

    output: dict[Any, Any] | str
    execution_time_ms: int = Field(ge=0)


class ApiCompletion(Completion):
    """A delivery on the API, which takes no bare text."""

    output: dict[Any, Any]


class Failure(Body):
    """A failure; the keys are inferred."""

    reason: str = Field(pattern=r"\S")
    message: str


class TaskOrder(Body):
    """A task as a buyer submits it."""

    task_type: str = Field(min_length=1)
    input: dict[Any, Any]
    max_budget: int = Field(0, ge=0)
    id: str | None = Field(None, min_length=1)
    agent_id: str | None = None


class RawEntry(Body):
    """Any JSON value that the list of assigned tasks shows as it is."""

    raw: Any
    agent_id: str | None = None


def read_orders(body: Any) -> list[TaskOrder | RawEntry]:
    """Read one submitted task or a list of them.

    Raises:
        CityRefusedError: 400.
    """
    entries = body if isinstance(body, list) else [body]
    return [
        parse(RawEntry, entry)
        if isinstance(entry, dict) and "raw" in entry
        else parse(TaskOrder, entry)
        for entry in entries
    ]
