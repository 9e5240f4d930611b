"""A job that kills its process, among others that do not: the whole fleet as real processes."""

import os
import signal
from functools import partial

import pytest
from support.poisoned_fleet import poisoned_fleet
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.failpoints import Failpoint
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import Failed, JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def latency():
    return 0.5


@pytest.fixture
def slow_city(latency):
    """A simulated AI City whose model takes as long as the test says."""
    config = SimulatorConfig(
        model_latency_seconds=(latency, latency), flawed_share=0.0, quality_gate=False
    )
    with running(create_app(config)) as url:
        yield SimulatedCity(url)


@pytest.fixture
def settings(redis_server, ledger, agent, slow_city):
    return {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(slow_city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_LEASE_SECONDS": "2",
        "FLEET_DRAIN_SECONDS": "1",
    }


def get(ledger: Ledger, job_id: str):
    found = ledger.get(job_id)
    assert found is not None
    return found


def has_lapsed(ledger: Ledger, job_id: str, times: int) -> bool:
    return get(ledger, job_id).lapses == times


def events(ledger: Ledger, job_id: str) -> list[str]:
    return [str(line["event"]) for line in ledger.audit(job_id)]


@pytest.mark.parametrize("step", [Failpoint.CLAIMED, Failpoint.CALL_ANSWERED])
def test_a_poison_is_isolated_after_two_deaths_and_failed_after_the_third(
    settings, ledger, slow_city, empty_folder, step
):
    with poisoned_fleet(settings, {"poison": step}, empty_folder) as fleet:
        others = slow_city.submit(*[{} for _ in range(12)], {"id": "poison"}, *[{}] * 11)
        others.remove("poison")
        fleet.wait_until(
            lambda: ledger.counts()[JobState.REPORTED] == 24,
            description="all is reported",
            seconds=180,
        )
    found = get(ledger, "poison")
    assert isinstance(found.outcome, Failed)
    assert found.outcome.code == "poison"
    trail = events(ledger, "poison")
    deadly = [event for event in trail if event in {"rescued", "isolated", "died", "finished"}]
    assert deadly == ["rescued", "rescued", "isolated", "died", "finished"]
    assert [name for name, status in fleet.deaths if status == -signal.SIGKILL] != []
    assert {name for name, _ in fleet.deaths} <= {"worker1", "worker2"}
    assert len(fleet.deaths) == 2
    assert_endings(slow_city, others, "poison")
    for job_id in others:
        assert get(ledger, job_id).outcome.kind == "complete"


def assert_endings(city: SimulatedCity, completed: list[str], failed: str) -> None:
    """Exactly one ending of each is accepted, and the right one."""
    tasks = city.report()["tasks"]
    accepted = {
        task_id: [tried["kind"] for tried in task["attempts"] if tried["accepted"]]
        for task_id, task in tasks.items()
    }
    assert accepted == {failed: ["fail"], **{task_id: ["complete"] for task_id in completed}}


@pytest.mark.parametrize("latency", [4.0])
def test_an_innocent_job_whose_workers_are_killed_runs_alone_and_completes(
    settings, ledger, slow_city, empty_folder
):
    """Two kills from outside look like poison; the third run, alone, shows that it is none."""
    with poisoned_fleet(settings, {}, empty_folder) as fleet:
        (task_id,) = slow_city.submit({})

        def runs_in_a_worker() -> bool:
            job = ledger.get(task_id)
            return job is not None and job.state is JobState.RUNNING and not job.is_isolated

        for lapses in (1, 2):
            fleet.wait_until(runs_in_a_worker, description="it runs", seconds=60)
            os.kill(int(get(ledger, task_id).owner.rpartition(":")[2]), signal.SIGKILL)
            fleet.wait_until(
                partial(has_lapsed, ledger, task_id, lapses),
                description="its lease lapses",
                seconds=30,
            )
        assert get(ledger, task_id).is_isolated
        workers = {fleet.supervisor.pid(name) for name in ("worker1", "worker2")}
        fleet.wait_until(
            lambda: get(ledger, task_id).state is JobState.RUNNING,
            description="it runs alone",
            seconds=60,
        )
        assert int(get(ledger, task_id).owner.rpartition(":")[2]) not in workers
        fleet.wait_until(
            lambda: get(ledger, task_id).state is JobState.REPORTED,
            description="it is reported",
            seconds=60,
        )
    assert get(ledger, task_id).lapses == 2
    tasks = slow_city.report()["tasks"]
    assert tasks[task_id]["acceptedEndings"] == 1
    assert get(ledger, task_id).outcome.kind == "complete"


@pytest.mark.parametrize("latency", [20.0])
def test_a_stopping_worker_hands_its_isolated_job_back_and_leaves_no_process(
    settings, ledger, slow_city, empty_folder
):
    with poisoned_fleet(settings, {}, empty_folder) as fleet:
        (task_id,) = slow_city.submit({})
        for lapses in (1, 2):
            fleet.wait_until(
                lambda: ledger.counts()[JobState.RUNNING] == 1, description="runs", seconds=60
            )
            os.kill(int(get(ledger, task_id).owner.rpartition(":")[2]), signal.SIGKILL)
            fleet.wait_until(
                partial(has_lapsed, ledger, task_id, lapses),
                description="its lease lapses",
                seconds=30,
            )
        fleet.wait_until(
            lambda: ledger.counts()[JobState.RUNNING] == 1, description="runs alone", seconds=60
        )
        child = int(get(ledger, task_id).owner.rpartition(":")[2])
    job = get(ledger, task_id)
    assert (job.state, job.lapses, job.reason) == (JobState.QUEUED, 2, "drain")
    wait_until(lambda: not _lives(child), description="no process is left")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
