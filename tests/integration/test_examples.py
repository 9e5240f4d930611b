"""The files in examples/, used as their README says. The recorded job is a test of its own there."""

import json
import re

import pytest
from support.source_files import ROOT
from typer.testing import CliRunner

from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.cli import app
from aicity_fleet.models import Failed
from aicity_fleet.team.declare.catalog import load_teams, read_team
from aicity_fleet.team.declare.models_file import read_aliases

EXAMPLES = ROOT / "examples"
MODELS = EXAMPLES / "models.toml"
TEAMS = sorted((EXAMPLES / "teams").glob("*.toml"))


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """A command in this process, from an empty folder, with the models of the examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEET_MODELS_FILE", str(MODELS))

    def run(*args):
        done = CliRunner().invoke(app, [str(arg) for arg in args])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


def test_both_teams_are_right(invoke):
    results = invoke("teams", "check", *TEAMS, "--json")
    assert [(result["team"]["name"], result["fault"]) for result in results] == [
        ("api_review", None),
        ("comparison", None),
    ]


def test_the_teams_replace_the_built_in_ones_of_their_task_types():
    teams = load_teams(EXAMPLES / "teams")
    assert teams.team_for("code_review").name == "api_review"
    assert teams.team_for("research").name == "comparison"
    prompt = (EXAMPLES / "teams" / "api_review.md").read_text().strip()
    assert prompt in teams.team_for("code_review").members[-1].system_prompt


@pytest.mark.parametrize("team", TEAMS, ids=lambda team: team.stem)
def test_each_team_delivers_its_task_on_the_simulated_model(invoke, team):
    (task_type,) = read_team(team, team.parent).task_types
    task = EXAMPLES / "tasks" / f"{task_type}.json"
    result = invoke("try", team, "--task", task, "--simulated", "--json")
    assert result["ending"] == "delivered", result
    assert result["transcript"][-1]["kind"] == "verdict"


def test_the_models_get_their_keys_from_the_variables_that_the_file_names():
    keys = {"OPENAI_API_KEY": "sk-first", "STRONG_API_KEY": "sk-second"}
    models = read_aliases(MODELS, None, keys)
    assert models.keys() == {"default", "strong", "local"}
    assert [(model.provider, model.api_key) for model in models["strong"]] == [
        ("anthropic", "sk-second"),
        ("openai", "sk-first"),
        ("compatible", ""),
    ]
    assert not re.search(r"sk-|secret", MODELS.read_text())


def test_the_contract_replaces_what_it_names_and_nothing_else():
    built_in, contract = load_contract("api"), load_contract("api", EXAMPLES / "contract.toml")
    assert contract.paths.assigned == "/agents/me/tasks"
    assert contract.paths.complete == built_in.paths.complete
    assert contract.is_runnable("assigned")
    assert not contract.is_runnable("submitted")
    assert contract.page_size == 20
    assert contract.complete_body == built_in.complete_body
    assert contract.body(Failed("deadline", "Too late.")) == {
        "code": "deadline",
        "reason": "Too late.",
    }


def test_the_readme_names_every_file():
    readme = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.rglob("*.*"):
        name = path.relative_to(EXAMPLES).as_posix()
        if "__pycache__" not in name and name != "README.md":
            assert f"({name})" in readme or name.startswith("tasks/"), name
