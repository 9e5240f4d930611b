"""One contender at work: its servers, its Redis, its processes, and what they cost.

A stage is built fresh for each measurement and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import redis
from bench.contender import WORKERS, Contender, FleetPoll, Setup
from bench.market import Market, running_market
from bench.measure import each_cpu, each_pss
from support.redis_process import start_redis

from aicity_fleet.embedded.fork_server import Forked, ForkServer
from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server
from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.redaction import environment_of

START_SECONDS = 120.0
"""How long a contender may take until its first job is delivered, in seconds."""

STOP_SECONDS = 3.0
"""How long its processes may take to stop before they are killed, in seconds."""

TAIL_LINES = 15


class Stage:
    """The processes of one contender.

    Args:
        market: The servers that it works on.
        setup: On which Redis, and how many.
        folder: Where its processes work and log.
    """

    def __init__(self, contender: Contender, market: Market, setup: Setup, folder: Path) -> None:
        self.contender, self.market, self.setup = contender, market, setup
        self.folder = folder
        self.pids: dict[str, int] = {}
        """Its processes by name, Redis among them."""
        self._running: dict[str, subprocess.Popen[bytes] | Forked] = {}
        self._forks: ForkServer | None = None
        self._poll = None if contender.poller else FleetPoll(setup.redis_url)

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.logs())
        self.stop()

    @property
    def capacity(self) -> int:
        """How many jobs it runs at once."""
        return self.contender.capacity(self.setup)

    def start(self) -> float:
        """Start every process, and wait until a first job is delivered.

        Returns:
            How long that took, in seconds: until the model got its first request.

        Raises:
            TimeoutError: Nothing is delivered in time.
        """
        self.market.assign(1)
        before, began = self.market.counts()["completed"], time.monotonic()
        for program in self.contender.programs(self.setup):
            self._start(program)
        self.market.wait("completed", before + 1, START_SECONDS)
        return float(self.market.records()[-1]["asked"]) - began

    def deliver(self, count: int, seconds: float) -> None:
        """Assign tasks at once, poll, and wait until all are delivered.

        Raises:
            TimeoutError: They are not in time.
        """
        before = self.market.counts()["completed"]
        self.market.assign(count)
        self.poll()
        self.market.wait("completed", before + count, seconds)

    def poll(self) -> None:
        """Make it look at AI City now."""
        if self._poll is not None:
            self._poll()
        else:
            os.kill(self.pids[self.contender.poller], signal.SIGUSR1)

    def cpu(self) -> dict[str, float]:
        """Return the CPU time of each process so far, in seconds."""
        return each_cpu(self.pids)

    def pss(self) -> dict[str, int]:
        """Return the memory of each process, in bytes."""
        return each_pss(self.pids)

    def redis_bytes(self) -> int:
        """Return how much memory the data in Redis takes, in bytes."""
        with redis.Redis.from_url(self.setup.redis_url) as client:
            return int(client.info("memory")["used_memory_dataset"])

    def logs(self) -> str:
        """Return the ends of all logs."""
        parts = []
        for name in self._running:
            text = (self.folder / f"{name}.log").read_text("utf-8", "replace")
            parts.append(f"--- {name}\n" + "\n".join(text.splitlines()[-TAIL_LINES:]))
        return "\n".join(parts)

    def stop(self) -> None:
        """End every process."""
        if self._poll is not None:
            self._poll.close()
        self._signal(signal.SIGTERM)
        self._wait()
        self._signal(signal.SIGKILL)
        self._wait()
        self._running.clear()
        if self._forks is not None:
            self._forks.close()
            self._forks = None

    def _signal(self, number: int) -> None:
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def _wait(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while any(each.poll() is None for each in self._running.values()):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)

    def _start(self, program: Program) -> None:
        """Start a process, as a fork where the fleet itself would."""
        with (self.folder / f"{program.name}.log").open("ab") as log:
            self._running[program.name] = (
                self._forked(program, log.fileno())
                if program.is_forked
                else self._executed(program, log.fileno())
            )
        self.pids[program.name] = self._running[program.name].pid

    def _forked(self, program: Program, output: int) -> Forked:
        if self._forks is None:
            env = environment_of(None, dict(os.environ))
            self._forks = ForkServer(env, self.folder / "fork-server.log")
        forked = self._forks.start(program.name, program.argv, program.env, output)
        assert forked is not None
        assert self._forks.pid is not None
        self.pids["fork server"] = self._forks.pid
        return forked

    def _executed(self, program: Program, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(program.argv),
            env=dict(program.env),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextlib.contextmanager
def stage(
    contender: Contender,
    *,
    latency: float = 0.0,
    slots: int = 0,
    workers: int = WORKERS,
    poll_seconds: float = 30.0,
) -> Iterator[Stage]:
    """Prepare everything for a contender but its processes; ``Stage.start`` starts them.

    Args:
        latency: How long the model takes, in seconds.
        slots: Jobs at once in each worker; 0 for the contender's default.
        workers: Worker processes of the fleet; a peer has two.
        poll_seconds: How often it polls by itself.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        running_market(latency) as market,
        running_redis(Path(name)) as (server, pid),
    ):
        setup = Setup(market.url, server.url, slots, workers, poll_seconds)
        with Stage(contender, market, setup, Path(name)) as made:
            made.pids["redis"] = pid
            yield made


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[tuple[RedisServer, int]]:
    """Run a Redis that is set as the fleet's own is; yields it and its process id."""
    server = new_redis_server(folder / "redis")
    process = start_redis(server)
    try:
        yield server, process.pid
    finally:
        process.terminate()
        process.wait(10)
