"""The brake: a fleet whose jobs fail runs one at a time, whether the failures were sent or held."""

from __future__ import annotations

import pytest

from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, NotClaimed
from aicity_fleet.ledger.rules import PROVEN_SUCCESSES, UNPROVEN_WIDTH
from aicity_fleet.models import AssignedTask, Completed, Failed, Spent
from scheduler.availability import wants_to_be_busy

BRAKE = "5/8"


@pytest.fixture
def braked(ledger):
    """A ledger with 300 jobs."""
    for number in range(300):
        ledger.accept(AssignedTask(f"job {number}", "general", "Say something."))
    return ledger


def claim(ledger: Ledger, number: int, *, brake: str = BRAKE) -> Lease | NotClaimed:
    return ledger.claim(f"job {number}", ClaimTerms("me:1", 60, brake=brake))


def finish(ledger: Ledger, lease: Lease | NotClaimed, *, passes: bool) -> None:
    assert isinstance(lease, Lease), lease
    outcome = Completed("Text.", 1, "m") if passes else Failed("quality", "It did not pass.")
    assert ledger.finish(lease, outcome, Spent(1, model="gpt-x"), team="writers")


def run(ledger: Ledger, endings: str, first: int = 0, *, brake: str = BRAKE) -> None:
    """Run one job after another: ``+`` for one that passes, ``-`` for one that fails."""
    for place, ending in enumerate(endings, first):
        finish(ledger, claim(ledger, place, brake=brake), passes=ending == "+")


def starts(ledger: Ledger, first: int, *, brake: str = BRAKE) -> int:
    """How many further jobs start at once."""
    number = 0
    while isinstance(claim(ledger, first + number, brake=brake), Lease):
        number += 1
    return number


def test_the_brake_is_set_by_its_number_of_failures_among_the_latest_jobs(braked):
    run(braked, "+" * PROVEN_SUCCESSES + "-+--+-")
    assert not braked.controls.read().is_braked
    run(braked, "-", first=50)
    assert braked.controls.read().is_braked
    assert starts(braked, 100) == 1
    assert claim(braked, 200) == NotClaimed("brake")


def test_failures_that_lie_further_back_do_not_count(braked):
    run(braked, "-" * 4 + "+" * 4 + "-" * 4)
    assert not braked.controls.read().is_braked


def test_one_that_passes_releases_it(braked):
    run(braked, "-----")
    lease = claim(braked, 100)
    assert claim(braked, 101) == NotClaimed("brake")
    finish(braked, lease, passes=True)
    assert not braked.controls.read().is_braked
    assert starts(braked, 101) > 1


def test_while_it_is_set_the_sweep_sends_one_job(braked):
    run(braked, "-----")
    waiting = {f"job {number}": 0 for number in range(100, 110)}
    braked.client.zadd(f"{braked.keys.prefix}unsent", waiting)
    assert len(braked.sweep().to_run) == 1


def test_a_fleet_that_has_not_delivered_yet_starts_a_few_jobs(braked):
    assert starts(braked, 0) == UNPROVEN_WIDTH


def test_each_success_widens_it_until_it_is_proven(braked):
    run(braked, "+")
    assert starts(braked, 1) == 2 * UNPROVEN_WIDTH


def test_a_proven_fleet_starts_all(braked):
    run(braked, "+" * PROVEN_SUCCESSES)
    assert starts(braked, PROVEN_SUCCESSES) == 300 - PROVEN_SUCCESSES


def test_a_fleet_that_always_fails_buys_twenty_jobs_at_most_before_it(braked):
    first = [claim(braked, number) for number in range(200)]
    leases = [lease for lease in first if isinstance(lease, Lease)]
    bought = len(leases)
    for lease in leases:
        finish(braked, lease, passes=False)
    assert braked.controls.read().is_braked
    assert bought <= 20
    assert starts(braked, 200) == 1


def test_without_the_setting_nothing_holds_jobs_back(braked):
    run(braked, "-" * 20, brake="")
    assert not braked.controls.read().is_braked
    assert starts(braked, 100, brake="") == 200


def test_it_names_the_team_and_the_model_that_fail(braked):
    run(braked, "+-")
    assert braked.controls.read().recent_endings == ("fail writers gpt-x", "complete")


def test_the_agent_is_busy_while_it_is_set(braked):
    assert not wants_to_be_busy(braked.controls.read())
    run(braked, "-----")
    assert wants_to_be_busy(braked.controls.read())
