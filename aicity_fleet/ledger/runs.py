"""The runs of jobs: the moves between a claim and its end, made by workers.

Every move after the claim shows the lease, and is refused when that lease is no longer the current one.
A part of ``Ledger``.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

import structlog

from aicity_fleet.ledger.controls import (
    OTHER_PROBE_SECONDS,
    PROBE_SECONDS,
    RECENT_TROUBLE_SECONDS,
)
from aicity_fleet.ledger.leases import (
    ClaimTerms,
    Finished,
    Lease,
    NotClaimed,
    Renewal,
    run_fence,
)
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.models import (
    UNREADABLE,
    AssignedTask,
    Failed,
    Interruption,
    JobState,
    JsonObject,
    Outcome,
    Spent,
)
from aicity_fleet.money.cost import from_picodollars, picodollars

SEND_GRACE_MS = 3000
"""How long the sweep leaves sending a new message to the process that made the move, in milliseconds."""

FAILED_AFTER_DEATHS = 3
"""A job that runs alone fails when its process dies and this many of its leases have ended badly. The two
lapses that isolated it count, so its first death alone is usually the last."""

log = structlog.get_logger(__name__)

Count = Literal["", "releases", "excuses", "breaks", "troubles"]
"""What a release adds to: a field of ``Lease``, or nothing."""

_CAUSES: Mapping[Count, str] = MappingProxyType(
    {
        "releases": "endpoint",
        "excuses": "endpoint_busy",
        "troubles": "own_trouble",
        "breaks": "internal_error",
    }
)
"""What the releases that a lease counts are called in the metrics."""

NO_PROGRESS: Mapping[str, JsonObject] = MappingProxyType({})


def set_aside(
    scripts: Scripts,
    job_id: str,
    fence: str,
    what: str,
    error: Exception,
    *,
    was_refused: bool = False,
) -> None:
    """Quarantine a job whose record cannot be read: no further attempt could read it either.

    Args:
        fence: The token of its run, or of its report.
        what: The part that cannot be read.
        was_refused: Whether AI City certainly has no outcome of it that could count.
    """
    why = f"its {what} in the ledger cannot be read ({type(error).__name__})"
    log.error("job.unreadable", job_id=job_id, what=what, error=type(error).__name__)
    scripts.run(
        "quarantine", job_id, fence, why=why, cause="unreadable", was_refused=int(was_refused)
    )


class Runs:
    """The runs of one fleet's jobs."""

    _scripts: Scripts

    def claim(
        self, job_id: str, terms: ClaimTerms, *, is_alone: bool = False
    ) -> Lease | NotClaimed:
        """Take the lease on a queued job that is due.

        Args:
            is_alone: Whether the job would have this process to itself; an isolated job must.
        """
        cap_usd, call = terms.day_cap_usd, secrets.token_hex(8)
        reply = self._scripts.run(
            "claim",
            job_id,
            owner=terms.owner,
            lease_ms=int(terms.lease_seconds * 1000),
            max_running=terms.max_running,
            endpoint=terms.endpoint,
            endpoints=json.dumps(dict(terms.endpoints)) if terms.endpoints else None,
            brake=terms.brake,
            is_alone=int(is_alone),
            probe_ms=int(PROBE_SECONDS * 1000),
            other_probe_ms=int(OTHER_PROBE_SECONDS * 1000),
            day_cap=None if cap_usd is None else picodollars(cap_usd),
            call=call,
        )
        if not reply[0]:
            return NotClaimed(reply[1], job_id)
        token, text, nonce, *counts, spent, journal, accepted_at = reply
        releases, excuses, breaks, troubles, ran_ms = (int(count) for count in counts)
        try:
            task = AssignedTask.from_json(json.loads(text))
        except UNREADABLE as error:
            set_aside(self._scripts, job_id, run_fence(token, nonce, call), "task", error)
            return NotClaimed("quarantined", job_id)
        return Lease(
            job_id,
            int(token),
            task,
            nonce,
            releases=releases,
            excuses=excuses,
            breaks=breaks,
            troubles=troubles,
            ran_ms=ran_ms,
            spent_usd=from_picodollars(int(spent)),
            journal=tuple(journal),
            accepted_ms=int(accepted_at),
            claim=call,
        )

    def defer(self, job_id: str, *, delay_seconds: float) -> None:
        """Send no message for a queued job for a while: a process is being started for it."""
        self._scripts.run("defer", job_id, int(delay_seconds * 1000))

    def renew(
        self,
        leases: Iterable[Lease],
        *,
        lease_seconds: float,
        progress: Mapping[str, JsonObject] = NO_PROGRESS,
    ) -> Renewal:
        """Prolong many leases in one call, and record how far their runs are.

        Args:
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
        counts_as: Count = "",
    ) -> bool:
        """Hand a running job back; False when it is no longer ours.

        Args:
            why: One line for the audit trail.
            delay_seconds: How long the job may not be claimed again.
            counts_as: The count of the lease that this adds to, if any.
        """
        reply = self._scripts.run(
            "release",
            *(lease.job_id, lease.fence),
            delay_ms=int(delay_seconds * 1000),
            why=why,
            cause=_cause(why, counts_as),
            counts_as=counts_as,
            **_usage_args(spent),
        )
        return bool(reply)

    def finish(
        self,
        lease: Lease,
        outcome: Outcome,
        spent: Spent,
        *,
        score: int | None = None,
        team: str = "",
    ) -> Finished | None:
        """Write the outcome into the outbox.

        Args:
            team: The name of the team, for the brake and the metrics.

        Returns:
            Where the job is now; None when the lease is not the current one, or another outcome stands.
        """
        state, waiting = self._scripts.run(
            "finish",
            *(lease.job_id, lease.fence),
            outcome=json.dumps(outcome.to_json()),
            kind=outcome.kind,
            grace_ms=SEND_GRACE_MS,
            score=score,
            team=team,
            ending=outcome.code if isinstance(outcome, Failed) else outcome.kind,
            rounds=spent.rounds,
            **_usage_args(spent),
        )
        return Finished(JobState(state), waiting) if state else None

    def died(self, job_id: str, fence: str) -> JobState | None:
        """Record that a process died that ran this job and nothing else: the job is to blame.

        Once that has happened often enough to prove it, jobs that were only ever beside it when a process
        ended need not run alone any more.

        Returns:
            Where the job is now: queued for another try, or finished with its failure; None when the
            lease is not the current one.
        """
        message = "The task could not be worked: it ended the process that worked it, each time."
        failure = Failed("poison", message)
        reply = self._scripts.run(
            "died", job_id, fence, FAILED_AFTER_DEATHS, json.dumps(failure.to_json())
        )
        return JobState(reply) if reply else None


def _cause(why: str, counts_as: Count) -> str:
    """Return the word by which a release is counted, of a closed set."""
    if counts_as:
        return _CAUSES[counts_as]
    return why if why in get_args(Interruption) else "endpoint_fatal"


def _usage_args(spent: Spent) -> dict[str, str | int | None]:
    """Return the named arguments of `add_usage` in ``scripts/shared``."""
    usage = spent.usage
    return {
        "model": spent.model,
        "hand_in": spent.hand_in,
        "judgement": json.dumps(spent.judgement.to_json()) if spent.judgement else None,
        "model_calls": usage.model_calls,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "ran_ms": spent.ran_ms,
        "endpoint": spent.endpoint,
        "recent_ms": int(RECENT_TROUBLE_SECONDS * 1000),
        "without_tool": "-" if spent.without_tool is None else spent.without_tool,
    }
