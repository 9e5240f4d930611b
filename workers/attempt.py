"""One attempt at a job, when its run has ended, and the moves in the ledger that can follow."""

import dataclasses

import structlog

from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Lease
from aicity_fleet.ledger.runs import Count
from aicity_fleet.models import Failed, JobState, JsonObject, Outcome, Spent
from aicity_fleet.stop_switch import StopSwitch
from workers.worker import Worker

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt whose run has ended. Each move returns what was done, for Flower and the log."""

    lease: Lease
    worker: Worker
    spent: Spent
    stop_switch: StopSwitch
    """Says whether the run has to stop, also after its ending."""
    team: str = ""
    """The name of the team that ran, for the brake."""

    @property
    def endpoint(self) -> str:
        """The model endpoint that the job's team calls, as its breaker is named."""
        return self.worker.terms.endpoint_for(self.lease.task.task_type)

    def finish(self, outcome: Outcome, *, score: int | None = None) -> JsonObject:
        """Write the outcome into the outbox, and have it reported.

        Args:
            score: The gate's own score.
        """
        lease, worker = self.lease, self.worker
        outcome = self._with_total_time(outcome)
        written = worker.ledger.finish(lease, outcome, self.spent, score=score, team=self.team)
        if written is None:
            return {"did": "dropped", "why": "lease_lost"}
        if written.state is not JobState.FINISHED:
            return {"did": "laid_aside", "why": str(written.state)}
        reached(Failpoint.OUTCOME_WRITTEN, lease.job_id)
        if not written.reports_waiting:  # else the process that takes it sends this report too
            worker.messages.report(lease.job_id)
        if isinstance(outcome, Failed):
            self._warn()
        why = outcome.code if isinstance(outcome, Failed) else "delivered"
        return {"did": outcome.kind, "why": why, "model_calls": self.spent.usage.model_calls}

    def _warn(self) -> None:
        """Tell the owner when failures have set the brake."""
        controls = self.worker.ledger.controls.read()
        if controls.is_braked:
            log.error("brake.set", endings=", ".join(controls.recent_endings))

    def release(
        self,
        why: str,
        delay_seconds: float = 0,
        *,
        counts_as: Count = "",
    ) -> JsonObject:
        """Hand the job back.

        Args:
            why: One line for the audit trail.
            delay_seconds: How long it may not be claimed again.
            counts_as: The count of the lease that this adds to, if any.
        """
        ours = self.worker.ledger.release(
            self.lease, why, self.spent, delay_seconds=delay_seconds, counts_as=counts_as
        )
        return {"did": "released" if ours else "dropped", "why": why}

    def _with_total_time(self, outcome: Outcome) -> Outcome:
        """Add the time of earlier attempts: the buyer's task took all of it."""
        total_ms = self.lease.ran_ms + outcome.execution_time_ms
        return dataclasses.replace(outcome, execution_time_ms=total_ms)
