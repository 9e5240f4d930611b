import asyncio
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest
from support.orders import DONE, GAVE_UP, install, submit


def test_a_lost_answer_hides_an_ending_that_stands(api, control):
    (task_id,) = submit(control)
    install(control, operation="complete", kind="reply_lost_after_commit", taskId=task_id)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(f"/tasks/{task_id}/complete", json=DONE, headers={"Idempotency-Key": "k"})
    again = api.post(f"/tasks/{task_id}/complete", json=DONE, headers={"Idempotency-Key": "k"})
    assert again.status_code == 409
    entry = control.get("/report").json()["tasks"][task_id]
    first, second = entry["attempts"]
    assert entry["acceptedEndings"] == 1
    assert (first["status"], first["accepted"], first["answerLost"]) == (200, True, True)
    assert (second["status"], second["accepted"], second["answerLost"]) == (409, False, False)
    assert first["bodySha256"] == second["bodySha256"]
    assert first["idempotencyKey"] == second["idempotencyKey"] == "k"


def test_a_reset_connection_processes_nothing(api, control):
    (task_id,) = submit(control)
    install(control, operation="fail", kind="reset", taskId=task_id)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(f"/tasks/{task_id}/fail", json=GAVE_UP)
    entry = control.get("/report").json()["tasks"][task_id]
    assert entry["acceptedEndings"] == 0
    assert (entry["attempts"][0]["status"], entry["attempts"][0]["fault"]) == (0, "reset")
    assert api.post(f"/tasks/{task_id}/fail", json=GAVE_UP).status_code == 200


def test_the_connection_is_really_closed(url, control):
    install(control, operation="list", kind="reset")

    async def raw() -> bytes:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /api/v1/tasks/assigned HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(), 5)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    assert asyncio.run(raw()) == b""


@pytest.mark.parametrize("operation", ["list", "profile", "any"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429, 500, 502, 503])
def test_any_status_can_be_answered(api, control, operation, status):
    install(control, operation=operation, kind="status", status=status)
    response = api.get("/agents/me" if operation == "profile" else "/tasks/assigned")
    assert response.status_code == status
    assert response.json()["success"] is False
    assert response.json()["error"]["code"]
    assert "Retry-After" not in response.headers
    assert api.get("/tasks/assigned").status_code == 200


def test_retry_after_comes_in_every_form(api, control):
    forms = {}
    for form in (3, 0.5, "date", "huge", "garbage", None):
        install(
            control, operation="list", kind="status", status=429, retryAfter=form, seconds=30
        )  # fmt: skip
        forms[form] = api.get("/tasks/assigned").headers.get("Retry-After")
    assert forms[3] == "3"
    assert forms[0.5] == "0.5"
    assert parsedate_to_datetime(forms["date"]).timestamp() > time.time() + 20
    assert int(forms["huge"]) > 10**8
    assert not forms["garbage"].isdigit()
    assert forms[None] is None


def test_a_status_can_come_after_the_commit(api, control):
    (task_id,) = submit(control)
    install(control, operation="complete", kind="status", status=500, afterCommit=True)
    assert api.post(f"/tasks/{task_id}/complete", json=DONE).status_code == 500
    entry = control.get("/report").json()["tasks"][task_id]
    assert entry["acceptedEndings"] == 1
    assert entry["attempts"][0]["answerLost"] is True


def test_headers_can_be_added(api, control):
    headers = {"Deprecation": "true", "Sunset": "2027-01-01"}
    install(control, operation="get", kind="status", status=410, headers=headers, code="GONE")
    response = api.get("/tasks/x")
    assert response.headers["Sunset"] == "2027-01-01"
    assert response.json()["error"]["code"] == "GONE"


def test_garbage_is_a_page_for_people(api, control):
    install(control, operation="list", kind="garbage")
    response = api.get("/tasks/assigned")
    assert (response.status_code, response.headers["Content-Type"][:9]) == (200, "text/html")


def test_slow_delays_and_goes_on(api, control):
    install(control, operation="list", kind="slow", seconds=0.15)
    began = time.monotonic()
    assert api.get("/tasks/assigned").status_code == 200
    assert time.monotonic() - began >= 0.15


def test_hang_outlasts_the_client(api, control):
    install(control, operation="list", kind="hang", seconds=0.4)
    with pytest.raises(httpx.ReadTimeout):
        api.get("/tasks/assigned", timeout=0.1)


def test_a_listing_can_hold_a_task_twice(api, bridge, control):
    submit(control, count=2)
    install(control, operation="list", kind="duplicate_listing", count=2)
    for client in (api, bridge):
        ids = [task["id"] for task in client.get("/tasks/assigned").json()["data"]]
        assert len(ids) == 3
        assert len(set(ids)) == 2


def test_pages_can_be_shuffled(api, control):
    ids = submit(control, count=60)
    install(control, operation="list", kind="shuffle_pages", count=None)
    params = {"page_size": 60}
    orders = [
        [task["id"] for task in api.get("/tasks/assigned", params=params).json()["data"]]
        for _ in range(2)
    ]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(ids)


def test_ended_tasks_can_stay_listed(api, control):
    (task_id,) = submit(control)
    api.post(f"/tasks/{task_id}/complete", json=DONE)
    assert api.get("/tasks/assigned").json()["data"] == []
    install(control, operation="list", kind="list_finished", seconds=60)
    (task,) = api.get("/tasks/assigned").json()["data"]
    assert (task["id"], task["status"]) == (task_id, "completed")
    assert api.get("/tasks/assigned").json()["pagination"]["total"] == 1


def test_faults_are_counted_and_cleared(api, control):
    install(control, operation="list", kind="status", status=500, count=2)
    codes = [api.get("/tasks/assigned").status_code for _ in range(3)]
    assert codes == [500, 500, 200]
    install(control, operation="list", kind="status", status=500, count=None)
    assert api.get("/tasks/assigned").status_code == 500
    assert control.get("/faults").json()["faults"][0]["fired"] == 1
    control.delete("/faults")
    assert api.get("/tasks/assigned").status_code == 200


def test_chance_is_seeded(api, control):
    def draw() -> list[int]:
        control.delete("/faults")
        install(control, operation="list", kind="status", status=500, probability=0.5, seed=7)
        return [api.get("/tasks/assigned").status_code for _ in range(20)]

    first = draw()
    assert first == draw()
    assert set(first) == {200, 500}


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "status"},
        {"kind": "nonsense", "operation": "list"},
        {"kind": "status", "operation": "nonsense"},
        {"kind": "status", "operation": "list", "nonsense": 1},
        {"kind": "obey", "operation": "list"},
        {"kind": "shuffle_pages", "operation": "get"},
        {"kind": "status", "operation": "list", "status": "500"},
        {"kind": "status", "operation": "list", "probability": "often"},
        5,
    ],
)
def test_a_wrong_fault_is_refused(control, fault):
    assert control.post("/faults", json=fault).status_code == 400
    assert control.get("/faults").json() == {"faults": []}


def test_many_endings_at_once_leave_one(url, control):
    (task_id,) = submit(control)
    install(control, operation="complete", kind="slow", seconds=0.02, count=25)

    async def storm() -> list[int]:
        headers = {"X-API-Key": "ac_live_simulated"}
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits) as client:
            path = f"/api/v1/tasks/{task_id}"
            posts = [client.post(f"{path}/complete", json=DONE) for _ in range(50)]
            posts += [client.post(f"{path}/fail", json=GAVE_UP) for _ in range(10)]
            return [response.status_code for response in await asyncio.gather(*posts)]

    codes = asyncio.run(storm())
    assert sorted(codes) == [200] + [409] * 59
    entry = control.get("/report").json()["tasks"][task_id]
    assert entry["acceptedEndings"] == 1
    assert sum(attempt["accepted"] for attempt in entry["attempts"]) == 1
    assert len(entry["attempts"]) == 60


def test_tries_are_numbered_over_all_tasks_and_firings_counted_by_label(api, control):
    one, two = submit(control), submit(control)
    install(control, operation="complete", kind="status", status=500, label="burst", count=2)
    install(control, operation="list", kind="garbage")
    api.post(f"/tasks/{one[0]}/complete", json=DONE)
    api.post(f"/tasks/{two[0]}/complete", json=DONE)
    api.post(f"/tasks/{one[0]}/fail", json=GAVE_UP)
    api.get("/tasks/assigned")
    control.delete("/faults")
    report = control.get("/report").json()
    numbers = [
        [attempt["number"] for attempt in report["tasks"][ids[0]]["attempts"]] for ids in (one, two)
    ]
    assert numbers == [[1, 3], [2]]
    assert report["faults"] == {"burst": 2, "list garbage": 1}
    assert control.get("/health").json() == {"ok": True, "tasks": 2, "open": 1}


def test_an_endless_answer_dribbles_until_its_reader_gives_up(model, control):
    install(control, operation="model", kind="endless", seconds=30)
    order = {"model": "m", "messages": [{"role": "user", "content": "Say something."}]}
    with model.stream("POST", "/chat/completions", json=order) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_raw()
        assert [next(pieces), next(pieces)] == [b'{"id": ', b" "]
    report = control.get("/report").json()
    assert report["model"]["refused"] == {"endless": 1}
    assert model.post("/chat/completions", json=order).json()["choices"]
