"""``teams list``, ``teams check`` and ``try`` as a user meets them, on the simulated model."""

import json
from typing import get_args

import pytest
from support.processes import CLI, run_cli
from typer.testing import CliRunner

from aicity_fleet.cli import app
from aicity_fleet.cli.display import ENDING_NAMES
from aicity_fleet.errors import SettingsError
from aicity_fleet.models import Ending

TASK = {
    "taskType": "research",
    "input": {"description": "Compare the history of tea ceremonies in Japan and China."},
    "maxBudget": 500,
}
TEAM = """\
name = "own"
task_types = ["research"]

[[members]]
name = "Reader"
instructions = "Read the order and say what matters."

[[members]]
name = "Writer"
prompt = "research.md"
"""


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """A command in this process: a process each would take long."""
    for name in ("FLEET_TEAMS_DIR", "FLEET_MODELS_FILE", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*args, code=0, **env):
        for name, value in env.items():
            monkeypatch.setenv(name, str(value))
        done = CliRunner().invoke(app, args)
        assert code is None or done.exit_code == code, done.output
        return done

    return run


@pytest.fixture
def files(tmp_path):
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "own.toml").write_text(TEAM)
    return tmp_path


def test_the_built_in_teams_are_listed(invoke):
    found = {team["name"]: team for team in json.loads(invoke("teams", "list", "--json").stdout)}
    assert len(found) == 11
    members = [member["name"] for member in found["code_review"]["members"]]
    assert members == ["Security", "Reviewer"]
    assert "You are" not in json.dumps(found)
    assert "research" in invoke("teams", "list").stdout


def test_the_owner_s_teams_are_listed_instead(invoke, tmp_path):
    folder = tmp_path / "teams"
    folder.mkdir()
    (folder / "own.toml").write_text(TEAM)
    shown = invoke("teams", "list", "--json", FLEET_TEAMS_DIR=folder).stdout
    assert "own" in {team["name"] for team in json.loads(shown)}
    assert "research" not in {team["name"] for team in json.loads(shown)}


def test_a_valid_file_is_called_valid(invoke, files):
    assert "valid. Team own: Reader > Writer" in invoke("teams", "check", "own.toml").stdout


def test_every_fault_is_named_and_the_exit_code_says_so(invoke, files):
    (files / "bad.toml").write_text(TEAM.replace('"research.md"', '"absent.md"'))
    (files / "worse.toml").write_text(TEAM + 'model = "strong"\ntools = ["rm"]\n')
    args = ("teams", "check", "own.toml", "bad.toml", "worse.toml", "no.toml", "--json")
    own, bad, worse, absent = json.loads(invoke(*args, code=1).stdout)
    assert own["fault"] is None
    assert "there is no prompt absent.md" in bad["fault"]
    assert "unknown tool 'rm'" in worse["fault"]
    assert "unknown model 'strong' (there are: default)" in worse["fault"]
    assert "cannot be read" in absent["fault"]


def test_aliases_of_the_models_file_are_known_without_its_keys(invoke, files):
    (files / "models.toml").write_text('[strong]\nmodel = "m"\nkey = "ABSENT"\n')
    (files / "own.toml").write_text(TEAM + 'model = "strong"\n')
    invoke("teams", "check", "own.toml", FLEET_MODELS_FILE=files / "models.toml")


def test_a_team_is_tried_with_a_live_transcript(empty_folder):
    """In a process, as a user has it: the transcript, the result, the file, and no key anywhere."""
    (empty_folder / "task.json").write_text(json.dumps(TASK))
    (empty_folder / "own.toml").write_text(TEAM)
    args = ("try", "own.toml", "--task", "task.json", "--simulated", "--out", "out.md")
    done = run_cli(*CLI, *args, env={"OPENAI_API_KEY": "sk-not-to-be-used"}, cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    for part in (
        *("Team own: Reader > Writer", "Coordinator briefs the team", "Reader says"),
        *("Writer calls submit", "Accepted with", "delivered, gate score ", "of 100", "cost"),
    ):
        assert part in done.stdout
    assert "sk-not-to-be-used" not in done.stdout + done.stderr
    assert len((empty_folder / "out.md").read_text()) > 200
    again = run_cli(*CLI, *args, env={}, cwd=empty_folder)
    assert again.returncode == 2
    assert "out.md already exists" in again.stderr


def test_a_place_for_the_deliverable_is_found_before_anything_is_paid_for(invoke, files):
    where = files / "absent" / "out.md"
    done = invoke("try", "--task", "task.json", "--simulated", "--out", where, code=1)
    assert isinstance(done.exception, SettingsError)
    assert "cannot be written" in str(done.exception)
    assert "Team" not in done.output


def test_a_file_that_nothing_came_into_is_not_left(invoke, files):
    task = {"taskType": "code_review", "input": {"description": "Review the attached file."}}
    (files / "task.json").write_text(json.dumps(task))
    out = files / "out.md"
    invoke("try", "--task", "task.json", "--simulated", "--out", out, code=1)
    assert not out.exists()


def test_a_try_and_the_list_know_the_fleets_pass_mark(invoke, files):
    found = json.loads(invoke("teams", "list", "--json", FLEET_PASS_MARK=99).stdout)
    assert {team["pass_mark"] for team in found} == {99}
    short = {"taskType": "general", "input": {"description": "Say what lighthouses are for."}}
    (files / "task.json").write_text(json.dumps(short))
    heard = invoke("try", "--task", "task.json", "--simulated", "--json", FLEET_PASS_MARK=0)
    assert json.loads(heard.stdout)["ending"] == "delivered"


def test_a_judge_is_checked_listed_and_asked(invoke, files):
    for args in (("teams", "check", "own.toml"), ("try", "--task", "task.json", "--simulated")):
        done = invoke(*args, code=1, FLEET_JUDGE="strict")
        assert isinstance(done.exception, SettingsError)
        assert "FLEET_JUDGE: there is no model alias 'strict'" in str(done.exception)
    found = json.loads(invoke("teams", "list", "--json", FLEET_JUDGE="default").stdout)
    assert {team["judge"]["pass_mark"] for team in found} == {60}
    assert all("system_prompt" not in team["judge"] for team in found)
    for team in ([], ["own.toml"]):
        heard = invoke("try", *team, "--task", "task.json", "--simulated", "--json")
        result = json.loads(heard.stdout)
        assert result["ending"] == "delivered"
        assert result["judgement"] == {"score": None, "silence": "unreadable"}


def test_a_try_for_scripts_is_one_json_document(invoke, files):
    done = invoke("try", "--task", "task.json", "--simulated", "--json", FLEET_ENGINE="plain")
    result = json.loads(done.stdout)
    assert result["ending"] == "delivered"
    assert result["agents"] == ["Coordinator", "Researcher", "Editor"]
    assert result["transcript"][0]["kind"] == "order"
    assert result["transcript"][-1]["kind"] == "verdict"
    assert result["model_calls"] >= 2


def test_what_cannot_be_done_is_no_success(invoke, files):
    task = {"taskType": "code_review", "input": {"description": "Review the attached file."}}
    (files / "task.json").write_text(json.dumps(task))
    result = json.loads(
        invoke("try", "--task", "task.json", "--simulated", "--json", code=1).stdout
    )
    assert (result["ending"], result["deliverable"]) == ("rejected", None)
    assert result["code"] == "refused"


def test_every_ending_is_named_in_words():
    assert ENDING_NAMES.keys() == set(get_args(Ending))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "array, not an object"),
        ('{"input": {"description": "x"}}', "taskType"),
        ('{"taskType": "general", "input": {}}', "nothing to work on"),
    ],
)
def test_a_wrong_task_is_refused_with_its_fault(empty_folder, text, fault):
    (empty_folder / "task.json").write_text(text)
    done = run_cli(*CLI, "try", "--task", "task.json", "--simulated", env={}, cwd=empty_folder)
    assert done.returncode == 1
    assert fault in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_key_the_remedy_is_named(empty_folder):
    (empty_folder / "task.json").write_text(json.dumps(TASK))
    done = run_cli(*CLI, "try", "--task", "task.json", env={}, cwd=empty_folder)
    assert done.returncode == 2
    assert "OPENAI_API_KEY: is not set" in done.stderr
    assert "--simulated" in done.stderr


@pytest.mark.parametrize("name", ["research", "code_generation"])
def test_a_team_is_tried_by_its_name(invoke, files, name):
    """Also one that is not the team of the task's type."""
    assert name in invoke("teams", "list").stdout, "whole, at 80 columns"
    done = invoke(
        "try", name, "--task", "task.json", "--simulated", FLEET_ENGINE="plain", code=None
    )
    assert f"Team {name}:" in done.stdout


def test_a_name_that_no_team_has_is_one_clear_message(invoke, files):
    done = invoke("try", "reviewers", "--task", "task.json", "--simulated", code=1)
    assert isinstance(done.exception, SettingsError)
    said = str(done.exception)
    assert "'reviewers' is neither a file nor a team" in said
    assert "code_review" in said
    assert "research" in said
    assert "own.toml" not in said
