"""What each move of the ledger costs beside a queue of many jobs: on a real redis-server, without a fleet.

Times are those of Redis and of the caller together, from one connection that waits for each answer.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import redis
from bench.answers import DELIVERABLE, ORDERED
from bench.contender import AGENT
from bench.stage import running_redis

from aicity_fleet.ledger import Lease, Ledger, ReportLease
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.leases import ClaimTerms
from aicity_fleet.models import AssignedTask, Completed, Spent

DEPTHS = (10, 1000, 100_000)
"""How many jobs are queued."""

PROBES = 500
"""How many jobs make each move, at most; each is beside the queue, not a part of it."""

SWEEPS = 20
WARM_JOBS = 20

TERMS = ClaimTerms(owner="bench", lease_seconds=60, endpoint="bench", brake="5/8")
DONE = Completed(DELIVERABLE, 1000, "gpt-4o-mini", ("Coordinator", "Specialist"))
SPENT = Spent(1000)


def backlog(depth: int) -> dict[str, float]:
    """Measure every move beside a queue of this many jobs."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        running_redis(Path(name)) as (server, _),
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        return _Probe(client).measure(depth)


@dataclasses.dataclass(slots=True)
class _Probe:
    """One ledger that is measured."""

    client: redis.Redis
    ledger: Ledger = dataclasses.field(init=False)
    found: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.client, Keys(AGENT), retention_seconds=14 * 86400)

    def measure(self, depth: int) -> dict[str, float]:
        """Fill the queue, then time each move."""
        # Scripts are loaded then, and the slow start of a new fleet is over.
        for number in range(WARM_JOBS):
            self._to_the_end([f"warm-{number:02}"])
        empty = self._memory()
        for number in range(depth):
            self._accept(f"queued-{number:06}")
            self.ledger.sent(f"queued-{number:06}")
        queued = (self._memory() - empty) / depth
        jobs = [f"probe-{number:04}" for number in range(min(PROBES, depth))]
        before = self._memory()
        self._to_the_end(jobs)
        settled = (self._memory() - before) / len(jobs)
        self._timed("sweep", range(SWEEPS), lambda _: self.ledger.sweep())
        return {**self.found, "bytes/queued job": queued, "bytes/settled job": settled}

    def _to_the_end(self, jobs: list[str]) -> None:
        """Make every move with these jobs, one kind after the other."""
        ledger = self.ledger
        self._timed("accept", jobs, self._accept)
        self._timed("sent", jobs, ledger.sent)
        leases = self._timed("claim", jobs, lambda job: ledger.claim(job, TERMS))
        assert all(isinstance(lease, Lease) for lease in leases), "not claimed"
        self._timed("finish", leases, lambda lease: ledger.finish(lease, DONE, SPENT))
        reports = self._timed("take report", jobs, ledger.take_report)
        assert all(isinstance(report, ReportLease) for report in reports), "not taken"
        receipt = {"verdict": "accepted", "answer": {"status": "completed"}}
        settled = self._timed(
            "settle",
            reports,
            lambda report: ledger.settle(report, receipt, "success", standing="completed"),
        )
        assert all(settled)

    def _accept(self, job: str) -> None:
        task = AssignedTask(task_id=job, task_type="general", description=ORDERED)
        assert self.ledger.accept(task) == "accepted"

    def _memory(self) -> int:
        """Return what all keys hold. The server's own total moves by more than a few jobs take."""
        keys = list(self.client.scan_iter(count=1000))
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.memory_usage(key, samples=0)
            return sum(filter(None, pipe.execute()))

    def _timed(self, name: str, items: Iterable, move: Callable) -> list:
        """Make a move with each item, note the mean time of one, and return the answers."""
        answers, began = [], time.perf_counter()
        cpu = self._redis_cpu()
        for item in items:
            answers.append(move(item))
        seconds = time.perf_counter() - began
        spent = self._redis_cpu() - cpu
        self.found[f"{name} µs"] = seconds / len(answers) * 1e6
        self.found[f"{name} Redis µs"] = spent / len(answers) * 1e6
        return answers

    def _redis_cpu(self) -> float:
        cpu = self.client.info("cpu")
        return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
