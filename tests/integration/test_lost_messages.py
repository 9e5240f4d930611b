"""A message that was lost while others wait: the order of the queue proves it, and it is sent again."""

from __future__ import annotations

import pytest

from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, NotClaimed
from aicity_fleet.ledger import ledger as ledger_module
from aicity_fleet.models import AssignedTask

TERMS = ClaimTerms("w", 15)


@pytest.fixture
def backlog(ledger: Ledger):
    """A queue that is never empty."""
    queue = ledger.keys.queue("jobs")
    ledger.client.lpush(queue, "a message")
    yield ledger
    ledger.client.delete(queue)


def sent(ledger: Ledger, job_id: str, at_ms: int) -> None:
    """Accept a task, and have its message sent at a time long ago."""
    ledger.accept(AssignedTask(job_id, "general", "x"))
    ledger.sent(job_id)
    ledger.client.hset(ledger.keys.job(job_id), "sent_at", at_ms)


def test_a_message_that_a_later_one_overtook_is_sent_again(backlog):
    sent(backlog, "lost", 1_000)
    sent(backlog, "waits", 1_000 + ledger_module.MESSAGE_LOST_MS - 1)
    sent(backlog, "overtakes", 1_000 + ledger_module.MESSAGE_LOST_MS)
    assert backlog.sweep().to_run == ()
    assert isinstance(backlog.claim("overtakes", TERMS), Lease)
    assert backlog.sweep().to_run == ("lost",)


def test_a_job_that_was_put_off_before_its_message_counted_as_sent_stays_due(backlog):
    """A worker takes a message of a page before the dispatcher has recorded that the page went out."""
    backlog.accept(AssignedTask("quick", "general", "x"))
    backlog.controls.pause("starts", "a test")
    assert backlog.claim("quick", TERMS) == NotClaimed("paused")
    backlog.sent("quick")
    backlog.controls.resume("starts")
    assert backlog.sweep().to_run == ("quick",)
