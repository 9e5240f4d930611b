"""The commands ``history`` and ``export``: settled jobs of the archive, which outlives the ledger."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from aicity_fleet.archive import Archive, ArchivedJob, Wanted
from aicity_fleet.cli.connection import read_settings
from aicity_fleet.cli.display import AsJson, console, foreign, notes, print_json
from aicity_fleet.cli.selection import parse_age
from aicity_fleet.embedded.state_folder import DEFAULT_AGENT, StateFolder
from aicity_fleet.errors import SettingsError
from aicity_fleet.ledger import WholeJob
from aicity_fleet.settings import Settings
from aicity_fleet.words import count, moment, usd

FORMULA = "=+-@"
"""What a cell begins with that a spreadsheet computes, also as full-width characters."""

Since = Annotated[
    str, typer.Option(help="Only jobs that settled since: a date such as 2026-11-30, or 12h, 7d.")
]
Until = Annotated[str, typer.Option(help="Only jobs that settled before: as for --since.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only jobs of this task type. Repeatable.")
]
Endings = Annotated[
    list[str] | None,
    typer.Option(
        "--ending", help="Only jobs that ended so: complete, or a failure's code. Repeatable."
    ),
]
Standings = Annotated[
    list[str] | None,
    typer.Option(
        "--standing", help="Only deliveries that stand so at AI City, such as refunded. Repeatable."
    ),
]


def history(
    since: Since = "",
    until: Until = "",
    task_type: Types = None,
    ending: Endings = None,
    standing: Standings = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many jobs.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List settled jobs of the archive, the latest first, also those that have left Redis."""
    archive, wanted = _archive(read_settings()), _wanted(since, until, task_type, ending, standing)
    found, total = list(archive.each(wanted, limit=limit)), archive.count(wanted)
    if as_json:
        print_json({"total": total, "jobs": [dataclasses.asdict(job) for job in found]})
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("settled (UTC)", "job", "type", "ending", "gate", "calls", "cost", "earned"):
        table.add_column(heading, overflow="fold")
    for job in found:
        table.add_row(
            moment(job.settled_at),
            foreign(job.job_id),
            foreign(job.task_type),
            foreign(_ending(job)),
            Text("-" if job.score is None else str(job.score)),
            Text(str(job.model_calls)),
            Text(_dollars(job.cost_usd)),
            Text(_dollars(job.earnings_usd)),
        )
    console.print(table)
    console.print(_summary(found, total))


def export(
    file: Annotated[
        Path, typer.Argument(help="The new file: .csv, or .jsonl for a JSON object a line.")
    ],
    since: Since = "",
    until: Until = "",
    task_type: Types = None,
    ending: Endings = None,
    standing: Standings = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write settled jobs of the archive to a file, for a spreadsheet or a script."""
    if file.suffix not in {".csv", ".jsonl"}:
        raise typer.BadParameter(f"FILE: '{file.name}' ends with neither .csv nor .jsonl.")
    archive, wanted = _archive(read_settings()), _wanted(since, until, task_type, ending, standing)
    if file.exists() and not force:
        raise SettingsError(f"FILE: {file} already exists. Name another file or pass --force.")
    lines = _csv_lines if file.suffix == ".csv" else _json_lines
    number, beside = 0, file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as written:
            for number, line in enumerate(lines(archive.each(wanted))):  # noqa: B007 - the last counts
                written.write(line)
        beside.replace(file)
    except OSError as error:
        raise SettingsError(f"FILE: {file} cannot be written ({error.strerror}).") from error
    finally:
        beside.unlink(missing_ok=True)
    notes.print(f"{count(number, 'job')} in {file}.")


def archived(settings: Settings, job_id: str) -> WholeJob | None:
    """Return a job of the archive; None when there is no archive, or it does not know the job."""
    path = _path(settings)
    return Archive(path, settings.agent).get(job_id) if path is not None and path.exists() else None


def _archive(settings: Settings) -> Archive:
    path = _path(settings)
    if path is None:
        raise SettingsError(
            "There is no archive here. Set FLEET_ARCHIVE to the file that the dispatcher has; with 'up' it "
            "is archive.sqlite in its data folder."
        )
    if not path.exists():
        raise SettingsError(
            f"FLEET_ARCHIVE: {path} does not exist. The dispatcher makes it within half a minute after the "
            "first job has settled."
        )
    return Archive(path, settings.agent)


def _path(settings: Settings) -> Path | None:
    """Return the file that is set, or that of the embedded fleet whose Redis is."""
    if settings.archive is not None:
        return settings.archive
    if named := os.environ.get("REDIS_URL_FILE"):
        beside = StateFolder(Path(named).parent, DEFAULT_AGENT).archive
        return beside if beside.exists() else None
    here = StateFolder(None, os.environ.get("FLEET_AGENT") or DEFAULT_AGENT).archive
    return here if here.parent.exists() and not os.environ.get("REDIS_URL") else None


def _wanted(
    since: str,
    until: str,
    task_types: list[str] | None,
    endings: list[str] | None,
    standings: list[str] | None,
) -> Wanted:
    return Wanted(
        since=_moment_of(since, "--since"),
        until=_moment_of(until, "--until"),
        task_types=task_types or (),
        endings=endings or (),
        standings=standings or (),
    )


def _moment_of(text: str, option: str) -> datetime | None:
    """Read a date, a time, or how long ago.

    Raises:
        typer.BadParameter: It is none of these.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    try:
        return datetime.now(UTC) - parse_age(text, option)
    except (typer.BadParameter, OverflowError):
        raise typer.BadParameter(
            f"{option}: '{text}' is neither a date, such as 2026-11-30, nor an age, such as 12h or 7d."
        ) from None


def _summary(found: list[ArchivedJob], total: int) -> str:
    cost = sum((job.cost_usd or Decimal(0) for job in found), Decimal(0))
    earned = sum((job.earnings_usd or Decimal(0) for job in found), Decimal(0))
    shown = count(total, "job")
    if len(found) < total:
        shown += f"; the latest {len(found)}"
    parts = [shown, f"cost {usd(cost)}", f"earned {usd(earned)}"]
    if unknown := sum(job.cost_usd is None for job in found):
        parts.append(f"the cost of {unknown} is unknown")
    if unknown := sum(job.earnings_usd is None for job in found):
        parts.append(f"the earnings of {unknown} are unknown")
    return "; ".join(parts)


def _ending(job: ArchivedJob) -> str:
    is_plain = job.standing in {"", "completed"}
    return job.ending if is_plain else f"{job.ending}, {job.standing}"


def _dollars(value: Decimal | None) -> str:
    return "?" if value is None else usd(value)


def _values(job: ArchivedJob) -> dict[str, str | int | None]:
    values = dataclasses.asdict(job)
    values["settled_at"] = job.settled_at.isoformat(timespec="milliseconds")
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()
    }


def _json_lines(jobs: Iterator[ArchivedJob]) -> Iterator[str]:
    yield ""
    for job in jobs:
        yield json.dumps(_values(job)) + "\n"


def _csv_lines(jobs: Iterator[ArchivedJob]) -> Iterator[str]:
    """Yield the heading and the rows. A text that a spreadsheet would compute begins with a quote."""
    line = io.StringIO()
    names = [field.name for field in dataclasses.fields(ArchivedJob)]
    writer = csv.DictWriter(line, names)
    writer.writeheader()
    yield line.getvalue()
    for job in jobs:
        line.seek(0)
        line.truncate()
        writer.writerow({name: _harmless(value) for name, value in _values(job).items()})
        yield line.getvalue()


def _begins_formula(part: str) -> bool:
    first = unicodedata.normalize("NFKC", part.lstrip()[:1])
    return first != "" and first in FORMULA


def _harmless(value: str | int | None) -> str | int | None:
    """Return a text as one line that no spreadsheet computes. Source: OWASP, CSV injection.

    Some spreadsheets take a semicolon for the end of a cell.
    """
    if not isinstance(value, str):
        return value
    line = "".join(char for char in " ".join(value.split()) if char.isprintable())
    parts = [f"'{part}" if _begins_formula(part) else part for part in line.split(";")]
    return ";".join(parts)
