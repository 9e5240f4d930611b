"""A worker takes several messages in one turn, as many as it has room for and no more."""

from __future__ import annotations

import pytest
from support.processes import FleetProcesses
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import fleet_programs
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

SLOTS = 24
JOBS = 40


@pytest.mark.timeout(180)
def test_a_worker_fills_its_slots_in_few_turns_and_leaves_the_rest(
    redis_server, ledger, agent, empty_folder
):
    config = SimulatorConfig(model_latency_seconds=(6.0, 6.0), flawed_share=0.0)
    with running(create_app(config)) as url:
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "FLEET_POLL_SECONDS": "1",
            "FLEET_MODEL_MAX_CONCURRENT_CALLS": "100",
            "FLEET_BRAKE_FAILURES": "0",
        }
        fleet = FleetProcesses(env, empty_folder)
        try:
            beat, dispatcher, worker = sorted(
                fleet_programs(fleet.env, workers=1, threads=SLOTS), key=lambda each: each.name
            )
            fleet.start_program(beat)
            fleet.start_program(dispatcher)
            SimulatedCity(url).submit(
                *[{"input": {"description": f"Describe harbour {n}."}} for n in range(JOBS)]
            )
            queue = ledger.keys.queue("jobs")
            wait_until(
                lambda: ledger.client.llen(queue) == JOBS, seconds=90, description="all wait"
            )
            ledger.client.config_resetstat()
            fleet.start_program(worker)
            wait_until(
                lambda: ledger.counts()[JobState.RUNNING] == SLOTS,
                seconds=90,
                description="all slots are taken",
            )
            assert ledger.client.llen(queue) == JOBS - SLOTS
            turns = ledger.client.info("commandstats")["cmdstat_rpop"]["calls"]
            assert SLOTS / 10 - 1 < turns < SLOTS / 2, "each turn takes several"
        finally:
            fleet.stop()
