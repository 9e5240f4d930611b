"""The demo: the whole fleet on the simulator, watched until every task has its one ending.

Real processes and the real client code; only AI City, and without a key the model, are simulated.
"""

import dataclasses
import os
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from aicity_fleet.embedded.fleet import fleet_programs, flower_program, new_password, redis_program
from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.redis_server import new_redis_server
from aicity_fleet.embedded.supervisor import Program, Supervisor
from aicity_fleet.errors import FleetError, LedgerUnavailableError, SimulatorError
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import JobState, JsonObject
from aicity_fleet.redaction import environment_of, secrets_in
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import AGENT_KEY, fleet_environment
from aicity_fleet.simulator.demo_tasks import demo_tasks

START_SECONDS = 20.0
"""How long a base process of the demo may take to start, in seconds."""

LOOK_SECONDS = 0.3
"""How often the demo looks at the ledger, in seconds."""

KEPT_VARIABLES = frozenset(
    {
        *("OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "OPENAI_BASE_URL"),
        *("FLEET_MODEL", "FLEET_JOB_DEADLINE_SECONDS"),
        *(str(f.alias) for f in Settings.model_fields.values() if "_MODEL_" in str(f.alias)),
    }
)
"""The user's settings that a demo obeys: those of the model. It must never reach the real AI City."""

OWN_PREFIXES = ("AGENT_CITY_", "FLEET_", "BRIDGE_", "REDIS_", "OPENAI_", "CELERY_", "FLOWER_")
"""How the names of the fleet's own variables begin."""


@dataclasses.dataclass(frozen=True, slots=True)
class DemoTask:
    """One task of the demo as it stands."""

    task_id: str
    task_type: str
    title: str
    job: Job | None

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen to it."""
        resting = {JobState.REPORTED, JobState.QUARANTINED, JobState.HELD}
        return self.job is not None and self.job.state in resting


@dataclasses.dataclass(frozen=True, slots=True)
class DemoResult:
    """The result of a demo."""

    rows: list[JsonObject]
    """Per task: task, type, ending, score, earned cents, model calls, tokens, seconds."""
    profile_before: JsonObject
    profile_after: JsonObject
    faults: list[str]
    """Why the demo failed; empty when every task got exactly one ending."""


class Demo:
    """A fleet on the simulator, from start to stop.

    Args:
        copies: How many times the twelve tasks are submitted.
        flower_port: Where Flower listens; another when it is taken.
    """

    def __init__(self, folder: Path, *, workers: int, copies: int, flower_port: int) -> None:
        self._folder, self._workers, self._copies = folder, workers, copies
        self._supervisor = Supervisor(
            folder / "logs", stop_seconds=6.0, fork_env=environment_of(None, os.environ)
        )
        self.flower_port, self.flower_password = free_port(flower_port), new_password()
        self._simulator = ""
        self._ledger: Ledger | None = None
        self._tasks: dict[str, JsonObject] = {}
        self._profile_before: JsonObject = {}

    @property
    def uses_real_model(self) -> bool:
        """Whether the user's own model key is used."""
        return bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_API_KEY_FILE"))

    def start(self, is_stopping: Callable[[], bool]) -> None:
        """Start every process and submit the tasks.

        Raises:
            FleetError: A process did not start; the message holds the end of its log.
        """
        port_file = self._folder / "simulator.port"
        redis = new_redis_server(self._folder / "redis")
        env = _environment(os.environ, redis.url)
        self._supervisor.start(_simulator_program(port_file, env))
        self._supervisor.start(redis_program(redis))
        if not self._await("simulator", port_file.exists, is_stopping):
            return
        self._simulator = f"http://{LOOPBACK}:{port_file.read_text(encoding='ascii').strip()}"
        ours = fleet_environment(self._simulator)
        if self.uses_real_model:  # then the user's own settings say where it is
            ours = {name: ours[name] for name in ours if name.startswith("AGENT_CITY_")}
        env |= ours
        settings = Settings.load(env)
        if not self._await("redis", lambda: self._connect(settings), is_stopping):
            return
        self._profile_before = self._profile()
        tasks = demo_tasks(self._copies)
        ids = self._ask("POST", "/_sim/tasks", json=tasks)["ids"]
        self._tasks = dict(zip(ids, tasks, strict=True))
        for program in fleet_programs(env, workers=self._workers, threads=settings.worker_threads):
            self._supervisor.start(program, is_stopping)
        flower = flower_program(env, port=self.flower_port, password=self.flower_password)
        self._supervisor.start(flower, is_stopping)

    def look(self) -> list[DemoTask]:
        """Return every task as it stands now, and check on the processes.

        Raises:
            FleetError: A process of the demo died.
        """
        for name, status in self._supervisor.check():
            tail = self._supervisor.tail(name)
            raise FleetError(f"{name} ended with status {status}. The end of its log:\n{tail}")
        assert self._ledger is not None  # noqa: S101 - start() connected it
        return [
            DemoTask(task_id, task["taskType"], _title(task), self._ledger.get(task_id))
            for task_id, task in self._tasks.items()
        ]

    def result(self) -> DemoResult:
        """Compare the ledger with the simulator's own books."""
        report = self._ask("GET", "/_sim/report")["tasks"]
        rows, faults = [], []
        for task in self.look():
            booked = report[task.task_id]
            endings = booked["acceptedEndings"]
            if endings != 1:
                state = task.job.state if task.job else "unknown"
                faults.append(f"{task.task_id} ({task.task_type}, {state}) has {endings} endings")
            rows.append(_row(task, booked))
        return DemoResult(rows, self._profile_before, self._profile(), faults)

    def stop(self) -> None:
        """Stop every process."""
        if self._ledger is not None:
            self._ledger.close()
        self._supervisor.stop()

    def _connect(self, settings: Settings) -> bool:
        try:
            self._ledger = Ledger.from_settings(settings)
        except LedgerUnavailableError:
            return False
        return True

    def _await(
        self, name: str, is_ready: Callable[[], bool], is_stopping: Callable[[], bool]
    ) -> bool:
        """Wait for a process; False when the demo is to stop."""
        deadline = time.monotonic() + START_SECONDS
        while not is_ready() and not is_stopping():
            if self._supervisor.pid(name) is None or time.monotonic() > deadline:
                tail = self._supervisor.tail(name)
                raise FleetError(f"{name} did not start. The end of its log:\n{tail}")
            time.sleep(0.05)
        return not is_stopping()

    def _profile(self) -> JsonObject:
        headers = {"X-API-Key": AGENT_KEY}
        profile: JsonObject = self._ask("GET", "/api/v1/agents/me", headers=headers)["data"]
        return profile

    def _ask(self, method: str, path: str, **kwargs: Any) -> JsonObject:
        try:
            # trust_env off: a proxy of the user's has no business between two local processes.
            answer = httpx.request(
                method, self._simulator + path, timeout=10, trust_env=False, **kwargs
            )
            answer.raise_for_status()
            return dict(answer.json())
        except httpx.HTTPError as error:
            raise SimulatorError(f"{method} {path}: the simulator failed ({error}).") from error


def _simulator_program(port_file: Path, env: Mapping[str, str]) -> Program:
    """Return the simulated AI City, on a free port that it writes into ``port_file``."""
    argv = [sys.executable, "-m", "aicity_fleet.cli", "simulator"]
    argv += ["--port", "0", "--port-file", str(port_file)]
    return Program("simulator", argv, environment_of(None, env), is_base=True)


def _environment(user: Mapping[str, str], redis_url: str) -> dict[str, str]:
    """Return the user's environment without anything that could reach the real AI City."""
    secrets = set(secrets_in(user))  # a key of FLEET_MODELS_FILE may have any name
    env = {
        name: value
        for name, value in user.items()
        if name in KEPT_VARIABLES
        or not (name.startswith(OWN_PREFIXES) or name.removesuffix("_FILE") in secrets)
    }
    return env | {
        "REDIS_URL": redis_url,
        "FLEET_AGENT": "demo",
        "FLEET_POLL_SECONDS": "2",
        "FLEET_DRAIN_SECONDS": "1",
        "NO_PROXY": ",".join(filter(None, [user.get("NO_PROXY"), LOOPBACK, "localhost"])),
        "no_proxy": ",".join(filter(None, [user.get("no_proxy"), LOOPBACK, "localhost"])),
    }


def _title(task: JsonObject) -> str:
    """Return the beginning of what the buyer wants."""
    return textwrap.shorten(task["input"]["description"], 40, placeholder="…")


def _row(task: DemoTask, booked: JsonObject) -> JsonObject:
    job = task.job
    accepted = [attempt["kind"] for attempt in booked["attempts"] if attempt["accepted"]]
    return {
        "task": task.task_id,
        "title": task.title,
        "type": task.task_type,
        "state": str(job.state) if job else "unknown",
        "ending": accepted[0] if accepted else "none",
        "city_status": booked["status"],
        "score": booked["score"],
        "earned_cents": booked["paidCents"],
        "model_calls": job.model_calls if job else 0,
        "tokens": job.prompt_tokens + job.completion_tokens if job else 0,
        "seconds": round(job.ran_ms / 1000, 1) if job else 0.0,
    }
