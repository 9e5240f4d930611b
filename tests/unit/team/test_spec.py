from __future__ import annotations

from pathlib import Path

import pytest

from aicity_fleet.errors import TeamError
from aicity_fleet.team.gate import CHECKS
from aicity_fleet.team.spec import ModelConfig, builtin_teams, parse_spec, team_for

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
    assert set(builtin_teams()) == TASK_TYPES
    assert set(CHECKS) == TASK_TYPES


def test_unknown_task_types_get_the_general_team():
    assert team_for("juggling").name == "general"
    assert team_for("").name == "general"


@pytest.mark.parametrize("task_type", sorted(TASK_TYPES))
def test_built_in_teams_have_the_common_rules_and_their_own(task_type):
    spec = team_for(task_type)
    assert spec.name == task_type
    assert spec.system_prompt.startswith("You are a specialist")
    assert "{" not in spec.system_prompt
    assert (spec.rounds, spec.max_model_calls, spec.pass_mark) == (3, 24, 70)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    (tmp_path / "specialist.md").write_text("Common.\n")
    (tmp_path / "own.md").write_text("Own.\n")
    return tmp_path


GOOD = 'name = "x"\ntask_types = ["x"]\nprompt = "own.md"\n'


def test_a_team_is_read_from_toml(prompts):
    spec = parse_spec(GOOD + 'tools = ["lookup"]\nrounds = 2\n', prompts=prompts, source="x.toml")
    assert spec.system_prompt == "Common.\n\nOwn."
    assert spec.tools == ("lookup",)
    assert spec.rounds == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = ", "not TOML"),
        ('name = "x"\ntask_types = ["x"]\n', "prompt must be"),
        (GOOD.replace("own.md", "../own.md"), "prompt must be"),
        (GOOD.replace("own.md", "other.md"), "there is no prompts/other.md"),
        (GOOD + 'base_url = "https://evil.example"\n', "base_url"),
        (GOOD + 'provider = "os.system"\n', "provider"),
        (GOOD + 'system_prompt = "x"\n', "system_prompt comes from"),
        (GOOD + "rounds = 0\n", "rounds"),
        (GOOD + "rounds = 1000\n", "rounds"),
        (GOOD + 'rounds = "3"\n', "rounds"),
        (GOOD + "max_model_calls = 100000\n", "max_model_calls"),
        (GOOD.replace('name = "x"', 'name = "X y"'), "name"),
        (GOOD.replace('["x"]', "[]"), "task_types"),
        (GOOD.replace('["x"]', "[1]"), "task_types"),
    ],
)
def test_a_wrong_team_is_refused_with_its_fault(prompts, text, fault):
    with pytest.raises(TeamError, match=r"x\.toml") as caught:
        parse_spec(text, prompts=prompts, source="x.toml")
    assert fault in str(caught.value)


def test_a_huge_prompt_is_refused(prompts):
    (prompts / "own.md").write_text("x" * 30_000)
    with pytest.raises(TeamError, match="system_prompt"):
        parse_spec(GOOD, prompts=prompts, source="x.toml")


def test_a_key_does_not_show_in_the_model_s_repr():
    assert "sk-1" not in repr(ModelConfig("m", None, "sk-1", 1.0))
