"""AI City suspends an agent after three failures in a row. The fleet holds the third."""

from aicity_fleet.models import Delivered, JobState, Rejected


def test_the_third_failure_waits_until_a_success_came_between(fleet):
    fleet.ending = Rejected("quality", "The text did not pass our own checks.")
    ids = fleet.accept({}, {}, {})
    did = [done["did"] for done in fleet.deliver_all()]
    assert did == ["fail", "fail", "fail", "settled", "settled", "nothing"]
    held = ids[-1]
    assert fleet.state(held) is JobState.HELD

    fleet.ending = Delivered("Here is what you asked for.", 90)
    fleet.accept({})
    fleet.deliver_all()
    assert fleet.state(held) is JobState.FINISHED, "the success lets it go"
    fleet.send_report_now(held)
    assert fleet.deliver()["did"] == "settled"
