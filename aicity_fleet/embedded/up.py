"""What ``aicity-fleet up`` becomes after its checks: the supervisor of the fleet's processes.

``cli/up.py`` replaces its process with this module. What the checks had loaded, three times the memory of a
supervisor, would otherwise stay as long as the fleet runs. So this module imports little.
"""

import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from aicity_fleet.embedded.fleet import (
    fleet_programs,
    flower_program,
    new_password,
    redis_program,
)
from aicity_fleet.embedded.kernel import STOPS, name_process
from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server
from aicity_fleet.embedded.state_folder import StateFolder
from aicity_fleet.embedded.supervisor import Supervisor, stop_requests
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.redaction import environment_of
from aicity_fleet.startup import exit_on_fleet_error

CHECK_SECONDS = 1.0
"""How often the supervisor checks its processes, in seconds."""

REDIS_SECONDS = 10.0
"""How long the embedded Redis may take until it answers, in seconds: it loads its data first."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What to run. Holds no secret, because it is an argument of the process."""

    agent: str
    data: str | None
    """The folder for the data and the logs; None for the default."""
    workers: int
    threads: int
    """The number of jobs that each worker runs at once."""
    stop_seconds: float
    """How long the processes may take to stop, in seconds."""
    flower_port: int | None
    """None to run without Flower."""
    with_redis: bool
    """Whether to run a Redis; otherwise the environment names one."""


def become_supervisor(plan: Plan, env: Mapping[str, str]) -> NoReturn:
    """Replace this process with the supervisor.

    Args:
        env: The environment of the fleet, with every secret.
    """
    # -P: no file in the current folder may stand for a module of a process that holds every secret.
    module = ("-P", "-m", "aicity_fleet.embedded.up")
    argv = [sys.executable, *module, json.dumps(dataclasses.asdict(plan))]
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # a signal waits until `stop_requests` takes it
    os.execve(sys.executable, argv, dict(env))  # noqa: S606 - our own module


def main() -> None:
    """Run what the first argument, a ``Plan`` as JSON, says."""
    name_process("aicity-fleet")
    with exit_on_fleet_error():
        _run(Plan(**json.loads(sys.argv[1])), dict(os.environ))


def _run(plan: Plan, env: dict[str, str]) -> None:
    data = None if plan.data is None else Path(plan.data)
    with StateFolder(data, plan.agent) as folder, stop_requests() as stopping:
        supervisor = Supervisor(
            folder.logs,
            stop_seconds=plan.stop_seconds,
            echo=_echo,
            fork_env=environment_of(None, env),
        )
        env.setdefault("FLEET_ARCHIVE", str(folder.archive.absolute()))
        try:
            if plan.with_redis:
                server = new_redis_server(folder.redis)
                supervisor.start(redis_program(server))
                _wait_for(server, supervisor, stopping)
                env |= {"REDIS_URL": server.url}
                env.pop("REDIS_PASSWORD", None)
                folder.publish(server.url)
            if stopping.is_set():
                return
            for program in fleet_programs(env, workers=plan.workers, threads=plan.threads):
                supervisor.start(program, stopping.is_set)
            if plan.flower_port is not None:
                port, password = free_port(plan.flower_port), new_password()
                flower = flower_program(env, port=port, password=password)
                supervisor.start(flower, stopping.is_set)
                _say(f"Flower: http://{LOOPBACK}:{port} (user fleet, password {password})")
            if data is not None and folder.redis_url.exists():
                _say(f"For other commands: export REDIS_URL_FILE={folder.redis_url.absolute()}")
            _say(f"Logs: {folder.logs}. Ctrl-C stops everything.")
            while not stopping.wait(CHECK_SECONDS):
                for name, status in supervisor.check():
                    _say(f"{name} exited with status {status} and will be restarted.")
        finally:
            began = time.monotonic()
            supervisor.stop()
            _say(f"Stopped in {time.monotonic() - began:.1f} s.")


def _wait_for(server: RedisServer, supervisor: Supervisor, stopping: threading.Event) -> None:
    """Wait until the embedded Redis answers, or somebody stops the fleet.

    Raises:
        LedgerUnavailableError: It ended, or does not answer in time.
    """
    deadline = time.monotonic() + REDIS_SECONDS
    while not server.answers() and not stopping.wait(0.05):
        if supervisor.pid("redis") is None:
            why = "ended"
        elif time.monotonic() > deadline:
            why = f"does not answer after {REDIS_SECONDS:g} s"
        else:
            continue
        raise LedgerUnavailableError(f"The embedded Redis {why}:\n{supervisor.tail('redis')}")


def _echo(name: str, line: str) -> None:
    if name != "redis":
        _say(f"{name:<11}| {line}")


def _say(line: str) -> None:
    """Write a line for people. A terminal that is gone stops nothing."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
