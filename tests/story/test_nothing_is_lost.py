"""As long as AI City lists a task, it is run and reported, whatever dies."""

from aicity_fleet.models import JobState


def test_a_worker_that_dies_loses_its_lease_and_another_goes_on(fleet):
    (task_id,) = fleet.accept()
    fleet.messages.clear()
    fleet.kill_worker_of(task_id)
    fleet.wait_for_rescue(task_id)
    assert fleet.deliver()["did"] == "complete"
    job = fleet.job(task_id)
    assert (job.attempt, job.lapses) == (2, 1)


def test_a_wiped_ledger_is_filled_again_from_ai_citys_list(fleet):
    (task_id,) = fleet.accept()
    fleet.sweep()
    fleet.messages.clear()
    for key in fleet.ledger.client.scan_iter(f"{fleet.ledger.keys.prefix}*"):
        fleet.ledger.client.delete(key)
    assert fleet.ledger.get(task_id) is None

    fleet.sweep()
    assert fleet.state(task_id) is JobState.QUEUED
    fleet.deliver_all()
    assert fleet.city.task(task_id)["status"] == "completed"
