"""A worker with little memory runs no more than its twenty jobs, and the watchdog lets it."""

from __future__ import annotations

import pytest
from support.processes import FleetProcesses
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import fleet_programs
from aicity_fleet.messaging.memory_limit import ALWAYS_JOBS
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

JOBS = ALWAYS_JOBS + 15


@pytest.mark.timeout(180)
@pytest.mark.parametrize("percent", [0, 100])
def test_a_worker_takes_what_its_memory_allows(redis_server, ledger, agent, empty_folder, percent):
    config = SimulatorConfig(model_latency_seconds=(4.0, 4.0), flawed_share=0.0)
    with running(create_app(config)) as url:
        city = SimulatedCity(url)
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "FLEET_POLL_SECONDS": "1",
            "FLEET_FREE_MEMORY_PERCENT": str(percent),
            "FLEET_MODEL_MAX_CONCURRENT_CALLS": "100",
            "FLEET_BRAKE_FAILURES": "0",
        }
        fleet = FleetProcesses(env, empty_folder)
        try:
            for program in fleet_programs(fleet.env, workers=1, threads=100):
                fleet.start_program(program)
            wait_until(
                lambda: "ready." in fleet.log("worker1"), seconds=90, description="it is ready"
            )
            city.submit(
                *[{"input": {"description": f"Describe harbour {n}."}} for n in range(JOBS)]
            )
            most = 0

            def all_are_done() -> bool:
                nonlocal most
                counts = ledger.counts()
                most = max(most, counts[JobState.RUNNING])
                return counts[JobState.REPORTED] == JOBS

            wait_until(all_are_done, seconds=120, description="all are reported")
            assert most == (ALWAYS_JOBS if percent else JOBS)
            assert ("memory.short" in fleet.log("worker1")) == bool(percent)
            assert "consumer.stalled" not in fleet.log("worker1")
        finally:
            fleet.stop()
