"""The folder with an embedded fleet's Redis data and logs; one fleet uses it at a time."""

import fcntl
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Self

from aicity_fleet.errors import SettingsError

DEFAULT_AGENT = "default"
"""The fleet's name if ``FLEET_AGENT`` is not set."""

LOCK = "lock"
"""The file in the folder that the fleet holds locked while it uses the folder."""


def find_running_fleet(environ: MutableMapping[str, str]) -> None:
    """Set ``REDIS_URL_FILE`` to the embedded fleet in the default folder if no Redis is named.

    So `aicity-fleet jobs` finds the Redis of `aicity-fleet up` without any setting.
    """
    if environ.get("REDIS_URL") or environ.get("REDIS_URL_FILE"):
        return
    folder = StateFolder(None, environ.get("FLEET_AGENT") or DEFAULT_AGENT)
    if folder.redis_url.exists():
        environ["REDIS_URL_FILE"] = str(folder.redis_url)


def forget_embedded_redis(environ: MutableMapping[str, str], folder: "StateFolder") -> str:
    """Remove a ``REDIS_URL_FILE`` that an earlier `up` printed; it does not mean a Redis of the user's own.

    It is the file of this folder, or of another one whose fleet has ended.

    Returns:
        The path that was removed; empty when there was none.
    """
    named = environ.get("REDIS_URL_FILE", "")
    if not named:
        return ""
    path = Path(named).absolute()
    has_ended = path.name == folder.redis_url.name and not path.exists()
    if path != folder.redis_url.absolute() and not (has_ended and (path.parent / LOCK).exists()):
        return ""
    del environ["REDIS_URL_FILE"]
    return named


class StateFolder:
    """The folder of a fleet, locked while it is in use.

    Args:
        path: Its path; None for one below the user's data folder.

    Raises:
        SettingsError: On entry: the folder is not writable, or another fleet uses it.
    """

    def __init__(self, path: Path | None, agent: str) -> None:
        data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        self.path = path or Path(data_home) / "aicity-fleet" / agent
        self._lock = -1

    @property
    def redis(self) -> Path:
        """The folder with the data of Redis."""
        return self.path / "redis"

    @property
    def redis_url(self) -> Path:
        """The file with the URL of the embedded Redis while it runs; only its owner can read it."""
        return self.path / "redis.url"

    @property
    def archive(self) -> Path:
        """The archive of settled jobs."""
        return self.path / "archive.sqlite"

    def publish(self, redis_url: str) -> None:
        """Write the URL of the embedded Redis, so that other commands of this user find it."""
        self.redis_url.unlink(missing_ok=True)
        handle = os.open(self.redis_url, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{redis_url}\n")

    @property
    def logs(self) -> Path:
        """The folder with the log of each process."""
        return self.path / "logs"

    def __enter__(self) -> Self:
        try:
            for folder in (self.path, self.redis, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
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
        self.redis_url.unlink(missing_ok=True)  # left by a fleet that was killed
        return self

    def __exit__(self, *_: object) -> None:
        self.redis_url.unlink(missing_ok=True)
        os.close(self._lock)
