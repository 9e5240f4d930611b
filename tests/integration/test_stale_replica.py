"""A primary is lost to a replica that is behind: what was not replicated never happened for the fleet.

docs/promises.md says what holds then. Replication is asynchronous, so no setting of a fleet prevents it.
"""

import time

import pytest
from support.fleet_rig import FleetRig
from support.sentinel_set import SentinelSet
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.models import JobState
from aicity_fleet.redis_clients import redis_client
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def redises(tmp_path):
    made = SentinelSet(tmp_path / "sentinels")
    yield made
    made.stop()


@pytest.fixture
def rig(redises, tmp_path):
    config = SimulatorConfig(model_latency_seconds=(2.0, 2.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        admin = redis_client(redises.url, decode_responses=True)
        made = FleetRig(tmp_path, SimulatedCity(url), redises.url, admin)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def model_calls(rig: FleetRig) -> int:
    return int(rig.city.report()["model"]["answered"])


def test_every_task_has_one_ending_and_none_is_lost(rig, redises):
    pids = rig.pids()
    forgotten = rig.city.submit(*[{} for _ in range(4)])
    wait_until(lambda: rig.running() == 4, description="jobs run, and the replica knows it")
    stale = redises.hold_replica_back()
    began = time.monotonic()
    rig.until_reported(forgotten, seconds=9)
    wait_until(
        lambda: rig.ledger.counts()[JobState.RUNNING] == 0, description="the answers are settled"
    )
    unknown = rig.city.submit(*[{} for _ in range(4)])
    wait_until(lambda: rig.running() == 4, description="jobs run that the replica never heard of")
    bought, lag = model_calls(rig), time.monotonic() - began
    dead = redises.kill_primary()
    redises.until_promoted(dead)
    redises.let_replicate(stale)
    assert rig.ledger.get(forgotten[0]).state is not JobState.REPORTED, "the replica was behind"
    rig.until_reported(unknown, seconds=45)

    def all_settled() -> bool:
        jobs = [rig.ledger.get(job_id) for job_id in forgotten + unknown]
        return all(job is not None and job.state is JobState.REPORTED for job in jobs)

    wait_until(all_settled, seconds=45, description="every job knows its ending again")
    assert rig.endings(forgotten + unknown) == dict.fromkeys(forgotten + unknown, 1)
    verdicts = [rig.ledger.get(job_id).receipt["verdict"] for job_id in forgotten]
    assert verdicts == ["already_settled"] * 4, "AI City's 409 tells what stands"
    assert rig.pids() == pids
    print(
        f"{lag:.1f} s lost; model calls {bought} before the failover, {model_calls(rig)} at the end"
    )


def test_a_primary_that_must_have_a_replica_loses_little_and_stops_without_one(rig, redises):
    """``min-replicas-to-write``: the fleet waits, and no process ends."""
    pids = rig.pids()
    primary = redises.primary.admin
    primary.config_set("min-replicas-max-lag", 2)
    primary.config_set("min-replicas-to-write", 1)
    stale = redises.hold_replica_back()

    def refuses_writes() -> bool:
        return primary.info("replication")["min_slaves_good_slaves"] == 0

    wait_until(refuses_writes, seconds=5, description="the primary takes no write")
    ids = rig.city.submit(*[{} for _ in range(4)])
    rig.hold(5)
    assert rig.endings(ids) == dict.fromkeys(ids, 0), "nothing is begun that could be lost"
    redises.let_replicate(stale)
    rig.until_reported(ids, seconds=45)
    assert rig.endings(ids) == dict.fromkeys(ids, 1)
    assert rig.pids() == pids
    said = "".join(map(rig.fleet.log, pids))
    assert "NOREPLICAS" in said
    assert "Traceback" not in said
