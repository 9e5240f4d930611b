"""The supervisor: starts processes, restarts those that die, and leaves none behind.

Every child leads its own process group, so that Ctrl-C in the terminal reaches only the supervisor. It
then stops the children in order: the base programs, such as Redis, come last.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

from aicity_fleet.embedded.fork_server import IS_POSSIBLE, ForkServer
from aicity_fleet.embedded.kernel import STOPS, die_with_parent

RESTART_SECONDS = (1.0, 30.0)
"""First and longest wait before a dead process is restarted, in seconds. The wait doubles each time."""

STEADY_SECONDS = 60.0
"""A process that lived this long starts again with the first wait, in seconds."""

LOG_BYTES = 10_000_000
"""How large a log file may grow before the next one is begun, in bytes; as in the compose file."""

KILL_SECONDS = 2.0
"""How long a killed process may take to disappear, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """A process to run."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stdin: str = ""
    """The text that it reads from standard input."""
    is_base: bool = False
    """Whether other programs depend on it. It is stopped after them."""
    ends_by: signal.Signals = signal.SIGTERM
    """The signal that it gets when the supervisor is killed. A program that may miss one gets SIGKILL."""
    is_forked: bool = False
    """Whether it may be forked from the process that has loaded our code; it is ``python -m MODULE``."""


class _Process(Protocol):
    """A running program."""

    pid: int

    def poll(self) -> int | None:
        """Return its exit status; None while it runs."""


class _Child:
    """One program, running or waiting for its restart."""

    def __init__(self, program: Program, folder: Path, echo: Callable[[str, str], None] | None):
        self.program, self.folder, self._echo = program, folder, echo
        self.process: _Process | None = None
        self.deaths = 0
        self.started_at = 0.0
        self.restart_at = 0.0

    def start(self, forks: ForkServer | None, gives_up: Callable[[], bool] = lambda: False) -> None:
        self.started_at = time.monotonic()
        read, write = os.pipe()
        name = self.program.name
        # Before the program, which would block on a full pipe that nobody reads.
        threading.Thread(target=self._pump, args=(read,), name=f"log-{name}", daemon=True).start()
        try:
            if forks is not None and self.program.is_forked:
                self.process = forks.start(
                    name, self.program.argv, self.program.env, write, self.program.ends_by, gives_up
                )
            else:
                self.process = self._executed(write)
        finally:
            os.close(write)

    def _executed(self, output: int) -> "subprocess.Popen[str]":
        process = subprocess.Popen(  # noqa: S603 - our own argument lists
            list(self.program.argv),
            env=dict(self.program.env),
            stdin=subprocess.PIPE if self.program.stdin else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=partial(  # noqa: PLW1509 - safe, see there
                die_with_parent, os.getpid(), self.program.ends_by
            ),
        )
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(self.program.stdin)
                process.stdin.close()
        return process

    def signal(self, number: int) -> None:
        """Signal the whole process group, even if its leader is dead."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _pump(self, output: int) -> None:
        """Copy the output of the process to its log file and to ``echo``."""
        with (
            open(output, encoding="utf-8", errors="replace") as stream,
            contextlib.closing(_LogFile(self.folder / f"{self.program.name}.log")) as file,
        ):
            # Keep reading after any error: a process with a full pipe blocks.
            for line in stream:
                with contextlib.suppress(OSError):  # the disk is full
                    file.write(line.encode("utf-8", "replace"))
                if self._echo is not None:
                    # The terminal is gone; rich turns a broken pipe into an exit.
                    with contextlib.suppress(OSError, SystemExit):
                        self._echo(self.program.name, line.rstrip("\n"))


class _LogFile:
    """The log file of a program. When it is full, the next is begun; two earlier ones are kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, line: bytes) -> None:
        """Append a line.

        Raises:
            OSError: It cannot be written, as on a full disk. A later one may be.
        """
        if self._file.tell() + len(line) > LOG_BYTES:
            self._begin_next()
        self._file.write(line)

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def _begin_next(self) -> None:
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in (1, 2))]
        for newer, older in ((names[1], names[2]), (names[0], names[1])):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        following = self._path.open("ab", buffering=0)
        self._file.close()
        self._file = following


class Supervisor:
    """Runs programs until it is stopped.

    Args:
        log_folder: The folder for each program's output, in ``NAME.log``.
        stop_seconds: How long programs may take to stop before they are killed, in seconds.
        echo: Called with a program's name and each line of its output.
        fork_env: The environment, without any secret, of a process that loads the fleet's code at once and
            is forked for programs that may be. None to start each of them by itself.
    """

    def __init__(
        self,
        log_folder: Path,
        *,
        stop_seconds: float,
        echo: Callable[[str, str], None] | None = None,
        fork_env: Mapping[str, str] | None = None,
    ) -> None:
        log_folder.mkdir(parents=True, exist_ok=True)
        self.log_folder = log_folder
        self._stop_seconds, self._echo = stop_seconds, echo
        self._children: list[_Child] = []
        self._forks = None
        if fork_env is not None and IS_POSSIBLE:
            self._forks = ForkServer(fork_env, log_folder / "fork-server.log")

    def start(self, program: Program, gives_up: Callable[[], bool] = lambda: False) -> None:
        """Start a program. Call this and ``check`` only from the main thread.

        Args:
            gives_up: Whether everything is to stop: the first fork waits until the code is loaded.
        """
        child = _Child(program, self.log_folder, self._echo)
        self._children.append(child)
        child.start(self._forks, gives_up)

    def pid(self, name: str) -> int | None:
        """Return the process id of a program; None if it is not running."""
        for child in self._children:
            if child.program.name == name and child.is_alive() and child.process:
                return child.process.pid
        return None

    def check(self) -> list[tuple[str, int]]:
        """Restart the programs that died and whose wait is over.

        Returns:
            The name and exit status of each program that died since the last call.
        """
        died = []
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.restart_at:
                    try:
                        child.start(self._forks)
                    except OSError:  # out of processes or memory: try again later
                        child.restart_at = now + RESTART_SECONDS[1]
            elif (status := child.process.poll()) is not None:
                died.append((child.program.name, status))
                child.signal(signal.SIGKILL)  # the processes that it left in its group
                child.deaths = 1 if now - child.started_at > STEADY_SECONDS else child.deaths + 1
                first, longest = RESTART_SECONDS
                child.restart_at = now + min(longest, first * 2.0 ** (child.deaths - 1))
                child.process = None
        return died

    def tail(self, name: str, lines: int = 15) -> str:
        """Return the last lines of a program's log."""
        with contextlib.suppress(OSError):
            text = (self.log_folder / f"{name}.log").read_text(encoding="utf-8")
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def stop(self) -> None:
        """Stop every program, the base programs last. Kill those that take too long."""
        for bases in (False, True):
            group = [child for child in self._children if child.program.is_base is bases]
            for child in reversed(group):
                child.signal(signal.SIGTERM)
            _wait_all(group, KILL_SECONDS if bases else self._stop_seconds)
            for child in group:
                child.signal(signal.SIGKILL)
            _wait_all(group, KILL_SECONDS)
        self._children.clear()
        if self._forks is not None:
            self._forks.close()


def _wait_all(children: Sequence[_Child], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(child.is_alive() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)


@contextlib.contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Yield an event that is set when this process is told to stop (see ``STOPS``), now or a moment ago."""
    event = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        event.set()

    before = {
        number: signal.signal(number, request)
        for number in STOPS
        if signal.getsignal(number) is not signal.SIG_IGN  # nohup: the process should survive it
    }
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
