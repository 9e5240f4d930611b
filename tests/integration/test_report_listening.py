"""A process that has sent its reports waits a moment for the next job to finish, in place of a message."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest
from support.messages import RecordedMessages
from support.waiting import wait_until

from aicity_fleet.ledger import ClaimTerms, Finished, Lease, ReportLease, Settled, runs
from aicity_fleet.models import Completed, JobState, Spent
from scheduler import report as report_module
from scheduler.poll import poll
from scheduler.report import ReporterParts, report_all

DONE = Completed("The answer is given here in full, with its reasons. " * 10, 1200, "gpt-4o-mini")


class Rig:
    """A ledger with running jobs, and what a dispatcher reports with."""

    def __init__(self, ledger, city, client) -> None:
        self.ledger, self.city, self.client = ledger, city, client
        self.parts = ReporterParts(ledger, client, agent="a", give_up_seconds=3600)

    def running(self) -> Lease:
        """A job under way."""
        (task_id,) = self.city.submit({})
        poll(
            client=self.client,
            ledger=self.ledger,
            messages=RecordedMessages(),
            max_input_chars=1000,
        )
        lease = self.ledger.claim(task_id, ClaimTerms("me", 15))
        assert isinstance(lease, Lease)
        return lease

    def finish(self, lease: Lease | None = None) -> Finished:
        """Finish a job; says what its worker learns."""
        written = self.ledger.finish(lease or self.running(), DONE, Spent(10))
        assert written is not None
        return written

    def settle(self, lease: Lease) -> Settled:
        """Settle a report, and offer to wait for the next."""
        held = self.ledger.take_report(lease.job_id)
        assert isinstance(held, ReportLease)
        return self.ledger.settle(held, {"verdict": "accepted"}, "success", listen_seconds=1.0)

    def listen(self) -> None:
        """Have a process listen: one that has nothing left to report."""
        lease = self.running()
        self.finish(lease)
        assert self.settle(lease).listens

    def state(self, lease: Lease) -> JobState:
        job = self.ledger.get(lease.job_id)
        assert job is not None
        return job.state


@pytest.fixture
def rig(ledger, city):
    with city.client() as client:
        yield Rig(ledger, city, client)


def test_a_job_that_finishes_meanwhile_is_reported_without_a_message(rig: Rig, monkeypatch):
    monkeypatch.setattr(report_module, "MOST_SECONDS", 60.0)
    parts = dataclasses.replace(rig.parts, listen_seconds=20)
    first, second = rig.running(), rig.running()
    rig.finish(first)
    stopping = threading.Event()
    sent, did = RecordedMessages(), []

    def work() -> None:
        did.append(report_all(first.job_id, parts, sent, is_stopping=stopping.is_set))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: rig.state(first) is JobState.REPORTED, description="the first is sent")
    wait_until(
        lambda: rig.ledger.client.hexists(rig.ledger.keys.turns, "listens_until"),
        description="it listens",
    )
    assert rig.finish(second).reports_waiting == 1
    wait_until(lambda: rig.state(second) is JobState.REPORTED, description="the second is sent")
    stopping.set()
    rig.finish()  # so that it need not wait to the end
    thread.join(20)
    assert (did[0]["why"], did[0]["others"]) == ("accepted", 1)
    assert [name for name, _ in sent.sent] == ["fleet.report"], (
        "the third, which it leaves to another"
    )


def test_without_another_job_it_ends_and_the_next_gets_its_message(rig: Rig):
    parts = dataclasses.replace(rig.parts, listen_seconds=0.1)
    first = rig.running()
    rig.finish(first)
    assert report_all(first.job_id, parts, RecordedMessages())["others"] == 0
    assert rig.finish().reports_waiting == 0


def test_only_one_process_listens_and_is_told_of_one_job(rig: Rig):
    first, second = rig.running(), rig.running()
    rig.finish(first)
    assert rig.settle(first).listens
    third = rig.running()
    assert rig.finish(second).reports_waiting == 1
    assert rig.finish(third).reports_waiting == 0
    assert rig.ledger.await_report(1) == second.job_id


def test_a_second_process_does_not_listen_beside_the_first(rig: Rig):
    first, second = rig.running(), rig.running()
    rig.finish(first)
    rig.finish(second)
    held = rig.ledger.take_report(second.job_id)
    assert isinstance(held, ReportLease)
    assert rig.settle(first).listens
    receipt = {"verdict": "accepted"}
    assert not rig.ledger.settle(held, receipt, "success", listen_seconds=1.0).listens


def test_what_finishes_between_the_wait_and_its_end_is_not_missed(rig: Rig, monkeypatch):
    lease = rig.running()
    rig.listen()

    def too_early(*_: object) -> None:
        rig.finish(lease)

    monkeypatch.setattr(rig.ledger.client, "blpop", too_early)
    assert rig.ledger.await_report(0.1) == lease.job_id


def test_a_process_that_listened_last_is_told_nothing_old(rig: Rig):
    rig.listen()
    rig.finish(told := rig.running())  # nobody takes it: the process died
    parts = dataclasses.replace(rig.parts, listen_seconds=0)
    assert report_all(told.job_id, parts, RecordedMessages())["did"] == "settled"
    rig.listen()
    assert rig.ledger.await_report(0.05) is None


def test_the_sweep_sends_the_message_when_the_process_that_was_told_died(rig: Rig, monkeypatch):
    monkeypatch.setattr(runs, "SEND_GRACE_MS", 0)
    rig.listen()
    told = rig.running()
    assert rig.finish(told).reports_waiting == 1
    assert told.job_id in rig.ledger.sweep().to_report
    monkeypatch.undo()


def test_a_process_that_died_while_it_listened_is_waited_for_no_longer_than_it_would_have(
    rig: Rig, monkeypatch
):
    monkeypatch.setattr("aicity_fleet.ledger.outbox.LISTENER_MARGIN_MS", -999)
    lease = rig.running()
    rig.listen()
    time.sleep(0.01)
    assert rig.finish(lease).reports_waiting == 0


def test_other_reports_that_are_due_come_before_listening(rig: Rig):
    first = rig.running()
    rig.finish(first)
    rig.finish()
    assert not rig.settle(first).listens
