"""Reads the state of a whole fleet at one moment: jobs, switches, queues, and who was active when.

It only reads. The command ``status`` judges what is wrong and what to do.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.controls import Controls
from aicity_fleet.ledger.day_totals import read_day_totals
from aicity_fleet.ledger.ledger import Ledger
from aicity_fleet.ledger.rules import DECISIONS
from aicity_fleet.ledger.server import ServerState, read_server_state
from aicity_fleet.ledger.troubles import Trouble
from aicity_fleet.models import JobState, JsonObject
from aicity_fleet.money.day import DayTotals

QUEUES = ("control", "jobs", "reports")
"""The Celery queues whose lengths are told: polls, jobs to run, reports to send."""

MOST_READ = 2000
"""How many jobs of one state are looked at for the oldest of them."""

MOST_GLANCED = 100
"""The same for a look that has to cost the same however many jobs there are."""

LAPSED_SECONDS = 3600.0
"""For how long a lapsed lease is told to people, in seconds."""

AHEAD_SECONDS = 30.0
"""How far ahead a moment may lie because it was rounded or noted in advance, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Overview:
    """How a fleet stands."""

    counts: Mapping[JobState, int]
    controls: Controls
    oldest_queued_at: datetime | None
    """When the oldest queued job was accepted."""
    overdue_seconds: float
    """How long the most overdue queued job could have run already; 0 when none is due."""
    owners: Mapping[str, int]
    """The processes that hold leases, and how many each."""
    oldest_report_at: datetime | None
    """When the oldest outcome that waits in the outbox was written."""
    report_trouble: str
    """What came back when that report was tried last; empty when nothing did."""
    queues: Mapping[str, int]
    """How many messages wait in each Celery queue."""
    last_poll: JsonObject | None
    """What the latest poll saw, and ``at``; None when none ended within a day."""
    swept_at: datetime | None
    """When a dispatcher swept last; None when none did within a day."""
    day_totals: DayTotals | None = None
    """What was spent and earned today."""
    decided: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """The jobs in quarantine that wait for nobody, by why: see ``rules.DECISIONS``."""
    lapsed: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """How many leases lapsed in the last hour, by the process that had them."""
    clock_ahead_seconds: float = 0.0
    """How far the clock of Redis is ahead of this machine's, in seconds; negative when it is behind."""
    server: ServerState | None = None
    """How the Redis server stands; None when our Redis user may not ask."""
    alert_trouble: Trouble | None = None
    """That the webhook takes no message; None when it does, or there is none."""
    archive_trouble: Trouble | None = None
    """That the archive cannot be written; None when it can, or there is none."""

    @property
    def undecided(self) -> int:
        """How many jobs in quarantine wait for a person."""
        return max(0, self.counts[JobState.QUARANTINED] - sum(self.decided.values()))

    def age_seconds(self, moment: datetime | None) -> float | None:
        """Return how long ago a moment was by Redis's clock, in seconds; None for no moment.

        It is negative for a moment that lies further ahead than ``AHEAD_SECONDS``: the clock was set back.
        """
        if moment is None:
            return None
        age = (self.controls.now - moment).total_seconds()
        return age if age < -AHEAD_SECONDS else max(0.0, age)


def read_overview(ledger: Ledger, *, at_a_glance: bool = False) -> Overview:
    """Return the current state of the fleet.

    Args:
        at_a_glance: Whether to look at a few jobs of each state alone, and at no earnings: enough to find
            what needs a person.

    Raises:
        LedgerUnavailableError: Redis does not answer.
    """
    keys, counts, controls = ledger.keys, ledger.counts(), ledger.controls.read()
    clock_ahead_seconds = (controls.now - datetime.now(UTC)).total_seconds()
    with wrapped("read the queues"):
        pipe = ledger.client.pipeline(transaction=False)
        for name in QUEUES:
            pipe.llen(keys.queue(name))
        for score in DECISIONS.values():
            pipe.zcount(keys.decided, score, score)
        pipe.zrange(keys.state(JobState.QUEUED), 0, 0, withscores=True)
        *numbers, first_due = pipe.execute()
    now_ms = controls.now.timestamp() * 1000
    most = MOST_GLANCED if at_a_glance else MOST_READ
    queued = _fields(ledger, most, JobState.QUEUED, "accepted_at")
    finished = _fields(ledger, most, JobState.FINISHED, "finished_at", "reason")
    oldest = min((row for row in finished if row[0]), key=lambda row: int(row[0]), default=("", ""))
    return Overview(
        counts=counts,
        controls=controls,
        oldest_queued_at=_moment(min((row[0] for row in queued if row[0]), key=int, default="")),
        overdue_seconds=max(0.0, (now_ms - first_due[0][1]) / 1000) if first_due else 0.0,
        owners=dict(Counter(row[0] for row in _fields(ledger, most, JobState.RUNNING, "owner"))),
        oldest_report_at=_moment(oldest[0]),
        report_trouble=oldest[1],
        queues=dict(zip(QUEUES, numbers[: len(QUEUES)], strict=True)),
        last_poll=ledger.coordination.last_poll(),
        swept_at=ledger.coordination.swept_at(),
        day_totals=read_day_totals(ledger, with_earnings=not at_a_glance),
        lapsed=_lapsed(ledger, now_ms),
        clock_ahead_seconds=clock_ahead_seconds,
        server=read_server_state(ledger.client),
        alert_trouble=ledger.troubles.read("alerts"),
        archive_trouble=ledger.troubles.read("archive"),
        decided=dict(zip(DECISIONS, numbers[len(QUEUES) :], strict=True)),
    )


def _fields(ledger: Ledger, most: int, state: JobState, *names: str) -> list[tuple[str, ...]]:
    """These fields of the jobs in a state; empty strings for what is missing."""
    with wrapped("read jobs"):
        ids: Any = ledger.client.zrange(ledger.keys.state(state), 0, most - 1)
        pipe = ledger.client.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(ledger.keys.job(job_id), names)
        return [tuple(value or "" for value in row) for row in pipe.execute()]


def _lapsed(ledger: Ledger, now_ms: float) -> dict[str, int]:
    with wrapped("read the lapsed leases"):
        since = now_ms - LAPSED_SECONDS * 1000
        members: Any = ledger.client.zrangebyscore(ledger.keys.lapsed, since, "+inf")
    return dict(Counter(member.partition("\n")[0] for member in members))


def _moment(milliseconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None
