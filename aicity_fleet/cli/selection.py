"""Which jobs a person means: by their ids, or by a filter over what the ledger knows."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import Failed, JobState

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="The jobs, by their ids.")]
States = Annotated[
    list[JobState] | None,
    typer.Option("--state", help="Instead of ids: the jobs in this state; repeat for more."),
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="... of this task type; repeat for more.")
]
Codes = Annotated[
    list[str] | None,
    typer.Option("--code", help="... that failed with this code, as 'jobs' shows it; repeatable."),
]
OlderThan = Annotated[
    str, typer.Option("--older-than", help="... that stand where they do for longer: 90s, 2h, 3d.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="All jobs that can be moved so; needed without a filter.")
]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """The jobs that a person named, or described.

    Raises:
        typer.BadParameter: From ``check``: it names nothing, or too much, or both ways at once.
    """

    ids: list[str]
    states: list[JobState]
    types: list[str]
    codes: list[str]
    older_than: timedelta | None
    everything: bool

    @classmethod
    def of(
        cls,
        ids: list[str] | None,
        states: list[JobState] | None,
        types: list[str] | None,
        codes: list[str] | None,
        older_than: str,
        everything: bool,
    ) -> Selection:
        """The selection that a command line describes.

        Raises:
            typer.BadParameter: It names nothing, or both ids and a filter, or an unreadable age.
        """
        age = parse_age(older_than) if older_than else None
        chosen = cls(
            list(dict.fromkeys(ids or [])), states or [], types or [], codes or [], age, everything
        )
        is_filter = chosen.is_narrow or everything
        if chosen.ids and is_filter:
            raise typer.BadParameter("Name ids, or describe jobs by options: not both.")
        if not chosen.ids and not is_filter:
            raise typer.BadParameter(
                "Which jobs? Name ids, or describe them with --state, --type, --code or "
                "--older-than; --all means every job that can be moved so."
            )
        return chosen

    @property
    def is_narrow(self) -> bool:
        """Whether any filter leaves something out."""
        return bool(self.states or self.types or self.codes or self.older_than)

    def find(self, ledger: Ledger, possible_in: tuple[JobState, ...]) -> list[Job]:
        """The jobs that the filter describes.

        Args:
            ledger: Where they are.
            possible_in: Where to look when no state was given.
        """
        now = ledger.controls.read().now
        states = self.states or list(possible_in)
        return [job for job in ledger.every(states) if self._matches(job, now)]

    def _matches(self, job: Job, now: datetime) -> bool:
        code = job.outcome.code if isinstance(job.outcome, Failed) else None
        return (
            (not self.types or job.task_type in self.types)
            and (not self.codes or code in self.codes)
            and (
                self.older_than is None
                or (job.changed_at is not None and now - job.changed_at > self.older_than)
            )
        )


def parse_age(text: str) -> timedelta:
    """Read an age such as ``90s``, ``2h`` or ``1.5d``.

    Raises:
        typer.BadParameter: It is none.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter(f"--older-than: '{text}' is no age; write 90s, 15m, 2h or 3d.")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})
