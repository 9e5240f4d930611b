"""A real fleet on a model whose work never passes: the brake is set early, and one success releases it."""

from __future__ import annotations

import json

import pytest
from support.broken_model import broken_model
from support.processes import CLI, FleetProcesses, run_cli
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(240)

JOBS = 200
MOST_BOUGHT = 20


def test_two_hundred_jobs_that_fail_are_not_all_bought(redis_server, ledger, agent, empty_folder):
    task = {"taskType": "general", "input": {"description": "Plan the move of our notice board."}}
    with (
        running(create_app(SimulatorConfig(quality_gate=False))) as url,
        broken_model(seconds=0.2) as model,
    ):
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "OPENAI_BASE_URL": model.base_url,
            "FLEET_MODEL_MAX_CONCURRENT_CALLS": "0",
            "FLEET_POLL_SECONDS": "1",
            "FLEET_SWEEP_SECONDS": "0.2",
        }
        model.outage = "junk"
        SimulatedCity(url).submit(*[task] * JOBS)
        fleet = FleetProcesses(env, empty_folder)
        fleet.start(workers=2)
        try:
            wait_until(
                lambda: ledger.controls.read().is_braked, seconds=90, description="the brake is set"
            )
            assert JOBS - ledger.counts()[JobState.QUEUED] <= MOST_BOUGHT
            status = run_cli(*CLI, "status", "--json", env=env, cwd=empty_folder)
            (finding,) = [
                found
                for found in json.loads(status.stdout)["findings"]
                if "The brake is set" in found["what"]
            ]
            assert "of team general with model gpt-4o-mini" in finding["what"]
            assert finding["needs_person"]

            model.outage = ""
            wait_until(
                lambda: ledger.counts()[JobState.REPORTED] >= JOBS - MOST_BOUGHT,
                seconds=90,
                description="the rest goes on",
            )
            assert not ledger.controls.read().is_braked
        finally:
            fleet.stop()
