"""A redis-server on a unix socket for the simulation, and the thinnest client that speaks to it.

A round trip of redis-py takes three times as long, and a simulation is little else. Errors are redis-py's,
because the ledger turns those into its own. Knows nothing of the fleet.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from aicity_fleet.embedded.redis_server import find_redis_server


def packed(*args: str | int | bytes) -> bytes:
    """One command as it goes over the wire."""
    parts = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class Wire:
    """One connection to a redis-server.

    Args:
        path: Its unix socket.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb", buffering=65536)

    def call(self, *args: str | int | bytes) -> Any:
        """Send one command and wait for its reply."""
        return self.send([packed(*args)])[0]

    def send(self, commands: list[bytes]) -> list[Any]:
        """Send commands in one go; gives every reply, and raises the first error among them."""
        return self.send_raw(b"".join(commands), len(commands))

    def send_raw(self, commands: bytes, many: int) -> list[Any]:
        """The same, for commands that are packed and joined already."""
        self._socket.sendall(commands)
        replies = [self._reply() for _ in range(many)]
        for reply in replies:
            if isinstance(reply, redis.ResponseError):
                raise reply
        return replies

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()

    def _reply(self) -> Any:
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._file.read(size + 2)[:-2].decode()
        if kind == b":":
            return int(rest)
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        if kind == b"+":
            return rest.decode()
        return redis.ResponseError(rest.decode())


@contextmanager
def redis_socket() -> Iterator[Path]:
    """A redis-server of this process's own, in memory alone; yields the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="sim-") as folder:
        path = Path(folder) / "s"
        argv = [str(find_redis_server()), "--port", "0", "--unixsocket", str(path)]
        server = subprocess.Popen(
            [*argv, "--save", "", "--appendonly", "no"], cwd=folder, stdout=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + 20
            while not _answers(path):
                assert time.monotonic() < deadline, "the redis-server does not start"
                time.sleep(0.01)
            yield path
        finally:
            server.terminate()
            server.wait(20)


def _answers(path: Path) -> bool:
    try:
        wire = Wire(path)
    except OSError:  # no socket yet, or nobody listens on it yet
        return False
    wire.close()
    return True
