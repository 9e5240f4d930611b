"""Copies settled jobs into the archive, while the ledger still has them."""

from collections.abc import Callable, Iterable

import structlog

from aicity_fleet.archive import Archive
from aicity_fleet.background import Background
from aicity_fleet.errors import ArchiveError, LedgerUnavailableError
from aicity_fleet.ledger import Ledger

ROUND_SECONDS = 20.0
"""How often settled jobs are looked for, in seconds."""

ROUND_JOBS = 20
"""How many are written at once. A packed job may have more than a megabyte."""

TURN_SECONDS = 120.0
"""How long a round may take, in seconds, and so how long one that died holds off others."""

log = structlog.get_logger(__name__)


class Archiver:
    """Copies the settled jobs of one fleet. Of several, one copies at a time.

    Args:
        is_stopping: Whether this process is about to end.
    """

    def __init__(
        self, ledger: Ledger, archive: Archive, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._ledger, self._archive, self._is_stopping = ledger, archive, is_stopping
        self._may_lack = True
        """Whether jobs may have settled without a mark."""

    def start(self, background: Background) -> None:
        """Copy again and again."""
        background.repeat("archive", self.copy, ROUND_SECONDS)

    def copy(self) -> int:
        """Copy every job that has settled, or changed since; returns how many.

        A job whose copying is interrupted is copied again: it keeps its mark until it is in the file. The
        first call, and the first on a wiped ledger, also copies what settled while nobody archived.

        Raises:
            ArchiveError: The file cannot be written; the next call goes on.
            LedgerUnavailableError: Redis went away; the next call goes on.
        """
        with self._ledger.coordination.only_archive(TURN_SECONDS) as turn:
            if turn is None:
                return 0
            try:
                copied = self._copy_all(turn.prolong)
            except ArchiveError as error:
                self._ledger.troubles.note("archive", str(error), self._ledger.now())
                raise
            self._ledger.troubles.end("archive")
        if copied:
            log.info("archive.copied", jobs=copied)
        return copied

    def _copy_all(self, may_go_on: Callable[[], bool]) -> int:
        marking = self._ledger.archiving
        latest, copied = marking.next_round({}, ROUND_JOBS), 0
        self._may_lack |= not latest.was_marking
        while latest.due:
            if self._is_stopping() or not may_go_on():
                return copied
            copied += self._put(latest.due)
            latest = marking.next_round(latest.due, ROUND_JOBS)
        if self._may_lack:
            every = self._ledger.reported()
            for start in range(0, len(every), ROUND_JOBS):
                if self._is_stopping() or not may_go_on():
                    return copied
                some = every[start : start + ROUND_JOBS]
                nonces = dict(zip(some, self._ledger.nonces(some), strict=True))
                copied += self._put(self._archive.lacks(nonces))
            self._may_lack = False
        return copied

    def _put(self, job_ids: Iterable[str]) -> int:
        """Copy these jobs, but for those that are gone or cannot be read: they would hold up all others."""
        rows, now = [], self._ledger.now()
        for job_id in job_ids:
            try:
                whole = self._ledger.whole(job_id)
                if whole is not None:  # else its retention ended first
                    rows.append(self._archive.row(whole, now))
            except LedgerUnavailableError:
                raise
            except Exception:
                log.exception("archive.skipped", job_id=job_id)
        if rows:
            self._archive.put(rows)
        return len(rows)
