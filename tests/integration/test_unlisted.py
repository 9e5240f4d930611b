"""Tasks that AI City's list no longer names: none is bought that was withdrawn, and none is lost."""

from contextlib import contextmanager

import pytest
from support.messages import RecordedMessages

from aicity_fleet.aicity.client import Page
from aicity_fleet.errors import AICityGoneError, AICityUnavailableError
from aicity_fleet.ledger import ClaimTerms, Lease, NotClaimed
from aicity_fleet.models import Completed, JobState, Spent
from scheduler.poll import poll
from scheduler.unlisted import check_unlisted

TERMS = ClaimTerms("me:1", 15)


@pytest.fixture
def client(city):
    with city.client() as client:
        yield client


@pytest.fixture
def look(client, ledger, monkeypatch):
    """Polls once, as a dispatcher does, with the list that a test wants; returns how many are withdrawn."""

    def poll_and_check(*listed: str) -> int:
        client.only = set(listed) if listed else None
        summary = poll(
            client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000
        )
        assert summary.status == "ok"
        return check_unlisted(client=client, ledger=ledger)

    monkeypatch.setattr("scheduler.poll.CLOCK_MARGIN_SECONDS", 0.0)
    pages = client.assigned_pages
    client.only = None

    def listed_pages():
        for page in pages():
            shown = [each for each in page if client.only is None or each["id"] in client.only]
            yield Page(shown, page.in_all)

    client.assigned_pages = listed_pages
    return poll_and_check


def state(ledger, job_id: str) -> JobState:
    return ledger.get(job_id).state


def test_a_task_that_was_taken_back_is_not_begun(city, look, ledger):
    gone, kept = city.submit({}, {})
    look()
    city.withdraw(gone)
    look()
    assert ledger.claim(gone, TERMS) == NotClaimed("not_listed", gone)
    assert isinstance(ledger.claim(kept, TERMS), Lease)
    assert look() == 1
    found = ledger.get(gone)
    assert (found.state, found.decision) == (JobState.QUARANTINED, "withdrawn")
    assert "no longer shows its task" in found.reason
    assert ledger.client.ttl(ledger.keys.job(gone)) > 0


def test_a_task_in_a_status_that_is_not_to_be_run_is_not_begun(city, look, ledger, client):
    hidden, shown = city.submit({}, {})
    look()
    look(shown)
    ledger.claim(hidden, TERMS)
    client.task = lambda task_id: {"id": task_id, "status": "failed"}
    assert look(shown) == 1
    assert "status failed" in ledger.get(hidden).reason


def test_a_task_that_the_list_hides_is_begun_all_the_same(city, look, ledger):
    """A server may list its newest tasks alone."""
    hidden, shown = city.submit({}, {})
    look()
    look(shown)
    assert ledger.claim(hidden, TERMS) == NotClaimed("not_listed", hidden)
    assert look(shown) == 0
    assert hidden in ledger.sweep().to_run
    look(shown)
    assert isinstance(ledger.claim(hidden, TERMS), Lease), "the answer holds for a while"


def test_one_task_that_cannot_be_read_holds_up_no_other(city, look, ledger, client):
    first, second, shown = city.submit({}, {}, {})
    look()
    look(shown)
    for job_id in (first, second):
        ledger.claim(job_id, TERMS)
    read = client.task

    def broken(task_id: str):
        if task_id == first:
            raise AICityUnavailableError("broken", 500)
        return read(task_id)

    client.task = broken
    look(shown)
    assert isinstance(ledger.claim(second, TERMS), Lease)
    assert ledger.claim(first, TERMS) == NotClaimed("not_listed", first)
    client.task = read
    look(shown)
    assert isinstance(ledger.claim(first, TERMS), Lease)


@pytest.mark.parametrize("error", [AICityGoneError("gone", 410), AICityUnavailableError("?", 200)])
def test_a_path_that_reads_no_task_begins_every_job(city, look, ledger, client, error):
    hidden, shown = city.submit({}, {})
    look()
    look(shown)
    ledger.claim(hidden, TERMS)

    def wrong_path(_task_id: str):
        raise error

    client.task = wrong_path
    look(shown)
    assert isinstance(ledger.claim(hidden, TERMS), Lease)


def test_a_poll_that_was_wanted_meanwhile_takes_no_listed_task_for_unlisted(city, look, ledger):
    (job_id,) = city.submit({})
    look()
    only_poll = ledger.coordination.only_poll
    again = iter((True, False))

    @contextmanager
    def wanted(seconds: float):
        with only_poll(seconds) as turn:
            yield turn
        turn.is_wanted = next(again)

    ledger.coordination.only_poll = wanted
    look()
    del ledger.coordination.only_poll
    assert isinstance(ledger.claim(job_id, TERMS), Lease)


def test_a_withdrawn_task_that_is_assigned_again_is_a_job_again(city, look, ledger):
    (job_id,) = city.submit({"id": "clxagain"})
    look()
    city.withdraw(job_id)
    look()
    ledger.claim(job_id, TERMS)
    assert look() == 1
    city.submit({"id": "clxagain"})
    look()
    assert state(ledger, job_id) is JobState.QUEUED
    assert isinstance(ledger.claim(job_id, TERMS), Lease)
    assert ledger.client.ttl(ledger.keys.job(job_id)) == -1
    assert ledger.client.zcard(ledger.keys.decided) == 0


def test_a_job_that_waits_is_due_at_once_when_its_task_is_listed_again(city, look, ledger):
    hidden, shown = city.submit({}, {})
    look()
    look(shown)
    ledger.claim(hidden, TERMS)
    assert hidden not in ledger.sweep().to_run
    look()
    assert hidden in ledger.sweep().to_run


def test_a_job_that_has_begun_goes_on(city, look, ledger):
    """What was bought for it is paid; AI City says at its report what it is worth."""
    hidden, shown = city.submit({}, {})
    look()
    lease = ledger.claim(hidden, TERMS)
    look(shown)
    ledger.release(lease, "drain", Spent(1))
    assert isinstance(ledger.claim(hidden, TERMS), Lease)


@pytest.mark.parametrize(("status", "withdrawn"), [(404, 1), (500, 0), (429, 0)])
def test_what_a_refusal_to_show_the_task_means(city, look, ledger, status, withdrawn):
    hidden, shown = city.submit({}, {})
    look()
    look(shown)
    ledger.claim(hidden, TERMS)
    city.fault("get", "status", status=status)
    assert look(shown) == withdrawn
    expected = JobState.QUARANTINED if withdrawn else JobState.QUEUED
    assert state(ledger, hidden) is expected


def test_a_walk_that_broke_off_says_nothing_of_what_it_did_not_show(city, look, ledger, client):
    first, second = city.submit({}, {})
    look()
    pages = client.assigned_pages

    def broken():
        yield Page(next(pages())[:1])
        raise AICityUnavailableError("down", 503)

    client.assigned_pages = broken
    poll(client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
    for job_id in (first, second):
        assert isinstance(ledger.claim(job_id, TERMS), Lease)


def test_a_list_that_shrinks_while_it_is_walked_holds_up_no_job(city, look, ledger, client):
    """Tasks that end move others to a page that was read before."""
    tasks = city.submit(*[{} for _ in range(120)])
    look()
    pages = client.assigned_pages

    def shrinking():
        for page in pages():
            yield page
            for entry in page[:5]:
                client.report(entry["id"], Completed("x", 1, "m"), entry["id"])

    client.assigned_pages = shrinking
    look()
    claims = [ledger.claim(job_id, TERMS) for job_id in tasks]
    assert NotClaimed("not_listed") not in claims


def test_a_long_list_that_does_not_change_shows_what_left_it(city, look, ledger):
    tasks = city.submit(*[{} for _ in range(120)])
    look()
    city.withdraw(tasks[70])
    look()
    claims = {job_id: ledger.claim(job_id, TERMS) for job_id in tasks}
    assert [job for job, claim in claims.items() if claim == NotClaimed("not_listed")] == [
        tasks[70]
    ]


def test_a_contract_that_cannot_read_a_task_begins_every_job(city, look, ledger, client):
    hidden, shown = city.submit({}, {})
    look()
    look(shown)
    ledger.claim(hidden, TERMS)
    client.task = lambda _task_id: None
    assert look(shown) == 0
    assert isinstance(ledger.claim(hidden, TERMS), Lease)
