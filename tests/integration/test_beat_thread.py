"""Beat on a thread of the dispatcher, as ``up`` runs it."""

import dataclasses
import os

import pytest
from support.processes import FleetProcesses
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import APP, fleet_programs
from aicity_fleet.simulator.access import fleet_environment


@pytest.fixture
def fleet(redis_server, agent, city, empty_folder):
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
    }
    processes = FleetProcesses(env, empty_folder)
    yield processes
    processes.stop()


def accepted(ledger):
    return sum(ledger.counts().values())


def test_it_polls_again_and_again_and_stops_with_the_dispatcher(fleet, city, ledger):
    dispatcher, *_workers = programs = fleet_programs(fleet.env, workers=1, threads=1)
    assert [each.name for each in programs] == ["dispatcher", "worker1"]
    fleet.start_program(dispatcher)
    city.submit({})
    wait_until(lambda: accepted(ledger) == 1, seconds=60, description="the first poll")
    city.submit({})
    wait_until(lambda: accepted(ledger) == 2, seconds=60, description="a later poll")
    assert fleet.end("dispatcher") == 0
    assert "beat.ended" not in fleet.log("dispatcher")


def test_a_dispatcher_whose_beat_ended_stops_and_says_so(fleet):
    dispatcher = fleet_programs(fleet.env, workers=1, threads=1)[0]
    argv = ["support.broken_beat_app" if part == APP else part for part in dispatcher.argv]
    breaks = fleet.folder / "break"
    env = {
        **dispatcher.env,
        "PYTHONPATH": os.path.dirname(__file__) + "/..",
        "BREAK_FILE": str(breaks),
    }
    fleet.start_program(dataclasses.replace(dispatcher, argv=argv, env=env))
    wait_until(lambda: "ready." in fleet.log("dispatcher"), seconds=60, description="it is ready")
    breaks.touch()
    process = fleet.running["dispatcher"]
    wait_until(lambda: process.poll() is not None, seconds=30, description="it ends")
    assert process.returncode == 0
    log = fleet.log("dispatcher")
    assert "the clock is broken" in log
    assert "beat.ended" in log
