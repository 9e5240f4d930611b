"""The guard: AI City suspends an agent after three failures in a row, and never gets the third."""

import random

import pytest
from support.messages import RecordedMessages

from aicity_fleet.ledger import ClaimTerms, Lease, outbox
from aicity_fleet.models import Completed, Failed, JobState, Outcome, Spent
from scheduler.poll import poll
from scheduler.report import ReporterParts, report

DONE, FAILED = Completed("text", 1, "m"), Failed("quality", "No.")


@pytest.fixture
def parts(ledger, city):
    with city.client() as client:
        yield ReporterParts(ledger, client, agent="a", give_up_seconds=3600)


@pytest.fixture
def finish(ledger, city):
    """Submit tasks and write these outcomes; gives the job ids in order."""

    def make(*outcomes: Outcome) -> list[str]:
        ids = city.submit(*[{} for _ in outcomes])
        with city.client() as client:
            poll(client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
        for job_id, outcome in zip(ids, outcomes, strict=True):
            lease = ledger.claim(job_id, ClaimTerms("me", 15))
            assert isinstance(lease, Lease)
            ledger.finish(lease, outcome, Spent(1))
        return ids

    return make


def states(ledger, ids: list[str]) -> list[str]:
    return [str(job.state) for job_id in ids if (job := ledger.get(job_id)) is not None]


def retry_now(ledger, job_id: str) -> None:
    ledger.client.hset(ledger.keys.job(job_id), "report_due", 0)


def longest_row(city) -> int:
    """The longest row of failures that the city accepted, in the order in which it accepted them."""
    endings = sorted(
        (attempt["at"], task["status"])
        for task in city.report()["tasks"].values()
        for attempt in task["attempts"]
        if attempt["accepted"]
    )
    longest = row = 0
    for _, status in endings:
        row = row + 1 if status == "failed" else 0
        longest = max(longest, row)
    return longest


def test_the_third_failure_in_a_row_is_held(parts, city, ledger, finish):
    ids = finish(FAILED, FAILED, FAILED, FAILED)
    did = [report(job_id, parts)["why"] for job_id in ids]
    assert did == ["accepted", "accepted", "held", "held"]
    assert states(ledger, ids) == ["reported", "reported", "held", "held"]
    assert longest_row(city) == 2
    with city.client() as client:
        assert client.profile()["status"] == "active"


def test_a_success_ends_the_row_and_lets_one_held_failure_go(parts, city, ledger, finish):
    ids = finish(FAILED, FAILED, FAILED, FAILED)
    for job_id in ids:
        report(job_id, parts)
    (good,) = finish(DONE)
    report(good, parts)
    assert sorted(states(ledger, ids[2:])) == ["finished", "held"]
    assert {report(job_id, parts)["why"] for job_id in ids[2:]} == {"accepted", "held"}
    assert longest_row(city) == 2
    assert ledger.counts()[JobState.HELD] == 1


def test_a_failure_whose_answer_was_lost_counts_as_accepted(parts, city, ledger, finish):
    first, second, third = finish(FAILED, FAILED, FAILED)
    city.fault("fail", "reply_lost_after_commit", count=2)
    assert report(first, parts)["did"] == "postponed"
    assert report(second, parts)["did"] == "postponed"
    assert report(third, parts)["why"] == "held"
    retry_now(ledger, first)
    assert report(first, parts)["why"] == "already_settled"
    assert report(third, parts)["why"] == "held"
    assert longest_row(city) == 2


def test_a_failure_that_was_refused_does_not_count(parts, city, ledger, finish):
    ids = finish(FAILED, FAILED, FAILED)
    city.fault("fail", "status", status=422)
    assert [report(job_id, parts)["did"] for job_id in ids] == ["quarantined", "settled", "settled"]


def test_a_delivery_that_the_citys_own_check_failed_counts(parts, city, ledger, finish):
    ids = finish(DONE, FAILED, FAILED)
    held = ledger.take_report(ids[0])
    ledger.settle(held, {"verdict": "accepted"}, "failure")
    assert [report(job_id, parts)["why"] for job_id in ids[1:]] == ["accepted", "held"]


def forget_the_row(ledger) -> None:
    """As a wipe does while a poll is under way, which goes on to accept tasks."""
    ledger.client.delete(f"{ledger.keys.prefix}guard:counts")


def test_a_failure_waits_until_the_guard_knows_the_row(parts, city, ledger, finish):
    (bad,) = finish(FAILED)
    forget_the_row(ledger)
    assert report(bad, parts)["why"] == "guard_unknown"
    poll(client=parts.client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
    assert report(bad, parts)["why"] == "accepted"


def test_a_failure_that_was_on_its_way_while_redis_was_wiped_counts(parts, city, ledger, finish):
    (bad,) = finish(FAILED)
    on_its_way = ledger.take_report(bad)
    for key in ledger.client.scan_iter(f"{ledger.keys.prefix}*"):
        ledger.client.delete(key)
    poll(client=parts.client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
    parts.client.report(bad, on_its_way.outcome, "key")
    assert not ledger.settle(on_its_way, {"verdict": "accepted"}, "failure").is_ours
    assert ledger.controls.read().failures_in_a_row == 1


@pytest.mark.parametrize("late_is_first", [True, False])
def test_a_failure_that_two_processes_sent_counts_once(ledger, finish, monkeypatch, late_is_first):
    """The first slept longer than its right to send; the second sent it again, under the same key."""
    (bad,) = finish(FAILED)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "REPORT_LEASE_MS", 0)
        late = ledger.take_report(bad)
    retry_now(ledger, bad)
    again = ledger.take_report(bad)
    assert again.token == late.token + 1
    for held in (late, again) if late_is_first else (again, late):
        ledger.settle(held, {"verdict": "accepted"}, "failure")
        assert ledger.controls.read().failures_in_a_row == 1


def test_a_failure_before_the_guard_knows_the_row_stands_on_the_worst(parts, ledger, finish):
    good, bad = finish(DONE, FAILED)
    forget_the_row(ledger)
    ledger.settle(ledger.take_report(good), {"verdict": "accepted"}, "failure")
    assert report(bad, parts)["why"] == "held"


@pytest.mark.parametrize(("meaning", "why"), [("failure", "held"), ("success", "accepted")])
def test_a_delivery_without_an_answer_may_have_failed_the_citys_check(
    parts, ledger, finish, meaning, why
):
    bad, good, worse = finish(FAILED, DONE, FAILED)
    report(bad, parts)
    on_its_way = ledger.take_report(good)
    assert report(worse, parts)["why"] == "held"
    ledger.settle(on_its_way, {"verdict": "accepted"}, meaning)
    assert report(worse, parts)["why"] == why


def test_a_success_whose_answer_came_late_does_not_clear_the_failures_after_it(
    parts, city, ledger, finish
):
    good, *bad = finish(DONE, FAILED, FAILED, FAILED)
    city.fault("complete", "reply_lost_after_commit")
    assert report(good, parts)["did"] == "postponed"
    assert [report(job_id, parts)["why"] for job_id in bad[:2]] == ["accepted", "held"]
    retry_now(ledger, good)
    assert report(good, parts)["why"] == "already_settled"
    assert [report(job_id, parts)["why"] for job_id in bad[1:]] == ["accepted", "held"]
    assert longest_row(city) == 2


def test_a_failure_held_for_nothing_is_let_go(parts, city, ledger, finish):
    first, second, third = finish(FAILED, FAILED, FAILED)
    city.fault("fail", "status", status=500, count=2)  # not accepted, which nobody can know yet
    report(first, parts)
    report(second, parts)
    assert report(third, parts)["why"] == "held"
    city.fault("fail", "status", status=422, count=2)
    for job_id in (first, second):
        retry_now(ledger, job_id)
        assert report(job_id, parts)["did"] == "quarantined"
    assert report(third, parts)["why"] == "accepted"


def test_a_failure_that_was_given_up_is_cleared_by_a_success(parts, city, ledger, finish):
    ids = finish(FAILED, FAILED)
    for job_id in ids:
        ledger.quarantine(ledger.take_report(job_id), "no answer for 24 h", was_refused=False)
    (third,) = finish(FAILED)
    assert report(third, parts)["why"] == "held"
    (good,) = finish(DONE)
    report(good, parts)
    assert report(third, parts)["why"] == "accepted"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_order_there_is_never_a_third(parts, city, ledger, finish, seed):
    rng = random.Random(seed)  # noqa: S311
    outcomes = [rng.choice([DONE, FAILED, FAILED]) for _ in range(15)]
    ids = finish(*outcomes)
    city.fault("fail", "reply_lost_after_commit", probability=0.3, seed=seed)
    city.fault("complete", "reply_lost_after_commit", probability=0.3, seed=seed)
    for _ in range(4):
        for job_id in rng.sample(ids, len(ids)):
            if ledger.get(job_id).state is JobState.FINISHED:
                retry_now(ledger, job_id)
            report(job_id, parts)
    assert longest_row(city) <= 2
    tasks = city.report()["tasks"].values()
    assert all(task["acceptedEndings"] <= 1 for task in tasks)
    left = {str(ledger.get(job_id).state) for job_id in ids}
    assert left <= {"reported", "held", "finished"}


# --- a person who knows the row -------------------------------------------------------------------


def row(ledger) -> tuple[int, int]:
    """The failures in a row that the guard saw, and those that it assumes."""
    controls = ledger.controls.read()
    return controls.failures_in_a_row, controls.failures_assumed


@pytest.mark.parametrize(
    ("told", "did"), [(0, ["accepted", "accepted", "held"]), (1, ["accepted", "held", "held"])]
)
def test_the_owner_of_a_new_agent_tells_the_row_and_its_first_failure_goes_out(
    parts, city, ledger, finish, told, did
):
    forget_the_row(ledger)
    ledger.controls.seed_guard(None)
    assert ledger.controls.set_row(told) == 2
    assert row(ledger) == (told, 0)
    assert [report(job_id, parts)["why"] for job_id in finish(FAILED, FAILED, FAILED)] == did


def test_a_held_failure_goes_out_when_the_row_turns_out_to_be_shorter(parts, ledger, finish):
    forget_the_row(ledger)
    ledger.controls.seed_guard(None)
    ids = finish(FAILED, FAILED)
    assert [report(job_id, parts)["why"] for job_id in ids] == ["held", "held"]
    ledger.controls.set_row(1)
    assert sorted(states(ledger, ids)) == ["finished", "held"], "one has room"


def test_a_delivery_that_was_on_its_way_clears_what_stood_before_it_and_nothing_else(
    parts, ledger, finish
):
    *bad, good, worse = finish(FAILED, FAILED, DONE, FAILED)
    for job_id in bad:
        report(job_id, parts)
    on_its_way = ledger.take_report(good)
    ledger.controls.set_row(0)
    assert report(worse, parts)["why"] == "accepted"
    assert row(ledger) == (1, 0)
    ledger.settle(on_its_way, {"verdict": "accepted"}, "success")
    assert row(ledger) == (1, 0), "the later failure stands"


@pytest.mark.parametrize("told", [1, 2])
@pytest.mark.parametrize("meaning", ["success", "undecided"])
def test_a_delivery_that_was_on_its_way_ends_nothing_of_what_a_person_told(
    parts, ledger, finish, told, meaning
):
    bad, good = finish(FAILED, DONE)
    report(bad, parts)
    on_its_way = ledger.take_report(good)
    ledger.controls.set_row(told)
    ledger.settle(on_its_way, {"verdict": "accepted"}, meaning)
    assert row(ledger) == (told, 0)
