"""Real processes of a fleet for tests: started like the embedded mode does, ended by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from aicity_fleet.embedded.fleet import fleet_programs
from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JobState

CLI = (sys.executable, "-m", "aicity_fleet.cli")


def base_environment() -> dict[str, str]:
    """The test's environment, which holds no setting of whoever runs it."""
    return dict(os.environ)


class FleetProcesses:
    """The processes of one fleet.

    Args:
        env: Their settings; each process gets the share that the embedded mode gives it.
        folder: Where they run and log.
    """

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env, self.folder = {**base_environment(), **env}, folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str, workers: int = 2) -> None:
        """Start these programs (``dispatcher``, ``beat``, ``worker1`` ...), or all of them."""
        for program in fleet_programs(self.env, workers=workers, threads=8, beat_apart=True):
            if not names or program.name in names:
                self.start_program(program)

    def start_program(self, program: Program) -> None:
        """Start any program."""
        with (self.folder / f"{program.name}.log").open("ab") as log:
            self.running[program.name] = subprocess.Popen(
                program.argv,
                env=dict(program.env),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self, name: str) -> str:
        """What a program said so far."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def end(self, name: str, number: int = signal.SIGTERM, *, seconds: float = 20) -> int:
        """Signal one program and wait for its end; gives its exit status."""
        process = self.running.pop(name)
        process.send_signal(number)
        try:
            return process.wait(seconds)
        finally:
            _kill_group(process)

    def stop(self) -> None:
        """End every program that still runs."""
        for process in self.running.values():
            process.terminate()
        deadline = time.monotonic() + 15
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            _kill_group(process)
        self.running.clear()


def run_cli(
    *args: str, env: dict[str, str], cwd: Path, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        args,
        env={**base_environment(), **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes that were started in a folder, or work below it (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            works_in = (entry / "cwd").readlink()
        except OSError:
            continue
        if line and works_in.is_relative_to(folder):
            found.append(line)
    return found


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def count_ended(ledger: Ledger) -> int:
    """Count the jobs that have ended, whether or not the guard holds a failure."""
    counts = ledger.counts()
    return counts[JobState.REPORTED] + counts[JobState.HELD]
