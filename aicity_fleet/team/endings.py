"""The endings of a run that come neither from the gate nor from a provider's answer. No AutoGen here."""

from aicity_fleet.models import Ending, Interrupted, Rejected

REFUSED = Rejected("refused", "The model's provider declined this task under its content rules.")
TOO_LONG = Rejected("internal", "The task is larger than the model can take in.")
JOURNAL_FULL = Rejected(
    "journal_full", "The task needs more work than the agent can keep track of."
)
INTERNAL = Rejected("internal", "The work stopped on an internal error.")
PAST_DEADLINE = Rejected("deadline", "The work was not finished in time.")
OVER_BUDGET = Rejected("over_budget", "The task needs more work than its budget allows.")
"""The next model call would cross the job's bounds."""
UNPROFITABLE = Rejected("unprofitable", "The task needs more work than its price covers.")
"""The next model call would cost more than the job still earns."""
DRAINING = Interrupted("drain")
DAY_CAP = Interrupted("day_cap")
"""The fleet may spend no more today: the job waits."""


class StoppedError(Exception):
    """Raised in place of a model call that may not be made; holds the ending that it leads to."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(type(ending).__name__)
        self.ending = ending
