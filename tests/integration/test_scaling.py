"""``--scale worker=4``, then 1, then 8, under load: nothing is lost, doubled, bought twice or rescued."""

import signal
from functools import partial

import pytest
from support.processes import FleetProcesses
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

TASKS = 160


@pytest.mark.timeout(300)
def test_four_workers_then_one_then_eight(redis_server, ledger, agent, empty_folder):
    config = SimulatorConfig(model_latency_seconds=(0.5, 3.0), flawed_share=0.5)
    with running(create_app(config)) as url:
        city = SimulatedCity(url)
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "FLEET_POLL_SECONDS": "1",
        }
        fleet = FleetProcesses(env, empty_folder)

        def is_ready(name: str) -> bool:
            return "ready." in fleet.log(name)

        def are_up(*names: str) -> None:
            for name in names:
                wait_until(partial(is_ready, name), seconds=90, description=f"{name} is ready")

        def done() -> int:
            return ledger.counts()[JobState.REPORTED]

        try:
            first = [f"worker{number}" for number in range(1, 5)]
            fleet.start("dispatcher", "beat", *first, workers=4)
            are_up(*first)
            ids = city.submit(
                *[
                    {"input": {"description": f"Say something about lighthouse {number}."}}
                    for number in range(TASKS)
                ]
            )
            wait_until(
                lambda: done() >= TASKS // 6 and ledger.counts()[JobState.RUNNING] >= 20,
                seconds=60,
                description="four workers are at work",
            )
            for name in first[1:]:  # all told at once, as compose does
                fleet.running[name].send_signal(signal.SIGTERM)
            for name in first[1:]:
                assert fleet.running.pop(name).wait(20) == 0, fleet.log(name)
            left = done()
            assert left < TASKS, "they were done before the scaling: give them more"
            wait_until(lambda: done() > left, seconds=60, description="one goes on")
            later = [f"worker{number}" for number in range(2, 9)]
            for name in later:
                (fleet.folder / f"{name}.log").unlink(missing_ok=True)
            fleet.start(*later, workers=8)
            wait_until(lambda: done() == TASKS, seconds=150, description="all are reported")
        finally:
            fleet.stop()
        report = city.report()
        assert {report["tasks"][task_id]["acceptedEndings"] for task_id in ids} == {1}
        jobs = [ledger.get(task_id) for task_id in ids]
        assert [job.lapses for job in jobs if job] == [0] * TASKS
        assert report["model"]["repeatedRequests"] == 0
        assert report["model"]["abandoned"] == 0
