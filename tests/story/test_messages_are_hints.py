"""Celery's messages may be lost or repeated: the ledger decides."""


def test_a_message_is_only_a_hint_and_five_of_it_change_nothing(fleet):
    (task_id,) = fleet.accept()
    fleet.recorded.sent *= 5
    did = [done["did"] for done in fleet.deliver_all()]
    assert did.count("complete") == 1
    assert did.count("settled") == 1
    assert fleet.city.task(task_id)["acceptedEndings"] == 1


def test_losing_every_message_changes_nothing_but_latency(fleet):
    (task_id,) = fleet.accept()
    fleet.messages.clear()
    fleet.ledger.client.hset(fleet.ledger.keys.job(task_id), "sent_at", 0)
    fleet.sweep()
    fleet.deliver()
    fleet.messages.clear()
    fleet.ledger.client.zadd(fleet.ledger.keys.state("finished"), {task_id: 0})
    fleet.sweep()
    fleet.deliver()
    assert fleet.city.task(task_id)["acceptedEndings"] == 1
