"""How many messages a worker takes: several in one turn, and no more than it has slots and memory for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

SLOTS = 24

pytestmark = pytest.mark.timeout(180)


def submit(city: SimulatedCity, count: int) -> None:
    """Submit so many tasks."""
    city.submit(*[{"input": {"description": f"Describe harbour {n}."}} for n in range(count)])


@pytest.fixture
def fleet_on(redis_server, agent, empty_folder):
    """Makes a fleet without any process yet, and the city that it works on."""

    @contextmanager
    def make(
        model_seconds: float, **settings: str
    ) -> Iterator[tuple[FleetProcesses, SimulatedCity]]:
        config = SimulatorConfig(
            model_latency_seconds=(model_seconds, model_seconds), flawed_share=0.0
        )
        with running(create_app(config)) as url:
            env = {
                "REDIS_URL": redis_server.url,
                "FLEET_AGENT": agent,
                **fleet_environment(url),
                "FLEET_POLL_SECONDS": "1",
                "FLEET_MODEL_MAX_CONCURRENT_CALLS": "100",
                "FLEET_BRAKE_FAILURES": "0",
                **settings,
            }
            fleet = FleetProcesses(env, empty_folder)
            try:
                yield fleet, SimulatedCity(url)
            finally:
                fleet.stop()

    return make


@pytest.mark.parametrize("percent", [0, 100])
def test_a_worker_takes_what_its_memory_allows(fleet_on, ledger, percent):
    """With little memory it runs no more than its twenty jobs, and the watchdog lets it."""
    jobs = ALWAYS_JOBS + 15
    with fleet_on(4.0, FLEET_FREE_MEMORY_PERCENT=str(percent)) as (fleet, city):
        for program in fleet_programs(fleet.env, workers=1, threads=100):
            fleet.start_program(program)
        wait_until(lambda: "ready." in fleet.log("worker1"), seconds=90, description="it is ready")
        submit(city, jobs)
        most = 0

        def all_are_done() -> bool:
            nonlocal most
            counts = ledger.counts()
            most = max(most, counts[JobState.RUNNING])
            return counts[JobState.REPORTED] == jobs

        wait_until(all_are_done, seconds=120, description="all are reported")
        assert most == (ALWAYS_JOBS if percent else jobs)
        assert ("memory.short" in fleet.log("worker1")) == bool(percent)
        assert "consumer.stalled" not in fleet.log("worker1")


def test_a_worker_fills_its_slots_in_few_turns_and_leaves_the_rest(fleet_on, ledger):
    jobs = 40
    queue = ledger.keys.queue("jobs")
    with fleet_on(6.0) as (fleet, city):
        beat, dispatcher, worker = sorted(
            fleet_programs(fleet.env, workers=1, threads=SLOTS, beat_apart=True),
            key=lambda each: each.name,
        )
        fleet.start_program(beat)
        fleet.start_program(dispatcher)
        submit(city, jobs)
        wait_until(lambda: ledger.client.llen(queue) == jobs, seconds=90, description="all wait")
        ledger.client.config_resetstat()
        fleet.start_program(worker)
        wait_until(
            lambda: ledger.counts()[JobState.RUNNING] == SLOTS,
            seconds=90,
            description="all slots are taken",
        )
        assert ledger.client.llen(queue) == jobs - SLOTS
        turns = ledger.client.info("commandstats")["cmdstat_rpop"]["calls"]
        assert SLOTS / 10 - 1 < turns < SLOTS / 2, "each turn takes several"
