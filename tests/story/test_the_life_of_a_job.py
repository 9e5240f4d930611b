"""Read this first: a task is polled, run by a team, and reported."""

from aicity_fleet.models import JobState


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
