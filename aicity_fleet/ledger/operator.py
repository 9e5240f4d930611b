"""What a person may do with a job: cancel, park, replay, release. Called by the command line alone.

Each is one atomic move that refuses, with its reason and the remedy, where the job stands elsewhere.
"""

from __future__ import annotations

from aicity_fleet.errors import WrongStateError
from aicity_fleet.ledger.controls import MAX_FAILURES_IN_A_ROW
from aicity_fleet.ledger.lua import Scripts

_REMEDIES = {
    "no_task": "its task was malformed, so there is nothing to run; correct it at AI City",
    "no_outcome": "it has no outcome that could be reported; 'replay' runs it anew",
    "may_be_accepted": "AI City may have accepted its report, and a second run could be a second "
    "ending; 'release' sends the same report again",
    "being_sent": "its report is being sent right now; try again in a minute",
    "complete_tried": "it is a failure, and a completion was sent to AI City before; 'replay' runs "
    "it anew",
    "guard": "it would be the third failure in a row, after which AI City suspends the agent; it goes "
    "by itself after a success, and --despite-guard sends it now",
}


class OperatorMoves:
    """The moves of one fleet's jobs that a person makes.

    Raises from every method:
        WrongStateError: The job is not where this move needs it; the message says where it is.
        LedgerUnavailableError: Redis does not answer.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def cancel(self, job_id: str, why: str) -> bool:
        """Stop a queued or running job; it rests in quarantine, and nothing is reported.

        Returns:
            True when it rests now, False when its worker stops it within some seconds.
        """
        answer, state = self._scripts.run("cancel", job_id, why)
        if not answer:
            raise _refused(
                job_id, "cancelled", state, "only a queued or running job can be; see 'park'"
            )
        return bool(answer == "cancelled")

    def park(self, job_id: str, why: str) -> str:
        """Lay a queued, finished or held job aside; gives the state it was in."""
        return self._move("park", "parked", "queued, finished or held", job_id, why)

    def replay(self, job_id: str, why: str) -> str:
        """Run a quarantined or held job anew; gives the state it was in.

        Its outcome is discarded, and its journal with it, for the same answers would lead to the same
        outcome. Without an outcome the journal stays, and nothing is bought twice.
        """
        return self._move("replay", "replayed", "quarantined or held", job_id, why)

    def release(self, job_id: str, why: str, *, despite_guard: bool = False) -> str:
        """Report the outcome of a quarantined or held job as it stands; gives the state it was in.

        Args:
            job_id: The job.
            why: One line for the audit trail.
            despite_guard: Send a failure although it may be the third in a row.
        """
        more = (MAX_FAILURES_IN_A_ROW, int(despite_guard))
        return self._move("send", "released", "quarantined or held", job_id, why, *more)

    def _move(self, script: str, done: str, needed: str, job_id: str, why: str, *more: int) -> str:
        moved, state, obstacle = self._scripts.run(script, job_id, why, *more)
        if not moved:
            remedy = _REMEDIES.get(obstacle, f"only a job that is {needed} can be")
            raise _refused(job_id, done, state, remedy)
        return str(state)


def _refused(job_id: str, done: str, state: str, remedy: str) -> WrongStateError:
    where = f"it is {state}" if state else "the ledger does not know it"
    return WrongStateError(f"Job '{job_id}' cannot be {done}: {where}; {remedy}.")
