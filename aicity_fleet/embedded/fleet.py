"""The programs of a fleet on one machine, and the environment of each.

Each process gets only the secrets that it may hold; ``aicity_fleet.redaction`` says which.
"""

import dataclasses
import os
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence

from aicity_fleet.embedded.ports import LOOPBACK
from aicity_fleet.embedded.redis_server import RedisServer
from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.redaction import Process, environment_of

APP = "aicity_fleet.celery_app"

CELERY = (sys.executable, "-m", "celery", "-A", APP)

PROCESS = (sys.executable, "-m", "aicity_fleet.embedded.celery_process", "-A", APP)

FLOWER_COLUMNS = "name,args,state,result,received,runtime,worker"
"""What Flower lists of each task. The arguments are the job's id; Celery's own id tells people nothing."""


def redis_program(server: RedisServer) -> Program:
    """Return the embedded Redis."""
    env = {"PATH": os.environ.get("PATH", "")}
    return Program("redis", server.argv, env, stdin=server.config, is_base=True)


def fleet_programs(
    env: Mapping[str, str], *, workers: int, threads: int, beat_apart: bool = False
) -> list[Program]:
    """Return the dispatcher and the workers.

    Args:
        env: The environment of the fleet, with every secret.
        threads: The number of jobs that each worker runs at once.
        beat_apart: Whether beat is a process of its own, as in containers, and not a thread of the
            dispatcher, which saves 14 MB.

    Raises:
        SettingsError: ``FLEET_MODELS_FILE`` cannot be read, so its key names are unknown.
    """
    dispatcher = _worker("dispatcher", "control,reports", 4)
    if not beat_apart:
        dispatcher.append("-B")
    programs = [_forked("dispatcher", dispatcher, Process.DISPATCHER, env)]
    for number in range(1, workers + 1):
        name = f"worker{number}"
        programs.append(_forked(name, _worker(name, "jobs", threads), Process.WORKER, env))
    if beat_apart:
        programs.append(_forked("beat", [*PROCESS, "beat"], Process.BEAT, env))
    return programs


def _worker(name: str, queues: str, threads: int) -> list[str]:
    return [*PROCESS, "worker", "-n", f"{name}@%h", "-Q", queues, "-c", str(threads)]


def flower_program(env: Mapping[str, str], *, port: int, password: str) -> Program:
    """Return Flower on the loopback; its password is in no argument list.

    It only shows, unless ``FLOWER_READ_ONLY`` is false: its buttons move messages, which are no jobs.

    Raises:
        SettingsError: ``FLEET_MODELS_FILE`` cannot be read, so its key names are unknown.
    """
    argv = [*CELERY, "flower", f"--address={LOOPBACK}", f"--port={port}", "--max-tasks=10000"]
    argv.append(f"--tasks-columns={FLOWER_COLUMNS}")
    argv.append("--enable-events=false")  # they are on; it would ask every process every 5 s
    further = {
        "FLOWER_BASIC_AUTH": f"fleet:{password}",
        "FLOWER_READ_ONLY": env.get("FLOWER_READ_ONLY") or "true",
    }
    program = _forked("flower", argv, Process.FLOWER, env, **further)
    # It turns SIGTERM into an exception, which its start may catch, and then it would outlive the fleet.
    return dataclasses.replace(program, ends_by=signal.SIGKILL)


def _forked(
    name: str, argv: Sequence[str], process: Process, env: Mapping[str, str], **further: str
) -> Program:
    return Program(name, argv, {**environment_of(process, env), **further}, is_forked=True)


def new_password() -> str:
    """Return a random password for Flower."""
    return secrets.token_urlsafe(12)
