"""Two processes may hold the same message. Only the holder of the current lease can write."""

from aicity_fleet.ledger import ClaimTerms, Finished
from aicity_fleet.models import Completed, JobState, Spent


def test_a_worker_that_wakes_up_late_can_write_nothing(fleet):
    (task_id,) = fleet.accept()
    fleet.messages.clear()
    old = fleet.kill_worker_of(task_id)
    fleet.wait_for_rescue(task_id)
    new = fleet.ledger.claim(task_id, ClaimTerms("new:1", 15))
    assert new.token == old.token + 1

    late = Completed("Too late.", 1, "gpt-4o-mini")
    assert fleet.ledger.renew([old], lease_seconds=15).lost == {task_id}
    assert fleet.ledger.finish(old, late, Spent(1)) is None
    assert not fleet.ledger.release(old, "late", Spent(1))
    assert fleet.state(task_id) is JobState.RUNNING
    assert fleet.ledger.finish(new, late, Spent(1)) == Finished(JobState.FINISHED)
