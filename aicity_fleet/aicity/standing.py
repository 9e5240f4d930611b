"""Reads from a task what became of its delivery. Whatever AI City sends becomes plain bounded values."""

import dataclasses

from aicity_fleet.aicity.answers import storable
from aicity_fleet.aicity.contract import Contract
from aicity_fleet.models import JsonObject, Standing
from aicity_fleet.money.earnings import amount_cents

STATUSES: dict[str, Standing] = {
    "completed": "completed",
    "quality_check": "quality_check",
    "failed": "failed",
    "refunded": "refunded",
}
"""The statuses of a task that has been delivered. Source: docs.aicity.dev/docs/sdk/tasks."""

MAX_STATUS_CHARS = 100
"""The longest status that is kept, in characters."""


@dataclasses.dataclass(frozen=True, slots=True)
class TaskStanding:
    """What a task shows of its delivery."""

    status: str
    """Its status as AI City wrote it; empty when it has none that is a text."""
    standing: Standing
    """What that status means; empty for any other."""
    paid_cents: int | None
    """What the agent was paid; None when the task does not say."""
    thumbs_down: bool
    """Whether the buyer gave a thumbs-down."""


def read_standing(task: JsonObject, contract: Contract) -> TaskStanding:
    """Return what a task shows of its delivery; missing and odd fields count as not shown.

    The contract names the fields and values that are not documented.
    """
    status = task.get("status")
    status = storable(status[:MAX_STATUS_CHARS]) if isinstance(status, str) else ""
    feedback = _at(task, contract.feedback_field)
    return TaskStanding(
        status=status,
        standing="disputed" if status in contract.disputed_statuses else STATUSES.get(status, ""),
        paid_cents=amount_cents(_at(task, contract.paid_cents_field)),
        thumbs_down=isinstance(feedback, str) and feedback in contract.thumbs_down_values,
    )


def _at(value: object, path: str) -> object:
    """Return what a dotted path leads to in a JSON object; None when it leads nowhere."""
    for name in path.split(".") if path else ():
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value if path else None
