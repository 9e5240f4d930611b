"""Says which settled jobs are to be archived. The scripts mark a job when it settles, and when a read-back
changes it, as long as somebody archives."""

import dataclasses
from collections.abc import Mapping

from aicity_fleet.ledger.lua import Scripts

MARKING_DAYS = 30
"""For how long jobs are marked after the latest round, in days: then nobody archives any more."""


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """What is to be archived next."""

    due: Mapping[str, int]
    """The id of each job, with its mark."""
    was_marking: bool
    """Whether jobs were marked up to now: not on a new or wiped ledger."""


class Archiving:
    """The jobs of one fleet that are to be archived."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def next_round(self, archived: Mapping[str, int], limit: int) -> Round:
        """Take the marks of archived jobs away, and return the next jobs.

        Args:
            archived: What was due in the last round, now that it is archived; a job that was marked again
                meanwhile comes again.
            limit: The most to return.
        """
        pairs = [part for job_id, mark in archived.items() for part in (job_id, mark)]
        was_marking, found = self._scripts.run(
            "archive_round", MARKING_DAYS * 86_400_000, limit, *pairs
        )
        due = dict(zip(found[::2], map(int, found[1::2]), strict=True))
        return Round(due, bool(was_marking))
