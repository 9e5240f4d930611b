"""The programs of a fleet on one machine, and the environment that each of them gets.

Each process gets what it needs and no more: beat and Flower see no key of AI City or of the model.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping

from aicity_fleet.embedded.ports import LOOPBACK
from aicity_fleet.embedded.redis_server import RedisServer
from aicity_fleet.embedded.supervisor import Program

CELERY = (sys.executable, "-m", "celery", "-A", "aicity_fleet.celery_app")

_CITY_KEYS = ("AGENT_CITY_API_KEY", "AGENT_CITY_API_KEY_FILE")
_MODEL_KEYS = ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE")
_OWNER_KEYS = ("AGENT_CITY_OWNER_TOKEN", "AGENT_CITY_OWNER_TOKEN_FILE")
"""No process of the fleet needs the owner's token; only ``aicity-fleet register`` does."""


def redis_program(server: RedisServer) -> Program:
    """The embedded Redis."""
    env = {"PATH": os.environ.get("PATH", "")}
    return Program("redis", server.argv, env, stdin=server.config, is_base=True)


def fleet_programs(env: Mapping[str, str], *, workers: int, threads: int) -> list[Program]:
    """Beat, the dispatcher and the workers.

    Args:
        env: The environment of the fleet, with every key.
        workers: How many worker processes.
        threads: How many jobs each of them runs at once.
    """
    work = [*CELERY, "worker", "--pool", "threads", "--without-gossip", "--without-mingle"]
    no_owner = _without(env, *_OWNER_KEYS)
    dispatcher = [*work, "-n", "dispatcher@%h", "-Q", "control,reports", "-c", "4"]
    programs = [Program("dispatcher", dispatcher, _without(no_owner, *_MODEL_KEYS))]
    for number in range(1, workers + 1):
        argv = [*work, "-n", f"worker{number}@%h", "-Q", "jobs", "-c", str(threads)]
        programs.append(Program(f"worker{number}", argv, _without(no_owner, *_CITY_KEYS)))
    beat = [*CELERY, "beat"]
    programs.append(Program("beat", beat, _without(no_owner, *_CITY_KEYS, *_MODEL_KEYS)))
    return programs


def flower_program(env: Mapping[str, str], *, port: int, password: str) -> Program:
    """Flower on the loopback, behind a password that stands in no argument list."""
    argv = [*CELERY, "flower", f"--address={LOOPBACK}", f"--port={port}", "--max-tasks=10000"]
    clean = _without(env, *_CITY_KEYS, *_MODEL_KEYS, *_OWNER_KEYS)
    return Program("flower", argv, {**clean, "FLOWER_BASIC_AUTH": f"fleet:{password}"})


def new_password() -> str:
    """A password for Flower."""
    return secrets.token_urlsafe(12)


def _without(env: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in names}
