"""A key that only FLEET_MODELS_FILE names: the workers alone get it, and no process logs it."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
from support.processes import FleetProcesses, run_cli
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import CELERY, fleet_programs, flower_program
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JobState
from aicity_fleet.redaction import REDACTED
from aicity_fleet.simulator.access import AGENT_KEY

pytestmark = pytest.mark.timeout(120)

KEY = "sk-strong-0123456789/abc"
MODELS = """\
[default]
provider = "compatible"
model = "strong"
base_url = "{url}/v1"
key = "STRONG_API_KEY"
"""


@pytest.fixture
def fleet(redis_server, ledger, agent, city, empty_folder):
    """A fleet whose one model is named by its models file; nothing is started yet."""
    models = empty_folder / "models.toml"
    models.write_text(MODELS.format(url=city.url))
    processes = FleetProcesses(
        {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            "FLEET_POLL_SECONDS": "1",
            "FLEET_MODELS_FILE": str(models),
            "STRONG_API_KEY": KEY,
            "AGENT_CITY_BASE_URL": city.url,
            "AGENT_CITY_API_KEY": AGENT_KEY,
            "AGENT_CITY_OWNER_TOKEN": "owner-token-0123456789",
            "FLEET_ALERT_WEBHOOK": f"{city.url}/webhook-of-the-owner-7",
        },
        empty_folder,
    )
    yield processes
    processes.stop()


def environment_of_process(fleet: FleetProcesses, name: str) -> dict[str, str]:
    """What the kernel says of a running process."""
    text = Path(f"/proc/{fleet.running[name].pid}/environ").read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.split("\0") if line)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_workers_alone_get_a_key_of_the_models_file(fleet, city, ledger: Ledger):
    fleet.start()
    fleet.start_program(flower_program(fleet.env, port=free_port(), password="pw-for-flower"))
    city.submit({})
    wait_until(
        lambda: ledger.counts()[JobState.REPORTED] == 1,
        seconds=60,
        description="the model of the models file did the work",
    )
    holders = set()
    for name in fleet.running:
        env = environment_of_process(fleet, name)
        assert env["FLEET_MODELS_FILE"] == fleet.env["FLEET_MODELS_FILE"]
        if KEY in json.dumps(env):
            holders.add(name)
        assert "AGENT_CITY_OWNER_TOKEN" not in env
        assert ("AGENT_CITY_API_KEY" in env) == (name == "dispatcher")
        assert ("FLEET_ALERT_WEBHOOK" in env) == (name == "dispatcher")
    assert set(fleet.running) == {"beat", "dispatcher", "flower", "worker1", "worker2"}
    assert holders == {"worker1", "worker2"}
    logs = "".join(fleet.log(name) for name in fleet.running)
    assert KEY not in logs
    assert "owner-token" not in logs
    assert "webhook-of-the-owner" not in logs


@pytest.mark.parametrize("name", ["worker1", "dispatcher", "beat"])
def test_a_process_that_has_the_key_does_not_log_it(fleet, name):
    """The name of an unknown variable is logged at the start, and this one holds the key."""
    programs = {p.name: p for p in fleet_programs(fleet.env, workers=1, threads=1, beat_apart=True)}
    env = {**fleet.env, f"FLEET_{KEY}": "1"}
    fleet.start_program(dataclasses.replace(programs[name], env=env))
    wait_until(
        lambda: "settings.unknown" in fleet.log(name), seconds=60, description="the line is written"
    )
    assert f"FLEET_{REDACTED} is not a setting" in fleet.log(name)
    assert KEY not in fleet.log(name)


@pytest.mark.parametrize(
    ("content", "fault"), [(None, "cannot be read"), ("", "the file is empty")]
)
def test_a_worker_names_a_key_file_that_is_unusable(fleet, empty_folder, content, fault):
    path = empty_folder / "key"
    if content is not None:
        path.write_text(content)
    env = {**fleet.env, "STRONG_API_KEY": "", "STRONG_API_KEY_FILE": str(path)}
    ended = run_cli(*CELERY, "worker", "--pool", "threads", "-Q", "jobs", env=env, cwd=empty_folder)
    assert ended.returncode == 2
    assert f"STRONG_API_KEY_FILE: {fault}" in ended.stderr
    assert "not set" not in ended.stderr
    assert "Traceback" not in ended.stderr
