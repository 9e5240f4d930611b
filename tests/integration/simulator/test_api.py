import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from support.orders import DONE, GAVE_UP, GOOD, TASK, submit


def error_of(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert body["success"] is False
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]


def test_a_task_goes_from_submitted_to_paid(api, control):
    (task_id,) = submit(control)
    assert control.get(f"/tasks/{task_id}").json()["status"] == "submitted"

    listed = api.get("/tasks/assigned").json()
    assert listed["success"] is True
    assert [task["id"] for task in listed["data"]] == [task_id]
    assert listed["data"][0]["status"] == "executing"
    assert listed["data"][0]["input"] == TASK["input"]

    done = api.post(f"/tasks/{task_id}/complete", json=DONE, headers={"Idempotency-Key": "k1"})
    assert done.json()["success"] is True
    assert done.json()["data"]["status"] == "completed"
    assert done.json()["data"]["paidCents"] == 849

    assert api.get("/tasks/assigned").json()["data"] == []
    assert api.get(f"/tasks/{task_id}").json()["data"]["output"] == DONE["output"]
    assessment = api.get(f"/courts/assessments/{task_id}").json()["data"]
    assert assessment["passed"] is True
    assert {criterion["name"] for criterion in assessment["criteria"]} >= {"relevance"}
    report = control.get("/report").json()
    (attempt,) = report["tasks"][task_id]["attempts"]
    assert attempt["idempotencyKey"] == "k1"
    assert (attempt["status"], attempt["accepted"], attempt["kind"]) == (200, True, "complete")
    assert report["totals"]["credits"] == {
        "held": 0, "charged": 999, "paid": 849, "fees": 150, "refunded": 0,
    }  # fmt: skip


def test_pages_walk_over_every_task_once(api, control):
    ids = submit(control, count=45)
    first = api.get("/tasks/assigned").json()
    assert first["pagination"] == {"page": 1, "pageSize": 20, "total": 45, "totalPages": 3}
    pages = [api.get("/tasks/assigned", params={"page": page}).json()["data"] for page in (1, 2, 3)]
    assert [task["id"] for page in pages for task in page] == ids
    assert api.get("/tasks/assigned", params={"page": 4}).json()["data"] == []
    wide = api.get("/tasks/assigned", params={"page_size": 100}).json()
    assert len(wide["data"]) == 45


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "page_size=101", "page_size=-1", "status=nonsense", "page=%C2%B2"],
)
def test_a_wrong_query_is_refused(api, query):
    assert error_of(api.get(f"/tasks/assigned?{query}")) == (400, "VALIDATION_ERROR")


def test_the_list_can_be_narrowed_to_a_status(api, control):
    submit(control, count=2)
    api.get("/tasks/assigned", params={"page_size": 1})
    executing = api.get("/tasks/assigned", params={"status": "executing"}).json()
    assert executing["pagination"]["total"] == 1


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"output": "text", "executionTimeMs": 1},
        {"output": {}, "executionTimeMs": -1},
        {"output": {}, "executionTimeMs": 1.5},
        {"output": {}, "executionTimeMs": True},
        {"output": {}},
    ],
)
def test_a_wrong_completion_names_its_fields(api, control, body):
    (task_id,) = submit(control)
    response = api.post(f"/tasks/{task_id}/complete", json=body)
    assert error_of(response) == (400, "VALIDATION_ERROR")
    assert response.json()["error"]["details"]
    assert control.get("/report").json()["tasks"][task_id]["acceptedEndings"] == 0


@pytest.mark.parametrize(
    "body", [{}, {"reason": "x"}, {"reason": "", "message": ""}, {"reason": 1}]
)
def test_a_wrong_failure_names_its_fields(api, control, body):
    (task_id,) = submit(control)
    assert error_of(api.post(f"/tasks/{task_id}/fail", json=body)) == (400, "VALIDATION_ERROR")


def test_a_body_that_is_no_json_is_refused(api, control):
    (task_id,) = submit(control)
    response = api.post(f"/tasks/{task_id}/complete", content=b"\xff{")
    assert error_of(response) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("second", ["complete", "fail"])
@pytest.mark.parametrize("first", ["complete", "fail"])
def test_a_second_ending_is_a_conflict(api, control, first, second):
    bodies = {"complete": DONE, "fail": GAVE_UP}
    (task_id,) = submit(control)
    assert api.post(f"/tasks/{task_id}/{first}", json=bodies[first]).status_code == 200
    response = api.post(f"/tasks/{task_id}/{second}", json=bodies[second])
    assert error_of(response) == (409, "CONFLICT")
    entry = control.get("/report").json()["tasks"][task_id]
    assert entry["acceptedEndings"] == 1
    assert [attempt["status"] for attempt in entry["attempts"]] == [200, 409]


def test_keys_are_checked(url, api):
    for path in ("/tasks/assigned", "/tasks/x", "/agents/me"):
        assert error_of(httpx.get(f"{url}/api/v1{path}")) == (401, "MISSING_API_KEY")
        wrong = httpx.get(f"{url}/api/v1{path}", headers={"X-API-Key": "ac_live_wrong"})
        assert error_of(wrong) == (401, "INVALID_API_KEY")


def test_unknown_things_are_not_found(api, control):
    assert error_of(api.get("/tasks/nope")) == (404, "TASK_NOT_FOUND")
    assert error_of(api.post("/tasks/nope/complete", json=DONE)) == (404, "TASK_NOT_FOUND")
    assert error_of(api.get("/agents/nope")) == (404, "AGENT_NOT_FOUND")
    assert error_of(api.get("/nonsense")) == (404, "NOT_FOUND")
    assert error_of(api.delete("/agents/me"))[0] == 405
    assert control.get("/report").json()["unknownEndings"][0]["taskId"] == "nope"


def test_another_agents_task_is_not_ours(url, api, control):
    bearer = {"Authorization": "Bearer owner_simulated"}
    body = {"displayName": "Second", "framework": "autogen"}
    registered = httpx.post(f"{url}/api/v1/agents", json=body, headers=bearer)
    assert registered.status_code == 201
    data = registered.json()["data"]
    (task_id,) = submit(control, agentId=data["agent"]["id"])
    assert error_of(api.get(f"/tasks/{task_id}")) == (403, "ACCESS_DENIED")
    assert error_of(api.post(f"/tasks/{task_id}/complete", json=DONE)) == (403, "ACCESS_DENIED")
    own = httpx.get(f"{url}/api/v1/tasks/assigned", headers={"X-API-Key": data["apiKey"]})
    assert [task["id"] for task in own.json()["data"]] == [task_id]


def test_an_owner_has_at_most_ten_agents(url):
    bearer = {"Authorization": "Bearer owner_simulated"}
    body = {"displayName": "One of many", "framework": "autogen"}
    codes = [
        httpx.post(f"{url}/api/v1/agents", json=body, headers=bearer).status_code for _ in range(10)
    ]
    assert codes == [201] * 9 + [409]
    unknown = httpx.post(f"{url}/api/v1/agents", json=body, headers={"Authorization": "Bearer no"})
    assert unknown.status_code == 401


def test_the_profile_can_be_changed_in_part(api):
    before = api.get("/agents/me").json()["data"]
    assert before["trustTier"] == "unverified"
    assert set(before["dimensions"]) == {"outcome", "relationship", "economic", "reliability"}
    changed = api.patch("/agents/me", json={"availability": "busy"}).json()["data"]
    assert changed == {**before, "availability": "busy"}
    assert error_of(api.patch("/agents/me", json={"availability": "asleep"}))[0] == 400
    public = api.get(f"/agents/{before['id']}").json()["data"]
    assert "earnedCents" not in public


def test_three_failures_suspend_and_the_owner_can_lift_it(url, api, control):
    ids = submit(control, count=4)
    for task_id in ids[:3]:
        assert api.post(f"/tasks/{task_id}/fail", json=GAVE_UP).status_code == 200
    assert error_of(api.get("/tasks/assigned")) == (403, "ACCESS_DENIED")
    profile = api.get("/agents/me").json()["data"]
    assert (profile["status"], profile["consecutiveFailures"]) == ("suspended", 3)
    lifted = httpx.post(
        f"{url}/api/v1/agents/{profile['id']}/reactivate",
        headers={"Authorization": "Bearer owner_simulated"},
    )
    assert lifted.json()["data"]["status"] == "active"
    assert [task["id"] for task in api.get("/tasks/assigned").json()["data"]] == ids[3:]


def test_a_poor_delivery_fails_and_is_refunded(api, control):
    (task_id,) = submit(control)
    poor = {"output": {"result": "Done."}, "executionTimeMs": 1}
    data = api.post(f"/tasks/{task_id}/complete", json=poor).json()["data"]
    assert (data["status"], data["paidCents"]) == ("failed", 0)
    assert data["qualityScore"] < 70
    assert control.get("/report").json()["totals"]["credits"]["refunded"] == 999


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/exchange/requests", "/exchange/agreements/1/deliver"])
def test_the_exchange_is_gone(api, bridge, method, path):
    for client in (api, bridge):
        response = client.request(method, path)
        assert response.status_code == 410
        assert response.headers["Sunset"] == "2026-06-30"


def test_malformed_entries_are_listed_verbatim(api, control):
    entries: list[Any] = [
        None,
        7,
        "x",
        [],
        {"id": 5},
        {"id": "own", "taskType": None},
        {"\ud800": "\ud800"},
    ]
    created = control.post("/tasks", content=json.dumps([{"raw": entry} for entry in entries]))
    assert created.status_code == 201
    listing = api.get("/tasks/assigned")
    assert listing.json()["data"] == entries
    assert listing.content.isascii()
    assert api.post("/tasks/own/fail", json=GAVE_UP).status_code == 200
    assert len(api.get("/tasks/assigned").json()["data"]) == len(entries) - 1


@pytest.mark.parametrize("task_id", ["a/b", "a?b=c#d", "50%2F", "~x+y", "..", "complete"])
def test_any_printable_id_can_be_addressed(api, bridge, control, task_id):
    submit(control, id=task_id)
    path = f"/tasks/{quote(task_id, safe='')}".replace("..", "%2E%2E")
    assert api.get(path).json()["data"]["id"] == task_id
    assert bridge.post(f"{path}/fail", json=GAVE_UP).status_code == 200
    assert api.post(f"{path}/complete", json=DONE).status_code == 409
    assert control.get(path).json()["status"] == "failed"


def test_wrong_orders_to_the_control_side_are_refused(control):
    bodies: list[Any] = [[{}], {"taskType": "", "input": {}}, {"taskType": "x", "input": 1}, 5]
    for body in bodies:
        assert control.post("/tasks", json=body).status_code == 400
    assert control.post("/tasks", json={**TASK, "maxBudget": -1}).status_code == 400
    assert control.post("/tasks", json={**TASK, "id": "a"}).status_code == 201
    assert control.post("/tasks", json={**TASK, "id": "a"}).status_code == 409
    assert control.get("/tasks/none").status_code == 404
    assert control.get("/health").json() == {"ok": True, "tasks": 1, "open": 1}
    control.post("/reset")
    assert control.get("/tasks").json() == {"tasks": []}


def test_the_bridge_speaks_the_guides_language(bridge, control):
    me = bridge.get("/me").json()
    assert me["displayName"]
    ids = submit(control, count=30)
    listed = bridge.get("/tasks/assigned").json()
    assert list(listed) == ["data"]
    assert [task["id"] for task in listed["data"]] == ids
    done = bridge.post(f"/tasks/{ids[0]}/complete", json={"output": GOOD, "executionTimeMs": 3})
    assert done.json() == {"updatedScore": done.json()["updatedScore"], "trustTier": "unverified"}
    failed = bridge.post(f"/tasks/{ids[1]}/fail", json=GAVE_UP)
    assert failed.json()["updatedScore"] < done.json()["updatedScore"]
    assert bridge.post(f"/tasks/{ids[1]}/fail", json=GAVE_UP).status_code == 409
    bad = bridge.post(f"/tasks/{ids[2]}/complete", json={"output": 5, "executionTimeMs": 3})
    assert bad.status_code == 400
    report = control.get("/report").json()["tasks"][ids[0]]
    assert (report["status"], report["attempts"][0]["surface"]) == ("completed", "bridge")


def test_a_registration_switches_the_bridge_to_the_new_agent(bridge, control):
    submit(control)
    body = {"displayName": "AutoGen Research Team", "framework": "autogen"}
    registered = bridge.post("/register", json=body)
    assert registered.status_code == 201
    assert set(registered.json()) == {"id", "displayName", "trustTier", "overallScore", "apiKey"}
    assert bridge.get("/me").json()["id"] == registered.json()["id"]
    assert bridge.get("/tasks/assigned").json() == {"data": []}
