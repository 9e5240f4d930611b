"""The ledger: every move of a job, each one atomic Lua script on Redis's own clock.

It decides who owns a job and what has been settled, and sends nothing anywhere. Called by the poll, the
sweep, the workers, the reports and the command line.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import redis

from aicity_fleet.ledger import outbox, runs
from aicity_fleet.ledger.alerts import Alerts
from aicity_fleet.ledger.archiving import Archiving
from aicity_fleet.ledger.connection import check_layout, connect, wrapped
from aicity_fleet.ledger.controls import ControlPanel
from aicity_fleet.ledger.coordination import Coordination
from aicity_fleet.ledger.journals import MAX_JOURNAL_BYTES, Journals
from aicity_fleet.ledger.keys import SCHEMA_VERSION, Keys
from aicity_fleet.ledger.leases import SweepResult
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.operator import OperatorMoves
from aicity_fleet.ledger.read_backs import DAY_SECONDS, ReadBacks
from aicity_fleet.ledger.records import Records
from aicity_fleet.ledger.spending import Spending
from aicity_fleet.ledger.troubles import Troubles
from aicity_fleet.models import AssignedTask
from aicity_fleet.settings import Settings

MESSAGE_LOST_MS = 10_000
"""After how long a message that led to no claim counts as lost, in milliseconds."""

ISOLATED_AFTER_LAPSES = 2
"""After how many lapsed leases a job runs alone: it may kill its workers."""

MAX_LAPSES = 8
"""After how many lapsed leases a job is quarantined, although nothing proved that it is to blame."""

OUTAGE_MS = 10_000
"""How long without a sweep, in milliseconds, shows that Redis or every dispatcher was away."""

SWEEP_LIMIT = 200
"""How many jobs of each kind one sweep makes runnable."""

Accepted = Literal["accepted", "refused", "known", "paused"]
"""What became of a task: a new job; a malformed task on record; a job that was known; or nothing, because
intake is paused."""


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedTask:
    """A malformed task, which waits for a person."""

    task_id: str
    reason: str


class Ledger(runs.Runs, outbox.Outbox, Records):
    """The jobs of one fleet.

    Args:
        client: A connection with ``decode_responses``; see ``connect``.
        retention_seconds: How long a settled job stays readable.
        max_journal_bytes: The most that one job's journal may hold.
        read_back_seconds: How long after its report a task is read back; 0 for never.
        script_texts: The Lua scripts by name; by default those of the package.

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
        read_back_seconds: float = 7 * DAY_SECONDS,
        script_texts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(client, keys)
        self._scripts = Scripts(client, keys, script_texts)
        self._retention_ms = int(retention_seconds * 1000)
        self.coordination = Coordination(client, keys, self._scripts)
        self.alerts = Alerts(client, keys)
        self.troubles = Troubles(client, keys)
        self.controls = ControlPanel(self._scripts)
        self.operator = OperatorMoves(self._scripts)
        self.spending = Spending(self._scripts)
        self.archiving = Archiving(self._scripts)
        self.journals = Journals(self._scripts, max_bytes=max_journal_bytes)
        self.read_backs = ReadBacks(self._scripts, window_seconds=read_back_seconds)
        check_layout(client, keys)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        wait_seconds: float = 0,
        timeout_seconds: float = 5,
        retries: int = 3,
    ) -> Ledger:
        """Connect to the Redis that the settings name.

        Args:
            wait_seconds: How long to wait for a Redis that is still starting.
            timeout_seconds: How long one try of a command may take.
            retries: How often a command is tried again.

        Raises:
            LedgerUnavailableError: Redis does not answer, or refuses us.
            LedgerError: The ledger was written by a version of the fleet with another layout.
        """
        client = connect(
            settings,
            wait_seconds=wait_seconds,
            timeout_seconds=timeout_seconds,
            retries=retries,
        )
        return cls(
            client,
            Keys(settings.agent),
            retention_seconds=settings.retention_days * DAY_SECONDS,
            max_journal_bytes=settings.max_journal_bytes,
            read_back_seconds=min(settings.read_back_days, settings.retention_days) * DAY_SECONDS,
        )

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    def accept(self, task: AssignedTask) -> Accepted:
        """Queue a task that is not known yet; record that a known one is still listed."""
        return self.accept_all([task])[0]

    def refuse(self, task_id: str, reason: str) -> Accepted:
        """Record a malformed task with its reason, in quarantine."""
        return self.accept_all([RefusedTask(task_id, reason)])[0]

    def accept_all(
        self, tasks: Sequence[AssignedTask | RefusedTask], nonces: Sequence[str] = ()
    ) -> list[Accepted]:
        """Accept or refuse many tasks in one call; returns what became of each, in their order.

        Args:
            nonces: The random text of each, see ``new_nonce``; by default made here.
        """
        parts: list[str | int] = []
        for task, nonce in zip(tasks, nonces or [new_nonce() for _ in tasks], strict=True):
            parts += (task.task_id, *_accept_args(task, nonce))
        if not parts:
            return []
        return list(self._scripts.run("accept", runs.SEND_GRACE_MS, self._retention_ms, *parts))

    def sent(self, *job_ids: str) -> None:
        """Record that the messages of queued jobs went out."""
        if job_ids:
            self._scripts.run("sent", *job_ids)

    def unlisted(self, limit: int) -> list[str]:
        """Return the queued jobs that wait longest because AI City's list no longer names their task."""
        with wrapped("read which jobs are unlisted"):
            found: Any = self.client.zrange(self.keys.unlisted, 0, limit - 1)
        return list(found)

    def note_unlisted(
        self, job_id: str, verdict: Literal["begin", "later", "withdraw"], why: str = ""
    ) -> bool:
        """Record what the task of such a job showed; False when the job is no longer in that state.

        Args:
            verdict: ``begin`` when it is still to be done; ``later`` when it could not be read;
                ``withdraw`` when it is not to be done: the job goes to quarantine, and is queued again when
                AI City lists its task again.
            why: It is withdrawn.
        """
        reply = self._scripts.run(
            "note_unlisted", job_id, verdict, why=why, retention_ms=self._retention_ms
        )
        return bool(reply)

    def sweep(self, *, max_running: int = 0, turn_seconds: float = 0) -> SweepResult:
        """Make lapsed, stale and due work runnable; the caller sends the messages.

        Args:
            max_running: How many jobs the whole fleet may run at once; 0 for any number.
            turn_seconds: For how long no other process is to sweep. Within that time of another's sweep,
                nothing is done or found. 0 to sweep anyway.
        """
        *found, is_new = self._scripts.run(
            "sweep",
            limit=SWEEP_LIMIT,
            message_lost_ms=MESSAGE_LOST_MS,
            report_again_ms=outbox.REPORT_LEASE_MS // 6,
            retention_ms=self._retention_ms,
            isolate_after=ISOLATED_AFTER_LAPSES,
            quarantine_after=MAX_LAPSES,
            max_running=max_running,
            schema_version=SCHEMA_VERSION,
            outage_ms=OUTAGE_MS,
            turn_ms=int(turn_seconds * 1000),
        )
        rescued, to_run, to_report = (tuple(ids) for ids in found)
        return SweepResult(rescued, to_run, to_report, bool(is_new))


def new_nonce() -> str:
    """Return the random text of a new job."""
    return secrets.token_hex(8)


def _accept_args(task: AssignedTask | RefusedTask, nonce: str) -> tuple[str | int, ...]:
    """Return what ``accept.lua`` takes of a task after its id."""
    if isinstance(task, RefusedTask):
        return ("null", "", nonce, task.reason, "")
    budget = "" if task.max_budget_cents is None else task.max_budget_cents
    return (json.dumps(task.to_json()), task.task_type, nonce, "", budget)
