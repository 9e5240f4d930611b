"""The journal in Redis: what a dead worker's job bought is not bought again."""

import asyncio
import dataclasses
import json
import secrets
import signal

import pytest
from support.processes import FleetProcesses
from support.samples import without_tools
from support.scripted_provider import ProviderServer, text
from support.simulated_city import SimulatedCity
from support.team_runs import run_team
from support.waiting import wait_until
from support.workers import NoBackground, function_worker

from aicity_fleet.errors import (
    JournalFullError,
    LeaseLostError,
    LedgerError,
    LedgerUnavailableError,
)
from aicity_fleet.journal import Entry
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger
from aicity_fleet.models import AssignedTask, Completed, JobState, Spent
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import ModelConfig, only, open_model
from workers.lease_keeper import LeaseKeeper
from workers.ledger_journal import LedgerJournal
from workers.run_job import run_job

TASK = AssignedTask("t2", "general", "Explain how lighthouses guided ships.")

ENTRIES = [
    Entry(number, "model", f"hash-{number}", {"content": "x"}, prompt_tokens=3)
    for number in range(3)
]


@pytest.fixture
def lease(ledger) -> Lease:
    ledger.accept(AssignedTask("t1", "general", "x"))
    lease = ledger.claim("t1", ClaimTerms("me", 15))
    assert isinstance(lease, Lease)
    return lease


def write(ledger, lease, *entries: Entry) -> LedgerJournal:
    journal = LedgerJournal(ledger, lease, StopSwitch())
    for entry in entries:
        asyncio.run(journal.append(entry))
    return journal


def reopened(ledger, lease) -> LedgerJournal:
    """Return the journal as the next attempt finds it."""
    ledger.release(lease, "drain", Spent(1))
    again = ledger.claim("t1", ClaimTerms("other", 15))
    assert isinstance(again, Lease)
    return LedgerJournal(ledger, again, StopSwitch())


def test_entries_are_found_by_the_next_attempt(ledger, lease):
    write(ledger, lease, *ENTRIES)
    journal = reopened(ledger, lease)
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
    journal = LedgerJournal(ledger, lease, StopSwitch())
    real, tries = ledger.journals.append, []

    def absent_twice(*args: object, **named: object) -> bool:
        tries.append(args)
        if len(tries) < 3:
            raise LedgerUnavailableError("gone")
        return real(*args, **named)

    monkeypatch.setattr(ledger.journals, "append", absent_twice)
    asyncio.run(journal.append(ENTRIES[0]))
    assert len(ledger.journal("t1")) == 1


def test_the_wait_for_redis_ends_with_the_run(ledger, lease, monkeypatch):
    stop_switch = StopSwitch()
    stop_switch.abort("lease_lost")
    journal = LedgerJournal(ledger, lease, stop_switch)

    def absent(*_args: object, **_named: object) -> bool:
        raise LedgerUnavailableError("gone")

    monkeypatch.setattr(ledger.journals, "append", absent)
    with pytest.raises(LedgerUnavailableError):
        asyncio.run(journal.append(ENTRIES[0]))


def test_the_journal_expires_with_its_job(ledger, lease, redis_client):
    write(ledger, lease, *ENTRIES)
    ledger.finish(lease, Completed("x", 1, "m"), Spent(1))
    held = ledger.take_report("t1")
    ledger.settle(held, {})
    keys = [ledger.keys.job("t1"), ledger.keys.audit("t1"), ledger.keys.journal("t1")]
    assert all(redis_client.pttl(key) > 3_500_000 for key in keys)
    for key in keys:
        redis_client.pexpire(key, 60_000)
    ledger.accept(AssignedTask("t1", "general", "x"))  # still listed: all of it stays
    assert all(redis_client.pttl(key) > 3_500_000 for key in keys)


LONG = Entry(0, "model", "hash-0", {"content": "A sentence of the model. " * 40})


def test_long_entries_are_packed_and_read_back(ledger, lease, redis_client):
    write(ledger, lease, LONG, ENTRIES[1])
    stored = redis_client.lrange(ledger.keys.journal("t1"), 0, -1)
    assert len(stored[0]) < len(json.dumps(LONG.to_json())) / 3
    again = reopened(ledger, lease)
    assert [again.recorded(n) for n in (0, 1)] == [LONG, ENTRIES[1]]


def test_a_plain_entry_is_read_whatever_its_length(ledger, lease, redis_client):
    whole = {**dataclasses.asdict(LONG), "a_field_of_another_version": 0}
    redis_client.rpush(ledger.keys.journal("t1"), json.dumps(whole))
    write(ledger, lease, ENTRIES[1])
    assert reopened(ledger, lease).recorded(0) == LONG
    assert len(ledger.journal("t1")) == 2


def test_an_entry_that_was_changed_by_hand_is_named(ledger, lease, redis_client):
    redis_client.rpush(ledger.keys.journal("t1"), "z~nothing")
    with pytest.raises(LedgerError, match="cannot be unpacked"):
        ledger.journal("t1")


def sized(redis_client, ledger, most: int) -> Ledger:
    return Ledger(redis_client, ledger.keys, retention_seconds=3600, max_journal_bytes=most)


def test_a_journal_takes_no_more_than_it_may(ledger, lease, redis_client):
    write(ledger, lease, *ENTRIES[:2])
    held = sum(len(text) for text in redis_client.lrange(ledger.keys.journal("t1"), 0, -1))
    small = sized(redis_client, ledger, held + 10)
    for _ in range(2):  # the same again, as if the reply was lost
        with pytest.raises(JournalFullError, match="FLEET_MAX_JOURNAL_BYTES"):
            write(small, lease, ENTRIES[2])
    assert len(ledger.journal("t1")) == 2
    write(small, lease, ENTRIES[1])  # replaces the one at its place
    assert len(ledger.journal("t1")) == 2
    assert ledger.audit("t1")[-1]["event"] == "journal_full"
    asyncio.run(LedgerJournal(small, lease, StopSwitch()).truncate(1))
    write(small, lease, ENTRIES[1])


def test_a_full_journal_ends_the_job_with_an_ending_of_its_own(ledger, redis_client):
    """Its last answer was bought, and is on the bill; nothing is bought after it."""
    ledger.accept(TASK)
    small = sized(redis_client, ledger, 5000)  # room for the first entry, which holds the team
    with ProviderServer() as server:
        provider = server.open()
        provider.will(*(text(secrets.token_hex(1500)) for _ in range(3)))  # cannot be packed small

        async def work(lease, stop_switch, journal):
            config = ModelConfig("m-1", provider.base_url, "sk-test-key-000000000000", 5.0)
            async with open_model(config) as model:
                return await run_team(
                    lease.task,
                    spec=without_tools(),
                    models=only(model),
                    stop_switch=stop_switch,
                    nonce=lease.nonce,
                    journal=journal,
                )

        parts = function_worker(
            small,
            lambda *args: asyncio.run(work(*args)),
            leases=LeaseKeeper(small, 60, NoBackground()),
            lease_seconds=60,
        )
        did = run_job(TASK.task_id, parts)
        asked = len(provider.requests)
    job = ledger.get(TASK.task_id)
    assert did["why"] == "journal_full"
    assert job.outcome.code == "journal_full"
    assert job.model_calls == asked == len(ledger.journal(TASK.task_id)) + 1


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
            **fleet_environment(url),
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
        stored = ledger.client.lrange(ledger.keys.journal(task_id), 0, -1)
        assert any(not text.startswith("{") for text in stored), "it is packed"
        entries = [json.loads(entry) for entry in ledger.journal(task_id)]
        calls = sum(entry["kind"] == "model" for entry in entries)
        assert calls >= 2
        started = city.report()["model"]["started"]
        assert calls <= started <= calls + 1  # at most the call in flight is bought twice
        assert city.task(task_id)["acceptedEndings"] == 1
