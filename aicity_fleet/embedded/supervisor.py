"""The supervisor: starts processes, starts those that die again, and leaves none behind.

Every child leads a process group of its own, so that Ctrl-C in the terminal reaches the supervisor
alone, which then stops all in order: first what works, last what is worked with.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

import structlog

RESTART_SECONDS = (1.0, 30.0)
"""First and longest wait before a process that died is started again, in seconds; doubled."""

STEADY_SECONDS = 60.0
"""How long a process has to live for its next death to count as its first, in seconds."""

KILL_SECONDS = 2.0
"""How long a killed process may take to vanish, in seconds."""

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """A process that should run."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stdin: str = ""
    """What it reads from standard input."""
    is_base: bool = False
    """Whether others work with it: it is stopped after all that are not."""


class _Child:
    """One program, running or to be started again."""

    def __init__(self, program: Program, folder: Path, echo: Callable[[str, str], None] | None):
        self.program, self.folder, self._echo = program, folder, echo
        self.process: subprocess.Popen[str] | None = None
        self.deaths = 0
        self.started_at = 0.0
        self.restart_at = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own argument lists
            list(self.program.argv),
            env=dict(self.program.env),
            stdin=subprocess.PIPE if self.program.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the C function was looked up before
        )
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(self.program.stdin)
                self.process.stdin.close()
        assert self.process.stdout is not None  # noqa: S101 - asked for above
        threading.Thread(
            target=self._pump,
            args=(self.process.stdout,),
            name=f"log-{self.program.name}",
            daemon=True,
        ).start()

    def signal(self, number: int) -> None:
        """Signal the whole group, whether or not its leader still lives."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _pump(self, stream: IO[str]) -> None:
        """Copy what the process says into its log file, and to whoever listens."""
        path = self.folder / f"{self.program.name}.log"
        with stream, path.open("ab", buffering=0) as file:
            # Read on whatever becomes of it: a process whose pipe is full stands still.
            for line in stream:
                with contextlib.suppress(OSError):  # the disk is full
                    file.write(line.encode("utf-8", "replace"))
                if self._echo is not None:
                    # The terminal is gone; rich makes an exit of a broken pipe.
                    with contextlib.suppress(OSError, SystemExit):
                        self._echo(self.program.name, line.rstrip("\n"))


class Supervisor:
    """Runs programs until it is stopped.

    Args:
        log_folder: Where each program's output goes, as ``NAME.log``.
        stop_seconds: How long the programs may take to stop by themselves, in seconds.
        echo: Told every line that a program says, with the program's name.
    """

    def __init__(
        self,
        log_folder: Path,
        *,
        stop_seconds: float,
        echo: Callable[[str, str], None] | None = None,
    ) -> None:
        log_folder.mkdir(parents=True, exist_ok=True)
        self.log_folder = log_folder
        self._stop_seconds, self._echo = stop_seconds, echo
        self._children: list[_Child] = []

    def start(self, program: Program) -> None:
        """Start a program. Call it, and ``check``, from the main thread alone."""
        child = _Child(program, self.log_folder, self._echo)
        self._children.append(child)
        child.start()

    def pid(self, name: str) -> int | None:
        """The process id of a program, while it lives."""
        for child in self._children:
            if child.program.name == name and child.is_alive() and child.process:
                return child.process.pid
        return None

    def check(self) -> list[tuple[str, int]]:
        """Start again what died, when its wait is over.

        Returns:
            Name and exit status of each program that died since the last call.
        """
        died = []
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.restart_at:
                    try:
                        child.start()
                    except OSError:  # no process or memory to be had: later again
                        child.restart_at = now + RESTART_SECONDS[1]
            elif (status := child.process.poll()) is not None:
                died.append((child.program.name, status))
                child.signal(signal.SIGKILL)  # whatever it left in its group
                child.deaths = 1 if now - child.started_at > STEADY_SECONDS else child.deaths + 1
                first, longest = RESTART_SECONDS
                child.restart_at = now + min(longest, first * 2.0 ** (child.deaths - 1))
                child.process = None
        return died

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines that a program said."""
        with contextlib.suppress(OSError):
            text = (self.log_folder / f"{name}.log").read_text(encoding="utf-8")
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def stop(self) -> None:
        """Stop every program: asked first, killed when its time is up, the bases last."""
        for bases in (False, True):
            group = [child for child in self._children if child.program.is_base is bases]
            for child in reversed(group):
                child.signal(signal.SIGTERM)
            _wait_all(group, KILL_SECONDS if bases else self._stop_seconds)
            for child in group:
                child.signal(signal.SIGKILL)
            _wait_all(group, KILL_SECONDS)
        self._children.clear()


def _wait_all(children: Sequence[_Child], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(child.is_alive() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)


@contextlib.contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that is set when this process is asked to stop (Ctrl-C, SIGTERM, SIGHUP)."""
    event = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        event.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, request)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN  # nohup: meant to survive it
    }
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_PR_SET_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """In the child: be told to stop when the supervisor itself is killed (Linux alone can do it)."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)
