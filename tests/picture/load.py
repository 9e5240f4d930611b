"""A fleet on the simulator under load, to which everything happens that an operator may have to see."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
from support.prometheus import DEPLOY, serving
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import fleet_programs, redis_program
from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.redis_server import new_redis_server
from aicity_fleet.embedded.supervisor import Program, Supervisor
from aicity_fleet.ledger import Ledger
from aicity_fleet.redaction import environment_of
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.demo import OWN_PREFIXES
from aicity_fleet.simulator.demo_tasks import demo_tasks

MINUTES = 12.0
"""How long the run takes."""

JOBS_PER_MINUTE = 48.0
"""How many tasks are assigned; in the second half of the run it is half as many again."""

MODEL_SECONDS = 2.5
"""How long a call of the model takes: long enough that several jobs always run."""

WORKERS = ("worker1", "worker2")

Incident = tuple[float, str, Callable[[], object]]
"""The minute in which it happens, its name, and what to do."""


def record(folder: Path) -> tuple[float, float]:
    """Run a fleet, and keep in the folder what Prometheus sees of it.

    Returns:
        When the run began and ended, in seconds since 1970.
    """
    for name in ("redis", "logs", "data"):
        shutil.rmtree(folder / name, ignore_errors=True)
    redis, port, page = new_redis_server(folder / "redis"), free_port(), free_port()
    city = SimulatedCity(f"http://{LOOPBACK}:{port}")
    env = {name: value for name, value in os.environ.items() if not name.startswith(OWN_PREFIXES)}
    simulator = [sys.executable, "-m", "aicity_fleet.cli", "simulator", "--port", str(port)]
    simulator += ["--model-seconds", str(MODEL_SECONDS)]
    ours = env | _settings(redis.url, city.url, page)
    supervisor = Supervisor(folder / "logs", stop_seconds=10, fork_env=environment_of(None, env))
    try:
        supervisor.start(redis_program(redis))
        supervisor.start(Program("simulator", simulator, environment_of(None, env), is_base=True))
        wait_until(redis.answers, description="Redis answers")
        wait_until(partial(_answers, city), description="the simulator answers")
        for program in fleet_programs(ours, workers=len(WORKERS), threads=8):
            supervisor.start(program)
        config = (DEPLOY / "prometheus.yml").read_text("utf-8")
        config = config.replace("127.0.0.1:9464", f"{LOOPBACK}:{page}")
        (folder / "prometheus.yml").write_text(config, "utf-8")
        shutil.copy(DEPLOY / "alerts.yml", folder)
        with (
            serving(folder),
            contextlib.closing(Ledger.from_settings(Settings.load(ours))) as ledger,
        ):
            began = time.time()
            _load(city, supervisor, ledger)
            return began, time.time()
    finally:
        supervisor.stop()


def _answers(city: SimulatedCity) -> bool:
    try:
        return httpx.get(f"{city.url}/_sim/health").is_success
    except httpx.TransportError:
        return False


def _settings(redis_url: str, city_url: str, page_port: int) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        **fleet_environment(city_url),
        "FLEET_CONTRACT": "bridge",  # only its answers show the agent's score
        "BRIDGE_URL": f"{city_url}/bridge",
        "FLEET_POLL_SECONDS": "5",
        "FLEET_LEASE_SECONDS": "15",
        "FLEET_MAX_DAY_USD": "0.50",
        "FLEET_METRICS_PORT": str(page_port),
    }


def _load(city: SimulatedCity, supervisor: Supervisor, ledger: Ledger) -> None:
    ledger.client.config_set("maxmemory", "64mb")
    tasks = demo_tasks(100)
    random.Random(1).shuffle(tasks)  # noqa: S311 - a mix of tasks, not a secret
    coming = _incidents(city, supervisor, ledger)
    began, assigned = time.monotonic(), 0
    while (minute := (time.monotonic() - began) / 60) < MINUTES:
        supervisor.check()  # it starts what was killed again
        while coming and coming[0][0] <= minute:
            _, name, act = coming.pop(0)
            print(f"minute {minute:4.1f}: {name}", file=sys.stderr)
            act()
        due = round(JOBS_PER_MINUTE * (minute + max(0.0, minute - MINUTES / 2) / 2))
        if due > assigned:
            city.submit(*tasks[assigned:due])
            assigned = due
        time.sleep(0.5)


def _incidents(city: SimulatedCity, supervisor: Supervisor, ledger: Ledger) -> list[Incident]:
    def tell(number: signal.Signals, *names: str) -> None:
        for name in names:
            pid = supervisor.pid(name)
            assert pid is not None, f"{name} has ended by itself"
            os.kill(pid, number)

    return [
        (2.0, "the model fails", partial(city.fault, "model", "status", count=None)),
        (2.8, "the model works again", city.clear_faults),
        (3.6, "a worker is killed", partial(tell, signal.SIGKILL, WORKERS[0])),
        (4.2, "the workers hang", partial(tell, signal.SIGSTOP, *WORKERS)),
        (4.8, "the workers go on", partial(tell, signal.SIGCONT, *WORKERS)),
        (5.5, "AI City loses reports", partial(city.fault, "complete", "status", probability=0.6)),
        (6.4, "AI City takes every report", city.clear_faults),
        (7.0, "starts are paused", partial(ledger.controls.pause, "starts", "a look at the model")),
        (7.7, "starts are resumed", partial(ledger.controls.resume, "starts")),
        (8.5, "AI City lists no tasks", partial(city.fault, "list", "status", count=None)),
        (9.3, "AI City lists its tasks", city.clear_faults),
        (9.9, "a report is refused", partial(city.fault, "complete", "status", status=400)),
        (10.5, "the model writes junk", partial(city.fault, "model", "flawed", count=None)),
        (11.1, "the model writes well again", city.clear_faults),
    ]
