"""Everything that one run consists of: Redis behind the proxy, the marketplace, the processes."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path

import redis
from chaos.ledger_eyes import Eyes
from chaos.market import Market, market_program
from chaos.options import Options
from chaos.proxy import LOOPBACK, Proxy
from chaos.victims import Process, Processes
from support.sentinel_set import SentinelSet

from aicity_fleet.embedded.fleet import fleet_programs, redis_program
from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server
from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.simulator.access import fleet_environment

AGENT = "chaos"
"""The fleet's name in its Redis."""

START_SECONDS = 30.0
"""How long Redis and the marketplace may take to start, in seconds."""

_OURS = ("AGENT_CITY_", "FLEET_", "BRIDGE_", "REDIS_", "OPENAI_", "CELERY_", "FLOWER_", "APP")

MakePrograms = Callable[[dict[str, str], Options], list[Program]]
"""Makes the programs under test from their environment."""


class Stage:
    """Sets a run up and takes it down again.

    Args:
        options: The run's.
        folder: Where everything runs and logs.
        programs: What is tested; the fleet, or a recipe beside it.
    """

    def __init__(self, options: Options, folder: Path, programs: MakePrograms) -> None:
        self.options, self.folder = options, folder
        self._make_programs = programs
        self.server: RedisServer = new_redis_server(folder / "redis")
        self.redis = Process(redis_program(self.server), folder)
        self.proxy = Proxy(self.server.port)
        self.sentinels: SentinelSet | None = None
        """In place of ``redis`` and ``proxy``, if primaries are to be lost."""
        self.eyes = Eyes(self.server.url, AGENT)
        self.market: Market
        self.processes: Processes
        self._market_process: Process

    def start(self) -> None:
        """Start everything; returns when the processes under test have been started."""
        if "failover" in self.options.kinds:
            self.sentinels = SentinelSet(self.folder / "sentinels")
            self.eyes = Eyes(self.sentinels.url, AGENT)
        else:
            self.redis.start()
            self.proxy.start()
        plain = {name: v for name, v in os.environ.items() if not name.startswith(_OURS)}
        port_file = self.folder / "market.port"
        self._market_process = Process(market_program(port_file, self.options, plain), self.folder)
        self._market_process.start()
        _await(port_file.exists, "the marketplace")
        self.market = Market(f"http://{LOOPBACK}:{port_file.read_text('ascii').strip()}")
        _await(self.redis_answers, "Redis")
        env = plain | self._environment()
        self.processes = Processes(self._make_programs(env, self.options), self.folder)
        self.processes.start()

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        if hasattr(self, "processes"):
            self.processes.stop()
        if hasattr(self, "market"):
            self.market.close()
        if hasattr(self, "_market_process") and self._market_process.is_alive:
            self._market_process.kill()
        self.eyes.close()
        if self.sentinels is not None:
            self.sentinels.stop()
        if self.redis.is_alive:
            self.redis.kill()
        if self.proxy.port:
            self.proxy.stop()

    def redis_answers(self) -> bool:
        """Whether Redis is up and has loaded its data."""
        try:
            return bool(self.eyes.client.ping())
        except redis.RedisError:
            return False

    def _environment(self) -> dict[str, str]:
        url = self.server.url.replace(f":{self.server.port}/", f":{self.proxy.port}/")
        return {
            "REDIS_URL": self.sentinels.url if self.sentinels else url,
            "NO_PROXY": f"{LOOPBACK},localhost",
            "FLEET_AGENT": AGENT,
            **fleet_environment(self.market.url),
            "FLEET_POLL_SECONDS": str(self.options.poll_seconds),
            "FLEET_LEASE_SECONDS": str(self.options.lease_seconds),
            "FLEET_SWEEP_SECONDS": str(self.options.sweep_seconds),
            "FLEET_MODEL_TIMEOUT_SECONDS": str(self.options.model_timeout_seconds),
            "FLEET_DRAIN_SECONDS": "1",
            "FLEET_START_WAIT_SECONDS": "60",
        }


def the_fleet(env: dict[str, str], options: Options) -> list[Program]:
    """The fleet as its embedded mode starts it, the dispatcher and the beat twice if so wished."""
    programs = fleet_programs(
        env, workers=options.workers, threads=options.threads, beat_apart=True
    )
    if not options.twins:
        return programs
    twins = []
    for program in programs:
        if program.name in {"dispatcher", "beat"}:
            argv = [part.replace("dispatcher@", "dispatcher2@") for part in program.argv]
            twins.append(dataclasses.replace(program, name=f"{program.name}2", argv=argv))
    return programs + twins


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start within {START_SECONDS:.0f} s")
        time.sleep(0.05)
