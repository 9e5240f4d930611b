"""The day's cap with real processes: jobs wait, none fails; a cap that cannot be kept starts nothing."""

from decimal import Decimal

import pytest
from integration.test_processes import environment
from support.processes import FleetProcesses
from support.waiting import wait_until

from aicity_fleet.models import JobState

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def fleet(redis_server, ledger, agent, city, empty_folder):
    """A fleet with room for no call at all; nothing is started yet."""
    env = {**environment(redis_server, agent, city), "FLEET_MAX_DAY_USD": "0.000001"}
    processes = FleetProcesses(env, empty_folder)
    yield processes
    processes.stop()


def test_jobs_wait_at_the_day_s_cap_and_go_on_with_workers_that_have_a_higher_one(
    fleet, city, ledger
):
    (job_id,) = city.submit({"maxBudget": 500})
    fleet.start("dispatcher", "beat", "worker1")

    def waits() -> bool:
        job = ledger.get(job_id)
        return job is not None and (job.state, job.reason) == (JobState.QUEUED, "day_cap")

    wait_until(waits, seconds=60, description="the job waits for the next day")
    assert ledger.spending.today().cap_usd == Decimal("0.000001")
    assert city.report()["model"]["started"] == 0
    fleet.end("worker1")
    fleet.env["FLEET_MAX_DAY_USD"] = "5"
    fleet.start("worker1")
    wait_until(
        lambda: ledger.counts()[JobState.REPORTED] == 1, seconds=90, description="it is reported"
    )
    job = ledger.get(job_id)
    assert job is not None
    assert job.cost.is_whole
    assert 0 < job.cost.usd < 1
    assert job.prices.startswith("genai-prices ")
    earned = job.earnings(ledger.now())
    assert (earned.stage, earned.usd) == ("unsettled", Decimal("4.25"))
    day = ledger.spending.today()
    assert (day.cost, day.reserved_usd) == (job.cost, 0)


def test_a_worker_with_a_cap_that_it_cannot_keep_does_not_start(fleet):
    fleet.env["FLEET_MODEL"] = "a-model-of-nobody"
    fleet.start("worker1")
    assert fleet.running["worker1"].wait(60) == 2
    assert "FLEET_MAX_DAY_USD=0.000001 cannot be kept" in fleet.log("worker1")
    assert "input_usd_per_million" in fleet.log("worker1")
