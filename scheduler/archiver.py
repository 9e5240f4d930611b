"""Copies settled jobs into the archive, while the ledger still has them."""

from collections.abc import Callable

import structlog

from aicity_fleet.archive import Archive
from aicity_fleet.background import Background
from aicity_fleet.ledger import Ledger

ROUND_SECONDS = 20.0
"""How often settled jobs are looked for, in seconds."""

ROUND_JOBS = 50
"""How many are copied at once; a whole job has up to some megabytes."""

log = structlog.get_logger(__name__)


class Archiver:
    """Copies the settled jobs of one fleet.

    Args:
        is_stopping: Whether this process is about to end.
    """

    def __init__(
        self, ledger: Ledger, archive: Archive, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._ledger, self._archive, self._is_stopping = ledger, archive, is_stopping

    def start(self, background: Background) -> None:
        """Copy again and again."""
        background.repeat("archive", self.copy, ROUND_SECONDS)

    def copy(self) -> int:
        """Copy every job that has settled, or changed since; returns how many.

        A job whose copying is interrupted is copied again: it keeps its mark until it is in the file.

        Raises:
            ArchiveError: The file cannot be written; the next call goes on.
            LedgerUnavailableError: Redis went away; the next call goes on.
        """
        copied, archived = 0, dict[str, int]()
        while (due := self._ledger.archiving.next_round(archived, ROUND_JOBS)) and not (
            self._is_stopping()
        ):
            whole = [found for job_id in due if (found := self._ledger.whole(job_id)) is not None]
            if whole:  # else their retention ended first
                self._archive.put(whole, self._ledger.now())
            archived, copied = due, copied + len(whole)
        if copied:
            log.info("archive.copied", jobs=copied)
        return copied
