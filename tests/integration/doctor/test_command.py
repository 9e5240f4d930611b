"""The command as a person meets it: exit codes, text, JSON, and nothing that should not be there."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from support.other_market import KEY, other_market
from support.processes import CLI, run_cli
from support.scripted_provider import ProviderServer, text
from typer.testing import CliRunner

from aicity_fleet.cli import app
from aicity_fleet.ledger import ClaimTerms, Lease
from aicity_fleet.models import AssignedTask
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.serve import running


@pytest.fixture
def env(redis_server, agent, city) -> dict[str, str]:
    return {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "COLUMNS": "200",
    }


def run(env: dict[str, str], *args: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["doctor", *args], env=env)
    assert done.exit_code == code, done.output
    return done.stdout


def told(env: dict[str, str], *args: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(env, "--json", *args, code=code))
    assert found["exit_code"] == code
    return found


def finding(found: dict[str, Any], check: str) -> dict[str, Any]:
    one: dict[str, Any] = next(f for f in found["findings"] if f["check"] == check)
    return one


def test_before_a_fleet_runs_all_is_well(env, redis_client, agent):
    shown = run(env)
    assert "Nothing to act on" in shown
    assert "ok redis " in shown
    assert "Confirmed: /tasks/{task_id}/complete." in shown
    assert f"No fleet named '{agent}' has run" in shown
    assert list(redis_client.scan_iter(f"*{agent}*")) == [], "it leaves nothing behind"


def test_before_up_has_started_its_redis_nothing_is_wrong(env, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nothing_there = {**env, "REDIS_URL": f"redis://127.0.0.1:{listener.getsockname()[1]}/0"}
    assert finding(told(nothing_there, code=1), "redis")["severity"] == "problem"
    # The port of the default may be taken on this machine.
    monkeypatch.setattr(Settings, "redis_url_is_set", False)
    assert "'aicity-fleet up' starts a Redis" in finding(told(nothing_there), "redis")["cure"]


def test_a_real_process_prints_one_json_object(env, empty_folder):
    done = run_cli(*CLI, "doctor", "--json", env=env, cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {route["state"] for route in found["routes"]} == {"confirmed"}
    assert {f["severity"] for f in found["findings"]} <= {"ok", "note"}
    for secret in (env["AGENT_CITY_API_KEY"], env["REDIS_URL"]):
        assert secret not in done.stdout + done.stderr


def test_the_findings_of_status_come_last(env, ledger):
    ledger.accept(AssignedTask("clx-1", "general", "Say something."))
    found = told(env, code=1)
    assert finding(found, "fleet")["severity"] == "problem"
    assert "No dispatcher has swept" in finding(found, "fleet")["what"]
    assert "No dispatcher swept" in finding(found, "processes")["what"]
    shown = run(env, code=1)
    assert "! fleet: No dispatcher has swept" in shown
    assert "aicity-fleet up" in shown


def test_a_fleet_that_works_has_nothing_to_act_on(env, ledger):
    ledger.sweep(turn_seconds=2)
    counts = dict.fromkeys(("seen", "accepted", "known", "refused"), 0)
    ledger.coordination.note_poll("a-poll", {"status": "ok", "message": "", **counts})
    ledger.accept(AssignedTask("clx-1", "general", "Say something."))
    assert isinstance(ledger.claim("clx-1", ClaimTerms("host-7:1", 15)), Lease)
    found = told(env)
    assert finding(found, "fleet")["what"] == "The fleet works."
    assert "Processes with running jobs: host-7:1 (1)" in finding(found, "processes")["what"]


def test_wrong_settings_end_with_the_code_2_and_all_of_them(env):
    wrong = {**env, "FLEET_POLL_SECONDS": "soon", "FLEET_LEASE_SECONDS": "-1"}
    found = told(wrong, code=2)
    assert len(found["findings"]) == 2
    shown = run(wrong, code=2)
    assert "FLEET_POLL_SECONDS" in shown
    assert "FLEET_LEASE_SECONDS" in shown


def test_a_wrong_key_is_named_once_and_never_shown(env):
    wrong = {**env, "AGENT_CITY_API_KEY": "ac_live_wrong_7654321"}
    shown = run(wrong, code=1)
    assert "AI City refuses the agent's key" in shown
    assert "1 finding to act on" in shown
    assert "ac_live_wrong" not in shown


@pytest.mark.parametrize(
    ("process", "missing", "looks_at_aicity"),
    [
        ("dispatcher", "OPENAI_API_KEY", True),
        ("worker", "AGENT_CITY_API_KEY", False),
        ("beat", "OPENAI_API_KEY", False),
    ],
)
def test_a_process_does_not_miss_the_keys_of_others(env, process, missing, looks_at_aicity):
    less = {name: value for name, value in env.items() if name != missing}
    assert f"{missing}: is not set" in run({**less, missing: ""}, code=1)
    found = told({**less, missing: ""}, "--process", process)
    assert bool(found["routes"]) is looks_at_aicity


def test_a_contract_is_written_and_then_all_is_well(env, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with other_market() as market:
        elsewhere = {**env, "AGENT_CITY_BASE_URL": market.url, "AGENT_CITY_API_KEY": KEY}
        path = Path("contract.toml")
        shown = run(elsewhere, "--write", str(path), code=1)
        assert f"FLEET_CONTRACT_FILE={path}" in shown
        assert KEY not in path.read_text()
        run({**elsewhere, "FLEET_CONTRACT_FILE": str(path)})
        again = told(elsewhere, "--write", str(path), code=1)
        assert "already exists" in finding(again, "--write")["what"]
        assert (market.delivered, market.rejected) == ([], [])


def test_a_hostile_server_reaches_neither_the_terminal_nor_a_secret(env):
    key = "ac_live_echoed_7654321"

    async def server(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps({"error": {"code": f"\x1b[2J{key}", "message": "x"}}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 418, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with running(server) as url:  # type: ignore[arg-type]
        hostile = {**env, "AGENT_CITY_BASE_URL": url, "AGENT_CITY_API_KEY": key}
        for args in ((), ("--json",)):
            shown = run(hostile, *args, code=1)
            assert "418" in shown
            assert "\x1b[2J" not in shown
            assert key not in shown


def test_with_everything_silent_it_ends_within_ten_seconds(env):
    with (
        socket.create_server(("127.0.0.1", 0)) as redis_socket,
        socket.create_server(("127.0.0.1", 0)) as city_socket,
    ):
        silent = {
            **env,
            "REDIS_URL": f"redis://127.0.0.1:{redis_socket.getsockname()[1]}/0",
            "AGENT_CITY_BASE_URL": f"http://127.0.0.1:{city_socket.getsockname()[1]}",
        }
        found = told(silent, code=1)
    assert found["seconds"] < 10, "the promise of the command"
    for check in ("redis", "AI City"):
        assert finding(found, check)["severity"] == "problem"


def test_models_are_called_only_on_request(env):
    with ProviderServer() as server:
        provider = server.open()
        provider.will(text("OK"))
        with_model = {**env, "OPENAI_BASE_URL": provider.base_url}
        run(with_model)
        assert provider.requests == []
        found = told(with_model, "--model", code=1)
        assert len(provider.requests) == 1
        assert "FLEET_MODEL_TOOLS=false" in finding(found, "model default tools")["cure"]
    assert "money" in CliRunner().invoke(app, ["doctor", "--help"]).output
