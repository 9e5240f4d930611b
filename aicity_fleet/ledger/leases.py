"""The values that the ledger grants: leases on jobs and reports, and the work that a sweep found."""

import dataclasses
from collections.abc import Mapping
from decimal import Decimal

from aicity_fleet.models import AssignedTask, JobState, Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class ClaimTerms:
    """On what terms a process claims jobs."""

    owner: str
    """The process's name in the ledger."""
    lease_seconds: float
    """How long a lease lasts unless it is renewed."""
    max_running: int = 0
    """How many jobs the whole fleet may run at once; 0 for any number."""
    endpoint: str = ""
    """The model endpoint that the process calls, as its breaker is named; the breaker may refuse."""
    endpoints: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The endpoints of the task types whose teams call another one."""
    brake: str = ""
    """When to run one job at a time: ``5/8`` after 5 failures among the latest 8 jobs; empty for never. The
    other moves obey what the latest claim said."""
    day_cap_usd: Decimal | None = None
    """What the whole fleet may spend in a day, in US dollars; None for any amount."""

    def endpoint_for(self, task_type: str) -> str:
        """Return the model endpoint that the team of a task type calls."""
        return self.endpoints.get(task_type, self.endpoint)


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """The time-limited right to run a job."""

    job_id: str
    token: int
    """The fencing token: the number of the attempt. Every later write must show it."""
    task: AssignedTask
    nonce: str
    """The random text in the job's fences and markers."""
    releases: int
    """How often an endpoint in trouble has sent the job back so far."""
    breaks: int = 0
    """How often our own code has failed on it so far."""
    excuses: int = 0
    """How often since its last answer a busy endpoint sent the job back that passed its health check."""
    troubles: int = 0
    """How many attempts in a row bought nothing for a trouble that is the job's own."""
    ran_ms: int = 0
    """How long all earlier attempts ran, in milliseconds."""
    spent_usd: Decimal = Decimal(0)
    """The known part of what all earlier attempts spent, and the estimate of their unanswered calls, in US
    dollars."""
    journal: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    """The entries that earlier attempts left, as Redis stores them (``packing``)."""
    accepted_ms: int = 0
    """When the job was accepted, in milliseconds by Redis's clock."""
    claim: str = ""
    """The random text of the claim that granted it."""

    @property
    def fence(self) -> str:
        """What every write shows. The number alone may be granted again, after a wipe or a failover."""
        return run_fence(self.token, self.nonce, self.claim)


def run_fence(token: int | str, nonce: str, claim: str) -> str:
    """Return the fence of a run, as the scripts compare it; see ``Lease`` for the arguments."""
    return f"{token}:{nonce}:{claim}"


def read_run_fence(fence: str) -> tuple[int, str]:
    """Return the number of the attempt and the job's nonce, which the fence of a run holds."""
    token, nonce, _ = fence.split(":")
    return int(token), nonce


@dataclasses.dataclass(frozen=True, slots=True)
class NotClaimed:
    """The job may not run now; ``reason`` is its state, or the obstacle."""

    reason: str
    job_id: str = dataclasses.field(default="", compare=False)
    """The job; empty when there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """An outcome was written down, or stood already under the same lease."""

    state: JobState
    """Where the job is now: finished; or quarantined, when a person cancelled it or when it is a failure of
    a job whose completion was sent before."""
    reports_waiting: int = 0
    """How many messages wait on the reports queue. The process that takes one also sends the other reports
    that are due. 1 as well when a process that listens was told."""


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """What settling a report changed."""

    is_ours: bool
    """Whether the report was still ours."""
    may_change_availability: bool
    """Whether AI City may have to be told again if the agent takes work."""
    others_due: int
    """How many other reports may be due."""
    listens: bool
    """Whether the caller is informed about the next job to finish: it calls ``await_report``."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReportLease:
    """The time-limited right to send one report."""

    job_id: str
    token: int
    """The number of this try, from 1."""
    nonce: str
    outcome: Outcome
    tried_for_seconds: float
    """How long ago the report was first tried."""
    refusals: int = 0
    """How many earlier outcomes of this job AI City refused for certain, each before a ``replay``."""
    accepted_ms: int = 0
    """When the job was accepted, in milliseconds by Redis's clock."""

    @property
    def fence(self) -> str:
        """What every write shows."""
        return f"{self.token}:{self.nonce}"


@dataclasses.dataclass(frozen=True, slots=True)
class Renewal:
    """The leases that a renewal did not simply prolong."""

    lost: frozenset[str] = frozenset()
    """Jobs that are no longer ours."""
    cancelled: frozenset[str] = frozenset()
    """Jobs that a person cancelled; their leases are prolonged until the run has stopped."""


@dataclasses.dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep found due."""

    rescued: tuple[str, ...] = ()
    """Jobs whose lease lapsed; they are queued again."""
    to_run: tuple[str, ...] = ()
    """Jobs that need a message on the jobs queue, rescued ones included."""
    to_report: tuple[str, ...] = ()
    """Jobs whose report is due."""
    is_new: bool = False
    """Whether this is the first sweep, because the ledger is new or was wiped: it knows no job but what AI
    City lists."""
