"""With ``--json``, every command prints JSON on standard output, and nothing else."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import typer.main
from support.processes import CLI, run_cli
from typer.testing import CliRunner

from aicity_fleet.archive import Archive
from aicity_fleet.cli import app
from aicity_fleet.ledger import ClaimTerms, Lease
from aicity_fleet.models import AssignedTask, Completed, Failed, Spent
from aicity_fleet.simulator.access import AGENT_KEY, OWNER_TOKEN

TASK = {"taskType": "research", "input": {"description": "Compare tea in Japan and China."}}
TEAM = """\
name = "own"
task_types = ["research"]

[[members]]
name = "Writer"
prompt = "research.md"
"""

COMMANDS = [
    (("register", "My reviewer"), 0),
    (("register", "My reviewer", "--key-file", "key"), 0),
    (("profile",), 0),
    (("status",), 1),
    (("jobs",), 0),
    (("jobs", "--state", "held"), 0),
    (("job", "done"), 0),
    (("job", "failed"), 0),
    (("job", "malformed"), 0),
    (("job", "done", "--follow"), 0),
    (("job", "done", "--transcript"), 0),
    (("job", "done", "--export", "run.json"), 0),
    (("history",), 0),
    (("cancel", "queued"), 0),
    (("cancel", "done"), 1),
    (("cancel", "--state", "held"), 0),
    (("park", "queued"), 0),
    (("park", "--all", "--dry-run"), 0),
    (("rerun", "parked", "--yes"), 0),
    (("send-report", "parked"), 1),
    (("acknowledge", "parked"), 0),
    (("doctor",), 1),
    (("teams", "list"), 0),
    (("teams", "record"), 0),
    (("teams", "check", "own.toml"), 0),
    (("teams", "check", "broken.toml"), 1),
    (("try", "own.toml", "--task", "task.json", "--simulated"), 0),
]

ELSEWHERE = {("demo",), ("poll",)}
"""Commands that are tested in processes of their own: see test_demo.py, and the last test here."""


def names_of_json_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of all commands that take ``--json``, each after those of its groups."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from names_of_json_commands(inner, (*path, name))
    if any("--json" in parameter.opts for parameter in command.params):
        yield path


def test_every_command_that_prints_json_is_tried():
    tried = {args[:2] if args[0] == "teams" else args[:1] for args, _ in COMMANDS} | ELSEWHERE
    assert tried == set(names_of_json_commands(typer.main.get_command(app)))


@pytest.fixture
def jobs_of_all_kinds(ledger):
    ledger.controls.seed_guard(0)
    for job_id in ("queued", "done", "failed", "parked"):
        ledger.accept(AssignedTask(job_id, "research", "Find out"))
    for job_id, outcome in (("done", Completed("text", 1, "m")), ("failed", Failed("late", "No."))):
        lease = ledger.claim(job_id, ClaimTerms("host:1", 60))
        assert isinstance(lease, Lease)
        ledger.finish(lease, outcome, Spent(1))
    ledger.operator.park("parked", "by hand")
    ledger.refuse("malformed", "input: missing")


@pytest.mark.parametrize(("args", "code"), COMMANDS, ids=[" ".join(args) for args, _ in COMMANDS])
def test_standard_output_is_json_and_nothing_else(
    args, code, city, redis_server, agent, jobs_of_all_kinds, tmp_path, monkeypatch
):
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "own.toml").write_text(TEAM)
    (tmp_path / "broken.toml").write_text("name = 3")
    settings = {
        "REDIS_URL": redis_server.url, "FLEET_AGENT": agent, "AGENT_CITY_BASE_URL": city.url,
        "AGENT_CITY_API_KEY": AGENT_KEY, "AGENT_CITY_OWNER_TOKEN": OWNER_TOKEN,
        "FLEET_ARCHIVE": str(tmp_path / "archive.sqlite"),
    }  # fmt: skip
    Archive(tmp_path / "archive.sqlite", agent).put([])
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*args, "--json"])
    assert done.exit_code == code, done.output
    for document in done.stdout.splitlines() if "--follow" in args else [done.stdout]:
        json.loads(document)


def test_a_poll_prints_its_summary_as_json(ledger, redis_server, agent, empty_folder):
    env = {"REDIS_URL": redis_server.url, "FLEET_AGENT": agent}
    with ThreadPoolExecutor() as pool:
        command = pool.submit(run_cli, *CLI, "poll", "--json", env=env, cwd=empty_folder)
        message = None
        # Short waits: on a busy machine the command starts later than a connection waits for an answer.
        while message is None and not command.done():
            message = ledger.client.blpop([ledger.keys.queue("control")], 1)
        if message is not None:
            poll_id = json.loads(message[1])["headers"]["id"]
            ledger.coordination.note_poll(poll_id, {"status": "ok", "seen": 3, "message": ""})
        done = command.result()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["seen"] == 3
