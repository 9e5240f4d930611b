"""Fifteen things that go wrong for an owner: one command names the cause of each, and the cure.

Each is a real fault of a real part, and the command is a real process, as a person runs it.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from decimal import Decimal
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import Any

import pytest
from support.processes import CLI, run_cli
from support.redis_process import OwnRedis, own_redis
from support.scripted_provider import ProviderServer, error, text
from support.waiting import wait_until

from aicity_fleet.ledger import ClaimTerms, Lease
from aicity_fleet.models import AssignedTask, Failed, Spent
from aicity_fleet.simulator.access import OWNER_TOKEN, fleet_environment

HOUR = 3600


@pytest.fixture
def env(redis_server, agent, city) -> dict[str, str]:
    """A fleet on which nothing is wrong."""
    return {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "COLUMNS": "300",
    }


@pytest.fixture
def says(empty_folder):
    """Runs a command; returns all that it says to act on."""

    def run(env: dict[str, str], command: str, *more: str) -> str:
        done = run_cli(*CLI, command, "--json", *more, env=env, cwd=empty_folder)
        assert done.returncode in {1, 2}, done.stdout + done.stderr
        if not done.stdout:
            return str(done.stderr)
        found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        acts = [one for one in found if one.get("severity", "problem") in {"warning", "problem"}]
        return "\n".join(f"{one['what']} {one.get('cure') or one.get('remedy')}" for one in acts)

    return run


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnRedis]:
    with own_redis(tmp_path / "own") as started:
        yield started


@pytest.fixture(scope="module")
def model_server() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def running(ledger):
    """A ledger in which a fleet sweeps and polls."""
    ledger.sweep(turn_seconds=2)
    counts = dict.fromkeys(("seen", "accepted", "known", "refused"), 0)
    ledger.coordination.note_poll("a-poll", {"status": "ok", "message": "", **counts})
    return ledger


def test_the_agents_key_is_wrong(env, says):
    said = says({**env, "AGENT_CITY_API_KEY": "ac_live_wrong_7654321"}, "doctor")
    assert "refuses the agent's key" in said
    assert "AGENT_CITY_API_KEY" in said


def test_the_owners_token_stands_in_for_the_key(env, says):
    said = says({**env, "AGENT_CITY_API_KEY": OWNER_TOKEN}, "doctor")
    assert "not the owner's token" in said


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (error(401, "invalid_api_key", "Incorrect API key provided"), "401|key"),
        (error(404, "model_not_found", "The model does not exist"), "404|model"),
    ],
    ids=["the model's key is wrong", "the model's name is wrong"],
)
def test_the_model_refuses(env, says, model_server, answer, cause):
    provider = model_server.open()
    provider.will(answer)
    said = says({**env, "OPENAI_BASE_URL": provider.base_url}, "doctor", "--model")
    assert any(word in said for word in cause.split("|"))
    assert "Fix the key, the quota, the name" in said


def test_the_model_calls_no_tools(env, says, model_server):
    provider = model_server.open()
    provider.will(text("I would be glad to help."))
    said = says({**env, "OPENAI_BASE_URL": provider.base_url}, "doctor", "--model")
    assert "did not call it" in said
    assert "FLEET_MODEL_TOOLS=false" in said


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_the_password_of_redis_is_wrong(env, says, redis_server, command):
    url = f"redis://:wrong@127.0.0.1:{redis_server.port}/0"
    said = says({**env, "REDIS_URL": url}, command)
    assert "refuses our" in said
    assert "REDIS_PASSWORD" in said


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_redis_is_down(env, says, own, command):
    own.process.kill()
    own.process.wait()
    said = says({**env, "REDIS_URL": own.server.url}, command)
    assert "REDIS_URL" in said
    assert "tart" in said, "start one"


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_redis_hangs(env, says, own, command):
    own.process.send_signal(signal.SIGSTOP)
    said = says({**env, "REDIS_URL": own.server.url}, command)
    own.process.send_signal(signal.SIGCONT)
    assert "accepts connections and does not answer" in said


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_redis_evicts(env, says, own, command):
    own.admin.config_set("maxmemory-policy", "allkeys-lru")
    said = says({**env, "REDIS_URL": own.server.url}, command)
    assert "allkeys-lru" in said
    assert "noeviction" in said


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_the_disk_of_redis_is_full(env, says, own, tmp_path, command):
    own.fill_disk(tmp_path / "gone")
    said = says({**env, "REDIS_URL": own.server.url}, command)
    assert "Free space on" in said


def test_the_clock_is_off_by_an_hour(env, says):
    class Late(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"success": true, "data": []}'
            self.send_response_only(200)
            self.send_header("Date", formatdate(time() - HOUR, usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the library asks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        said = says({**env, "AGENT_CITY_BASE_URL": url}, "doctor")
        server.shutdown()
    assert "clock" in said
    assert re.search(r"3,6\d\d s behind this machine's", said)
    assert "time synchronisation" in said


def test_a_route_is_wrong(env, says, tmp_path):
    contract = tmp_path / "contract.toml"
    contract.write_text('[paths]\nassigned = "/agents/me/jobs"\n')
    said = says({**env, "FLEET_CONTRACT_FILE": str(contract)}, "doctor")
    assert "Refuted: /agents/me/jobs" in said
    assert "doctor --write" in said


def test_a_worker_is_killed(env, says, running):
    running.accept(AssignedTask("clx-1", "general", "Say something."))
    assert isinstance(running.claim("clx-1", ClaimTerms("host-7:4711", 0.01)), Lease)
    wait_until(lambda: running.sweep().rescued, description="its lease lapses")
    waiting = running.client.hset(running.keys.job("clx-1"), "not_before", 1)
    assert waiting == 0
    running.client.zadd(running.keys.state("queued"), {"clx-1": 1})
    said = says(env, "status")
    assert "no worker takes jobs" in said
    assert "host-7" in said
    assert "Start or restart the workers" in said


def test_the_guard_is_closed(env, says, running):
    running.controls.seed_guard(0)
    for job_id in ("clx-1", "clx-2", "clx-3"):
        running.accept(AssignedTask(job_id, "general", "Say something."))
        lease = running.claim(job_id, ClaimTerms("host-7:1", 15))
        running.finish(lease, Failed("quality", "No."), Spent(1))
        held = running.take_report(job_id)
        if job_id != "clx-3":
            running.settle(held, {"verdict": "accepted"}, "failure")
    said = says(env, "status")
    assert "guard is closed" in said
    assert "held" in said
    assert "aicity-fleet rerun" in said


def test_the_cap_of_the_day_is_reached(env, says, running):
    running.accept(AssignedTask("clx-1", "general", "Say something."))
    lease = running.claim("clx-1", ClaimTerms("host-7:1", 60, day_cap_usd=Decimal(1)))
    assert not running.spending.reserve(lease, 0, Decimal(2), cap_usd=Decimal(1), seconds=60)
    said = says(env, "status")
    assert "more than the cap" in said
    assert "aicity-fleet cap" in said


def test_a_team_file_is_wrong(env, says, tmp_path):
    folder = tmp_path / "teams"
    folder.mkdir()
    (folder / "mine.toml").write_text("rounds = 'many'\n")
    said = says({**env, "FLEET_TEAMS_DIR": str(folder)}, "doctor")
    assert "mine.toml" in said
    assert "give either prompt" in said
