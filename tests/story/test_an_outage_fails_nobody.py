"""While the model, AI City or the broker is away, jobs and reports wait."""

from aicity_fleet.models import Delivered, JobState, ProviderTrouble


def test_an_outage_of_the_model_fails_nobody(fleet):
    (task_id,) = fleet.accept()
    fleet.ending = ProviderTrouble("503")
    assert fleet.deliver()["did"] == "released"
    assert fleet.state(task_id) is JobState.QUEUED
    assert fleet.city.task(task_id)["attempts"] == []


def test_an_outage_of_ai_city_lets_reports_wait(fleet):
    (task_id,) = fleet.accept()
    fleet.deliver()
    fleet.city.fault("any", "status", status=503, count=None)
    assert fleet.deliver()["did"] == "postponed"
    assert fleet.poll().status == "error"
    assert fleet.state(task_id) is JobState.FINISHED

    fleet.city.clear_faults()
    fleet.send_report_now(task_id)
    assert fleet.deliver()["did"] == "settled"


def test_a_broker_that_takes_no_message_loses_no_job(fleet):
    fleet.recorded.is_refusing = True
    (task_id,) = fleet.accept()
    assert fleet.messages == []
    assert fleet.state(task_id) is JobState.QUEUED

    fleet.recorded.is_refusing = False
    fleet.ledger.client.zadd(f"{fleet.ledger.keys.prefix}unsent", {task_id: 0})
    fleet.ending = Delivered("Here it is.", 90)
    fleet.sweep()
    fleet.deliver_all()
    assert fleet.city.task(task_id)["status"] == "completed"
