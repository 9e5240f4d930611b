"""The command ``jobs``: lists the jobs, with as many columns as the terminal has room for."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.connection import open_ledger
from aicity_fleet.cli.display import AsJson, console, foreign, print_json, state_text
from aicity_fleet.cli.jobs import ending_of
from aicity_fleet.cli.money import margin_cell, money_json
from aicity_fleet.ledger import Job
from aicity_fleet.models import JobState
from aicity_fleet.words import duration

MOST_ID_CHARS = 40
"""An id that is longer is shown on several lines."""

GAP = 2
"""What stands between two columns, in characters: the padding and the divider of the table."""

MOST_REASON_CHARS = 40
"""The most that is shown of the reason of a job without an ending."""


def jobs(
    state: Annotated[
        list[JobState] | None, typer.Option(help="Only jobs in this state. Repeatable.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="At most this many jobs per state.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List the jobs, newest first within each state. A narrow terminal shows fewer columns."""
    ledger = open_ledger()
    found = ledger.jobs(state or tuple(JobState), limit=limit)
    counts, now = ledger.counts(), ledger.now()
    if as_json:
        summaries = [
            {**item.to_json(), "task": None, "outcome": None, "money": money_json(item, now)}
            for item in found
        ]
        print_json({"counts": counts, "jobs": summaries})
        return
    columns = _fitting([_filled(column, found, now) for column in COLUMNS], console.width)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column.heading, overflow="fold", min_width=column.min_width)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    console.print(table)
    shows_margin = any(column.heading == "margin" for column in columns)
    if shows_margin and any(item.earnings(now).stage == "unsettled" for item in found):
        console.print("* unsettled: the buyer can take it back for ten minutes")
    console.print(", ".join(f"{name} {number}" for name, number in counts.items()))


@dataclasses.dataclass(frozen=True, slots=True)
class _Column:
    """A column that the list can have."""

    heading: str
    cell: Callable[[Job, datetime], Text]
    rank: int
    """Which columns go first where the terminal is narrow: the highest. 0 for one that always stays."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Filled:
    """A column with its cells."""

    heading: str
    rank: int
    cells: list[Text]

    @property
    def width(self) -> int:
        """How wide it is when nothing is folded, in characters."""
        return max(len(self.heading), *(cell.cell_len for cell in self.cells), 0)

    @property
    def min_width(self) -> int | None:
        """How far it may be folded, in characters; None for as far as needed."""
        if self.heading == "ending or reason":
            return None
        return min(self.width, MOST_ID_CHARS)


def _filled(column: _Column, found: list[Job], now: datetime) -> _Filled:
    return _Filled(column.heading, column.rank, [column.cell(item, now) for item in found])


def _fitting(columns: list[_Filled], width: int) -> list[_Filled]:
    """Return the columns that fit into so many characters, in their order."""
    kept = [column for column in columns if column.rank == 0]
    for column in sorted(columns, key=lambda column: column.rank):
        if column.rank and sum(each.width + GAP for each in (*kept, column)) < width:
            kept.append(column)
    return [column for column in columns if column in kept]


def _ending_or_reason(job: Job) -> Text:
    ending = ending_of(job)
    if job.outcome is not None and job.decision:
        return foreign(f"{ending}, {job.decision}")
    if ending != "-" or not job.reason:
        return foreign(ending)
    reason = foreign(" ".join(job.reason.split()))
    reason.truncate(MOST_REASON_CHARS, overflow="ellipsis")
    return reason


def _age(job: Job, now: datetime) -> Text:
    if job.changed_at is None:
        return Text("-")
    return Text(duration(max(0.0, (now - job.changed_at).total_seconds())))


COLUMNS = (
    _Column("job", lambda job, _: foreign(job.job_id), 0),
    _Column("type", lambda job, _: foreign(job.task_type or "?"), 1),
    _Column("state", lambda job, _: state_text(job.state), 0),
    _Column("ending or reason", lambda job, _: _ending_or_reason(job), 0),
    _Column("age", _age, 0),
    _Column("tries", lambda job, _: Text(str(job.attempt)), 2),
    _Column("calls", lambda job, _: Text(str(job.model_calls)), 3),
    _Column("tokens", lambda job, _: Text(str(job.prompt_tokens + job.completion_tokens)), 5),
    _Column("sec", lambda job, _: Text(f"{job.ran_ms / 1000:.1f}"), 4),
    _Column("margin", lambda job, now: Text(margin_cell(job, now)), 6),
)
"""The columns in their order. The age is the time since the job's last change."""
