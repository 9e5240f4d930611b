"""What is said of the contract where a server is odd: it answers all alike, hides routes, or is silent."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from aicity_fleet.doctor.aicity_checks import AICityCheck
from aicity_fleet.doctor.findings import Finding, Severity
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.serve import running

Answering = Callable[[str, str, dict[str, list[str]]], tuple[int, Any]]
"""From method, path and query to status and body; a text is sent as HTML."""

NOT_FOUND = {"success": False, "error": {"code": "NOT_FOUND", "message": "no such path"}}
NO_TASK = {"success": False, "error": {"code": "TASK_NOT_FOUND", "message": "no such task"}}
INVALID = {"success": False, "error": {"code": "VALIDATION_ERROR", "message": "invalid"}}


@contextlib.contextmanager
def serving(answer: Answering) -> Iterator[str]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        query = parse_qs(scope["query_string"].decode())
        status, body = answer(scope["method"], scope["path"], query)
        kind = "text/html" if isinstance(body, str) else "application/json"
        text = body if isinstance(body, str) else json.dumps(body)
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    with running(app) as url:  # type: ignore[arg-type]
        yield url


def check_of(url: str, **more: str) -> AICityCheck:
    return AICityCheck(
        Settings.load({"AGENT_CITY_BASE_URL": url, "AGENT_CITY_API_KEY": "ac_live_1234567", **more})
    )


def examine(answer: Answering) -> tuple[AICityCheck, list[Finding]]:
    with serving(answer) as url:
        check = check_of(url)
        return check, check.findings()


def states(check: AICityCheck) -> dict[str, str]:
    assert check.report is not None
    return {route.name: route.state for route in check.report.routes.values()}


def finding(found: list[Finding], check: str) -> Finding:
    (one,) = [finding for finding in found if finding.check == check]
    return one


@pytest.mark.parametrize("contract", ["api", "bridge"])
def test_the_simulators_contracts_are_confirmed_and_nothing_is_accepted(city, contract):
    ids = city.submit({}, {})
    env = {**fleet_environment(city.url), "FLEET_CONTRACT": contract}
    if contract == "bridge":
        env["BRIDGE_URL"] = f"{city.url}/bridge"
    check = AICityCheck(Settings.load(env))
    found = check.findings()
    assert {states(check)[name] for name in ("assigned", "complete", "fail", "profile")} == {
        "confirmed"
    }
    assert [f for f in found if f.severity > Severity.NOTE] == []
    assert check.report is not None
    assert check.report.bodies["complete_body"].missing == ()
    assert {key.path for key in check.report.bodies["fail_body"].required} == {
        ("reason",),
        ("message",),
    }
    tasks = city.report()["tasks"]
    assert set(tasks) == set(ids)
    assert [task["acceptedEndings"] for task in tasks.values()] == [0, 0]
    # The simulator starts a task when it lists it, as it does for a poll.
    assert {task["status"] for task in tasks.values()} <= {"submitted", "executing"}


@pytest.mark.parametrize("body", [{"success": True, "data": []}, "<html>Welcome</html>"])
def test_a_server_that_answers_everything_alike_confirms_nothing(body):
    check, _ = examine(lambda *_: (200, body))
    assert "confirmed" not in states(check).values()


@pytest.mark.parametrize(
    ("status", "body"), [(403, "<html>Just a moment</html>"), (401, INVALID), (503, NOT_FOUND)]
)
def test_a_server_that_lets_nobody_in_leaves_everything_unknown(status, body):
    check, _ = examine(lambda *_: (status, body))
    assert set(states(check).values()) == {"unknown"}


def test_a_server_without_codes_is_read_by_its_words():
    def fastapi(method: str, path: str, query: object) -> tuple[int, Any]:
        if path == "/api/v1/tasks/assigned":
            return 200, []
        if path.endswith(("/complete", "/fail")):
            return 404, {"detail": f"Task {path.split('/')[4]} is unknown"}
        return 404, {"detail": "Not Found"}

    check, _ = examine(fastapi)
    assert [states(check)[name] for name in ("assigned", "complete", "fail")] == ["confirmed"] * 3
    assert states(check)["task"] == "refuted"


def test_words_that_differ_for_every_path_prove_nothing():
    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        return 404, {"detail": "".join(secrets.choice("abcdefgh") for _ in range(20))}

    check, _ = examine(server)
    assert "confirmed" not in states(check).values()


@pytest.mark.parametrize("most", range(1, 30))
def test_a_probe_that_has_to_stop_confirms_nothing_that_it_did_not_compare(most, monkeypatch):
    """The time was up, or the server had enough: an answer that is missing differs from every other."""
    monkeypatch.setattr("aicity_fleet.doctor.contract_probe.MOST_REQUESTS", most)
    check, _ = examine(lambda *_: (404, NOT_FOUND))
    assert "confirmed" not in states(check).values()


def test_a_server_that_is_suddenly_busy_confirms_nothing():
    answers = iter([(404, NOT_FOUND)] * 3)
    check, _ = examine(lambda *_: next(answers, (429, NOT_FOUND)))
    assert "confirmed" not in states(check).values()


def test_a_server_that_looks_for_the_task_before_the_rest_of_the_path_stays_unknown():
    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        return (404, NO_TASK) if path.startswith("/api/v1/tasks/") else (404, NOT_FOUND)

    check, found = examine(server)
    assert states(check)["complete"] == states(check)["fail"] == "unknown"
    assert finding(found, "contract complete").severity is Severity.NOTE


def test_another_base_path_is_found_by_the_profile_where_the_list_is_nowhere():
    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        if path == "/v1/agents/me":
            return 200, {"id": "ag_1"}
        if path.startswith("/v1/tasks/") and path.endswith(("/complete", "/fail")):
            return 404, NO_TASK
        return 404, NOT_FOUND

    check, _ = examine(server)
    assert check.report is not None
    assert check.report.base_path == "/v1"
    assert [states(check)[n] for n in ("assigned", "profile", "complete", "fail")] == [
        "refuted",
        *["confirmed"] * 3,
    ]


def test_a_path_that_is_taken_for_a_tasks_id_is_no_list():
    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        return (404, NO_TASK) if path.startswith("/api/v1/tasks/") else (404, NOT_FOUND)

    check, found = examine(server)
    assert states(check)["assigned"] == "refuted"
    assert finding(found, "contract assigned").severity is Severity.PROBLEM


def test_a_list_whose_query_is_ignored_is_not_taken_for_ours():
    def lists_all(method: str, path: str, query: object) -> tuple[int, Any]:
        return (200, [{"id": "of-others"}]) if path == "/api/v1/tasks" else (404, NOT_FOUND)

    check, found = examine(lists_all)
    assert states(check)["assigned"] == "refuted"
    assert "perhaps /tasks?role=agent" in finding(found, "contract assigned").what


def test_a_list_that_obeys_its_query_is_found():
    def server(method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path != "/api/v1/tasks":
            return 404, NOT_FOUND
        return (200, []) if query.get("role") == ["agent"] else (400, INVALID)

    check, _ = examine(server)
    assert check.report is not None
    assert check.report.routes["assigned"].path == "/tasks?role=agent"


def test_a_list_that_refuses_paging_is_told_from_one_that_is_not_there():
    def server(method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == "/api/v1/tasks/assigned":
            return (400, INVALID) if query else (200, [])
        return 404, NOT_FOUND

    check, found = examine(server)
    assert states(check)["assigned"] == "confirmed"
    assert finding(found, "contract paging").severity is Severity.PROBLEM


def test_too_many_requests_end_the_questions():
    asked: list[str] = []

    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        asked.append(path)
        return (429, INVALID) if len(asked) > 5 else (404, NOT_FOUND)

    check, found = examine(server)
    assert len(asked) < 15, "those that were under way"
    assert "429" in finding(found, "contract").what
    assert "confirmed" not in states(check).values()


def test_a_key_that_is_required_and_unknown_is_a_problem():
    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        if path.endswith("/complete"):
            details = [
                {"path": ["output"], "message": "Required"},
                {"path": ["licence"], "message": "Required"},
            ]
            return 400, {"error": {"code": "VALIDATION_ERROR", "details": details}}
        return 404, NOT_FOUND

    _, found = examine(server)
    told = [f for f in found if f.check == "contract complete_body"]
    assert any("licence" in f.what and "does not know" in f.what for f in told)


@pytest.mark.parametrize(
    ("profile", "severity"),
    [
        ({"id": "a", "status": "suspended"}, Severity.PROBLEM),
        ({"id": "a", "status": "active", "consecutiveFailures": 2}, Severity.WARNING),
        ({"id": "a", "status": "active", "availability": "offline"}, Severity.NOTE),
        ({"id": "a", "status": "active", "consecutiveFailures": 1}, Severity.OK),
    ],
)
def test_the_profile_says_whether_the_agent_may_work(profile, severity):
    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        return (200, profile) if path == "/api/v1/agents/me" else (404, NOT_FOUND)

    _, found = examine(server)
    assert finding(found, "AI City agent").severity is severity


@pytest.mark.parametrize(
    ("task", "severity"),
    [
        ({"status": "submitted"}, Severity.OK),
        ({"status": "completed"}, Severity.OK),
        ({"status": "open"}, Severity.WARNING),
        ({"status": "submitted", "taskType": 7}, Severity.PROBLEM),
    ],
)
def test_the_tasks_that_are_listed_are_looked_at(task, severity):
    listed = [{"id": "clx1", "taskType": "general", "input": {"description": "x"}, **task}]

    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        return (200, listed) if path == "/api/v1/tasks/assigned" else (404, NOT_FOUND)

    _, found = examine(server)
    assert finding(found, "AI City tasks").severity is severity


class Dated(BaseHTTPRequestHandler):
    """A server in another year, whose API ends."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Sunset", "2040-06-30")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Mon, 02 Jan 2040 00:00:00 GMT"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_a_wrong_clock_and_an_end_of_the_api_are_told():
    with ThreadingHTTPServer(("127.0.0.1", 0), Dated) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found = check_of(f"http://127.0.0.1:{server.server_port}").findings()
        server.shutdown()
        thread.join()
    assert finding(found, "AI City clock").severity is Severity.PROBLEM
    assert "2040-06-30" in finding(found, "AI City version").what


def test_a_base_url_with_a_path_is_not_left():
    asked: list[str] = []

    def server(method: str, path: str, query: object) -> tuple[int, Any]:
        asked.append(path)
        return 404, NOT_FOUND

    with serving(server) as url:
        check_of(f"{url}/mine/v9").findings()
    assert asked
    assert {path.partition("/v9")[0] for path in asked} == {"/mine"}


def test_a_refused_connection_and_a_silent_server_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        began = time.monotonic()
        silent = check_of(f"http://127.0.0.1:{port}").findings()
        assert time.monotonic() - began < 10, "the promise of the command"
    refused = check_of(f"http://127.0.0.1:{port}").findings()
    assert "no whole answer within 3 s" in finding(silent, "AI City").what
    assert "refused" in finding(refused, "AI City").what
