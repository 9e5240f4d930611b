"""A malformed task is recorded with its reason, and the others go on."""

from aicity_fleet.models import JobState


def test_a_malformed_task_is_recorded_and_the_others_are_done(fleet):
    raw = {"id": "broken", "taskType": 7, "input": {"description": "x"}}
    ids = fleet.city.submit({}, {"raw": raw}, {})
    summary = fleet.poll()
    assert (summary.accepted, summary.refused) == (2, 1)
    broken = fleet.job("broken")
    assert broken.state is JobState.QUARANTINED
    assert broken.reason

    fleet.deliver_all()
    done = [job_id for job_id in ids if fleet.ledger.get(job_id)]
    assert [fleet.city.task(job_id)["status"] for job_id in (done[0], done[-1])] == [
        "completed",
        "completed",
    ]
