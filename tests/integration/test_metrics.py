"""The metrics of a real ledger, over HTTP: one page of the whole fleet, and never an old number."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.processes import FleetProcesses
from support.redis_process import start_redis
from support.waiting import wait_until

from aicity_fleet.embedded.ports import free_port
from aicity_fleet.embedded.redis_server import new_redis_server
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger
from aicity_fleet.metrics.reading import MOST_READ, read_fleet
from aicity_fleet.metrics.server import serve_metrics
from aicity_fleet.models import AssignedTask, Completed, JobState, Spent
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment


def scrape(port: int) -> dict[str, float]:
    """The samples of the page without the prefix, those of one label by its value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    return {
        " ".join([sample.name.removeprefix("aicity_fleet_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def served(redis_server, agent, port) -> Iterator[int]:
    """The page of the test's ledger."""
    env = {"REDIS_URL": redis_server.url, "FLEET_AGENT": agent, "FLEET_METRICS_PORT": str(port)}
    stop = serve_metrics(Settings.load(env))
    yield port
    stop()


def accept(ledger: Ledger, *ids: str) -> None:
    for job_id in ids:
        ledger.accept(AssignedTask(job_id, "general", "x"))


def test_a_scrape_tells_what_every_process_did(served, ledger):
    accept(ledger, "a", "b")
    lease = ledger.claim("a", ClaimTerms("another process", 15))
    assert isinstance(lease, Lease)
    ledger.finish(lease, Completed("x", 1, "m"), Spent(1), score=90, team="general")
    ledger.controls.pause("reports", "x")
    ledger.coordination.note_poll("one", {"status": "ok"})
    found = scrape(served)
    assert found["up"] == 1
    assert found["jobs queued"] == found["jobs finished"] == 1
    assert found["jobs_accepted_total"] == 2
    assert found["endings_total complete general"] == 1
    assert found["wait_seconds_count"] == found["run_seconds_count"] == 1
    assert found["gate_score_sum"] == 90
    assert found["paused reports"] == 1
    assert found["polls_total ok"] == 1
    assert found["redis_memory_used_bytes"] > 100_000


def test_the_oldest_is_found_among_the_first(ledger, redis_client):
    accept(ledger, *(f"j{number}" for number in range(MOST_READ + 20)))
    redis_client.hincrby(ledger.keys.job("j7"), "accepted_at", -60_000)
    reading = read_fleet(ledger)
    assert 60 <= reading.oldest_seconds[JobState.QUEUED] < 90
    assert reading.oldest_seconds[JobState.RUNNING] == 0


def test_a_scrape_asks_redis_the_same_however_many_jobs_there_are(ledger, redis_client):
    def commands() -> int:
        before = redis_client.info("stats")["total_commands_processed"]
        read_fleet(ledger)
        return int(redis_client.info("stats")["total_commands_processed"]) - int(before)

    accept(ledger, *(f"j{number}" for number in range(MOST_READ)))
    commands()  # the first one loads the scripts
    few = commands()
    accept(ledger, *(f"k{number}" for number in range(3 * MOST_READ)))
    assert commands() == few


def test_without_redis_the_page_says_so_at_once_and_recovers(tmp_path, port):
    server = new_redis_server(tmp_path)
    settings = Settings.load({"REDIS_URL": server.url, "FLEET_METRICS_PORT": str(port)})
    stop = serve_metrics(settings)
    try:
        assert scrape(port) == {"up": 0}
        with start_redis(server) as process:
            wait_until(lambda: scrape(port)["up"] == 1, description="the page of a Redis that came")
            process.terminate()
            process.wait()
            assert scrape(port) == {"up": 0}, "no number of before"
    finally:
        stop()


def test_a_redis_that_hangs_is_told_within_the_time_of_a_scrape(served, redis_server, ledger):
    assert scrape(served)["up"] == 1
    ledger.client.client_pause(8000)
    began = time.monotonic()
    assert scrape(served) == {"up": 0}
    assert time.monotonic() - began < 9
    ledger.client.client_unpause()
    wait_until(lambda: scrape(served)["up"] == 1, description="the page after the pause")


def test_a_port_that_is_taken_stops_nothing(served, redis_server, capsys):
    env = {"REDIS_URL": redis_server.url, "FLEET_METRICS_PORT": str(served)}
    stop = serve_metrics(Settings.load(env))
    stop()
    assert "metrics.not_served" in capsys.readouterr().out


def test_the_command_prints_the_page_once(run, ledger):
    accept(ledger, "a")
    assert "aicity_fleet_jobs_accepted_total 1.0\n" in run("metrics")


@pytest.mark.timeout(180)
def test_the_dispatcher_tells_what_workers_bought_and_ended(
    redis_server, agent, city, ledger, port, empty_folder
):
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_METRICS_PORT": str(port),
    }
    ids = city.submit(*[{} for _ in range(3)])
    fleet = FleetProcesses(env, empty_folder)
    try:
        fleet.start("dispatcher", "worker1")
        wait_until(
            lambda: ledger.counts()[JobState.REPORTED] == 3, seconds=60, description="all reported"
        )
        found = scrape(port)
        assert fleet.end("dispatcher") == 0, fleet.log("dispatcher")
    finally:
        fleet.stop()

    def total(name: str) -> float:
        return sum(number for key, number in found.items() if key.split(" ")[0] == name)

    jobs = [ledger.get(job_id) for job_id in ids]
    assert total("jobs_accepted_total") == total("endings_total") == total("reports_total") == 3
    assert total("model_calls_total") == sum(job.model_calls for job in jobs if job)
    assert total("prompt_tokens_total") == sum(job.prompt_tokens for job in jobs if job) > 0
    assert found["wait_seconds_count"] == found["run_seconds_count"] == 3
    assert found["report_seconds_count"] == found["gate_score_count"] == 3
    assert found["jobs reported"] == 3
    assert found["polls_total ok"] >= 1
