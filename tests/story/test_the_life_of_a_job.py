"""Read this first: the life of a job, told with the real functions, one idea each.

AI City is the simulator, Redis is real, and the team is a function that ends as the story needs.
"""

import pytest
from support.messages import RecordedMessages
from support.simulated_city import SimulatedCity
from support.waiting import wait_until
from support.workers import function_worker

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.journal import Journal
from aicity_fleet.ledger import Lease, Ledger
from aicity_fleet.messaging.routes import POLL, REPORT
from aicity_fleet.models import (
    Delivered,
    Ending,
    JobState,
    ProviderTrouble,
    Rejected,
    TeamResult,
    Usage,
)
from aicity_fleet.simulator.access import AGENT_KEY
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.stop_switch import StopSwitch
from scheduler.poll import PollSummary, poll
from scheduler.report import ReporterParts, report
from scheduler.sweep import sweep
from workers.run_job import run_job


class Fleet:
    """A fleet without processes: messages are kept in a list until the story delivers them."""

    def __init__(self, ledger: Ledger, city: SimulatedCity, client: AICityClient) -> None:
        self.ledger, self.city, self.client = ledger, city, client
        self.recorded = RecordedMessages()
        self.ending: Ending = Delivered("Here is what you asked for.", 90)
        self.worker = function_worker(ledger, self.team, messages=self.recorded, owner="story:1")

    @property
    def messages(self) -> list[tuple[str, str]]:
        return self.recorded.sent

    @messages.setter
    def messages(self, sent: list[tuple[str, str]]) -> None:
        self.recorded.sent = sent

    def poll(self) -> PollSummary:
        return poll(
            client=self.client,
            ledger=self.ledger,
            messages=self.recorded,
            max_input_chars=1000,
        )

    def sweep(self) -> None:
        sweep(ledger=self.ledger, messages=self.recorded)
        if (POLL, "") in self.messages:
            self.messages.remove((POLL, ""))
            self.poll()

    def deliver(self) -> dict:
        """Deliver the oldest message to whoever works its queue."""
        task, job_id = self.messages.pop(0)
        if task == REPORT:
            return report(job_id, ReporterParts(self.ledger, self.client, "story", 3600))
        return run_job(job_id, self.worker)

    def team(self, lease: Lease, stop_switch: StopSwitch, journal: Journal) -> TeamResult:
        return TeamResult(self.ending, Usage(1, 10, 10), "gpt-4o-mini")

    def state(self, job_id: str) -> JobState:
        job = self.ledger.get(job_id)
        assert job is not None
        return job.state


@pytest.fixture
def fleet(ledger):
    with (
        running(create_app(SimulatorConfig(quality_gate=False))) as url,
        AICityClient(url, AGENT_KEY, load_contract("api")) as client,
    ):
        fleet = Fleet(ledger, SimulatedCity(url), client)
        yield fleet
        fleet.worker.leases.stop()


def test_a_task_is_polled_run_and_reported(fleet):
    (task_id,) = fleet.city.submit({})
    assert fleet.poll().accepted == 1
    assert fleet.state(task_id) is JobState.QUEUED

    assert fleet.deliver()["did"] == "complete"
    assert fleet.state(task_id) is JobState.FINISHED

    assert fleet.deliver()["did"] == "settled"
    assert fleet.state(task_id) is JobState.REPORTED
    assert fleet.city.task(task_id)["status"] == "completed"
    assert fleet.messages == []


def test_a_message_is_only_a_hint_and_five_of_it_change_nothing(fleet):
    (task_id,) = fleet.city.submit({})
    fleet.poll()
    fleet.messages *= 5
    did = []
    while fleet.messages:
        did.append(fleet.deliver()["did"])
    assert did.count("complete") == 1
    assert did.count("settled") == 1
    assert fleet.city.task(task_id)["acceptedEndings"] == 1


def test_losing_every_message_changes_nothing_but_latency(fleet):
    (task_id,) = fleet.city.submit({})
    fleet.poll()
    fleet.messages.clear()
    fleet.ledger.client.hset(fleet.ledger.keys.job(task_id), "sent_at", 0)
    fleet.sweep()
    fleet.deliver()
    fleet.messages.clear()
    fleet.ledger.client.zadd(fleet.ledger.keys.state("finished"), {task_id: 0})
    fleet.sweep()
    fleet.deliver()
    assert fleet.city.task(task_id)["acceptedEndings"] == 1


def test_a_worker_that_dies_loses_its_lease_and_another_goes_on(fleet):
    (task_id,) = fleet.city.submit({})
    fleet.poll()
    fleet.messages.clear()
    dead = fleet.ledger.claim(task_id, "dead:1", lease_seconds=0.05)
    assert isinstance(dead, Lease)
    wait_until(lambda: fleet.sweep() or fleet.messages, description="the sweep rescues the job")
    assert fleet.deliver()["did"] == "complete"
    job = fleet.ledger.get(task_id)
    assert job is not None
    assert (job.attempt, job.lapses) == (2, 1)


def test_an_outage_of_the_model_fails_nobody(fleet):
    (task_id,) = fleet.city.submit({})
    fleet.poll()
    fleet.ending = ProviderTrouble("503")
    assert fleet.deliver()["did"] == "released"
    assert fleet.state(task_id) is JobState.QUEUED
    assert fleet.city.task(task_id)["attempts"] == []


def test_what_the_gate_rejects_is_reported_as_a_failure_and_never_as_a_deliverable(fleet):
    (task_id,) = fleet.city.submit({})
    fleet.poll()
    fleet.ending = Rejected("quality", "The text did not pass our own checks.")
    fleet.deliver()
    fleet.deliver()
    booked = fleet.city.task(task_id)
    assert booked["failure"]["reason"] == "quality"
    assert [attempt["kind"] for attempt in booked["attempts"]] == ["fail"]


def test_a_lost_answer_is_asked_for_again_and_makes_no_second_ending(fleet):
    (task_id,) = fleet.city.submit({})
    fleet.poll()
    fleet.deliver()
    fleet.city.fault("complete", "reply_lost_after_commit")
    assert fleet.deliver()["did"] == "postponed"
    fleet.ledger.client.hset(fleet.ledger.keys.job(task_id), "report_due", 0)
    fleet.messages.append((REPORT, task_id))
    assert fleet.deliver()["why"] == "already_settled"
    booked = fleet.city.task(task_id)
    assert (booked["acceptedEndings"], booked["status"]) == (1, "completed")
