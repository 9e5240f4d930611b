"""Selects the jobs that a command acts on: by their ids, or by a filter."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import Failed, JobState

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="The ids of the jobs.")]
States = Annotated[
    list[JobState] | None,
    typer.Option("--state", help="Select jobs in this state. Repeatable."),
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Select jobs of this task type. Repeatable.")
]
Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--code", help="Select jobs that failed with this code, as shown by 'jobs'. Repeatable."
    ),
]
OlderThan = Annotated[
    str,
    typer.Option("--older-than", help="Select jobs unchanged for longer than this: 90s, 2h, 3d."),
]
Everything = Annotated[
    bool, typer.Option("--all", help="Select every job that this command can move.")
]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """The jobs that a person chose.

    Raises:
        typer.BadParameter: There are neither ids nor a filter, or both, or the age is invalid.
    """

    ids: list[str] | None
    states: list[JobState] | None
    types: list[str] | None
    codes: list[str] | None
    older_than: str
    everything: bool

    def __post_init__(self) -> None:
        filters = (self.states, self.types, self.codes, self.age, self.everything)
        if self.ids and any(filters):
            raise typer.BadParameter("Give ids or filters, not both.")
        if not self.ids and not any(filters):
            raise typer.BadParameter(
                "Which jobs? Give ids, or filter with --state, --type, --code or --older-than. "
                "--all selects every job that this command can move."
            )

    @property
    def age(self) -> timedelta | None:
        """How long the jobs must have been unchanged; None for any time."""
        return parse_age(self.older_than) if self.older_than else None

    def find(self, ledger: Ledger, possible_in: tuple[JobState, ...]) -> list[Job]:
        """Return the jobs that match the filter.

        Args:
            possible_in: The states to search if the filter names none.
        """
        now = ledger.controls.read().now
        return [job for job in ledger.every(self.states or possible_in) if self._matches(job, now)]

    def _matches(self, job: Job, now: datetime) -> bool:
        code = job.outcome.code if isinstance(job.outcome, Failed) else None
        return (
            (not self.types or job.task_type in self.types)
            and (not self.codes or code in self.codes)
            and (
                self.age is None or (job.changed_at is not None and now - job.changed_at > self.age)
            )
        )


def parse_age(text: str, option: str = "--older-than") -> timedelta:
    """Read an age such as ``90s``, ``2h`` or ``1.5d``.

    Args:
        option: The option that it was given with, for the error.

    Raises:
        typer.BadParameter: The text is not an age.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{option}: '{text}' is not an age. Write 90s, 15m, 2h or 3d.")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})
