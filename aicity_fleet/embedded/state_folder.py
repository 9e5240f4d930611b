"""The folder in which an embedded fleet keeps its Redis and its logs; one fleet at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from aicity_fleet.errors import SettingsError


class StateFolder:
    """A fleet's folder, locked while it is in use.

    Args:
        path: Where it is; by default below the user's data folder.
        agent: The fleet's name.

    Raises:
        SettingsError: On entering: it cannot be written, or another fleet uses it.
    """

    def __init__(self, path: Path | None, agent: str) -> None:
        data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        self.path = path or Path(data_home) / "aicity-fleet" / agent
        self._lock = -1

    @property
    def redis(self) -> Path:
        """Where Redis keeps its data."""
        return self.path / "redis"

    @property
    def logs(self) -> Path:
        """Where each process's log lies."""
        return self.path / "logs"

    def __enter__(self) -> Self:
        try:
            for folder in (self.path, self.redis, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsError(
                f"--data: {self.path} cannot be used ({error.strerror}). Name another folder."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise SettingsError(
                f"--data: {self.path} is in use by another fleet. Stop that one, or name another folder."
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
