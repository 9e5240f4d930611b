"""One embedded fleet on a simulated AI City of its own, whose only model is the llama.cpp server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from real.judge import SETTLED, Row, row
from real.orders import ORDERS
from real.server import ALIAS

from aicity_fleet.embedded.fleet import fleet_programs, redis_program
from aicity_fleet.embedded.ports import LOOPBACK
from aicity_fleet.embedded.redis_server import new_redis_server
from aicity_fleet.embedded.supervisor import Program, Supervisor
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import JsonObject
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.team import team_for

JOB_DEADLINE_SECONDS = 600
"""How long one attempt at a job may take, in seconds."""

CALL_TIMEOUT_SECONDS = 240
"""How long one model call may take, in seconds."""

CONTEXT_TOKENS = 4096
"""What one slot of the server can take in, in tokens."""

MODELS_FILE = """\
[default]
provider = "compatible"
base_url = "{base_url}"
model = "{model}"
function_calling = {function_calling}
timeout_seconds = {timeout:.1f}
max_output_tokens = 160
max_concurrent_calls = 2
context_tokens = {context_tokens}
"""

_OURS = ("AGENT_CITY_", "FLEET_", "BRIDGE_", "REDIS_", "OPENAI_", "CELERY_", "FLOWER_", "APP")


class Fleet:
    """A fleet with one worker, and the orders that it works.

    Args:
        folder: Where it keeps everything.
        has_tools: Whether its model is said to call functions.
        jobs: How many of the orders it gets.
    """

    def __init__(self, folder: Path, base_url: str, *, has_tools: bool, jobs: int) -> None:
        folder.mkdir(parents=True)
        self.has_tools, self._jobs = has_tools, jobs
        self._folder, self._base_url = folder, base_url
        self._supervisor = Supervisor(folder / "logs", stop_seconds=6.0)
        self._orders: dict[str, JsonObject] = {}
        self._city = ""
        self._ledger: Ledger | None = None

    @property
    def log_folder(self) -> Path:
        """Where each process logs."""
        return self._supervisor.log_folder

    def start(self, wait: Callable[[Callable[[], bool], str], None]) -> None:
        """Start every process and submit the orders.

        Args:
            wait: Waits until a condition holds, and fails with the words about it.
        """
        plain = {name: v for name, v in os.environ.items() if not name.startswith(_OURS)}
        redis = new_redis_server(self._folder / "redis")
        self._supervisor.start(redis_program(redis))
        port_file = self._folder / "simulator.port"
        argv = [sys.executable, "-m", "aicity_fleet.cli", "simulator"]
        argv += ["--port", "0", "--port-file", str(port_file)]
        self._supervisor.start(Program("simulator", argv, plain, is_base=True))
        wait(port_file.exists, "the simulated AI City is up")
        self._city = f"http://{LOOPBACK}:{port_file.read_text('ascii').strip()}"
        env = plain | self._settings(redis.url)
        settings = Settings.load(env)
        wait(lambda: self._connect(settings), "Redis is up")
        orders = list(ORDERS[: self._jobs])
        ids = self._ask("POST", "/_sim/tasks", json=orders)["ids"]
        self._orders = {
            task_id: {**order, "id": task_id} for task_id, order in zip(ids, orders, strict=True)
        }
        for program in fleet_programs(env, workers=1, threads=settings.worker_threads):
            self._supervisor.start(program)

    def look(self) -> dict[str, Job | None]:
        """Return every job as it stands, and check on the processes.

        Raises:
            RuntimeError: A process ended by itself; the message holds the end of its log.
        """
        for name, status in self._supervisor.check():
            tail = self._supervisor.tail(name)
            raise RuntimeError(f"{name} ended with status {status}. The end of its log:\n{tail}")
        assert self._ledger is not None, "start() connects it"
        return {task_id: self._ledger.get(task_id) for task_id in self._orders}

    def rows(self) -> list[Row]:
        """Judge every job."""
        booked = self._ask("GET", "/_sim/report")["tasks"]
        return [
            row(
                self._orders[task_id],
                job,
                booked[task_id],
                has_tools=self.has_tools,
                most_calls=team_for(self._orders[task_id]["taskType"]).max_model_calls,
            )
            for task_id, job in self.look().items()
        ]

    def stop(self) -> None:
        """Stop every process."""
        if self._ledger is not None:
            self._ledger.close()
        self._supervisor.stop()

    def _settings(self, redis_url: str) -> dict[str, str]:
        models = self._folder / "models.toml"
        text = MODELS_FILE.format(
            base_url=self._base_url,
            model=ALIAS,
            function_calling=str(self.has_tools).lower(),
            timeout=CALL_TIMEOUT_SECONDS,
            context_tokens=CONTEXT_TOKENS,
        )
        models.write_text(text, "utf-8")
        city = fleet_environment(self._city)
        return {
            **{name: city[name] for name in city if name.startswith("AGENT_CITY_")},
            "REDIS_URL": redis_url,
            "FLEET_AGENT": "real",
            "FLEET_MODELS_FILE": str(models),
            "FLEET_POLL_SECONDS": "2",
            "FLEET_JOB_DEADLINE_SECONDS": str(JOB_DEADLINE_SECONDS),
            "FLEET_DRAIN_SECONDS": "1",
            "NO_PROXY": f"{LOOPBACK},localhost",
            "no_proxy": f"{LOOPBACK},localhost",
        }

    def _connect(self, settings: Settings) -> bool:
        try:
            self._ledger = Ledger.from_settings(settings)
        except LedgerUnavailableError:
            return False
        return True

    def _ask(self, method: str, path: str, **kwargs: Any) -> JsonObject:
        answer = httpx.request(method, self._city + path, timeout=30, trust_env=False, **kwargs)
        answer.raise_for_status()
        return dict(answer.json())


def is_settled(job: Job | None) -> bool:
    """Whether nothing more happens to a job by itself."""
    return job is not None and job.state in SETTLED
