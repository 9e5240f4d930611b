"""Two versions of the fleet on one Redis: a rolling upgrade under load, and the way back.

The earlier version is the code before the latest commit that changed it, or what ``UPGRADE_FROM`` names.
Its processes start by Celery's command line, as the compose file starts them.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.processes import FleetProcesses, run_cli
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import CELERY
from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JobState
from aicity_fleet.redaction import Process, environment_of
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aicity_fleet", "scheduler", "workers")
WORKER = ("worker", "--pool", "threads", "-c", "8", "--without-gossip", "--without-mingle")
PROGRAMS = {
    "beat": (Process.BEAT, ["beat"]),
    "dispatcher": (
        Process.DISPATCHER,
        [*WORKER, "-n", "dispatcher@%h", "-Q", "control,reports"],
    ),
    "worker1": (Process.WORKER, [*WORKER, "-n", "worker1@%h", "-Q", "jobs"]),
    "worker2": (Process.WORKER, [*WORKER, "-n", "worker2@%h", "-Q", "jobs"]),
}


def git(*args: str) -> bytes:
    return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, check=True).stdout


@pytest.fixture
def earlier_code(tmp_path) -> Path:
    """A folder with the packages as they were."""
    commit = os.environ.get("UPGRADE_FROM", "")
    if not commit:
        commits = git("log", "-2", "--format=%H", "--", *PACKAGES).decode().split()
        if len(commits) < 2:
            pytest.skip("this checkout has no earlier commit of the code")
        commit = commits[1]
    folder = tmp_path / "earlier"
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit, *PACKAGES))) as archive:
        archive.extractall(folder, filter="data")
    where = run_cli(
        sys.executable,
        "-c",
        "import aicity_fleet, scheduler, workers; print(workers.__file__)",
        env={"PYTHONPATH": str(folder)},
        cwd=tmp_path,
    )
    assert where.stdout.startswith(str(folder)), "PYTHONPATH chooses the code"
    return folder


@pytest.fixture
def city():
    """A simulated AI City whose model takes a second for a call."""
    config = SimulatorConfig(model_latency_seconds=(1.0, 1.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        yield SimulatedCity(url)


class Versions:
    """A fleet whose processes each run one of two versions."""

    def __init__(self, processes: FleetProcesses, earlier: Path) -> None:
        self.processes, self._earlier = processes, earlier

    def start(self, name: str, *, earlier: bool) -> None:
        """Start a process, in place of the one that runs under this name, which drains first."""
        if name in self.processes.running:
            assert self.processes.end(name) == 0, self.processes.log(name)
        kind, argv = PROGRAMS[name]
        env = dict(environment_of(kind, self.processes.env))
        if earlier:
            env["PYTHONPATH"] = str(self._earlier)
        self.processes.start_program(Program(name, [*CELERY, *argv], env))


@pytest.fixture
def versions(redis_server, ledger, agent, city, empty_folder, earlier_code):
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_LEASE_SECONDS": "5",
        "FLEET_DRAIN_SECONDS": "5",
    }
    processes = FleetProcesses(env, empty_folder)
    yield Versions(processes, earlier_code)
    processes.stop()


def test_a_rolling_upgrade_under_load_and_its_way_back_end_every_job_once(
    versions: Versions, city: SimulatedCity, ledger: Ledger
):
    ids: list[str] = []

    def load_until_more_are_reported() -> None:
        ids.extend(city.submit(*[{} for _ in range(8)]))
        wanted = ledger.counts()[JobState.REPORTED] + 4
        wait_until(
            lambda: ledger.counts()[JobState.REPORTED] >= wanted,
            seconds=60,
            description="the two versions go on together",
        )

    for name in PROGRAMS:
        versions.start(name, earlier=True)
    load_until_more_are_reported()
    for name in ("worker1", "dispatcher", "worker2", "beat"):
        versions.start(name, earlier=False)
        load_until_more_are_reported()
    for name in ("dispatcher", "worker2"):
        versions.start(name, earlier=True)
        load_until_more_are_reported()
    wait_until(
        lambda: ledger.counts()[JobState.REPORTED] == len(ids), seconds=60, description="all end"
    )
    tasks = city.report()["tasks"]
    assert [tasks[task_id]["acceptedEndings"] for task_id in ids] == [1] * len(ids)
    assert city.task(ids[0])["status"] == "completed"
    for name in PROGRAMS:
        assert "Traceback" not in versions.processes.log(name), name
