"""Says which settled jobs are to be archived. The scripts mark a job when it settles, and when a read-back
changes it, as long as somebody archives."""

from collections.abc import Mapping

from aicity_fleet.ledger.lua import Scripts

MARKING_DAYS = 30
"""For how long jobs are marked after the latest round, in days: then nobody archives any more."""


class Archiving:
    """The jobs of one fleet that are to be archived."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def next_round(self, archived: Mapping[str, int], limit: int) -> dict[str, int]:
        """Take the marks of archived jobs away, and return the next jobs.

        Args:
            archived: The result of the last call, now that it is archived; a job that was marked again
                meanwhile comes again.
            limit: The most to return.

        Returns:
            Each job's id, with its mark.
        """
        pairs = [part for job_id, mark in archived.items() for part in (job_id, mark)]
        reply = self._scripts.run("archive_round", MARKING_DAYS * 86_400_000, limit, *pairs)
        return dict(zip(reply[::2], map(int, reply[1::2]), strict=True))
