"""The moves of a person: cancel, park, rerun, send a report, acknowledge. Only the command line calls them.

Each is one atomic move. It refuses a job in the wrong state, and says why and what to do instead.
"""

from aicity_fleet.errors import WrongStateError
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.models import JobState

POSSIBLE_IN = {
    "cancel": (JobState.QUEUED, JobState.RUNNING),
    "park": (JobState.QUEUED, JobState.FINISHED, JobState.HELD),
    "rerun": (JobState.QUARANTINED, JobState.HELD),
    "send-report": (JobState.QUARANTINED, JobState.HELD),
    "acknowledge": (JobState.QUARANTINED,),
}
"""The states that each move starts from. The scripts decide, and may refuse for further reasons."""

_REMEDIES = {
    "no_task": "its task was malformed, so there is nothing to run; correct it at AI City",
    "no_outcome": "it has no outcome to report; 'rerun' runs it again",
    "may_be_accepted": "AI City may have accepted its report, and a second run could end the task twice; "
    "'send-report' sends the same report again",
    "being_sent": "its report is being sent right now; try again in a minute",
    "complete_tried": "it is a failure, and a completion was sent to AI City before; 'rerun' runs it again",
    "guard": "it would be the third failure in a row, after which AI City suspends the agent; the fleet "
    "sends it after the next success, and --despite-guard sends it now",
}

_ELSEWHERE = {
    "cancelled": {
        JobState.FINISHED: "it has ended; 'park' holds its report back",
        JobState.HELD: "it has ended; 'park' holds its report back",
        JobState.QUARANTINED: "it is already in quarantine",
    },
    "parked": {
        JobState.RUNNING: "'cancel' stops it and moves it to quarantine",
        JobState.QUARANTINED: "it is already in quarantine",
    },
    "rerun": {
        JobState.QUEUED: "it will run by itself",
        JobState.RUNNING: "'cancel' it first",
        JobState.FINISHED: "'park' it first, which works until its report is sent",
    },
    "reported": {
        JobState.QUEUED: "it has no outcome yet",
        JobState.RUNNING: "it has no outcome yet",
        JobState.FINISHED: "the fleet will send its report by itself",
    },
    "acknowledged": {
        JobState.QUEUED: "it will run by itself; 'cancel' stops it",
        JobState.RUNNING: "'cancel' stops it and moves it to quarantine",
        JobState.FINISHED: "the fleet will send its report by itself; 'park' holds it back",
        JobState.HELD: "the fleet sends its report after the next success; 'park' moves it to quarantine",
    },
}
_SETTLED = "AI City has its outcome, which is final"
_UNKNOWN = "'aicity-fleet jobs' lists the jobs that it knows"


class OperatorMoves:
    """The moves of one fleet's jobs that a person makes.

    Raises from every method:
        WrongStateError: The job is not where this move needs it; the message says where it is.
        LedgerUnavailableError: Redis does not answer.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def cancel(self, job_id: str, why: str) -> bool:
        """Stop a queued or running job and move it to quarantine. Nothing is reported.

        Returns:
            True when it is in quarantine now, False when its worker stops it within seconds.
        """
        answer, state = self._scripts.run("cancel", job_id, why)
        if not answer:
            raise _refused(job_id, "cancelled", state)
        return bool(answer == "cancelled")

    def park(self, job_id: str, why: str) -> str:
        """Move a queued, finished or held job to quarantine; returns the state it was in."""
        return self._move("park", "parked", job_id, why)

    def rerun(self, job_id: str, why: str, *, keep_journal: bool = False) -> str:
        """Run a quarantined or held job again; returns the state it was in.

        The outcome is discarded, and the journal with it: the same answers would lead to the same outcome,
        so every call is bought again. The journal stays for a job without an outcome, and for a failure in
        ``rules.JOURNAL_IS_KEPT_AFTER``.

        Args:
            why: One line for the audit trail.
            keep_journal: Keep the journal in any case, so that only new calls are bought.
        """
        return self._move("rerun", "rerun", job_id, why, int(keep_journal))

    def send_report(self, job_id: str, why: str, *, despite_guard: bool = False) -> str:
        """Report the outcome of a quarantined or held job as it stands; returns the state it was in.

        Args:
            why: One line for the audit trail.
            despite_guard: Send a failure although it may be the third in a row.
        """
        return self._move("send_report", "reported", job_id, why, int(despite_guard))

    def acknowledge(self, job_id: str, why: str) -> str:
        """Leave a quarantined job as it is, so that it no longer waits for a person; returns its state."""
        return self._move("acknowledge", "acknowledged", job_id, why)

    def _move(self, script: str, done: str, job_id: str, why: str, *more: int) -> str:
        moved, state, obstacle = self._scripts.run(script, job_id, why, *more)
        if not moved:
            raise _refused(job_id, done, state, obstacle)
        return str(state)


def _refused(job_id: str, done: str, state: str, obstacle: str = "") -> WrongStateError:
    """Return why a job cannot be moved, and what to do instead.

    Args:
        done: The move, as a participle.
        state: The job's state; empty when the ledger does not know it.
        obstacle: Why the script refused, although the state is right.
    """
    begin = f"Job '{job_id}' cannot be {done}:"
    if not state:
        return WrongStateError(f"{begin} the ledger does not know it; {_UNKNOWN}.")
    remedy = _REMEDIES.get(obstacle) or _ELSEWHERE[done].get(JobState(state), _SETTLED)
    return WrongStateError(f"{begin} it is {state}; {remedy}.")
