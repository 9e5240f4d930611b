"""A primary that dies: real sentinels promote its replica, and the fleet goes on by itself."""

import re
import time

import httpx
import pytest
from support.fleet_rig import FleetRig
from support.sentinel_set import DOWN_AFTER_SECONDS, NAME, SentinelSet
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.doctor.redis_checks import check_redis
from aicity_fleet.doctor.redis_probe import open_client, read_server
from aicity_fleet.embedded.fleet import flower_program
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import Ledger
from aicity_fleet.messaging.queue_monitor import QueueMonitor
from aicity_fleet.redis_clients import redis_client
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(180)

RESUME_SECONDS = DOWN_AFTER_SECONDS + 30
"""Within which time after the death of the primary every waiting task has its ending, in seconds: until the
replica is promoted, then at most 5 s to reconnect, a lease of 4 s, a model call, and slow machines."""


@pytest.fixture(scope="module")
def redises(tmp_path_factory):
    made = SentinelSet(tmp_path_factory.mktemp("sentinels"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def rig(redises, tmp_path_factory):
    config = SimulatorConfig(model_latency_seconds=(1.0, 1.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        admin = redis_client(redises.url, decode_responses=True)
        folder = tmp_path_factory.mktemp("fleet")
        made = FleetRig(folder, SimulatedCity(url), redises.url, admin)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def whole(redises):
    """The same, with both servers up."""
    redises.until_whole()
    return redises


@pytest.mark.parametrize("way", ["there", "and back"])
def test_the_fleet_follows_a_failover_and_every_task_has_one_ending(rig, whole, way):
    pids = rig.pids()
    assert None not in pids.values()
    ids = rig.city.submit(*[{} for _ in range(6)])
    wait_until(lambda: rig.running() >= 2, description="jobs run")
    died = time.monotonic()
    dead = whole.kill_primary()
    ids += rig.city.submit(*[{} for _ in range(4)])
    whole.until_promoted(dead)
    rig.until_reported(ids, seconds=RESUME_SECONDS - (time.monotonic() - died))
    print(f"{way}: every task has its ending {time.monotonic() - died:.1f} s after the kill")
    whole.restart(dead)
    whole.until_whole()
    assert dead.role == "slave", "the old primary follows the new one"
    later = rig.city.submit({}, {})
    rig.until_reported(later)
    assert rig.endings([*ids, *later]) == dict.fromkeys([*ids, *later], 1)
    assert rig.pids() == pids
    for name in pids:
        said = rig.fleet.log(name)
        assert "Traceback" not in said, name
        assert whole.password not in said, name
        assert len(re.findall("redis.back", said)) <= 4, (
            "an outage is one line, and its end another"
        )


def test_a_planned_failover_costs_no_job(rig, whole):
    before = whole.primary
    ids = rig.city.submit(*[{} for _ in range(6)])
    wait_until(lambda: rig.running() >= 2, description="jobs run")
    whole.asked[0].sentinel_failover(NAME)
    whole.until_promoted(before)
    rig.until_reported(ids)
    whole.until_whole()
    assert rig.endings(ids) == dict.fromkeys(ids, 1)


def test_the_watchdog_and_doctor_look_at_the_primary(whole):
    settings = Settings.load({"REDIS_URL": whole.url})
    monitor = QueueMonitor(settings.broker_url(), "sentinel-test:", ["q"])
    with redis_client(whole.url) as client, open_client(settings) as probe:
        client.lpush("sentinel-test:q", "one")
        assert monitor.waiting() == 1
        state = read_server(probe, settings)
        client.delete("sentinel-test:q")
    assert (state.trouble, state.info["role"]) == ("", "master")
    assert {finding.check for finding in check_redis(state, settings)} >= {"redis", "redis version"}


def test_a_name_that_the_sentinels_do_not_know_is_an_error_with_those_that_they_do(whole):
    settings = Settings.load({"REDIS_URL": whole.url.replace(f"master={NAME}", "master=other")})
    with pytest.raises(LedgerUnavailableError, match=rf"named 'other', only {NAME}\. Correct") as e:
        Ledger.from_settings(settings)
    assert whole.password not in str(e.value)
    with open_client(settings) as probe:
        assert read_server(probe, settings).trouble == "no_primary"


def test_sentinels_of_which_some_are_silent_still_serve(whole):
    url = whole.url.replace("@", "@127.0.0.1:1,")
    assert Ledger.from_settings(Settings.load({"REDIS_URL": url})).client.ping()


def test_flower_shows_the_queues(rig, whole):
    port = free_port()
    program = flower_program(rig.fleet.env, port=port, password="pw")
    rig.fleet.start_program(program)
    with httpx.Client(auth=("fleet", "pw"), trust_env=False, timeout=20) as client:

        def shows_queues() -> bool:
            try:
                answer = client.get(f"http://127.0.0.1:{port}/api/queues/length")
            except httpx.TransportError:
                return False
            return answer.is_success and "jobs" in answer.text

        wait_until(shows_queues, seconds=60, description="Flower shows the queues")
    rig.fleet.end("flower", program.ends_by)
