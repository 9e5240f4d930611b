"""What a person may do with a job: cancel, park, replay, release. Called by the command line alone.

Each is one atomic move that refuses, with its reason and the remedy, where the job stands elsewhere.
"""

from __future__ import annotations

from aicity_fleet.errors import WrongStateError
from aicity_fleet.ledger.controls import MAX_FAILURES_IN_A_ROW
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.models import JobState

POSSIBLE_IN = {
    "cancel": (JobState.QUEUED, JobState.RUNNING),
    "park": (JobState.QUEUED, JobState.FINISHED, JobState.HELD),
    "replay": (JobState.QUARANTINED, JobState.HELD),
    "release": (JobState.QUARANTINED, JobState.HELD),
}
"""From which states each move can be made; the scripts decide, and may know more that stands against it."""

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

_ELSEWHERE = {
    "cancelled": {
        JobState.FINISHED: "it has ended, and 'park' keeps its report back",
        JobState.HELD: "it has ended, and 'park' keeps its report back",
        JobState.QUARANTINED: "it rests already",
    },
    "parked": {
        JobState.RUNNING: "'cancel' stops it, and then it rests",
        JobState.QUARANTINED: "it rests already",
    },
    "replayed": {
        JobState.QUEUED: "it runs by itself",
        JobState.RUNNING: "'cancel' stops it, and then it can be",
        JobState.FINISHED: "'park' lays it aside, and then it can be unless it was sent",
    },
    "released": {
        JobState.QUEUED: "it has no outcome yet",
        JobState.RUNNING: "it has no outcome yet",
        JobState.FINISHED: "its report goes out by itself",
    },
}
_SETTLED = "AI City has its outcome, and nothing can be done about it any more"
_UNKNOWN = "'aicity-fleet jobs' lists those that it knows"


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
            raise _refused(job_id, "cancelled", state)
        return bool(answer == "cancelled")

    def park(self, job_id: str, why: str) -> str:
        """Lay a queued, finished or held job aside; gives the state it was in."""
        return self._move("park", "parked", job_id, why, MAX_FAILURES_IN_A_ROW)

    def replay(self, job_id: str, why: str) -> str:
        """Run a quarantined or held job anew; gives the state it was in.

        Its outcome is discarded, and its journal with it, for the same answers would lead to the same
        outcome. Without an outcome the journal stays, and nothing is bought twice.
        """
        return self._move("replay", "replayed", job_id, why)

    def release(self, job_id: str, why: str, *, despite_guard: bool = False) -> str:
        """Report the outcome of a quarantined or held job as it stands; gives the state it was in.

        Args:
            job_id: The job.
            why: One line for the audit trail.
            despite_guard: Send a failure although it may be the third in a row.
        """
        more = (MAX_FAILURES_IN_A_ROW, int(despite_guard))
        return self._move("send", "released", job_id, why, *more)

    def _move(self, script: str, done: str, job_id: str, why: str, *more: int) -> str:
        moved, state, obstacle = self._scripts.run(script, job_id, why, *more)
        if not moved:
            raise _refused(job_id, done, state, obstacle)
        return str(state)


def _refused(job_id: str, done: str, state: str, obstacle: str = "") -> WrongStateError:
    """Why a job cannot be moved, and what helps.

    Args:
        job_id: The job.
        done: What it cannot be.
        state: Where it is; empty when the ledger does not know it.
        obstacle: What stands against it although its state does not.
    """
    begin = f"Job '{job_id}' cannot be {done}:"
    if not state:
        return WrongStateError(f"{begin} the ledger does not know it; {_UNKNOWN}.")
    remedy = _REMEDIES.get(obstacle) or _ELSEWHERE[done].get(JobState(state), _SETTLED)
    return WrongStateError(f"{begin} it is {state}; {remedy}.")
