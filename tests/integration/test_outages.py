"""A Redis that is down, loading, read-only, full, wiped or cut off, and a consumer that stalls.

Back-pressure and a clear line, never a lost job or a dead process; a stalled consumer ends its own.
"""

import dataclasses
import os
import re
import signal
import subprocess
import time
from functools import partial

import pytest
from support import outages
from support.outages import HOLD, Rig
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import fleet_programs
from aicity_fleet.messaging.consumer_watch import STALLED_EXIT_CODE
from aicity_fleet.messaging.routes import JOBS_QUEUE, QUEUE_OF
from aicity_fleet.models import JobState
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(180)

CLEAR_LINES = {
    outages.stopped: "redis.away .*cannot be reached",
    outages.killed: "redis.back",
    outages.loading: "redis.away .*loading its data",
    outages.read_only: "redis.away .*read-only",
    outages.full: "redis.away .*is full",
    outages.resets: "Connection to broker lost",
    outages.half_open: "broker lost|stale connection",
    outages.wiped: "ledger.wiped",
    outages.wiped_often: "ledger.wiped",
}
"""What some process of the fleet has to say of each fault."""

MOST_LINES = 60
"""How many warnings one process may write in one fault; Celery's own beat wrote a thousand lines."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """One fleet for all faults: each has to find it whole."""
    config = SimulatorConfig(model_latency_seconds=(1.0, 1.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        made = Rig(tmp_path_factory.mktemp("outages"), SimulatedCity(url))
        try:
            made.start()
            yield made
        finally:
            made.stop()


def is_ready(rig: Rig, name: str) -> bool:
    return "ready." in rig.fleet.log(name)


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


@pytest.mark.parametrize("fault", CLEAR_LINES, ids=lambda fault: fault.__name__)
def test_no_process_dies_and_every_task_has_one_ending(rig, fault):
    pids = rig.pids()
    assert None not in pids.values()
    logged = {name: len(rig.fleet.log(name)) for name in pids}
    ids = rig.city.submit(*[{} for _ in range(4)])
    wait_until(lambda: rig.running() >= 1, description="a job runs")
    with fault(rig):
        ids += rig.city.submit({}, {})
        rig.hold(HOLD[fault])
    rig.until_reported(ids, seconds=75)
    # All three queues still work, from publishers that lived through it.
    later = rig.city.submit({})
    rig.until_reported(later)
    assert rig.pids() == pids
    assert rig.endings([*ids, *later]) == dict.fromkeys([*ids, *later], 1)
    said = {name: rig.fleet.log(name)[logged[name] :] for name in pids}
    # Looked for in all that was said: what repeats is said once in half a minute.
    assert re.search(CLEAR_LINES[fault], "".join(rig.fleet.log(name) for name in pids))
    for name, text in said.items():
        assert "Traceback" not in text, name
        assert rig.server.password not in text
        assert (
            sum("[warning" in line or "[error" in line for line in text.splitlines()) < MOST_LINES
        )


def test_a_frozen_worker_that_goes_on_is_not_stalled(rig):
    pid = rig.pids()["worker1"]
    os.kill(pid, signal.SIGSTOP)
    rig.hold(3)
    os.kill(pid, signal.SIGCONT)
    ids = rig.city.submit({}, {})
    rig.until_reported(ids)
    assert rig.pids()["worker1"] == pid
    assert "consumer.stalled" not in rig.fleet.log("worker1")


def stalling(rig, name: str, kind: str):
    """A worker like the embedded mode's, whose consumer stalls on demand."""
    (program,) = [p for p in fleet_programs(rig.fleet.env, workers=2, threads=8) if p.name == name]
    argv = ["support.stalling_app" if a == "aicity_fleet.celery_app" else a for a in program.argv]
    env = {
        **program.env,
        "PYTHONPATH": os.path.dirname(__file__) + "/..",
        "STALL": kind,
        "STALL_FILE": str(rig.fleet.folder / "stall"),
    }
    return dataclasses.replace(program, argv=argv, env=env)


def test_a_stalled_consumer_ends_its_process_and_others_take_its_jobs_over(tmp_path):
    config = SimulatorConfig(model_latency_seconds=(0.0, 0.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        city = SimulatedCity(url)
        rig = Rig(tmp_path, city, FLEET_LEASE_SECONDS="10")
        try:
            rig.fleet.start("dispatcher", "beat")
            kinds = {"worker1": "blocked", "worker2": "deaf"}
            for name, kind in kinds.items():
                rig.fleet.start_program(stalling(rig, name, kind))
            for name in kinds:
                wait_until(
                    partial(is_ready, rig, name),
                    seconds=40,
                    description=f"{name} is ready",
                )
            city.fault("model", "slow", seconds=50, count=None)
            ids = city.submit(*[{} for _ in range(6)])
            wait_until(lambda: rig.running() == 6, seconds=30, description="all jobs run")
            (rig.fleet.folder / "stall").touch()
            began = time.monotonic()
            # A BRPOP that was sent before takes one for each of them; the rest waits in the queue.
            ids += city.submit(*[{} for _ in range(4)])
            for name in kinds:
                process = rig.fleet.running[name]
                wait_until(
                    partial(has_ended, process),
                    seconds=32 - (time.monotonic() - began),
                    description=f"{name} ends itself within 30 s",
                )
                assert process.returncode == STALLED_EXIT_CODE, rig.fleet.log(name)
                rig.fleet.running.pop(name)
                assert "consumer.stalled" in rig.fleet.log(name)
            assert "event loop" in rig.fleet.log("worker1")
            assert "took nothing" in rig.fleet.log("worker2")
            city.clear_faults()
            jobs = [rig.ledger.get(task_id) for task_id in ids[:6]]
            assert [job.lapses for job in jobs if job] == [0] * 6  # handed over, not left to lapse
            assert rig.ledger.counts()[JobState.RUNNING] == 0
            rig.fleet.start("worker1")
            rig.until_reported(ids)
            assert {city.task(task_id)["acceptedEndings"] for task_id in ids} == {1}
        finally:
            rig.stop()


def test_every_queue_is_watched_by_someone():
    """The queues of ``celery_app`` are those that the programs read."""
    read = {
        queue
        for program in fleet_programs({}, workers=1, threads=1)
        if "-Q" in program.argv
        for queue in program.argv[list(program.argv).index("-Q") + 1].split(",")
    }
    assert set(QUEUE_OF.values()) <= read
    assert JOBS_QUEUE in read
