"""Private folders for the files of jobs, removed when the job ends.

A worker that is killed cannot remove its own; the next one that needs a folder does: each worker holds
a lock on what is its own, and the kernel lets go of it whatever ends the worker.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "aicity-fleet-tools-"
"""How the folder of a worker begins."""

LOCK = "lock"
"""The file in a worker's folder that it holds a lock on."""


class PrivateFolders:
    """The folders of one worker, below one of its own; nothing is made before the first is needed."""

    def __init__(self, place: Path | None = None) -> None:
        """Remember where.

        Args:
            place: Where to make them; the system's folder for temporary files by default.
        """
        self._place = place
        self._root: Path | None = None
        self._lock = -1

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield an empty folder that no other user can read, and remove it at the end of the block."""
        path = Path(tempfile.mkdtemp(dir=self._own()))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            os.close(self._lock)
            self._root, self._lock = None, -1

    def _own(self) -> Path:
        if self._root is not None and self._root.is_dir():
            return self._root
        self.close()
        place = Path(tempfile.gettempdir()) if self._place is None else self._place
        _remove_abandoned(place)
        while True:
            root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            lock = os.open(root / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # another worker took it for abandoned just now, and removes it
                os.close(lock)
                continue
            self._root, self._lock = root, lock
            return root


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of workers that are gone."""
    for root in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or gone by now
            if root.is_symlink() or root.stat().st_uid != os.getuid():
                continue
            lock = os.open(root / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(root, ignore_errors=True)
            finally:
                os.close(lock)
