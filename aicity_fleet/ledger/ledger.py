"""The ledger: every move of a job, each one atomic Lua script on Redis's own clock.

It decides who owns a job and what has been settled, and sends nothing anywhere. Called by the poll,
the sweep, the workers, the reports and the command line.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import redis

from aicity_fleet.ledger import outbox
from aicity_fleet.ledger.connection import check_layout, connect
from aicity_fleet.ledger.controls import MAX_FAILURES_IN_A_ROW, PROBE_SECONDS, ControlPanel
from aicity_fleet.ledger.coordination import Coordination
from aicity_fleet.ledger.journals import MAX_JOURNAL_BYTES, Journals
from aicity_fleet.ledger.keys import SCHEMA_VERSION, Keys
from aicity_fleet.ledger.leases import Lease, NotClaimed, Renewal, SweepResult
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.operator import OperatorMoves
from aicity_fleet.ledger.spending import Spending
from aicity_fleet.models import (
    AssignedTask,
    Failed,
    JobState,
    JsonObject,
    Outcome,
    Spent,
)
from aicity_fleet.money.cost import from_picodollars, picodollars
from aicity_fleet.settings import Settings

SEND_GRACE_MS = 3000
"""How long the sweep leaves sending a fresh message to whoever made the move, in milliseconds."""

MESSAGE_LOST_MS = 10_000
"""After how long a message that led to no claim counts as lost, in milliseconds."""

ISOLATED_AFTER_LAPSES = 2
"""After how many lapsed leases a job runs alone: it may be what kills its workers."""

FAILED_AFTER_DEATHS = 3
"""After how many deaths a job fails, once a process died under it that ran nothing else."""

MAX_LAPSES = 8
"""After how many lapsed leases a job rests in quarantine, though nobody saw that it was to blame."""

OUTAGE_MS = 10_000
"""How long nobody swept, in milliseconds, when Redis or every dispatcher must have been away."""

SWEEP_LIMIT = 200
"""How many jobs of each kind one sweep makes runnable."""


NO_PROGRESS: Mapping[str, JsonObject] = MappingProxyType({})

Accepted = Literal["accepted", "refused", "known", "paused"]
"""What became of a task: a new job, a malformed task on record, nothing new, or nothing because intake is
paused."""


class Ledger(outbox.Outbox):
    """The jobs of one fleet.

    Args:
        client: A connection with ``decode_responses``; see ``connect``.
        keys: The fleet's keys.
        retention_seconds: How long a settled job stays readable.
        max_journal_bytes: How large one job's journal may grow.
        script_texts: The Lua scripts by name; the package's own by default.

    Raises from every method:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: Redis answered something that the ledger cannot use.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        *,
        retention_seconds: float,
        max_journal_bytes: int = MAX_JOURNAL_BYTES,
        script_texts: Mapping[str, str] | None = None,
    ) -> None:
        scripts = Scripts(client, keys, script_texts)
        super().__init__(client, keys, scripts, retention_seconds=retention_seconds)
        self.coordination = Coordination(client, keys, self._scripts)
        self.controls = ControlPanel(self._scripts)
        self.operator = OperatorMoves(self._scripts)
        self.spending = Spending(self._scripts)
        self.journals = Journals(self._scripts, max_bytes=max_journal_bytes)
        check_layout(client, keys)

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
            LedgerError: The ledger was written by a version of the fleet with another layout.
        """
        client = connect(settings, wait_seconds=wait_seconds, timeout_seconds=timeout_seconds)
        return cls(
            client,
            Keys(settings.agent),
            retention_seconds=settings.retention_days * 86400,
            max_journal_bytes=settings.max_journal_bytes,
        )

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    # --- the moves of a job ---------------------------------------------------------------------

    def accept(self, task: AssignedTask) -> Accepted:
        """Queue a task that is not known yet; note that a known one is still listed."""
        budget = task.max_budget_cents
        return self._accept(task.task_id, task.to_json(), task.task_type, "", budget)

    def refuse(self, task_id: str, reason: str) -> Accepted:
        """Record a malformed task with its reason; it rests in quarantine."""
        return self._accept(task_id, None, "", reason)

    def sent(self, job_id: str) -> None:
        """Note that the message of a queued job went out."""
        self._scripts.run("sent", job_id)

    def claim(
        self,
        job_id: str,
        owner: str,
        *,
        lease_seconds: float,
        max_running: int = 0,
        endpoint: str = "",
        alone: bool = False,
        day_cap_usd: Decimal | None = None,
    ) -> Lease | NotClaimed:
        """Take the lease on a queued job that is due.

        Args:
            job_id: The job.
            owner: The name of this process.
            lease_seconds: How long the lease lasts unless it is renewed.
            max_running: How many jobs the whole fleet may run at once; 0 for any number.
            endpoint: The model endpoint that the job would call; its breaker may refuse.
            alone: Whether the job would have this process to itself; an isolated one must.
            day_cap_usd: What the whole fleet may spend today; None for any amount.
        """
        day_cap = "" if day_cap_usd is None else picodollars(day_cap_usd)
        reply = self._scripts.run(
            "claim",
            *(job_id, owner, int(lease_seconds * 1000), max_running, MAX_FAILURES_IN_A_ROW),
            *(endpoint, int(alone), int(PROBE_SECONDS * 1000), day_cap),
        )
        if not reply[0]:
            return NotClaimed(reply[1])
        token, task, nonce, releases, breaks, spent = reply
        assigned = AssignedTask.from_json(json.loads(task))
        usd = from_picodollars(int(spent))
        return Lease(job_id, int(token), assigned, nonce, int(releases), int(breaks), usd)

    def defer(self, job_id: str, *, delay_seconds: float) -> None:
        """Have no further message sent for a queued job for a while: its process is being started."""
        self._scripts.run("defer", job_id, int(delay_seconds * 1000))

    def renew(
        self,
        leases: Iterable[Lease],
        *,
        lease_seconds: float,
        progress: Mapping[str, JsonObject] = NO_PROGRESS,
    ) -> Renewal:
        """Prolong many leases in one call, and write down where their runs stand.

        Args:
            leases: Ours.
            lease_seconds: How long each lasts from now.
            progress: By job, for people; nothing depends on it.
        """
        parts: list[str] = []
        for lease in leases:
            told = progress.get(lease.job_id)
            where = json.dumps({**told, "attempt": lease.token}) if told else ""
            parts += (lease.job_id, lease.fence, where)
        if not parts:
            return Renewal()
        lost, cancelled = self._scripts.run("renew", int(lease_seconds * 1000), *parts)
        return Renewal(frozenset(lost), frozenset(cancelled))

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
            self._scripts.run(
                "release",
                *(lease.job_id, lease.fence, int(delay_seconds * 1000), why, counts_as),
                *_spent_args(spent),
            )
        )

    def finish(
        self, lease: Lease, outcome: Outcome, spent: Spent, *, score: int | None = None
    ) -> JobState | None:
        """Write the outcome into the outbox.

        Returns:
            Where the job is now: finished, or quarantined when a person cancelled it, or when it is a
            failure of a job whose completion was sent before. None when the lease or the outcome is
            another's.
        """
        reply = self._scripts.run(
            "finish",
            *(lease.job_id, lease.fence, json.dumps(outcome.to_json()), outcome.kind),
            *(SEND_GRACE_MS, "" if score is None else score),
            *_spent_args(spent),
        )
        return JobState(reply) if reply else None

    def died(self, job_id: str, fence: str) -> JobState | None:
        """A process that ran this job and nothing else died: the job is to blame.

        Once that has happened often enough to prove it, the jobs that were only ever beside it when a
        process ended run like all others again.

        Args:
            job_id: The job.
            fence: The fence of its lease.

        Returns:
            Where the job is now: queued for another try, or finished with its failure; None when the
            lease is another's.
        """
        message = "The task could not be worked: it ended the process that worked it, each time."
        failure = Failed("poison", message)
        reply = self._scripts.run(
            "died", job_id, fence, FAILED_AFTER_DEATHS, json.dumps(failure.to_json())
        )
        return JobState(reply) if reply else None

    def sweep(self, *, max_running: int = 0) -> SweepResult:
        """Make lapsed, stale and due work runnable; whoever calls sends the messages.

        Args:
            max_running: How many jobs the whole fleet may run at once; 0 for any number.
        """
        *found, is_new = self._scripts.run(
            "sweep",
            *(SWEEP_LIMIT, MESSAGE_LOST_MS, outbox.REPORT_LEASE_MS // 6, self._retention_ms),
            *(ISOLATED_AFTER_LAPSES, MAX_LAPSES, max_running, MAX_FAILURES_IN_A_ROW),
            *(SCHEMA_VERSION, OUTAGE_MS),
        )
        rescued, to_run, to_report = (tuple(ids) for ids in found)
        return SweepResult(rescued, to_run, to_report, bool(is_new))

    # --- below: one script ----------------------------------------------------------------------

    def _accept(
        self,
        task_id: str,
        task: JsonObject | None,
        task_type: str,
        reason: str,
        max_budget_cents: int | None = None,
    ) -> Accepted:
        reply = self._scripts.run(
            "accept",
            *(task_id, json.dumps(task), task_type, secrets.token_hex(8), reason),
            *(SEND_GRACE_MS, self._retention_ms),
            "" if max_budget_cents is None else max_budget_cents,
        )
        answer: Accepted = reply[0]
        return answer


def _spent_args(spent: Spent) -> tuple[str | int, ...]:
    """What `add_usage` in the scripts' prelude expects, in its order."""
    usage = spent.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens)
    return (spent.model, usage.model_calls, *tokens, spent.ran_ms)
