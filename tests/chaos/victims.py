"""Real processes, each the head of a group of its own: started, killed, stopped, started again."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aicity_fleet.embedded.supervisor import Program

RESTART_SECONDS = 1.0
"""How long a process that ended by itself waits for its next start, in seconds."""

_PR_SET_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclasses.dataclass(frozen=True, slots=True)
class Death:
    """The end of a process that nobody had killed."""

    name: str
    pid: int
    status: int
    at: float


class Process:
    """One program and the process that runs it now."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.popen: subprocess.Popen[str] | None = None
        self.is_stopped = False
        self.started_at = 0.0
        self.start_due = 0.0
        """When it is to be started again, on the monotonic clock."""

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    @property
    def is_alive(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.popen = subprocess.Popen(
                list(self.program.argv),
                env=dict(self.program.env),
                cwd=self.folder,
                stdin=subprocess.PIPE if self.program.stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - looked up before the fork
            )
        if self.popen.stdin is not None:
            self.popen.stdin.write(self.program.stdin)
            self.popen.stdin.close()
        self.is_stopped, self.started_at = False, time.monotonic()

    def signal(self, number: int) -> None:
        """Signal the whole group."""
        if self.popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, number)

    def kill(self) -> int:
        """Kill the whole group, wait for the end, and give the pid that it had."""
        pid = self.pid
        self.signal(signal.SIGKILL)
        assert self.popen is not None
        self.popen.wait(20)
        self.popen, self.is_stopped = None, False
        return pid


class Processes:
    """All processes of a system under test.

    Args:
        programs: What runs.
        folder: Where they run and log.
    """

    def __init__(self, programs: Sequence[Program], folder: Path) -> None:
        self.all = [Process(program, folder) for program in programs]

    def start(self) -> None:
        for process in self.all:
            process.start()

    def of(self, role: str) -> list[Process]:
        """The processes of a role that run and are not stopped: ``worker``, ``dispatcher``, ``beat``."""
        return [
            process
            for process in self.all
            if process.name.rstrip("0123456789") == role
            and process.is_alive
            and not process.is_stopped
        ]

    def tend(self) -> list[Death]:
        """Start again what is down; tells which processes ended by themselves since the last time."""
        deaths, now = [], time.monotonic()
        for process in self.all:
            if process.popen is None:
                if now >= process.start_due:
                    process.start()
            elif (status := process.popen.poll()) is not None:
                deaths.append(Death(process.name, process.pid, status, time.time()))
                process.signal(signal.SIGKILL)  # whatever it left in its group
                process.popen, process.is_stopped = None, False
                process.start_due = now + RESTART_SECONDS
        return deaths

    def resume(self) -> None:
        """Let every stopped process go on."""
        for process in self.all:
            if process.is_stopped:
                process.signal(signal.SIGCONT)
                process.is_stopped = False

    def stop(self, seconds: float = 8.0) -> None:
        """End everything: asked first, then killed."""
        self.resume()
        for process in self.all:
            process.signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for process in self.all:
            if process.popen is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.popen.wait(max(0.05, deadline - time.monotonic()))
                process.kill()


def _die_with_parent() -> None:
    """In the child: die when the harness itself is killed (Linux alone can do it)."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)
