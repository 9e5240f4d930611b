"""What each real process loads and weighs: none loads another one's code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench.measure import pss_bytes
from support.processes import CLI, FleetProcesses, base_environment, run_cli
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import flower_program
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment

pytestmark = pytest.mark.timeout(180)

LISTING = Path(__file__).resolve().parents[1] / "support" / "module_listing"
MODEL_LIBRARIES = {"autogen_core", "autogen_agentchat", "autogen_ext", "openai", "tiktoken"}
MOST_MEGABYTES = 85
"""What beat, the dispatcher and Flower may each hold resident. With AutoGen each held more than 105."""

MOST_FLEET_MEGABYTES = 270
"""What ``up --workers 2`` may hold in all, with its Redis and Flower, after a job. It is 230 to 250."""

MOST_SUPERVISOR_MEGABYTES = 20
"""What its supervisor may hold of that. It is 12; with what the checks of ``up`` load it was 45."""


@pytest.fixture
def fleet(redis_server, ledger, agent, city, empty_folder, tmp_path):
    """A whole fleet that has done one job, each process listing its modules."""
    listings = tmp_path / "modules"
    listings.mkdir()
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "PYTHONPATH": str(LISTING),
        "MODULE_LISTING": str(listings),
    }
    processes = FleetProcesses(env, empty_folder)
    processes.start("beat", "dispatcher", "worker1")
    flower = flower_program(processes.env, port=free_port(), password="secret-of-the-test")
    processes.start_program(flower)
    city.submit({})
    wait_until(
        lambda: ledger.counts()[JobState.REPORTED] == 1, seconds=60, description="a job is done"
    )
    wait_until(
        lambda: "flower.app" in modules(processes, "flower"), seconds=60, description="Flower runs"
    )
    yield processes
    processes.stop()


def modules(fleet: FleetProcesses, name: str) -> set[str]:
    path = Path(fleet.env["MODULE_LISTING"]) / str(fleet.running[name].pid)
    return set(path.read_text().split()) if path.exists() else set()


def resident_megabytes(fleet: FleetProcesses, name: str) -> float:
    status = Path(f"/proc/{fleet.running[name].pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def test_every_process_loads_its_own_code_alone_and_stays_small(fleet):
    loaded = {name: modules(fleet, name) for name in ("beat", "dispatcher", "flower", "worker1")}
    assert loaded["worker1"] >= {"autogen_core", "workers.run_job"}, "the lists say nothing"
    assert "aicity_fleet.aicity.client" in loaded["dispatcher"]
    assert "scheduler.clock" in loaded["beat"]
    assert loaded["dispatcher"] & {"scheduler.alerts", "aicity_fleet.cli", "typer"} == set()
    for name in ("beat", "dispatcher", "flower"):
        assert loaded[name] & MODEL_LIBRARIES == set(), name
        assert not [module for module in loaded[name] if module.startswith("workers")], name
    for name in ("beat", "flower", "worker1"):
        assert "aicity_fleet.aicity.client" not in loaded[name], name
        assert "scheduler.tasks" not in loaded[name], name
    for name in ("beat", "dispatcher", "flower"):
        megabytes = resident_megabytes(fleet, name)
        print(f"{name}: {megabytes:.0f} MB")
        assert megabytes < MOST_MEGABYTES, f"{name} holds {megabytes:.0f} MB"


def test_an_embedded_fleet_is_small(city, empty_folder):
    (task_id,) = city.submit({})
    env = {**base_environment(), **fleet_environment(city.url), "XDG_DATA_HOME": str(empty_folder)}
    process = subprocess.Popen(
        [*CLI, "up", "--workers", "2", "--flower-port", "0"],
        env=env, cwd=empty_folder, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(
            lambda: city.task(task_id)["acceptedEndings"] == 1, seconds=60, description="it is done"
        )
        folder = next(empty_folder.glob("aicity-fleet/*/logs"))
        wait_until(
            lambda: "Visit me at" in (folder / "flower.log").read_text(),
            seconds=60,
            description="Flower runs",
        )
        whole = pss_bytes(process.pid) / 2**20
        rest = sum(map(pss_bytes, children_of(process.pid))) / 2**20
    finally:
        process.terminate()
        process.wait(30)
    print(f"{whole:.0f} MB, of which the supervisor {whole - rest:.0f} MB")
    assert whole < MOST_FLEET_MEGABYTES
    assert whole - rest < MOST_SUPERVISOR_MEGABYTES


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_supervisor_loads_no_library(empty_folder):
    show = "import sys, aicity_fleet.embedded.up; print(*sys.modules)"
    loaded = run_cli(sys.executable, "-c", show, env={}, cwd=empty_folder).stdout.split()
    foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    assert {name for name in foreign if not name.startswith("_")} == {"aicity_fleet"}
