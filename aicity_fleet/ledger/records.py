"""Reads jobs, their audit trails and journals, and counts the jobs in each state.

It changes nothing. A part of ``Ledger``.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.job import Job
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.packing import unpack
from aicity_fleet.ledger.whole import WholeJob, trail_of
from aicity_fleet.models import JobState, JsonObject

BATCH = 100
"""The number of jobs read at once where all are read; their tasks can be long."""


class Records:
    """The records of one fleet's jobs.

    Args:
        client: A connection with ``decode_responses``; see ``connect``.
    """

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self.client = client
        self.keys = keys

    def get(self, job_id: str) -> Job | None:
        """Return a job; None when the ledger does not know it."""
        with wrapped("read a job"):
            fields: Any = self.client.hgetall(self.keys.job(job_id))
        return Job.from_fields(job_id, fields) if fields else None

    def now(self) -> datetime:
        """Return the present by Redis's clock."""
        with wrapped("read the clock"):
            seconds, microseconds = self.client.time()
        return datetime.fromtimestamp(int(seconds) + int(microseconds) / 1e6, UTC)

    def audit(self, job_id: str) -> list[JsonObject]:
        """Return a job's audit trail, oldest line first; ``at`` is an aware datetime."""
        with wrapped("read an audit trail"):
            lines: Any = self.client.lrange(self.keys.audit(job_id), 0, -1)
        return trail_of(lines)

    def reported(self) -> list[str]:
        """Return the ids of all settled jobs, the earliest first."""
        with wrapped("list jobs"):
            return [
                str(found)
                for found in self.client.zrange(self.keys.state(JobState.REPORTED), 0, -1)
            ]

    def whole(self, job_id: str) -> WholeJob | None:
        """Return all that is known of a job; None when the ledger does not know it."""
        with wrapped("read a job"):
            pipe = self.client.pipeline(transaction=False)
            pipe.hgetall(self.keys.job(job_id))
            pipe.lrange(self.keys.audit(job_id), 0, -1)
            pipe.lrange(self.keys.journal(job_id), 0, -1)
            fields, lines, entries = pipe.execute()
        if not fields:
            return None
        return WholeJob(job_id, fields, lines, [unpack(str(entry)) for entry in entries])

    def journal(self, job_id: str) -> list[str]:
        """Return the entries of a job's journal as JSON texts, oldest first."""
        with wrapped("read a journal"):
            entries = self.client.lrange(self.keys.journal(job_id), 0, -1)
        return [unpack(str(entry)) for entry in entries]

    def journal_length(self, job_id: str) -> int:
        """Return the number of entries in a job's journal."""
        with wrapped("read a journal"):
            return int(self.client.llen(self.keys.journal(job_id)))

    def nonces(self, job_ids: Sequence[str]) -> list[str]:
        """Return the random text of each of these jobs; empty for an unknown one."""
        with wrapped("read jobs"):
            pipe = self.client.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hget(self.keys.job(job_id), "nonce")
            return [str(nonce or "") for nonce in pipe.execute()]

    def latest_run(self, job_id: str) -> tuple[str, int, int] | None:
        """Return a job's nonce, and the number and begin of its latest attempt, in milliseconds.

        None for an unknown job, and for one that runs again.
        """
        with wrapped("read a job"):
            found: Any = self.client.hmget(
                self.keys.job(job_id), ("state", "nonce", "attempt", "started_at")
            )
        state, nonce, attempt, started_at = found
        if state is None or state == JobState.RUNNING:
            return None
        return str(nonce), int(attempt), int(started_at or 0)

    def counts(self) -> dict[JobState, int]:
        """Count the jobs in each state."""
        with wrapped("count jobs"):
            pipe = self.client.pipeline(transaction=False)
            for state in JobState:
                pipe.zcard(self.keys.state(state))
            return dict(zip(JobState, pipe.execute(), strict=True))

    def record(self) -> dict[str, dict[str, int]]:
        """Return what became of the deliveries of each task type: counts by ``delivered``, ``refunded``,
        ``failed`` and ``thumbs_down``.
        """
        with wrapped("read the record"):
            counts: Any = self.client.hgetall(self.keys.record)
        found: dict[str, dict[str, int]] = {}
        for field, number in counts.items():
            what, _, task_type = field.partition(":")
            found.setdefault(task_type, {})[what] = int(number)
        return found

    def jobs(self, states: Sequence[JobState] = tuple(JobState), *, limit: int = 100) -> list[Job]:
        """Return jobs in these states, at most ``limit`` of each state, latest first."""
        with wrapped("list jobs"):
            ids = [
                str(job_id)
                for state in states
                for job_id in self.client.zrevrange(self.keys.state(state), 0, limit - 1)
            ]
        return list(self._read(ids))

    def every(self, states: Sequence[JobState]) -> Iterator[Job]:
        """Yield all jobs in these states, the earliest due first, read in batches."""
        for state in states:
            with wrapped("list jobs"):
                ids = [str(job_id) for job_id in self.client.zrange(self.keys.state(state), 0, -1)]
            for start in range(0, len(ids), BATCH):
                for job in self._read(ids[start : start + BATCH]):
                    if job.state == state:  # else it moved on, and may come twice
                        yield job

    def _read(self, ids: Sequence[str]) -> Iterator[Job]:
        with wrapped("list jobs"):
            pipe = self.client.pipeline(transaction=False)
            for job_id in ids:
                pipe.hgetall(self.keys.job(job_id))
            records: list[Any] = pipe.execute()
        for job_id, record in zip(ids, records, strict=True):
            if record:
                yield Job.from_fields(job_id, record)
