"""Starts processes as forks of one that has loaded the fleet's code (``forked.py``). Only on Linux."""

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from aicity_fleet.embedded.kernel import die_with_parent

IS_POSSIBLE = sys.platform == "linux"
"""Whether processes can be forked here: the system libraries of macOS do not survive it."""

FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""Has glibc's malloc not keep memory for each of a worker's many threads, of which one runs at a time."""

START_SECONDS = 60.0
"""How long the code may take to load, in seconds."""

LOOK_SECONDS = 0.2
"""How often it is asked whether anybody still waits for that, in seconds."""


class Forked:
    """A process that was forked, as far as a supervisor needs it."""

    def __init__(self, pid: int, server: "ForkServer") -> None:
        self.pid = pid
        self.status: int | None = None
        self.is_orphan = False
        """Whether the process that knows its exit status is gone."""
        self._server = server
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:  # it has ended, and its status is on the way
            self._handle = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs.

        An orphan counts as ended by the signal with which the kernel stops it.
        """
        self._server.look()
        if self.is_orphan and self.status is None and self._has_ended():
            self.end(-signal.SIGTERM)
        return self.status

    def end(self, status: int) -> None:
        """Note that it ended."""
        self.status = status
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _has_ended(self) -> bool:
        return self._handle is None or bool(select.select([self._handle], [], [], 0)[0])


class ForkServer:
    """The process with the code, and its forks. When it dies, the kernel stops its forks.

    Args:
        env: The environment in which the code is loaded: without any secret.
        log: The file for what that process itself has to say.
    """

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._env, self._log = FEW_ARENAS | dict(env), log
        self._guard = threading.Lock()
        self._running: dict[int, Forked] = {}
        self._numbers = itertools.count(1)
        self._given_up: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self.load()

    @property
    def pid(self) -> int | None:
        """The process id of the process with the code; None when it is gone."""
        return None if self._process is None else self._process.pid

    def load(self) -> None:
        """Begin to load the code, unless that has begun. Returns at once.

        Raises:
            OSError: The process could not be started.
        """
        if self._process is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aicity_fleet.embedded.forked"],
                env=self._env,
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - safe, see there
            )
        self._socket = ours

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        output: int,
        ends_by: signal.Signals = signal.SIGTERM,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> Forked | None:
        """Fork a process that leads a process group of its own.

        Args:
            name: What ``top`` shows.
            argv: What it would be started with: ``python -m MODULE`` and the arguments.
            env: Its environment. The process with the code does not read it.
            output: The file descriptor that it writes to; the caller closes it afterwards.
            ends_by: The signal that it gets when the process with the code ends.
            gives_up: Whether nobody wants it any more; asked while the code is loaded.

        Returns:
            The process; None when nobody wanted it any more.

        Raises:
            OSError: The process with the code does not start, or cannot fork.
        """
        _python, _m, module, *args = argv
        order = {
            **{"name": name, "module": module, "args": args, "env": dict(env)},
            "ends_by": int(ends_by),
        }
        with self._guard, open(os.memfd_create(name), "w+", encoding="utf-8") as file:
            json.dump(order, file)
            file.seek(0)
            number = next(self._numbers)
            self._ask(number, [file.fileno(), output])
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline and not gives_up():
                message = self._receive(LOOK_SECONDS)
                if self._socket is None:
                    break
                if message is None or message.get("request") != number:
                    continue
                if "failed" in message:
                    raise OSError(message["failed"], os.strerror(message["failed"]))
                forked = self._running[message["started"]] = Forked(message["started"], self)
                return forked
            self._given_up.add(number)
            if gives_up():
                return None
            raise ChildProcessError(f"The fleet's code could not be loaded; see {self._log}.")

    def look(self) -> None:
        """Note which forks have ended."""
        with self._guard:
            while self._socket is not None and self._receive(0) is not None:
                pass

    def close(self) -> None:
        """End the process with the code, and with it every fork that still runs."""
        with self._guard:
            self._lose()

    def _ask(self, number: int, files: Sequence[int]) -> None:
        """Send a request, to a new process with the code if the last one is gone.

        Raises:
            OSError: It could not be started.
        """
        for is_last in (False, True):
            self.load()
            assert self._socket is not None  # noqa: S101 - load() made it
            try:
                socket.send_fds(self._socket, [str(number).encode()], files)
            except ConnectionError:
                self._lose()
                if is_last:
                    raise
            else:
                return

    def _receive(self, seconds: float) -> dict[str, int] | None:
        """Read a message of the process with the code, and note if a fork has ended.

        Returns:
            None when none came in time, or when that process is gone.
        """
        if self._socket is None:
            return None
        self._socket.settimeout(max(0.0, seconds))
        try:
            text = self._socket.recv(1024)
        except (BlockingIOError, TimeoutError):
            return None
        except ConnectionError:
            text = b""
        if not text:
            self._lose()
            return None
        message: dict[str, int] = json.loads(text)
        if "ended" in message and (forked := self._running.pop(message["ended"], None)):
            forked.end(message["status"])
        if message.get("request") in self._given_up and "started" in message:
            with contextlib.suppress(ProcessLookupError):  # nobody waits for it any more
                os.killpg(message["started"], signal.SIGKILL)
        return message

    def _lose(self) -> None:
        """Let go of the process with the code; the kernel then stops its forks."""
        for forked in self._running.values():
            forked.is_orphan = True
        self._running.clear()
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket = self._process = None
