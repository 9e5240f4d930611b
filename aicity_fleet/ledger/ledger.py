"""The ledger: every move of a job, each one atomic Lua script on Redis's own clock.

It decides who owns a job and what has been settled, and sends nothing anywhere. Called by the poll,
the sweep, the workers, the reports and the command line.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from importlib import resources
from typing import Any, Literal

import redis
from redis.commands.core import Script

from aicity_fleet.errors import LedgerError
from aicity_fleet.ledger.connection import connect, wrapped
from aicity_fleet.ledger.grants import Lease, NotClaimed, ReportLease, SweepResult
from aicity_fleet.ledger.job import Job
from aicity_fleet.ledger.keys import SCHEMA_VERSION, Keys
from aicity_fleet.ledger.marks import Marks
from aicity_fleet.models import (
    AssignedTask,
    JobState,
    JsonObject,
    Outcome,
    Spent,
    outcome_from_json,
)
from aicity_fleet.settings import Settings

SEND_GRACE_MS = 3000
"""How long the sweep leaves sending a fresh message to whoever made the move, in milliseconds."""

MESSAGE_LOST_MS = 10_000
"""After how long a message that led to no claim counts as lost, in milliseconds."""

REPORT_LEASE_MS = 60_000
"""How long one process may take to send a report, in milliseconds: two request timeouts."""

MAX_FAILURES_IN_A_ROW = 2
"""How many failures in a row the guard lets out. AI City suspends an agent after three.

Source: docs.aicity.dev/docs/concepts/glossary."""

MAX_LAPSES = 5
"""After how many lapsed leases a job rests in quarantine: it may be what kills its workers."""

SWEEP_LIMIT = 200
"""How many jobs of each kind one sweep makes runnable."""


class Ledger:
    """The jobs of one fleet.

    Args:
        client: A connection with ``decode_responses``; see ``connect``.
        keys: The fleet's keys.
        retention_seconds: How long a settled job stays readable.

    Raises from every method:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: Redis answered something that the ledger cannot use.
    """

    def __init__(self, client: redis.Redis, keys: Keys, *, retention_seconds: float) -> None:
        self.client = client
        self.keys = keys
        self.marks = Marks(client, keys)
        self._retention_ms = int(retention_seconds * 1000)
        self._check_schema()

    @classmethod
    def from_settings(
        cls, settings: Settings, *, wait_seconds: float = 0, timeout_seconds: float = 5
    ) -> Ledger:
        """Connect to the Redis that the settings name.

        Args:
            settings: Where Redis is.
            wait_seconds: How long to wait for a Redis that is still starting.
            timeout_seconds: How long one command may take.

        Raises:
            LedgerUnavailableError: Redis does not answer, or refuses us.
            LedgerError: The ledger was written by a newer version of the fleet.
        """
        client = connect(settings, wait_seconds=wait_seconds, timeout_seconds=timeout_seconds)
        retention = settings.retention_days * 86400
        return cls(client, Keys(settings.agent), retention_seconds=retention)

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    # --- the moves of a job ---------------------------------------------------------------------

    def accept(self, task: AssignedTask) -> Literal["accepted", "refused", "known"]:
        """Queue a task that is not known yet; note that a known one is still listed."""
        return self._accept(task.task_id, task.to_json(), task.task_type, "")

    def refuse(self, task_id: str, reason: str) -> Literal["accepted", "refused", "known"]:
        """Record a malformed task with its reason; it rests in quarantine."""
        return self._accept(task_id, None, "", reason)

    def sent(self, job_id: str) -> None:
        """Note that the message of a queued job went out."""
        self._run("sent", job_id)

    def claim(
        self, job_id: str, owner: str, *, lease_seconds: float, max_running: int = 0
    ) -> Lease | NotClaimed:
        """Take the lease on a queued job that is due."""
        reply = self._run("claim", job_id, owner, int(lease_seconds * 1000), max_running)
        if not reply[0]:
            return NotClaimed(reply[1])
        token, task, nonce, releases, breaks = reply
        assigned = AssignedTask.from_json(json.loads(task))
        return Lease(job_id, int(token), assigned, nonce, int(releases), int(breaks))

    def renew(self, leases: Iterable[Lease], *, lease_seconds: float) -> frozenset[str]:
        """Prolong many leases in one call; gives the ids of the jobs that are no longer ours."""
        pairs = [part for lease in leases for part in (lease.job_id, lease.token)]
        return (
            frozenset(self._run("renew", int(lease_seconds * 1000), *pairs))
            if pairs
            else frozenset()
        )

    def release(
        self,
        lease: Lease,
        why: str,
        spent: Spent,
        *,
        delay_seconds: float = 0,
        counts_as: Literal["", "releases", "breaks"] = "",
    ) -> bool:
        """Hand a running job back; False when it is no longer ours.

        Args:
            lease: Ours.
            why: One line for the audit trail.
            spent: What the attempt took.
            delay_seconds: How long it must wait before it may be claimed again.
            counts_as: Which count of the lease this adds to, if any.
        """
        return bool(
            self._run(
                "release",
                *(lease.job_id, lease.token, int(delay_seconds * 1000), why, counts_as),
                *_spent_args(spent),
            )
        )

    def finish(
        self, lease: Lease, outcome: Outcome, spent: Spent, *, score: int | None = None
    ) -> bool:
        """Write the outcome into the outbox; False when the lease or the outcome is another's."""
        return bool(
            self._run(
                "finish",
                *(lease.job_id, lease.token, json.dumps(outcome.to_json()), outcome.kind),
                *(SEND_GRACE_MS, "" if score is None else score),
                *_spent_args(spent),
            )
        )

    def journal_append(self, lease: Lease, ordinal: int, entry: str) -> bool:
        """Keep an entry of a running job's journal; False when the job is no longer ours."""
        return bool(self._run("journal_append", lease.job_id, lease.token, ordinal, entry))

    def journal_truncate(self, lease: Lease, ordinal: int) -> bool:
        """Discard a running job's journal from one entry on; False when it is no longer ours."""
        return bool(self._run("journal_truncate", lease.job_id, lease.token, ordinal))

    def take_report(self, job_id: str) -> ReportLease | NotClaimed:
        """Take the right to send a finished job's report.

        A failure that would be the third in a row is held instead (``NotClaimed("held")``).
        """
        reply = self._run("take_report", job_id, REPORT_LEASE_MS, MAX_FAILURES_IN_A_ROW)
        if not reply[0]:
            return NotClaimed(reply[1])
        outcome = outcome_from_json(json.loads(reply[1]))
        return ReportLease(job_id, int(reply[0]), outcome, int(reply[2]) / 1000)

    def settle(
        self,
        report: ReportLease,
        receipt: JsonObject,
        meaning: Literal["success", "failure", "nothing"] = "nothing",
    ) -> bool:
        """Write down AI City's definite answer; False when the report is another's by now.

        Args:
            report: Ours.
            receipt: The answer.
            meaning: What it does to the agent's reputation. A success ends the row of failures and
                lets one held failure go.
        """
        answer = (json.dumps(receipt), self._retention_ms, meaning, MAX_FAILURES_IN_A_ROW)
        return bool(self._run("settle", report.job_id, report.token, *answer))

    def postpone(self, report: ReportLease, why: str, *, delay_seconds: float) -> bool:
        """Have a report sent again later; False when it is another's by now."""
        delay_ms = int(delay_seconds * 1000)
        return bool(self._run("postpone", report.job_id, report.token, delay_ms, why))

    def quarantine(self, report: ReportLease, why: str, *, was_refused: bool) -> bool:
        """Lay a report aside for a person; False when it is another's by now.

        Args:
            report: Ours.
            why: AI City's words.
            was_refused: Whether AI City refused it for certain, so that it cannot have been accepted.
        """
        verdict = (why, int(was_refused), MAX_FAILURES_IN_A_ROW)
        return bool(self._run("quarantine", report.job_id, report.token, *verdict))

    def sweep(self) -> SweepResult:
        """Make lapsed, stale and due work runnable; whoever calls sends the messages."""
        reply = self._run(
            "sweep",
            *(SWEEP_LIMIT, MESSAGE_LOST_MS, REPORT_LEASE_MS // 6, self._retention_ms, MAX_LAPSES),
        )
        return SweepResult(*(tuple(ids) for ids in reply))

    # --- reading --------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job | None:
        """One job; None when the ledger does not know it."""
        with wrapped("read a job"):
            fields: Any = self.client.hgetall(self.keys.job(job_id))
        return Job.from_fields(job_id, fields) if fields else None

    def audit(self, job_id: str) -> list[JsonObject]:
        """A job's audit trail, oldest first; ``at`` is an aware datetime."""
        with wrapped("read an audit trail"):
            lines = self.client.lrange(self.keys.audit(job_id), 0, -1)
        trail = [json.loads(line) for line in lines]
        return [{**line, "at": datetime.fromtimestamp(line["at"] / 1000, UTC)} for line in trail]

    def journal(self, job_id: str) -> list[str]:
        """The entries of a job's journal, oldest first, as JSON texts."""
        with wrapped("read a journal"):
            return [str(entry) for entry in self.client.lrange(self.keys.journal(job_id), 0, -1)]

    def counts(self) -> dict[JobState, int]:
        """How many jobs stand in each state."""
        with wrapped("count jobs"):
            pipe = self.client.pipeline(transaction=False)
            for state in JobState:
                pipe.zcard(self.keys.state(state))
            return dict(zip(JobState, pipe.execute(), strict=True))

    def jobs(self, states: Sequence[JobState] = tuple(JobState), *, limit: int = 100) -> list[Job]:
        """Jobs in these states, at most ``limit`` of each, the latest first."""
        with wrapped("list jobs"):
            ids = [
                str(job_id)
                for state in states
                for job_id in self.client.zrevrange(self.keys.state(state), 0, limit - 1)
            ]
            pipe = self.client.pipeline(transaction=False)
            for job_id in ids:
                pipe.hgetall(self.keys.job(job_id))
            records: list[Any] = pipe.execute()
        return [
            Job.from_fields(i, record) for i, record in zip(ids, records, strict=True) if record
        ]

    # --- below: one script ----------------------------------------------------------------------

    def _accept(
        self, task_id: str, task: JsonObject | None, task_type: str, reason: str
    ) -> Literal["accepted", "refused", "known"]:
        reply = self._run(
            "accept",
            *(task_id, json.dumps(task), task_type, secrets.token_hex(8), reason),
            *(SEND_GRACE_MS, self._retention_ms),
        )
        answer: Literal["accepted", "refused", "known"] = reply[0]
        return answer

    def _run(self, name: str, *args: str | int) -> Any:
        with wrapped(name.replace("_", " ")):
            return self._scripts[name](keys=[self.keys.prefix], args=list(args))

    @cached_property
    def _scripts(self) -> dict[str, Script]:
        folder = resources.files(__package__).joinpath("scripts")
        prelude = folder.joinpath("prelude.lua").read_text("utf-8")
        return {
            entry.name.removesuffix(".lua"): self.client.register_script(
                prelude + entry.read_text("utf-8")
            )
            for entry in folder.iterdir()
            if entry.name.endswith(".lua") and entry.name != "prelude.lua"
        }

    def _check_schema(self) -> None:
        with wrapped("read the ledger's version"):
            self.client.set(self.keys.schema, SCHEMA_VERSION, nx=True)
            found = int(str(self.client.get(self.keys.schema)))
        if found > SCHEMA_VERSION:
            raise LedgerError(
                f"The ledger of agent '{self.keys.agent}' has layout {found}, and this version of "
                f"the fleet knows {SCHEMA_VERSION}. Upgrade this process."
            )


def _spent_args(spent: Spent) -> tuple[str | int, ...]:
    """What `add_usage` in the scripts' prelude expects, in its order."""
    usage = spent.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens)
    return (spent.model, usage.model_calls, *tokens, spent.ran_ms)
