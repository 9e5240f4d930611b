"""A person's moves on a fleet of real processes: what is paused stands, what is cancelled stops."""

import time

import pytest
from support.processes import CLI, FleetProcesses, run_cli
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(240)


def start(redis_server, agent, city, folder, *, lease_seconds: int) -> FleetProcesses:
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_LEASE_SECONDS": str(lease_seconds),
        "FLEET_DRAIN_SECONDS": "1",
    }
    fleet = FleetProcesses(env, folder)
    fleet.start("beat", "dispatcher", "worker1")
    return fleet


def command(fleet: FleetProcesses, *args: str, code: int = 0) -> str:
    done = run_cli(*CLI, *args, env=fleet.env, cwd=fleet.folder)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout


@pytest.fixture
def fleet(redis_server, ledger, agent, city, empty_folder):
    processes = start(redis_server, agent, city, empty_folder, lease_seconds=5)
    yield processes
    processes.stop()


@pytest.fixture
def endless_city():
    """A simulated AI City whose model takes minutes for a call until ``hurry`` is called."""
    config = SimulatorConfig(
        model_latency_seconds=(90.0, 90.0), flawed_share=0.0, quality_gate=False
    )
    with running(create_app(config)) as url:
        yield SimulatedCity(url)


def endings(city: SimulatedCity) -> dict[str, int]:
    return {name: task["acceptedEndings"] for name, task in city.report()["tasks"].items()}


def test_each_pause_stops_what_it_names_within_two_seconds_and_no_job_is_lost_or_doubled(
    fleet, city, ledger
):
    (first,) = city.submit({})
    wait_until(lambda: endings(city)[first] == 1, seconds=90, description="the fleet works")

    command(fleet, "pause", "starts")
    command(fleet, "pause", "reports")
    more = city.submit({}, {}, {})
    wait_until(
        lambda: ledger.counts()[JobState.QUEUED] == 3, seconds=30, description="intake goes on"
    )
    time.sleep(2)
    assert ledger.counts()[JobState.QUEUED] == 3

    command(fleet, "resume", "starts")
    wait_until(lambda: ledger.counts()[JobState.FINISHED] == 3, seconds=60, description="all run")
    time.sleep(2)
    assert ledger.counts()[JobState.FINISHED] == 3
    assert all(city.task(task_id)["attempts"] == [] for task_id in more), "not one report was tried"

    command(fleet, "pause", "intake")
    time.sleep(2)
    (last,) = city.submit({})
    command(fleet, "resume", "reports")
    wait_until(lambda: ledger.counts()[JobState.REPORTED] == 4, seconds=60, description="reported")
    time.sleep(2)
    assert ledger.get(last) is None

    command(fleet, "resume")
    wait_until(lambda: ledger.counts()[JobState.REPORTED] == 5, seconds=60, description="all done")
    assert set(endings(city).values()) == {1}
    assert {job.attempt for job in ledger.jobs()} == {1}, "each ran once"
    assert "works" in command(fleet, "status")


def test_a_running_job_that_is_cancelled_stops_is_not_reported_and_completes_after_a_replay(
    redis_server, ledger, agent, endless_city, city, empty_folder
):
    fleet = start(redis_server, agent, endless_city, empty_folder, lease_seconds=15)
    try:
        (task_id,) = endless_city.submit({})
        wait_until(
            lambda: ledger.counts()[JobState.RUNNING] == 1, seconds=90, description="it runs"
        )
        assert "its worker stops it" in command(fleet, "cancel", task_id, "--why", "not wanted")
        wait_until(
            lambda: ledger.counts()[JobState.QUARANTINED] == 1, seconds=15, description="it stops"
        )
        trail = {line["event"]: line["at"] for line in ledger.audit(task_id)}
        assert (trail["quarantined"] - trail["cancelling"]).total_seconds() < 10
        time.sleep(2)
        assert endless_city.task(task_id)["attempts"] == [], "no ending is reported for it"
        assert ledger.get(task_id).reason == "not wanted"
        assert "1 cancelled" in command(fleet, "status"), "nobody has to decide anything"

        fleet.end("worker1")
        fleet.env["OPENAI_BASE_URL"] = f"{city.url}/v1"  # a model that answers at once
        fleet.env["OPENAI_API_KEY"] = "simulated"
        command(fleet, "rerun", task_id, "--yes")
        fleet.start("worker1")
        wait_until(
            lambda: endings(endless_city)[task_id] == 1, seconds=90, description="it completes"
        )
        assert ledger.get(task_id).outcome.kind == "complete"
    finally:
        fleet.stop()
