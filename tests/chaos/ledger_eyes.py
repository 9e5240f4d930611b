"""What the harness reads in the fleet's ledger: who holds which job, when it was rescued, why it rests.

For measuring only. Whether something was lost or doubled is judged by the marketplace's books alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import redis

from aicity_fleet.errors import LedgerError
from aicity_fleet.ledger.controls import ControlPanel
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.redis_clients import redis_client

RESTING = ("held", "quarantined")
"""States in which a job waits for a success, or for a person."""


@dataclasses.dataclass(slots=True)
class Hit:
    """A job whose process died or was stopped while it held the lease."""

    job_id: str
    pid: int
    how: str
    at: float
    """When, as a time stamp."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rescue:
    """A hit job that was made runnable again."""

    seconds: float
    """From the death or the stop to the line in the job's audit trail."""
    how: str
    job_id: str


class Eyes:
    """Reads the ledger past the proxy.

    Args:
        url: The Redis itself, or its sentinels.
        agent: The fleet's name.
    """

    def __init__(self, url: str, agent: str) -> None:
        self.client = redis_client(url, decode_responses=True, socket_timeout=5)
        self.keys = Keys(agent)
        self._panel = ControlPanel(Scripts(self.client, self.keys))
        self.waiting: list[Hit] = []
        """Hits whose rescue was not seen yet."""
        self.rescues: list[Rescue] = []
        self.hits = 0
        self.went_otherwise = 0
        """Hit jobs that went on without a rescue: Redis had lost the lease, or the ledger was wiped."""

    def close(self) -> None:
        self.client.close()

    def held_by(self, pid: int) -> list[str]:
        """Jobs whose current lease a process holds; nothing while Redis is down."""
        held: list[str] = []
        with _or_nothing():
            ids: Any = self.client.zrange(self.keys.state("running"), 0, -1)
            pipe = self.client.pipeline(transaction=False)
            for job_id in ids:
                pipe.hget(self.keys.job(job_id), "owner")
            owners = pipe.execute()
            held = [
                job_id
                for job_id, owner in zip(ids, owners, strict=True)
                if owner and owner.rpartition(":")[2] == str(pid)
            ]
        return held

    def note_hit(self, pid: int, how: str, at: float) -> int:
        """After a death or a stop: note the jobs that the process held, and tell how many."""
        jobs = self.held_by(pid)
        self.waiting += [Hit(job_id, pid, how, at) for job_id in jobs]
        self.hits += len(jobs)
        return len(jobs)

    def look_for_rescues(self) -> None:
        """Take the time of every rescue that happened since the last look."""
        with _or_nothing():
            pipe = self.client.pipeline(transaction=False)
            for hit in self.waiting:
                pipe.lrange(self.keys.audit(hit.job_id), 0, -1)
                pipe.hmget(self.keys.job(hit.job_id), "state", "owner")
            answers = pipe.execute()
            still = []
            for hit, lines, fields in zip(self.waiting, answers[::2], answers[1::2], strict=True):
                seconds = _rescue_after(hit, lines)
                state, owner = fields
                if seconds is not None:
                    self.rescues.append(Rescue(seconds, hit.how, hit.job_id))
                elif state == "running" and (owner or "").rpartition(":")[2] == str(hit.pid):
                    still.append(hit)
                else:
                    self.went_otherwise += 1
            self.waiting = still

    def forget_hits(self) -> None:
        """Before the ledger is wiped: nothing that waits now will be rescued by a lapsed lease."""
        self.look_for_rescues()
        self.went_otherwise += len(self.waiting)
        self.waiting = []

    def resting(self) -> dict[str, str]:
        """Jobs that rest, with state and reason."""
        found: dict[str, str] = {}
        with _or_nothing():
            for state in RESTING:
                ids: Any = self.client.zrange(self.keys.state(state), 0, -1)
                for job_id in ids:
                    reason: Any = self.client.hget(self.keys.job(job_id), "reason")
                    found[job_id] = f"{state}: {reason or 'no reason given'}"
        return found

    def lift_stop(self) -> None:
        """Be the person who says, after a 401, that the key works: ``aicity-fleet resume``."""
        with _or_nothing():
            self._panel.lift_stop()

    def state_of(self, job_id: str) -> dict[str, Any]:
        """A job's record and trail, for saying what became of a lost task."""
        found: dict[str, Any] = {}
        with _or_nothing():
            record = self.client.hgetall(self.keys.job(job_id))
            trail = self.client.lrange(self.keys.audit(job_id), -12, -1)
            shown = {name: record.get(name) for name in ("state", "attempt", "lapses", "reason")}
            found = {**shown, "trail": [json.loads(line) for line in trail]}
        return found


def _rescue_after(hit: Hit, lines: list[str]) -> float | None:
    """Seconds from the hit to the first rescue after it."""
    for text in lines:
        line = json.loads(text)
        if line["event"] == "rescued" and line["at"] / 1000 >= hit.at:
            return float(line["at"] / 1000 - hit.at)
    return None


@contextlib.contextmanager
def _or_nothing() -> Iterator[None]:
    """Go on while Redis is down, starting, or full."""
    with contextlib.suppress(redis.RedisError, LedgerError):
        yield
