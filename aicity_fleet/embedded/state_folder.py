"""The folder in which an embedded fleet keeps its Redis and its logs; one fleet at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Self

from aicity_fleet.errors import SettingsError

DEFAULT_AGENT = "default"
"""The fleet's name where ``FLEET_AGENT`` gives none."""


def find_running_fleet(environ: MutableMapping[str, str]) -> None:
    """Point an environment that names no Redis at the embedded fleet that runs in the usual folder.

    So `aicity-fleet jobs` beside `aicity-fleet up` needs no setting.
    """
    if environ.get("REDIS_URL") or environ.get("REDIS_URL_FILE"):
        return
    folder = StateFolder(None, environ.get("FLEET_AGENT") or DEFAULT_AGENT)
    if folder.redis_url.exists():
        environ["REDIS_URL_FILE"] = str(folder.redis_url)


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
    def redis_url(self) -> Path:
        """Where the embedded Redis can be reached, while it runs; readable by its owner alone."""
        return self.path / "redis.url"

    def publish(self, redis_url: str) -> None:
        """Let other commands of this user find the embedded Redis."""
        self.redis_url.unlink(missing_ok=True)
        handle = os.open(self.redis_url, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{redis_url}\n")

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
        self.redis_url.unlink(missing_ok=True)  # of a fleet that was killed
        return self

    def __exit__(self, *_: object) -> None:
        self.redis_url.unlink(missing_ok=True)
        os.close(self._lock)
