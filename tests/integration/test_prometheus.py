"""A real Prometheus watches a real fleet to which everything happens: each alert fires after its cause."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
from decimal import Decimal
from pathlib import Path

import pytest
from support.processes import FleetProcesses
from support.prometheus import Prometheus, panels, prometheus, rules
from support.redis_process import own_redis
from support.waiting import wait_until

from aicity_fleet.embedded.ports import free_port
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed"),
]

MINUTE_MS = 60_000


@pytest.fixture
def own(tmp_path: Path):
    with own_redis(tmp_path / "redis") as started:
        yield started


@pytest.fixture
def ledger(own):
    found = Ledger.from_settings(own.settings)
    yield found
    found.client.close()


@pytest.fixture
def env(own, city) -> dict[str, str]:
    return {
        "REDIS_URL": own.server.url,
        **fleet_environment(city.url),
        "FLEET_CONTRACT": "bridge",  # only the bridge's answers show the agent's score
        "BRIDGE_URL": f"{city.url}/bridge",
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_LEASE_SECONDS": "2",
        "FLEET_MAX_DAY_USD": "100",
        "FLEET_METRICS_PORT": str(free_port()),
    }


@pytest.fixture
def fleet(env, empty_folder):
    """A fleet of which nothing is started yet."""
    processes = FleetProcesses(env, empty_folder)
    yield processes
    processes.stop()


@pytest.fixture
def watch(env, tmp_path):
    with prometheus(tmp_path / "prometheus", int(env["FLEET_METRICS_PORT"])) as server:
        yield server


def assert_each_query_has_data(watch: Prometheus) -> None:
    for panel in panels():
        for target in panel["targets"]:
            found = watch.query(target["expr"].replace("$__rate_interval", "5m"))
            assert found, (panel["title"], target)
            if panel["type"] == "stat":
                assert len(found) == 1, (panel["title"], "one value per tile", found)
            for labels, value in found:
                assert math.isfinite(value), (panel["title"], target)
                assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(labels)


def test_every_alert_fires_after_its_cause_and_every_panel_shows_the_run(
    own, fleet, city, ledger, watch
):
    """Four causes would take up to ten minutes, so the test sets their times in the ledger back: those of
    the only poll, a queued job, a report that waits, and the last sweep. All else happens as in production.
    """
    redis, keys = ledger.client, ledger.keys

    def wait_for(number: int, state: JobState) -> None:
        wait_until(
            lambda: ledger.counts()[state] == number, seconds=40, description=f"{number} {state}"
        )

    def signal_workers(number: signal.Signals) -> None:
        for name in ("worker1", "worker2"):
            fleet.running[name].send_signal(number)

    with watch.fires("FleetNotScraped"):
        fleet.start("worker1", "worker2")  # and no dispatcher

    with watch.fires("FleetPollTooOld"):
        fleet.start("dispatcher")  # and no beat
        # The dispatcher polls once, because the ledger is new.
        wait_until(ledger.coordination.last_poll, seconds=40, description="the only poll")
        poll = json.loads(str(redis.get(keys.last_poll)))
        redis.set(keys.last_poll, json.dumps({**poll, "at": poll["at"] - 3 * MINUTE_MS}), ex=60)

    with watch.fires("FleetJobOverdue"):
        signal_workers(signal.SIGSTOP)
        (first,) = city.submit({})
        fleet.start("beat")
        wait_for(1, JobState.QUEUED)
        redis.zincrby(keys.state(JobState.QUEUED), -MINUTE_MS, first)

    with watch.fires("FleetFailuresInARow", "FleetSpendsMoreThanItEarns"):
        city.fault("model", "flawed", count=None)
        signal_workers(signal.SIGCONT)
        # Growth counts from the first value that was seen.
        wait_until(
            lambda: watch.query("aicity_fleet_cost_dollars_total"),
            seconds=40,
            description="the first costs",
        )
        city.submit({})
        wait_for(2, JobState.REPORTED)

    city.clear_faults()
    city.submit(*[{}] * 10)
    wait_for(12, JobState.REPORTED)

    with watch.fires("FleetJobsUndecided", "FleetReportWaits"):
        city.fault("complete", "status", taskId="refused", status=400)
        city.fault("complete", "status", taskId="unanswered", count=None)
        city.fault("model", "hang", taskId="hanging")
        other = {"description": "Name a colour."}  # the model knows a task by its words
        city.submit({"id": "refused"}, {"id": "unanswered"}, {"id": "hanging", "input": other})
        wait_for(1, JobState.QUARANTINED)
        wait_for(1, JobState.FINISHED)
        redis.hincrby(keys.job("unanswered"), "finished_at", -11 * MINUTE_MS)
        wait_until(lambda: "model hang" in city.report()["faults"], description="a call that hangs")
        hanging = ledger.get("hanging")
        assert hanging is not None
        os.kill(int(hanging.owner.rpartition(":")[2]), signal.SIGKILL)
        wait_for(13, JobState.REPORTED)  # the other worker has done it

    with watch.fires("FleetPaused", "FleetDayCapFull"):
        ledger.controls.pause("reports", "a test")
        ledger.spending.set_cap(Decimal("0.000001"))
        city.submit({})

    with watch.fires("FleetBreakerOpen", "FleetPollsFail"):
        ledger.spending.set_cap(Decimal(100))
        city.fault("model", "status", status=401, count=None)
        (last,) = city.submit({})
        wait_until(lambda: ledger.get(last), description="it is accepted")
        city.fault("list", "status", count=None)

    with watch.fires("FleetKeyRefused"):
        city.clear_faults()
        city.fault("list", "status", status=401, count=None)

    assert_each_query_has_data(watch)

    with watch.fires("FleetRedisMemory", "FleetSweepTooOld"):
        used = redis.info("memory")["used_memory"]
        pipe = redis.pipeline()  # at once, because the next sweep is near
        pipe.hincrby(keys.turns, "sweep:until", -MINUTE_MS)
        pipe.config_set("maxmemory", used)
        # Now it is a replica without its primary, to which nobody can write.
        pipe.execute_command("REPLICAOF", "127.0.0.1", free_port())
        pipe.execute()

    with watch.fires("FleetLedgerUnreadable"):
        own.process.kill()

    assert watch.fired() == {rule["alert"] for rule in rules()}
