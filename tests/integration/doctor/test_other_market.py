"""The contract of a marketplace with other paths and body keys is found and written, and it works."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.other_market import KEY, OtherMarket, other_market

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.doctor.aicity_checks import AICityCheck
from aicity_fleet.doctor.contract_file import write_contract
from aicity_fleet.doctor.findings import Finding, Severity
from aicity_fleet.errors import ContractError, SettingsError
from aicity_fleet.models import Completed, Failed
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.serve import running


@pytest.fixture
def market() -> Iterator[OtherMarket]:
    with other_market() as found:
        found.open_job("job-1")
        found.open_job("job-2")
        yield found


def settings_for(market: OtherMarket, **more: str) -> Settings:
    return Settings.load(
        {
            "AGENT_CITY_BASE_URL": market.url,
            "AGENT_CITY_API_KEY": KEY,
            "OPENAI_API_KEY": "x",
            **more,
        }
    )


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def state_of(check: AICityCheck, name: str) -> str:
    assert check.report is not None
    states: dict[str, str] = {r.name: r.state for r in check.report.routes.values()}
    return states[name]


def test_every_route_is_found_and_nothing_happens_there(market):
    check = AICityCheck(settings_for(market))
    found = by_check(check.findings())
    assert check.report is not None
    paths = {route.name: route.path for route in check.report.routes.values()}
    assert paths == {
        "assigned": "/agent/jobs",
        "complete": "/jobs/{task_id}/deliver",
        "fail": "/jobs/{task_id}/reject",
        "task": "/jobs/{task_id}",
        "profile": "/agent",
    }
    assert {route.state for route in check.report.routes.values()} == {"confirmed"}
    assert check.report.base_path == "/v2"
    assert found["contract complete"].severity is Severity.PROBLEM
    assert "400 VALIDATION_ERROR" in found["contract complete"].what
    assert "--write" in found["contract complete"].cure
    assert found["AI City key"].severity is Severity.OK
    assert (market.delivered, market.rejected, len(market.jobs)) == ([], [], 2)
    assert not any("job-1" in path or "job-2" in path for path in market.seen)


def test_a_contract_that_is_written_lists_completes_and_fails(market, tmp_path):
    check = AICityCheck(settings_for(market))
    check.findings()
    assert check.report is not None
    path = tmp_path / "contract.toml"
    write_contract(check.report, path)
    assert (market.delivered, market.rejected) == ([], [])
    assert "# POST /v2/jobs/{task_id}/deliver: 400 VALIDATION_ERROR" in path.read_text()
    with AICityClient(market.url, KEY, load_contract("api", path)) as client:
        (page,) = [page for page in client.assigned_pages() if page]
        assert page == list(market.jobs.values())
        assert client.task("job-1") == market.jobs["job-1"]
        client.report("job-1", Completed("The work.", 1500, "a-model"), "key-1")
        client.report("job-2", Failed("deadline", "It took too long."), "key-2")
    delivery = {"markdown": "The work."}
    assert market.delivered == [{"job_id": "job-1", "deliverable": delivery, "durationMs": 1500}]
    assert market.rejected == [
        {"job_id": "job-2", "code": "deadline", "explanation": "It took too long."}
    ]


def test_a_server_of_another_framework_is_read_as_well(tmp_path):
    """Without envelope, without codes, and with faults that do not say what belongs under a key."""
    reports: list[dict[str, Any]] = []
    wanted = {"submit": ("result", "execution_time_ms"), "abort": ("error_code", "error_message")}

    async def listed(_request: Request) -> Response:
        return JSONResponse([{"id": "a-1"}])

    async def report(request: Request) -> Response:
        verb, body = request.url.path.rpartition("/")[2], await request.json()
        missing = [name for name in wanted[verb] if name not in body]
        if missing:
            faults = [
                {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": body}
                for name in missing
            ]
            return JSONResponse({"detail": faults}, 422)
        if request.path_params["job_id"] != "a-1":
            return JSONResponse({"detail": "No such assignment"}, 404)
        reports.append(body)
        return JSONResponse({"ok": True})

    def not_found(_request: Request, _error: Exception) -> Response:
        return JSONResponse({"detail": "Not Found"}, 404)

    routes = [
        Route("/api/agents/me/assignments", listed),
        Route("/api/assignments/{job_id}/submit", report, methods=["POST"]),
        Route("/api/assignments/{job_id}/abort", report, methods=["POST"]),
    ]
    with running(Starlette(routes=routes, exception_handlers={404: not_found})) as url:
        check = AICityCheck(Settings.load({"AGENT_CITY_BASE_URL": url, "AGENT_CITY_API_KEY": KEY}))
        check.findings()
        assert check.report is not None
        write_contract(check.report, tmp_path / "contract.toml")
        assert reports == []
        contract = load_contract("api", tmp_path / "contract.toml")
        assert (contract.paths.task, contract.paths.profile) == ("", "")
        with AICityClient(url, KEY, contract) as client:
            assert next(client.assigned_pages()) == [{"id": "a-1"}]
            client.report("a-1", Completed("The work.", 1500, "a-model"), "key-1")
            client.report("a-1", Failed("deadline", "It took too long."), "key-2")
    assert reports == [
        {"result": "The work.", "execution_time_ms": 1500},
        {"error_code": "deadline", "error_message": "It took too long."},
    ]


def test_with_the_written_contract_nothing_is_left_to_do(market, tmp_path):
    first = AICityCheck(settings_for(market))
    first.findings()
    assert first.report is not None
    write_contract(first.report, tmp_path / "contract.toml")
    second = AICityCheck(settings_for(market, FLEET_CONTRACT_FILE=str(tmp_path / "contract.toml")))
    worse = [f for f in second.findings() if f.severity > Severity.OK]
    assert worse == []


def test_what_the_owner_set_before_stays_in_the_written_contract(market, tmp_path):
    (tmp_path / "own.toml").write_text('runnable_statuses = ["open"]\npage_size = 7\n')
    check = AICityCheck(settings_for(market, FLEET_CONTRACT_FILE=str(tmp_path / "own.toml")))
    check.findings()
    assert check.report is not None
    write_contract(check.report, tmp_path / "contract.toml")
    written = load_contract("api", tmp_path / "contract.toml")
    assert written.runnable_statuses == {"open"}
    assert written.page_size == 7
    assert written.paths.assigned == "/agent/jobs"


def test_a_server_that_looks_at_the_id_first_tells_no_keys_and_no_lie(market, tmp_path):
    market.checks_id_first = True
    check = AICityCheck(settings_for(market))
    check.findings()
    assert check.report is not None
    assert state_of(check, "complete") == "confirmed"
    assert check.report.bodies["complete_body"].required == ()
    write_contract(check.report, tmp_path / "contract.toml")
    assert "did not name the keys" in (tmp_path / "contract.toml").read_text()
    assert (market.delivered, market.rejected) == ([], [])


def test_a_refused_key_confirms_no_route_and_writes_nothing(market, tmp_path):
    check = AICityCheck(settings_for(market, AGENT_CITY_API_KEY="ac_live_wrong_123456"))
    found = by_check(check.findings())
    assert found["AI City key"].severity is Severity.PROBLEM
    assert check.report is not None
    assert "confirmed" not in {route.state for route in check.report.routes.values()}
    with pytest.raises(ContractError, match="no route was confirmed"):
        write_contract(check.report, tmp_path / "contract.toml")
    assert not (tmp_path / "contract.toml").exists()


def test_nothing_is_overwritten(market, tmp_path):
    check = AICityCheck(settings_for(market))
    check.findings()
    assert check.report is not None
    path: Path = tmp_path / "contract.toml"
    path.write_text("mine")
    with pytest.raises(SettingsError, match="already exists"):
        write_contract(check.report, path)
    assert path.read_text() == "mine"


def test_text_of_the_server_cannot_leave_its_comment(market, tmp_path):
    check = AICityCheck(settings_for(market))
    check.findings()
    assert check.report is not None
    route = dataclasses.replace(
        check.report.routes["task"], evidence=('x\nbase_path = "/evil"', "\x7f\x1b[2J")
    )
    report = dataclasses.replace(check.report, routes={**check.report.routes, "task": route})
    write_contract(report, tmp_path / "contract.toml")
    assert load_contract("api", tmp_path / "contract.toml").base_path == "/v2"
    assert "\x1b" not in (tmp_path / "contract.toml").read_text()


def test_a_slow_server_is_left_in_time(market):
    market.delay_seconds = 0.5
    began = time.monotonic()
    check = AICityCheck(settings_for(market))
    found = check.findings()
    assert time.monotonic() - began < 10, "the promise of the command"
    assert any("the time was up" in finding.what for finding in found)
    assert (market.delivered, market.rejected) == ([], [])
