"""Reads what the metrics tell of a fleet, at one moment and in a few round trips.

The ledger's scripts count what happens where it happens. Nothing here walks all jobs: it costs the same
however many there are.
"""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.controls import Controls
from aicity_fleet.ledger.ledger import Ledger
from aicity_fleet.ledger.overview import QUEUES
from aicity_fleet.ledger.server import ServerState, read_server_state
from aicity_fleet.models import JobState, JsonObject
from aicity_fleet.money.day import DaySpending

MOST_READ = 100
"""How many jobs of one state, those that are due first, are looked at for the oldest of them."""

BEGAN = {
    JobState.QUEUED: "accepted_at",
    JobState.RUNNING: "started_at",
    JobState.FINISHED: "finished_at",
}
"""The states in which a job should not stay for long, with the field that says since when it is there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How a fleet stands, as the metrics tell it."""

    counts: Mapping[str, str]
    """What the ledger counted, by the fields of ``shared/metrics.lua``."""
    jobs: Mapping[JobState, int]
    oldest_seconds: Mapping[JobState, float]
    """The age of the oldest job of each state in ``BEGAN``, of those that are due first; 0 for none."""
    overdue_seconds: float
    """How long the most overdue queued job could have run already; 0 when none is due."""
    undecided: int
    """How many jobs in quarantine wait for a person."""
    queues: Mapping[str, int]
    """How many messages wait in each Celery queue."""
    read_backs_due: int
    """How many reported tasks are due to be read back."""
    controls: Controls
    day: DaySpending
    last_poll: JsonObject | None
    """See ``Coordination.last_poll``."""
    swept_at: datetime | None
    """When a dispatcher swept last; None when none did within a day."""
    server: ServerState | None
    """How the Redis server stands; None when our Redis user may not ask."""


def read_fleet(ledger: Ledger) -> Reading:
    """Return the current state of the fleet.

    Raises:
        LedgerUnavailableError: Redis does not answer.
    """
    keys, controls, jobs = ledger.keys, ledger.controls.read(), ledger.counts()
    now_ms = controls.now.timestamp() * 1000
    with wrapped("read the metrics"):
        pipe = ledger.client.pipeline(transaction=False)
        pipe.hgetall(keys.metrics)
        pipe.zcount(keys.decided, "-inf", "+inf")
        pipe.zcount(keys.read_backs, "-inf", now_ms)
        pipe.zrange(keys.state(JobState.QUEUED), 0, 0, withscores=True)
        for name in QUEUES:
            pipe.llen(keys.queue(name))
        for state in BEGAN:
            pipe.zrange(keys.state(state), 0, MOST_READ - 1)
        found: list[Any] = pipe.execute()
    counts, decided, read_backs, first_due, *others = found
    queues, ids = others[: len(QUEUES)], others[len(QUEUES) :]
    return Reading(
        counts=counts,
        jobs=jobs,
        oldest_seconds=_oldest(ledger, dict(zip(BEGAN, ids, strict=True)), now_ms),
        overdue_seconds=max(0.0, (now_ms - first_due[0][1]) / 1000) if first_due else 0.0,
        undecided=max(0, jobs[JobState.QUARANTINED] - decided),
        queues=dict(zip(QUEUES, queues, strict=True)),
        read_backs_due=read_backs,
        controls=controls,
        day=ledger.spending.today(),
        last_poll=ledger.coordination.last_poll(),
        swept_at=ledger.coordination.swept_at(),
        server=read_server_state(ledger.client),
    )


def _oldest(
    ledger: Ledger, ids: Mapping[JobState, list[str]], now_ms: float
) -> dict[JobState, float]:
    with wrapped("read the oldest jobs"):
        pipe = ledger.client.pipeline(transaction=False)
        for state, each in ids.items():
            for job_id in each:
                pipe.hget(ledger.keys.job(job_id), BEGAN[state])
        began = iter(pipe.execute())
    found = {}
    for state, each in ids.items():
        times = [next(began) for _ in each]
        found[state] = max((max(0.0, now_ms - int(ms)) / 1000 for ms in times if ms), default=0.0)
    return found
