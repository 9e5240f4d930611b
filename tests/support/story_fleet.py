"""A fleet without processes, for the stories: the real functions, told one step at a time.

AI City is the simulator, Redis is real, and the team is a function that ends as the story needs.
"""

from __future__ import annotations

from typing import Any

from support.messages import RecordedMessages
from support.simulated_city import SimulatedCity
from support.waiting import wait_until
from support.workers import RunTeam, function_worker

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.journal import Journal
from aicity_fleet.ledger import ClaimTerms, Job, Lease, Ledger
from aicity_fleet.messaging.routes import POLL, REPORT
from aicity_fleet.models import Delivered, Ending, JobState, TeamResult, Usage
from aicity_fleet.stop_switch import StopSwitch
from scheduler.poll import PollSummary, poll
from scheduler.report import ReporterParts, report
from scheduler.sweep import sweep
from workers.run_job import run_job


class StoryFleet:
    """Messages are kept in a list until the story delivers them.

    Args:
        ledger: An empty ledger.
        city: The simulated AI City.
        client: The fleet's client for that city.
    """

    def __init__(self, ledger: Ledger, city: SimulatedCity, client: AICityClient) -> None:
        self.ledger, self.city, self.client = ledger, city, client
        self.recorded = RecordedMessages()
        self.ending: Ending = Delivered("Here is what you asked for.", 90)
        """How every team ends."""
        self.run_team: RunTeam = self._end
        """What every team does."""
        self.worker = function_worker(
            ledger, self._run_team, messages=self.recorded, owner="story:1"
        )

    @property
    def messages(self) -> list[tuple[str, str]]:
        """The messages on their way, oldest first: task name and job id."""
        return self.recorded.sent

    def poll(self) -> PollSummary:
        """Look at AI City once."""
        return poll(
            client=self.client, ledger=self.ledger, messages=self.recorded, max_input_chars=1000
        )

    def sweep(self) -> None:
        """Walk over the ledger once; a wiped one asks for a poll, which is made."""
        sweep(ledger=self.ledger, messages=self.recorded)
        if (POLL, "") in self.messages:
            self.messages.remove((POLL, ""))
            self.poll()

    def deliver(self) -> dict[str, Any]:
        """Deliver the oldest message to the process that works its queue."""
        task, job_id = self.messages.pop(0)
        if task == REPORT:
            return report(job_id, ReporterParts(self.ledger, self.client, "story", 3600))
        return run_job(job_id, self.worker)

    def deliver_all(self) -> list[dict[str, Any]]:
        """Deliver every message, also those that follow; returns what each did."""
        did = []
        while self.messages:
            did.append(self.deliver())
        return did

    def accept(self, *tasks: dict[str, Any]) -> list[str]:
        """Submit tasks and poll; returns their ids."""
        ids = self.city.submit(*tasks or ({},))
        self.poll()
        return ids

    def send_report_now(self, job_id: str) -> None:
        """Make a postponed report due, and send its message."""
        self.ledger.client.hset(self.ledger.keys.job(job_id), "report_due", 0)
        self.recorded.report(job_id)

    def kill_worker_of(self, job_id: str, *, alone: bool = False) -> Lease:
        """Claim a job for a worker that is never heard of again; returns its lease.

        Args:
            job_id: The job.
            alone: Whether that worker ran nothing else.
        """
        lease = self.ledger.claim(job_id, ClaimTerms("dead:1", 0.05), is_alone=alone)
        assert isinstance(lease, Lease)
        return lease

    def wait_for_rescue(self, job_id: str) -> None:
        """Sweep until a message for the job was sent."""

        def is_sent() -> bool:
            self.sweep()
            return job_id in {job for _, job in self.messages}

        wait_until(is_sent, description="the sweep sends the job again")

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        job = self.ledger.get(job_id)
        assert job is not None
        return job

    def state(self, job_id: str) -> JobState:
        """Where the job stands."""
        return self.job(job_id).state

    def _run_team(self, lease: Lease, switch: StopSwitch, journal: Journal) -> TeamResult:
        return self.run_team(lease, switch, journal)

    def _end(self, _lease: Lease, _switch: StopSwitch, _journal: Journal) -> TeamResult:
        return TeamResult(self.ending, Usage(1, 10, 10), "gpt-4o-mini")
