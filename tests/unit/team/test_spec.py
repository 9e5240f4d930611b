from __future__ import annotations

from pathlib import Path

import pytest

from aicity_fleet.errors import TeamError
from aicity_fleet.team.declare.catalog import (
    builtin_teams,
    known_only,
    load_teams,
    read_team,
    team_for,
)
from aicity_fleet.team.declare.spec import Limits, ModelConfig, TeamSpec
from aicity_fleet.team.gate import CHECKS
from aicity_fleet.team.tools import TOOL_NAMES

TASK_TYPES = {
    "code_generation",
    "code_review",
    "testing",
    "data_analysis",
    "content_creation",
    "research",
    "design",
    "devops",
    "security",
    "general",
    "bug_fix",
}


def test_every_category_has_a_team_and_checks():
    assert set(builtin_teams().by_type) == TASK_TYPES
    assert set(CHECKS) == TASK_TYPES


def test_unknown_task_types_get_the_general_team():
    assert team_for("juggling").name == "general"
    assert team_for("").name == "general"


@pytest.mark.parametrize("task_type", sorted(TASK_TYPES))
def test_built_in_teams_have_the_common_rules_and_their_own(task_type):
    spec = team_for(task_type)
    assert spec.name == task_type
    for member in spec.members:
        assert member.system_prompt.startswith("You are a specialist")
        assert "{" not in member.system_prompt
    assert len({member.system_prompt for member in spec.members}) == len(spec.members)
    assert (spec.rounds, spec.max_model_calls, spec.pass_mark) == (3, 24, 70)


def test_every_tool_of_a_built_in_team_exists():
    for spec in builtin_teams().specs:
        assert known_only(spec, tools=TOOL_NAMES, models={"default"}) is spec
        for member in spec.members:
            assert ("can call tools" in member.system_prompt) == bool(member.tools)


@pytest.mark.parametrize(
    "task_type",
    ["bug_fix", "code_generation", "code_review", "devops", "general", "security", "testing"],
)
def test_whoever_may_be_given_a_repository_can_fetch_it(task_type):
    for member in team_for(task_type).members:
        assert {"fetch_repository", "search", "read_file"} <= set(member.tools)


PAIRS = {
    "code_review": ("Security", "Reviewer"),
    "research": ("Researcher", "Editor"),
    "content_creation": ("Researcher", "Editor"),
    "code_generation": ("Coder", "Tester"),
    "bug_fix": ("Coder", "Tester"),
}


@pytest.mark.parametrize("task_type", sorted(TASK_TYPES))
def test_who_works_on_what(task_type):
    assert team_for(task_type).agents == ("Coordinator", *PAIRS.get(task_type, ("Worker",)))


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    (tmp_path / "specialist.md").write_text("Not the common rules.\n")
    (tmp_path / "own.md").write_text("Own.\n")
    return tmp_path


GOOD = 'name = "x"\ntask_types = ["x"]\nprompt = "own.md"\n'
TWO = """\
name = "pair"
task_types = ["x", "y"]
deadline_seconds = 60.0
max_tokens = 5000

[[members]]
name = "First"
instructions = "Draft it."
tools = ["search"]

[[members]]
name = "Second"
prompt = "general.md"
model = "strong"
"""


def read(text: str, folder: Path) -> TeamSpec:
    file = folder / "x.toml"
    file.write_text(text)
    return read_team(file, folder)


def test_a_team_of_one_is_read_from_toml(prompts):
    spec = read(GOOD + 'tools = ["lookup"]\nrounds = 2\n', prompts)
    (worker,) = spec.members
    assert worker.name == "Worker"
    assert worker.system_prompt.startswith("You are a specialist")
    assert "\n\nOwn.\n\nWhere you can call tools" in worker.system_prompt
    assert worker.tools == spec.tools == ("lookup",)
    assert spec.rounds == 2


def test_a_team_of_two_is_read_from_toml(prompts):
    spec = read(TWO, prompts)
    first, second = spec.members
    assert "Draft it." in first.system_prompt
    assert "hand nothing in" in first.system_prompt
    assert "You alone hand in" in second.system_prompt
    assert spec.models == ("default", "strong")
    assert (spec.deadline_seconds, spec.max_tokens) == (60.0, 5000)


def test_what_the_owner_s_folder_holds_does_not_replace_the_common_rules(prompts):
    spec = read(TWO, prompts)
    assert not any("Not the common rules" in member.system_prompt for member in spec.members)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = ", "not TOML"),
        ('name = "x"\ntask_types = ["x"]\n', "either prompt"),
        (GOOD + 'instructions = "x"\n', "either prompt"),
        (GOOD.replace("own.md", "../own.md"), "prompt must be"),
        (GOOD.replace("own.md", "other.md"), "there is no prompt other.md"),
        (GOOD + 'base_url = "https://evil.example"\n', "base_url"),
        (GOOD + 'provider = "os.system"\n', "provider"),
        (GOOD + 'system_prompt = "x"\n', "system_prompt"),
        (GOOD + "rounds = 0\n", "rounds"),
        (GOOD + "rounds = 1000\n", "rounds"),
        (GOOD + 'rounds = "3"\n', "rounds"),
        (GOOD + "max_model_calls = 100000\n", "max_model_calls"),
        (GOOD.replace('name = "x"', 'name = "X y"'), "name"),
        (GOOD.replace('["x"]', "[]"), "task_types"),
        (GOOD.replace('["x"]', "[1]"), "task_types"),
        (GOOD + "members = 1\n", "members must be tables"),
        (TWO.replace('"Second"', '"First"'), "share a name"),
        (TWO.replace('"Second"', '"Coordinator"'), "is reserved for the fleet's own member"),
        (TWO.replace('"Second"', '"second"'), "members.1.name"),
        (TWO.replace('prompt = "general.md"', 'system_prompt = "x"'), "members.1: system_prompt"),
        (TWO + 'key = "sk-1"\n', "members.1.key"),
        (TWO.replace('"strong"', '"https://x"'), "members.1.model"),
        (TWO.replace('"Draft it."', "7"), "instructions must be a text"),
    ],
)
def test_a_wrong_team_is_refused_with_its_fault(prompts, text, fault):
    with pytest.raises(TeamError, match=r"x\.toml") as caught:
        read(text, prompts)
    assert fault in str(caught.value)


def test_a_huge_prompt_is_refused(prompts):
    (prompts / "own.md").write_text("x" * 30_000)
    with pytest.raises(TeamError, match="system_prompt"):
        read(GOOD, prompts)


def test_the_owner_s_teams_stand_in_for_the_built_in_ones(tmp_path):
    (tmp_path / "pair.toml").write_text(TWO.replace('["x", "y"]', '["general", "poetry"]'))
    teams = load_teams(tmp_path)
    assert teams.team_for("general").name == teams.team_for("unheard of").name == "pair"
    assert teams.team_for("poetry").name == "pair"
    assert teams.team_for("research").name == "research"


def test_two_of_the_owner_s_teams_for_one_type_are_refused(tmp_path):
    (tmp_path / "a.toml").write_text(TWO)
    (tmp_path / "b.toml").write_text(TWO)
    with pytest.raises(TeamError, match=r"b\.toml: task type 'x' already has a team, pair"):
        load_teams(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(TeamError, match="FLEET_TEAMS_DIR"):
        load_teams(tmp_path / "absent")


def test_what_a_team_names_has_to_exist(prompts):
    spec = read(TWO, prompts)
    assert known_only(spec, tools={"search"}, models={"default", "strong"}) is spec
    with pytest.raises(TeamError, match=r"unknown tool 'search'.*unknown model 'strong' .*default"):
        known_only(spec, tools=(), models={"default"})


def test_a_team_s_limits_hold_where_they_are_tighter(prompts):
    spec = read(TWO, prompts)
    assert Limits(900, max_total_tokens=200_000).within(spec) == Limits(
        60, max_total_tokens=5000, max_model_calls=24, max_output_tokens=16_384
    )
    assert Limits(10, max_total_tokens=1000).within(spec) == Limits(
        10, max_total_tokens=1000, max_model_calls=24, max_output_tokens=16_384
    )
    general = Limits(10).within(team_for("general"))
    assert general == Limits(10, max_model_calls=24, max_output_tokens=16_384)
    assert Limits(10, max_model_calls=5).within(team_for("general")).max_model_calls == 5


def test_a_key_does_not_show_in_the_model_s_repr():
    assert "sk-1" not in repr(ModelConfig("m", None, "sk-1", 1.0))
