"""The journal in Redis: what a dead worker's job bought is not bought again."""

import asyncio
import json
import signal

import pytest
from conftest import wait_until
from processes import FleetProcesses
from simulated_city import SimulatedCity

from aicity_fleet.errors import LeaseLostError, LedgerUnavailableError
from aicity_fleet.ledger import Lease
from aicity_fleet.ledger.journal import LedgerJournal
from aicity_fleet.models import AssignedTask, Completed, JobState, Spent
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.team import Entry, Watch

ENTRIES = [
    Entry(number, "model", f"hash-{number}", {"content": "x"}, prompt_tokens=3)
    for number in range(3)
]


@pytest.fixture
def lease(ledger) -> Lease:
    ledger.accept(AssignedTask("t1", "general", "x"))
    lease = ledger.claim("t1", "me", lease_seconds=15)
    assert isinstance(lease, Lease)
    return lease


def write(ledger, lease, *entries: Entry) -> LedgerJournal:
    journal = LedgerJournal(ledger, lease, Watch())
    for entry in entries:
        asyncio.run(journal.append(entry))
    return journal


def test_entries_are_found_by_the_next_attempt(ledger, lease):
    write(ledger, lease, *ENTRIES)
    ledger.release(lease, "drain", Spent(1))
    again = ledger.claim("t1", "other", lease_seconds=15)
    assert isinstance(again, Lease)
    journal = LedgerJournal(ledger, again, Watch())
    assert [journal.recorded(number) for number in range(4)] == [*ENTRIES, None]


def test_an_entry_written_twice_is_one_entry(ledger, lease):
    write(ledger, lease, ENTRIES[0], ENTRIES[1], ENTRIES[1])
    assert len(ledger.journal("t1")) == 2


def test_truncating_discards_the_rest(ledger, lease):
    journal = write(ledger, lease, *ENTRIES)
    asyncio.run(journal.truncate(1))
    assert len(ledger.journal("t1")) == 1
    asyncio.run(journal.truncate(0))
    assert ledger.journal("t1") == []


def test_only_the_holder_of_the_lease_writes(ledger, lease):
    journal = write(ledger, lease, ENTRIES[0])
    ledger.release(lease, "drain", Spent(1))
    with pytest.raises(LeaseLostError):
        asyncio.run(journal.append(ENTRIES[1]))
    with pytest.raises(LeaseLostError):
        asyncio.run(journal.truncate(0))
    assert len(ledger.journal("t1")) == 1


def test_an_answer_waits_for_an_absent_redis(ledger, lease, monkeypatch):
    journal = LedgerJournal(ledger, lease, Watch())
    real, tries = ledger.journals.append, []

    def absent_twice(*args: object) -> bool:
        tries.append(args)
        if len(tries) < 3:
            raise LedgerUnavailableError("gone")
        return real(*args)

    monkeypatch.setattr(ledger.journals, "append", absent_twice)
    asyncio.run(journal.append(ENTRIES[0]))
    assert len(ledger.journal("t1")) == 1


def test_the_wait_for_redis_ends_with_the_run(ledger, lease, monkeypatch):
    watch = Watch()
    watch.abort("lease_lost")
    journal = LedgerJournal(ledger, lease, watch)

    def absent(*_args: object) -> bool:
        raise LedgerUnavailableError("gone")

    monkeypatch.setattr(ledger.journals, "append", absent)
    with pytest.raises(LedgerUnavailableError):
        asyncio.run(journal.append(ENTRIES[0]))


def test_the_journal_expires_with_its_job(ledger, lease, redis_client):
    write(ledger, lease, *ENTRIES)
    ledger.finish(lease, Completed("x", 1, "m"), Spent(1))
    held = ledger.take_report("t1")
    ledger.settle(held, {})
    assert redis_client.pttl(ledger.keys.journal("t1")) > 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_whose_worker_ended_buys_only_what_is_new(
    redis_server, ledger, agent, empty_folder, number
):
    """The model's first answer is always flawed, so every job takes two calls of a second each."""
    config = SimulatorConfig(model_latency_seconds=(1.0, 1.0), flawed_share=1.0)
    with running(create_app(config)) as url:
        city = SimulatedCity(url)
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            "FLEET_SIMULATOR_URL": url,
            "FLEET_POLL_SECONDS": "1",
            "FLEET_SWEEP_SECONDS": "0.2",
            "FLEET_LEASE_SECONDS": "2",
            "FLEET_DRAIN_SECONDS": "0",
        }
        fleet = FleetProcesses(env, empty_folder)
        try:
            text = "Plan the move of an office of ten people. List steps, owners and dates."
            (task_id,) = city.submit({"input": {"description": text}})
            fleet.start("dispatcher", "beat", "worker1")
            wait_until(
                lambda: ledger.journal(task_id), seconds=60, description="one answer is kept"
            )
            fleet.end("worker1", number)
            fleet.start("worker2")
            wait_until(
                lambda: ledger.counts()[JobState.REPORTED] == 1,
                seconds=60,
                description="the job is reported",
            )
        finally:
            fleet.stop()
        entries = [json.loads(entry) for entry in ledger.journal(task_id)]
        calls = sum(entry["kind"] == "model" for entry in entries)
        assert calls >= 2
        started = city.report()["model"]["started"]
        assert calls <= started <= calls + 1  # at most the call in flight is bought twice
        assert city.task(task_id)["acceptedEndings"] == 1
