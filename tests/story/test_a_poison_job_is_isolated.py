"""A job that kills its process runs alone after two deaths, and fails after the third."""

from aicity_fleet.ledger import ClaimTerms
from aicity_fleet.models import JobState


def test_two_deaths_isolate_a_job_and_the_third_proves_it_guilty(fleet):
    poison, innocent = fleet.accept({}, {})
    fleet.messages.clear()
    for _ in range(2):
        fleet.kill_worker_of(poison)
        fleet.wait_for_rescue(poison)
        fleet.messages.clear()
    assert fleet.job(poison).is_isolated

    beside_others = fleet.ledger.claim(poison, ClaimTerms("worker:1", 15))
    assert beside_others.reason == "isolated"
    lease = fleet.kill_worker_of(poison, alone=True)
    assert fleet.ledger.died(poison, lease.fence) is JobState.FINISHED
    assert fleet.job(poison).outcome.code == "poison"

    fleet.recorded.run_job(innocent)
    assert fleet.deliver()["did"] == "complete"
