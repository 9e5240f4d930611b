"""Keeps settled jobs in an SQLite file: a row with what lists and sums need, and the whole job, packed."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aicity_fleet.errors import ArchiveError
from aicity_fleet.ledger import WholeJob
from aicity_fleet.models import Completed, Failed

BUSY_SECONDS = 10.0
"""How long to wait for another process that writes, in seconds."""

LAYOUT = 1
"""The layout of the table, as SQLite's ``user_version``."""

MOST_DESCRIPTION = 500
"""The most of an order's text that a row holds, in characters."""

TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    agent TEXT NOT NULL,
    job_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    settled_at INTEGER NOT NULL,
    task_type TEXT NOT NULL,
    description TEXT NOT NULL,
    ending TEXT NOT NULL,
    standing TEXT NOT NULL,
    model TEXT NOT NULL,
    score INTEGER,
    attempts INTEGER NOT NULL,
    model_calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    ran_ms INTEGER NOT NULL,
    cost_usd TEXT,
    earnings_usd TEXT,
    whole BLOB NOT NULL,
    PRIMARY KEY (agent, job_id, nonce)
);
CREATE INDEX IF NOT EXISTS jobs_by_time ON jobs (agent, settled_at);
"""


@dataclasses.dataclass(frozen=True, slots=True)
class ArchivedJob:
    """What lists and sums need of a settled job."""

    job_id: str
    settled_at: datetime
    """When AI City's answer to its report came, by Redis's clock."""
    task_type: str
    description: str
    """The beginning of the order's text, which a stranger wrote."""
    ending: str
    """``complete``, or the code of the failure."""
    standing: str
    """Where the delivery stood at AI City when it was archived last; empty for a failure."""
    model: str
    score: int | None
    """The gate's score, 0 to 100."""
    attempts: int
    model_calls: int
    prompt_tokens: int
    completion_tokens: int
    ran_ms: int
    cost_usd: Decimal | None
    """What its model calls cost, in US dollars; None when the price of one is unknown."""
    earnings_usd: Decimal | None
    """What it earned, in US dollars, or would earn unless the buyer takes it back; None when unknown."""


Row = tuple[str | int | bytes | None, ...]

COLUMNS = tuple(field.name for field in dataclasses.fields(ArchivedJob))
"""The columns of a row, in order."""

_NAMES = ("agent", "nonce", *COLUMNS, "whole")
INSERT = f"INSERT OR REPLACE INTO jobs ({', '.join(_NAMES)}) VALUES "  # noqa: S608 - of constants
INSERT += f"({', '.join('?' * len(_NAMES))})"
SELECT = f"SELECT {', '.join(COLUMNS)} FROM jobs"  # noqa: S608 - of constants


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs to look for; the default is all of them."""

    since: datetime | None = None
    until: datetime | None = None
    task_types: Sequence[str] = ()
    endings: Sequence[str] = ()
    standings: Sequence[str] = ()

    def condition(self, agent: str) -> tuple[str, list[str | int]]:
        """Return an SQL condition and its values."""
        terms: list[str] = ["agent = ?"]
        values: list[str | int] = [agent]
        for term, moment in (("settled_at >= ?", self.since), ("settled_at < ?", self.until)):
            if moment is not None:
                terms.append(term)
                values.append(_milliseconds(moment))
        chosen = (
            ("task_type", self.task_types),
            ("ending", self.endings),
            ("standing", self.standings),
        )
        for column, texts in chosen:
            if texts:
                terms.append(f"{column} IN ({', '.join('?' * len(texts))})")
                values += texts
        return " AND ".join(terms), values


class Archive:
    """The settled jobs of one fleet in a file, which other fleets and processes may share.

    Args:
        path: The file. Its folder exists; ``put`` makes the file.
        agent: The fleet's name.

    Raises from every method:
        ArchiveError: The file cannot be read or written, or holds something else.
    """

    def __init__(self, path: Path, agent: str) -> None:
        self.path, self._agent = path, agent

    def put(self, rows: Sequence[Row]) -> None:
        """Write what ``row`` made of jobs, in place of what is there of them, all or none.

        A job that ran again after its ledger was lost has another nonce: both stay.
        """
        with self._open(may_create=True) as db:
            db.executemany(INSERT, rows)

    def get(self, job_id: str) -> WholeJob | None:
        """Return a whole job, as it settled last; None when the archive does not know it."""
        query = "SELECT whole FROM jobs WHERE agent = ? AND job_id = ? ORDER BY settled_at DESC"
        with self._open() as db:
            found = db.execute(query, (self._agent, job_id)).fetchone()
        return None if found is None else WholeJob.unpack(job_id, found[0])

    def lacks(self, jobs: Mapping[str, str]) -> list[str]:
        """Return which of these jobs are not here.

        Args:
            jobs: Their ids, each with its nonce.
        """
        if not self.path.exists():
            return list(jobs)
        query = "SELECT 1 FROM jobs WHERE agent = ? AND job_id = ? AND nonce = ?"
        with self._open() as db:
            return [
                job_id
                for job_id, nonce in jobs.items()
                if not db.execute(query, (self._agent, job_id, nonce)).fetchone()
            ]

    def each(self, wanted: Wanted, *, limit: int = -1) -> Iterator[ArchivedJob]:
        """Yield jobs, the latest first; ``limit`` is the most, and -1 stands for all."""
        condition, values = wanted.condition(self._agent)
        query = f"{SELECT} WHERE {condition} ORDER BY settled_at DESC, job_id LIMIT ?"
        with self._open() as db:
            yield from map(_archived, db.execute(query, (*values, limit)))

    def count(self, wanted: Wanted) -> int:
        """Count jobs."""
        condition, values = wanted.condition(self._agent)
        query = f"SELECT count(*) FROM jobs WHERE {condition}"  # noqa: S608 - of constants, see there
        with self._open() as db:
            return int(db.execute(query, values).fetchone()[0])

    def row(self, whole: WholeJob, now: datetime) -> Row:
        """Return a job as ``put`` takes it.

        Args:
            now: The present by Redis's clock.
        """
        job = whole.job
        match job.outcome:
            case Completed():
                ending = "complete"
            case Failed(code=code):
                ending = code
            case _:
                ending = ""
        cost, earned = job.cost.known_usd, job.earnings(now).usd
        return (
            self._agent,
            whole.nonce,
            job.job_id,
            _milliseconds(job.changed_at or now),
            job.task_type,
            job.task.description[:MOST_DESCRIPTION] if job.task else "",
            ending,
            job.standing,
            job.model,
            job.score,
            job.attempt,
            job.model_calls,
            job.prompt_tokens,
            job.completion_tokens,
            job.ran_ms,
            None if cost is None else str(cost),
            None if earned is None else str(earned),
            whole.pack(),
        )

    @contextlib.contextmanager
    def _open(self, *, may_create: bool = False) -> Iterator[sqlite3.Connection]:
        mode = "rwc" if may_create else "rw"  # a reader of a file in WAL mode writes beside it
        try:
            db = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_SECONDS
            )
            with contextlib.closing(db), db:
                (layout,) = db.execute("PRAGMA user_version").fetchone()
                (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if layout == tables == 0 and may_create:
                    self.path.chmod(0o600)
                    db.execute("PRAGMA journal_mode = WAL")
                    db.executescript(f"{TABLE} PRAGMA user_version = {LAYOUT};")
                elif layout != LAYOUT:
                    raise ArchiveError(
                        f"FLEET_ARCHIVE: {self.path} is no archive of this version of the fleet "
                        f"(layout {layout}, and {LAYOUT} is known). Name another file."
                    )
                yield db
        except (sqlite3.Error, OSError) as error:
            raise ArchiveError(
                f"FLEET_ARCHIVE: {self.path} cannot be {'written' if may_create else 'read'} ({error}). "
                "Does its folder exist, is there room on the disk, and may this user write there?"
            ) from error


def _archived(row: Sequence[Any]) -> ArchivedJob:
    values = dict(zip(COLUMNS, row, strict=True))
    settled_at = datetime.fromtimestamp(values.pop("settled_at") / 1000, UTC)
    cost, earned = values.pop("cost_usd"), values.pop("earnings_usd")
    return ArchivedJob(
        settled_at=settled_at,
        cost_usd=None if cost is None else Decimal(cost),
        earnings_usd=None if earned is None else Decimal(earned),
        **values,
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
