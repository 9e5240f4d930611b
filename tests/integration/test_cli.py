"""The command line as a user meets it: what it prints, its exit codes, files it writes."""

import json
import stat
import subprocess
from decimal import Decimal

import pytest
from support.processes import CLI, base_environment, run_cli
from typer.testing import CliRunner

from aicity_fleet.cli import app
from aicity_fleet.journal import Entry
from aicity_fleet.ledger import ClaimTerms, Lease
from aicity_fleet.models import AssignedTask, Completed, Failed, Judgement, Spent, Usage
from aicity_fleet.money.cost import Charge
from aicity_fleet.simulator.access import fleet_environment


@pytest.fixture
def env(redis_server, agent, city):
    return {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "COLUMNS": "160",
    }


def run(env, folder, *args, code=0, **kwargs):
    done = run_cli(*CLI, *args, env=env, cwd=folder, **kwargs)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def two_jobs(ledger):
    for task_id, outcome in (
        ("clx-done", Completed("# A title\n\nThe deliverable.", 5, "gpt-4o-mini")),
        ("clx-failed", Failed("deadline", "It took too long.")),
    ):
        ledger.accept(AssignedTask(task_id, "research", "Find out"))
        lease = ledger.claim(task_id, ClaimTerms("me:1", 15))
        assert isinstance(lease, Lease)
        entry = json.dumps(Entry(0, "model", "hash", {"content": "words"}).to_json())
        assert ledger.journals.append(lease, 0, entry, Charge(Decimal("0.00045"), None, "list"))
        said = Judgement(72) if task_id == "clx-done" else Judgement(silence="too_long")
        spent = Spent(1500, Usage(2, 1000, 500), "gpt-4o-mini", "plain", said)
        ledger.finish(lease, outcome, spent, score=90)


def test_help_names_every_command(empty_folder):
    shown = run({}, empty_folder, "--help").stdout
    for command in (
        *("up", "demo", "register", "profile", "poll", "status", "jobs", "job", "simulator"),
        *("pause", "resume", "cancel", "park", "rerun", "send-report", "doctor"),
    ):
        assert command in shown
        help_of = CliRunner().invoke(app, [command, "--help"])  # a process each would take long
        assert help_of.exit_code == 0
        assert "Usage" in help_of.output
    assert run({}, empty_folder, "--version").stdout.startswith("aicity-fleet ")


def test_jobs_are_listed_for_people_and_for_scripts(env, empty_folder, two_jobs):
    shown = run(env, empty_folder, "jobs").stdout
    for part in ("clx-done", "complete", "fail (deadline)", "finished 2"):
        assert part in shown
    listed = json.loads(run(env, empty_folder, "jobs", "--json").stdout)
    assert listed["counts"]["finished"] == 2
    assert {job["job_id"] for job in listed["jobs"]} == {"clx-done", "clx-failed"}
    none = json.loads(run(env, empty_folder, "jobs", "--state", "running", "--json").stdout)
    assert none["jobs"] == []


def test_a_narrow_terminal_shows_every_job_id_whole(env, empty_folder, two_jobs):
    shown = run({**env, "COLUMNS": "50"}, empty_folder, "jobs").stdout
    assert "clx-done" in shown
    assert "clx-failed" in shown


def test_one_job_shows_states_attempts_calls_cost_and_deliverable(env, empty_folder, two_jobs):
    shown = run(env, empty_folder, "job", "clx-done").stdout
    for part in ("claimed", "finished", "1000 in, 500 out", "$0.00045", "The deliverable."):
        assert part in shown
    assert "as a plain answer" in shown
    assert "72 of 100" in shown
    data = json.loads(run(env, empty_folder, "job", "clx-done", "--json").stdout)
    assert (data["cost_usd"], data["hand_in"]) == ("0.00045", "plain")
    assert data["judgement"] == {"score": 72, "silence": ""}
    assert [line["event"] for line in data["audit"]] == ["accepted", "claimed", "finished"]
    failed = run(env, empty_folder, "job", "clx-failed").stdout
    assert "It took too long." in failed
    assert "no say: the work is longer than it can take in" in failed


def test_an_unknown_job_is_a_readable_error(env, empty_folder, ledger):
    done = run(env, empty_folder, "job", "nobody", code=1)
    assert "has no job 'nobody'" in done.stderr


def test_the_profile_shows_score_dimensions_and_tier(env, empty_folder):
    shown = run(env, empty_folder, "profile").stdout
    for part in ("unverified", "of 1000", "outcome", "reliability"):
        assert part in shown
    assert (
        json.loads(run(env, empty_folder, "profile", "--json").stdout)["trustTier"] == "unverified"
    )


def owner(env, city):
    return {
        **env,
        "AGENT_CITY_OWNER_TOKEN": "owner_simulated",
        "AGENT_CITY_BASE_URL": f"{city.url}/api/v1",
    }


def test_registering_shows_the_key_once(env, city, empty_folder):
    shown = run(
        owner(env, city), empty_folder, "register", "Reviewer", "--capability", "code_review"
    )
    assert "ac_live_" in shown.stdout


def test_registering_into_a_file_shows_no_key(env, city, empty_folder):
    path = empty_folder / "agent.key"
    shown = run(owner(env, city), empty_folder, "register", "Reviewer", "--key-file", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_text().strip()
    assert key.startswith("ac_live_")
    assert key not in shown.stdout + shown.stderr
    profile = run({**env, "AGENT_CITY_API_KEY_FILE": str(path), "AGENT_CITY_API_KEY": "",
                   "AGENT_CITY_BASE_URL": f"{city.url}/api/v1"}, empty_folder, "profile")  # fmt: skip
    assert "Reviewer" in profile.stdout


def test_a_key_file_that_exists_is_never_overwritten(env, city, empty_folder):
    path = empty_folder / "agent.key"
    path.write_text("precious")
    done = run(owner(env, city), empty_folder, "register", "R", "--key-file", str(path), code=2)
    assert "exists" in done.stderr
    assert path.read_text() == "precious"


def test_a_registration_that_fails_leaves_no_file(env, city, empty_folder):
    path = empty_folder / "agent.key"
    wrong = {**owner(env, city), "AGENT_CITY_OWNER_TOKEN": "nobody"}
    done = run(wrong, empty_folder, "register", "R", "--key-file", str(path), code=2)
    assert "AGENT_CITY_OWNER_TOKEN" in done.stderr
    assert not path.exists()


WRONG = [
    (("profile",), {"AGENT_CITY_API_KEY": ""}, "AGENT_CITY_API_KEY"),
    (("register", "R"), {}, "AGENT_CITY_OWNER_TOKEN"),
    (("register", "R", "--capability", "juggling"), {}, "juggling"),
    (("up",), {"AGENT_CITY_API_KEY": ""}, "AGENT_CITY_API_KEY"),
    (("up",), {"OPENAI_API_KEY": ""}, "OPENAI_API_KEY"),
    (
        *(
            ("up",),
            {
                "OPENAI_BASE_URL": "",
                "AGENT_CITY_API_KEY": "k",
                "OPENAI_API_KEY": "k",
                "FLEET_MODEL": "mine",
                "FLEET_MAX_DAY_USD": "5",
            },
        ),
        "FLEET_MAX_DAY_USD=5 cannot be kept",
    ),
    (("jobs",), {"FLEET_MAX_DAY_USD": "-1"}, "FLEET_MAX_DAY_USD"),
    (("jobs",), {"REDIS_URL": "redis://127.0.0.1:1/0"}, "REDIS_URL"),
    (("jobs",), {"REDIS_URL": "nonsense"}, "REDIS_URL"),
    (("jobs",), {"FLEET_AGENT": "a b"}, "FLEET_AGENT"),
    (("poll",), {"FLEET_POLL_SECONDS": "0"}, "FLEET_POLL_SECONDS"),
    (("profile",), {"AGENT_CITY_BASE_URL": "ftp://x"}, "AGENT_CITY_BASE_URL"),
]


@pytest.mark.parametrize(
    ("args", "change", "named"), WRONG, ids=[f"{r[0][0]}-{r[2]}" for r in WRONG]
)
def test_a_wrong_setting_is_one_message_with_exit_code_2(env, empty_folder, args, change, named):
    done = run({**env, **change}, empty_folder, *args, code=2)
    assert named in done.stderr


def test_a_revoked_key_is_a_readable_error(env, city, empty_folder):
    wrong = {**env, "AGENT_CITY_API_KEY": "ac_live_revoked", "AGENT_CITY_BASE_URL": city.url}
    done = run(wrong, empty_folder, "profile", code=2)
    assert "AGENT_CITY_API_KEY" in done.stderr
    assert "ac_live_revoked" not in done.stderr


def test_an_absent_ai_city_is_a_readable_error(env, empty_folder):
    away = {**env, "AGENT_CITY_API_KEY": "k", "AGENT_CITY_BASE_URL": "http://127.0.0.1:1"}
    done = run(away, empty_folder, "profile", code=1)
    assert "did not answer" in done.stderr


def test_up_starts_although_the_profile_cannot_be_read_and_shows_foreign_text_as_it_is(
    env, city, empty_folder
):
    city.fault("profile", "status", status=404, code="[/red]", count=None)
    away = {**env, "AGENT_CITY_API_KEY": "ac_live_simulated", "OPENAI_API_KEY": "k",
            "AGENT_CITY_BASE_URL": f"{city.url}/api/v1", "XDG_DATA_HOME": str(empty_folder)}  # fmt: skip
    process = subprocess.Popen(
        [*CLI, "up", "--no-flower"], env={**base_environment(), **away}, cwd=empty_folder,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline() + process.stderr.readline()
    process.terminate()
    rest = process.communicate(timeout=40)[1]
    assert "could not be read" in first
    assert "[/red]" in first + rest
    assert process.returncode == 0


def test_a_poll_without_a_dispatcher_says_so(env, empty_folder, ledger):
    done = run(env, empty_folder, "poll", "--wait", "0.5", code=1)
    assert "no dispatcher answered" in done.stderr
