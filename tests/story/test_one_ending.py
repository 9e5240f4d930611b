"""AI City accepts at most one ending per task, and a delivery never turns into a failure."""

from aicity_fleet.models import Delivered, Rejected


def test_a_lost_answer_is_asked_for_again_and_makes_no_second_ending(fleet):
    (task_id,) = fleet.accept()
    fleet.deliver()
    fleet.city.fault("complete", "reply_lost_after_commit")
    assert fleet.deliver()["did"] == "postponed"
    fleet.send_report_now(task_id)
    assert fleet.deliver()["why"] == "already_settled"
    booked = fleet.city.task(task_id)
    assert (booked["acceptedEndings"], booked["status"]) == (1, "completed")


def test_the_first_outcome_stands(fleet):
    (task_id,) = fleet.accept()
    fleet.ending = Delivered("The first text.", 90)
    fleet.deliver()
    first = fleet.job(task_id).outcome
    fleet.ending = Rejected("quality", "It came too late.")
    fleet.recorded.run_job(task_id)
    fleet.deliver_all()
    assert fleet.job(task_id).outcome == first
    assert fleet.city.task(task_id)["status"] == "completed"


def test_a_delivery_without_an_answer_never_turns_into_a_failure(fleet):
    (task_id,) = fleet.accept()
    fleet.deliver()
    fleet.city.fault("complete", "status", status=503, count=3)
    assert fleet.deliver()["did"] == "postponed"
    fleet.ending = Rejected("quality", "It failed the second time.")
    fleet.recorded.run_job(task_id)
    assert fleet.deliver()["why"] == "finished", "nobody can run it again"
    fleet.city.clear_faults()
    fleet.send_report_now(task_id)
    fleet.deliver()
    kinds = {attempt["kind"] for attempt in fleet.city.task(task_id)["attempts"]}
    assert kinds == {"complete"}
