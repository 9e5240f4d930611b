"""What a journal in Redis is good for afterwards: replayed, read and exported by the command line."""

import asyncio
import contextlib
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from support.processes import base_environment
from support.samples import GOOD
from support.scripted_provider import ProviderServer, error, submit, text
from support.source_files import ROOT
from support.team_runs import run_team

from aicity_fleet.cli import display, main
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger
from aicity_fleet.models import Completed, Delivered, Failed, Rejected, Spent
from aicity_fleet.redaction import REDACTED
from aicity_fleet.settings import Settings
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import ModelConfig, only, open_model, team_for
from aicity_fleet.team.replay.fixture import load_fixture, replay_fixture
from workers.ledger_journal import LedgerJournal
from workers.team_runner import TeamRunner

KEY = "sk-test-key-000000000000"
TASK, REPORT = GOOD["research"]
FINE = (text("a draft of \x1b[31mRikyu"), submit("too short"), submit(REPORT))
POOR = (text("a draft"), submit("too short"), submit("short"), submit("still"))


@pytest.fixture(scope="module")
def provider_server():
    with ProviderServer() as server:
        yield server


@pytest.fixture
def job(ledger: Ledger, provider_server):
    """Runs a team on a job of the ledger, in this process, and writes its outcome."""

    def run(*answers, ends=True):
        provider = provider_server.open()
        provider.will(*answers)
        ledger.accept(TASK)
        lease = ledger.claim(TASK.task_id, ClaimTerms("host:1", 60))
        assert isinstance(lease, Lease)

        async def work():
            async with open_model(ModelConfig("m-1", provider.base_url, KEY, 5.0)) as model:
                return await run_team(
                    TASK,
                    spec=team_for("research"),
                    models=only(model),
                    nonce=lease.nonce,
                    journal=LedgerJournal(ledger, lease, StopSwitch()),
                )

        ending = asyncio.run(work()).ending
        if not ends:
            return lease
        match ending:
            case Delivered(text=done):
                ledger.finish(lease, Completed(done, 5, "m-1"), Spent(5))
            case Rejected(code=code, message=message):
                ledger.finish(lease, Failed(code, message, 5), Spent(5))
        return lease

    return run


class Shown(NamedTuple):
    stdout: str
    stderr: str


@pytest.fixture
def run(redis_server, agent, empty_folder, monkeypatch, capsys):
    """Runs ``aicity-fleet job ID ...`` in this process: a new one would spend seconds on its imports."""

    def command(*args: str, code: int = 0, **env: str) -> Shown:
        settings = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            "OPENAI_API_KEY": KEY,
            **env,
        }
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            patch.chdir(empty_folder)
            patch.setattr("sys.argv", ["aicity-fleet", "job", TASK.task_id, *args])
            patch.setattr(display.console, "_width", 200)
            with pytest.raises(SystemExit) as ended:
                main()
        shown = capsys.readouterr()
        assert (ended.value.code or 0) == code, shown.err + shown.out
        return Shown(shown.out, shown.err)

    return command


@pytest.mark.parametrize(
    ("answers", "ending"),
    [(FINE, f"complete, {len(REPORT.strip())} char"), (POOR, "fail (quality)")],
)
def test_a_replay_ends_as_the_job_did(job, run, answers, ending):
    job(*answers)
    shown = run("--replay").stdout
    assert shown.count(ending) == 2
    assert "Same ending." in shown
    data = json.loads(run("--replay", "--json").stdout)
    assert data["is_same"] is True
    assert data["calls"] == len(answers)
    assert data["made_by"].startswith("3; autogen")


def test_a_replay_needs_neither_the_owners_teams_nor_models(job, run):
    job(*FINE)
    run("--replay", FLEET_TEAMS_DIR="/nowhere", FLEET_ENGINE="plain", FLEET_MODEL_TOOLS="false")


def test_a_replay_that_ends_otherwise_says_so(job, run, ledger, redis_client):
    job(*FINE)
    other = json.dumps(Completed("another text", 5, "m-1").to_json())
    redis_client.hset(ledger.keys.job(TASK.task_id), "outcome", other)
    shown = run("--replay", code=1).stdout
    assert "On record: complete, 12 characters" in shown
    assert "The endings differ" in shown


def test_a_job_that_was_stopped_from_outside_cannot_be_led_to_its_end(job, run, ledger):
    lease = job(*FINE[:2], error(503), ends=False)
    shown = run("--replay", code=1).stdout
    assert "ends after 2 calls" in shown
    assert "is running and has no outcome yet" in shown
    ledger.finish(lease, Failed("deadline", "Too late."), Spent(5))
    assert (
        "The recorded outcome, fail (deadline), did not come from the journal"
        in run("--replay", code=1).stdout
    )


def test_a_journal_of_an_earlier_fleet_is_no_riddle(run, ledger):
    ledger.accept(TASK)
    lease = ledger.claim(TASK.task_id, ClaimTerms("host:1", 60))
    assert "The journal is empty" in run("--replay", code=1).stderr
    entry = {"ordinal": 0, "kind": "model", "request_sha256": "x", "answer": {"content": "Words."}}
    ledger.journals.append(lease, 0, json.dumps(entry))
    assert "did not record the team" in run("--replay", code=1).stderr
    shown = run("--transcript")
    assert "Words." in shown.stdout
    assert "recorded answers of models and tools" in shown.stderr


def test_a_transcript_shows_who_said_what_and_steers_no_terminal(job, run):
    job(*FINE)
    shown = run("--transcript").stdout
    places = [shown.index(part) for part in (
        *("Coordinator briefs the team", "Researcher says", "a draft of [31mRikyu"),
        *("Editor calls submit", "too short", "Coordinator asks for repairs", "Coordinator ends the run"),
    )]  # fmt: skip
    assert places == sorted(places)
    assert "\x1b" not in shown
    said = json.loads(run("--transcript", "--json").stdout)["said"]
    assert [item["kind"] for item in said][:2] == ["order", "words"]


def test_a_transcript_of_a_running_job_goes_so_far(job, run):
    job(*FINE[:2], error(503), ends=False)
    shown = run("--transcript")
    assert "Coordinator asks for repairs" in shown.stdout
    assert "ends here: job 'clx0001' is running" in shown.stderr


OFFLINE = """
import asyncio, socket, sys
from pathlib import Path
from typing import NamedTuple
def refuse(*_): raise SystemExit("it wants the network")
socket.socket.connect = socket.getaddrinfo = refuse
from aicity_fleet.team.replay.fixture import load_fixture, replay_fixture
fixture = load_fixture(Path(sys.argv[1]))
result = asyncio.run(replay_fixture(fixture))
assert fixture.is_met_by(result.ending), result.ending
assert result.usage.model_calls == 0
print("the same")
"""


def test_an_export_replays_in_a_fresh_process_without_network(job, run, empty_folder):
    job(*FINE)
    path = empty_folder / "run.json"
    assert "Wrote" in run("--export", str(path)).stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(empty_folder.iterdir()) == [path], "nothing else is left"
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(path)],
        env=base_environment(), cwd=empty_folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "the same\n", done.stderr


def test_an_export_replaces_a_file_only_by_force(job, run, empty_folder):
    job(*POOR)
    path = empty_folder / "run.json"
    path.write_text("precious")
    assert "--force" in run("--export", str(path), code=2).stderr
    assert path.read_text() == "precious"
    run("--export", str(path), "--force")
    outcome = load_fixture(path).outcome
    assert isinstance(outcome, Failed)
    assert outcome == Failed("quality", outcome.message, 5)
    assert "cannot be written" in run("--export", "/nowhere/run.json", code=2).stderr


def test_no_key_gets_into_an_export(job, run, empty_folder):
    job(*FINE)
    path = empty_folder / "run.json"
    run("--export", str(path), AGENT_CITY_API_KEY="ac_live_canary", REDIS_PASSWORD="redis-canary")
    written = path.read_text()
    assert not any(key in written for key in (KEY, "canary", "127.0.0.1"))


def test_a_key_of_a_model_that_was_said_aloud_is_not_in_the_export(job, run, empty_folder):
    job(text(f"the key is {KEY}"), *FINE[1:])
    path = empty_folder / "run.json"
    run("--export", str(path))
    assert KEY not in path.read_text()


def test_another_key_that_was_said_aloud_stops_the_export(job, run, empty_folder):
    job(text("the key is of-another-service-5521"), *FINE[1:])
    path = empty_folder / "run.json"
    done = run("--export", str(path), code=1, OTHER_API_KEY="of-another-service-5521")
    assert "OTHER_API_KEY" in done.stderr
    assert "5521" not in done.stderr + done.stdout
    assert not path.exists()


@pytest.fixture
def strong(tmp_path, provider_server):
    """A provider behind a models file whose key comes from a file, and those settings."""
    provider = provider_server.open()
    (tmp_path / "key").write_text(f"{STRONG_KEY}\n")
    (tmp_path / "models.toml").write_text(
        '[default]\nprovider = "compatible"\nmodel = "m-1"\nkey = "STRONG_API_KEY"\n'
        f'base_url = "{provider.base_url}"\n'
    )
    names = {"FLEET_MODELS_FILE": "models.toml", "STRONG_API_KEY_FILE": "key"}
    return provider, {name: str(tmp_path / file) for name, file in names.items()}


STRONG_KEY = "strong/key+000000000000"
SAID_KEYS = (STRONG_KEY, quote(STRONG_KEY, safe=""), quote(STRONG_KEY))


def test_a_key_of_the_models_file_is_in_neither_transcript_nor_export_nor_deliverable(
    strong, run, ledger, monkeypatch, empty_folder
):
    provider, env = strong
    said = " and ".join(SAID_KEYS)
    provider.will(text(f"the key is {said}"), submit(f"{REPORT}\n\nKey: {said}"), submit(REPORT))
    ledger.accept(TASK)
    lease = ledger.claim(TASK.task_id, ClaimTerms("host:1", 60))
    assert isinstance(lease, Lease)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with contextlib.closing(TeamRunner(Settings.load())) as teams:
        result = teams.run(lease, StopSwitch(), LedgerJournal(ledger, lease, StopSwitch()))
    assert isinstance(result.ending, Delivered)
    ledger.finish(lease, Completed(result.ending.text, 5, "m-1"), Spent(5))
    path = empty_folder / "run.json"
    run("--export", str(path), **env)
    transcript = run("--transcript", **env).stdout
    assert REDACTED in transcript
    assert REDACTED in path.read_text()
    for key in SAID_KEYS:
        assert key not in transcript + path.read_text() + result.ending.text


@pytest.mark.parametrize("said", SAID_KEYS)
def test_a_key_of_the_models_file_in_an_older_journal_stops_the_export(
    strong, job, run, empty_folder, said
):
    job(text(f"the key is {said}"), *FINE[1:])
    path = empty_folder / "run.json"
    done = run("--export", str(path), code=1, **strong[1])
    assert "STRONG_API_KEY" in done.stderr
    assert "000000000000" not in done.stderr + done.stdout
    assert not path.exists()


def test_a_job_that_is_unknown_or_malformed_is_said(run, ledger):
    assert "has no job" in run("--replay", code=1).stderr
    ledger.refuse(TASK.task_id, "input: missing")
    assert "never ran" in run("--transcript", code=1).stderr
    assert "Use only one of" in run("--replay", "--transcript", code=2).stderr


EXAMPLES = sorted((ROOT / "tests" / "fixtures").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_the_recorded_examples_end_as_they_did(path: Path):
    fixture = load_fixture(path)
    heard: list[object] = []
    result = await replay_fixture(fixture, heard.append)
    assert fixture.is_met_by(result.ending)
    assert heard


def test_there_are_recorded_examples():
    assert EXAMPLES
