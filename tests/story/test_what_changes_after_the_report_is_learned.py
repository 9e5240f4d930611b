"""AI City can refund or fail a delivery after its report. The fleet reads it, and counts it once."""

import json

import pytest
from integration.test_processes import environment
from support.processes import CLI, FleetProcesses, run_cli
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.models import JobState
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running


@pytest.fixture
def city():
    with running(create_app(SimulatorConfig(quality_gate=False))) as url:
        yield SimulatedCity(url)


@pytest.fixture
def processes(redis_server, ledger, agent, city, empty_folder):
    """The processes of a real fleet; nothing is started yet."""
    processes = FleetProcesses(environment(redis_server, agent, city), empty_folder)
    yield processes
    processes.stop()


@pytest.mark.timeout(180)
def test_a_refund_and_a_failed_check_show_in_the_job_the_money_and_the_guard(
    processes, city, ledger
):
    refunded, failed, kept = city.submit({}, {}, {})
    city.fault("complete", "later", task_id=refunded, becomes="refunded", seconds=1)
    city.fault("complete", "later", task_id=failed, becomes="failed", seconds=1)
    processes.start("dispatcher", "beat", "worker1")

    def show(*args: str) -> dict:
        shown = run_cli(*CLI, *args, "--json", env=processes.env, cwd=processes.folder)
        return json.loads(shown.stdout)

    wait_until(
        lambda: ledger.counts()[JobState.REPORTED] == 3, seconds=90, description="all are reported"
    )
    wait_until(
        lambda: (
            {city.task(refunded)["status"], city.task(failed)["status"]} == {"refunded", "failed"}
        ),
        description="AI City changes two of them",
    )
    for job_id in (refunded, failed, kept):  # as if half a minute had passed
        ledger.client.zadd(ledger.keys.read_backs, {job_id: 0})
    wait_until(
        lambda: all(ledger.get(job_id).seen for job_id in (refunded, failed, kept)),
        seconds=60,
        description="the dispatcher reads them back",
    )

    for job_id, becomes in ((refunded, "refunded"), (failed, "failed")):
        job = show("job", job_id)
        assert job["later"][0]["kind"] == job["seen"]["status"] == becomes
        assert job["money"]["earnings"] == "nothing"
        assert "read_back" in [line["event"] for line in job["audit"]]
    assert show("job", kept)["money"]["earnings_usd"] == "0.85"

    status = show("status")
    assert status["day_totals"]["unsettled_usd"] == "0.85"
    assert status["day_totals"]["taken_back_usd"] == "1.70"
    assert status["controls"]["failures_in_a_row"] == 2
    assert status["controls"]["guard_is_closed"]
    teams = show("teams", "record")
    assert teams["general"] == {"delivered": 3, "refunded": 1, "failed": 1, "thumbs_down": 1}
