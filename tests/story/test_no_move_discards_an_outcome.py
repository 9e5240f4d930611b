"""No move by hand discards an outcome that AI City may have accepted."""

import pytest

from aicity_fleet.errors import WrongStateError
from aicity_fleet.models import JobState


def test_a_job_whose_report_may_have_arrived_is_not_run_again(fleet):
    (task_id,) = fleet.accept()
    fleet.deliver()
    fleet.city.fault("complete", "reply_lost_after_commit")
    fleet.deliver()
    fleet.ledger.operator.park(task_id, "looking at it")

    with pytest.raises(WrongStateError, match="may have accepted"):
        fleet.ledger.operator.rerun(task_id, "again")
    assert fleet.state(task_id) is JobState.QUARANTINED

    fleet.ledger.operator.send_report(task_id, "as it stands")
    fleet.recorded.report(task_id)
    assert fleet.deliver()["why"] == "already_settled"
    assert fleet.city.task(task_id)["acceptedEndings"] == 1
