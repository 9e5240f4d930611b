"""Jobs that their model's provider cannot serve, while it serves others: each ends by itself, and alone.

The model is a real HTTP server, the teams are real, and so is Redis; only the messages are the test's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from support.broken_model import FAULTS, BrokenModel, broken_model
from support.messages import RecordedMessages
from support.waiting import wait_until

from aicity_fleet.ledger import Ledger, controls
from aicity_fleet.models import AssignedTask, Completed, Failed, JobState
from aicity_fleet.settings import Settings
from workers import provider_trouble
from workers.provider_trouble import MAX_TROUBLES
from workers.run_job import run_job
from workers.worker import Worker

pytestmark = pytest.mark.timeout(120)

MOST_CALLS = 6
"""The most model calls that may be bought for a job that cannot be served."""


class Consumer:
    """Works off whatever the sweep finds, with many threads, as Celery's would."""

    def __init__(self, ledger: Ledger, worker: Worker) -> None:
        self._ledger, self._worker = ledger, worker
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sweeper = threading.Thread(target=self._sweep)
        self._sweeper.start()

    def _sweep(self) -> None:
        while not self._is_over.wait(0.05):
            for job_id in self._ledger.sweep().to_run:
                self._ledger.sent(job_id)
                thread = threading.Thread(target=run_job, args=(job_id, self._worker))
                thread.start()
                self._threads.append(thread)

    def stop(self) -> None:
        self._is_over.set()
        self._sweeper.join()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def model() -> Iterator[BrokenModel]:
    with broken_model(seconds=0.3) as found:
        yield found


@pytest.fixture(params=["autogen", "plain"])
def fleet(request, ledger, redis_server, agent, model, monkeypatch) -> Iterator[Ledger]:
    monkeypatch.setattr(provider_trouble, "OWN_TROUBLE_SECONDS", 0.05)
    monkeypatch.setattr(provider_trouble, "PROVIDER_BACKOFF_SECONDS", (0.1, 1.0))
    monkeypatch.setattr(controls, "BREAKER_SECONDS", (0.5, 1.0))
    settings = Settings.load(
        {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            "OPENAI_API_KEY": "sk-nobody",
            "OPENAI_BASE_URL": model.base_url,
            "FLEET_MODEL_TIMEOUT_SECONDS": "2",
            "FLEET_ENGINE": request.param,
        }
    )
    worker = Worker.open(settings, RecordedMessages())
    consumer = Consumer(ledger, worker)
    yield ledger
    consumer.stop()
    worker.stop()


def accept(ledger: Ledger, name: str, order: str) -> str:
    ledger.accept(AssignedTask(name, "general", f"Plan the move of our notice board. {order}"))
    return name


def ended(ledger: Ledger, names: list[str]) -> bool:
    jobs = [ledger.get(name) for name in names]
    return all(job is not None and job.state is JobState.FINISHED for job in jobs)


def test_ten_ways_of_not_being_served_end_ten_jobs_and_delay_no_other(fleet, model):
    broken = [accept(fleet, f"broken {fault}", f"<fault:{fault}>") for fault in FAULTS]
    healthy = [accept(fleet, f"healthy {number}", "") for number in range(40)]
    began = time.monotonic()
    wait_until(lambda: ended(fleet, healthy), seconds=30, description="the healthy ones end")
    healthy_seconds = time.monotonic() - began
    wait_until(lambda: ended(fleet, broken), seconds=60, description="the broken ones end")
    broken_seconds = time.monotonic() - began
    for name in healthy:
        assert isinstance(fleet.get(name).outcome, Completed), name
    reasons = set()
    for fault, name in zip(FAULTS, broken, strict=True):
        outcome = fleet.get(name).outcome
        assert isinstance(outcome, Failed), name
        assert outcome.code == "provider", name
        assert MAX_TROUBLES <= model.calls[fault] <= MOST_CALLS, (name, model.calls)
        reasons.add(outcome.message)
    assert len(reasons) >= 5
    assert healthy_seconds < broken_seconds
    assert all(b.open_until is None for b in fleet.controls.read().breakers), "nobody was held up"


def test_a_job_that_cannot_be_served_ends_although_it_is_the_only_one(fleet, model):
    (name,) = [accept(fleet, "lonely", "<fault:trickle>")]
    wait_until(lambda: ended(fleet, [name]), seconds=40, description="it ends")
    job = fleet.get(name)
    assert job.outcome.code == "provider"
    assert job.unanswered_calls == model.calls["trickle"] == MAX_TROUBLES


def test_in_an_outage_no_job_ends_and_afterwards_all_are_served(fleet, model):
    model.outage = "500"
    names = [accept(fleet, f"job {number}", "") for number in range(5)]
    wait_until(
        lambda: any(b.open_until for b in fleet.controls.read().breakers),
        seconds=30,
        description="the breaker opens",
    )
    states = {job.state for name in names if (job := fleet.get(name))}
    assert states <= {JobState.QUEUED, JobState.RUNNING}
    model.outage = ""
    wait_until(lambda: ended(fleet, names), seconds=60, description="all are served")
    assert all(isinstance(fleet.get(name).outcome, Completed) for name in names)
