"""What a person pauses stands still in every process; what is cancelled is not reported."""

from aicity_fleet.models import JobState


def test_paused_starts_keep_jobs_queued_until_they_are_resumed(fleet):
    (task_id,) = fleet.accept()
    fleet.ledger.controls.pause("starts", "moving the Redis")
    assert fleet.deliver()["why"] == "paused"
    fleet.sweep()
    assert fleet.messages == []
    assert fleet.state(task_id) is JobState.QUEUED

    fleet.ledger.controls.resume("starts")
    fleet.wait_for_rescue(task_id)
    assert fleet.deliver()["did"] == "complete"


def test_paused_reports_wait_in_the_outbox(fleet):
    (task_id,) = fleet.accept()
    fleet.deliver()
    fleet.ledger.controls.pause("reports", "looking at them first")
    assert fleet.deliver()["why"] == "paused"
    assert fleet.city.task(task_id)["attempts"] == []

    fleet.ledger.controls.resume("reports")
    fleet.send_report_now(task_id)
    assert fleet.deliver()["did"] == "settled"


def test_a_cancelled_job_is_not_reported(fleet):
    (task_id,) = fleet.accept()
    assert fleet.ledger.operator.cancel(task_id, "no longer wanted")
    fleet.deliver_all()
    assert fleet.state(task_id) is JobState.QUARANTINED
    assert fleet.city.task(task_id)["attempts"] == []
