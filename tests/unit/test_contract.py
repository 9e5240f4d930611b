"""The contract: what AI City's API looks like, as data that a user can override."""

import pytest

from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.errors import ContractError
from aicity_fleet.models import Completed, Failed


@pytest.mark.parametrize("name", ["api", "bridge"])
def test_the_default_body_is_the_text_with_the_guides_metadata(name):
    body = load_contract(name).body(Completed("A {text} of {model}", 1200, "gpt-4o-mini"))
    assert body == {
        "output": {
            "result": "A {text} of {model}",
            "metadata": {
                "framework": "autogen",
                "model": "gpt-4o-mini",
                "teamSize": 2,
                "agents": ["Coordinator", "Worker"],
            },
        },
        "executionTimeMs": 1200,
    }


def test_a_failure_is_code_and_message():
    body = load_contract("api").body(Failed("deadline", "Too late."))
    assert body == {"reason": "deadline", "message": "Too late."}


def test_a_file_overrides_paths_one_by_one_and_templates_whole(tmp_path):
    path = tmp_path / "contract.toml"
    path.write_text(
        'page_size = 7\n[paths]\nassigned = "/agents/me/tasks"\n'
        '[complete_body]\nresult = "{text}"\nwho = ["{agents}"]\n'
    )
    contract = load_contract("api", path)
    assert contract.paths.assigned == "/agents/me/tasks"
    assert contract.paths.complete == "/tasks/{task_id}/complete"
    assert contract.page_size == 7
    assert contract.body(Completed("t", 1, "m")) == {
        "result": "t",
        "who": [["Coordinator", "Worker"]],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "colour: is not a known field"),
        ('[paths]\nassinged = "/x"', "paths.assinged: is not a known field"),
        ('[paths]\nassinged = "/x"', "Known fields: name, "),
        ('[paths]\ncomplete = "/x"', "paths.complete"),
        ('[complete_body]\nx = "{txet}"', "{txet} is not a value; known"),
        ("runnable_statuses = []", "runnable_statuses"),
        ("not toml", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_field(tmp_path, text, message):
    path = tmp_path / "contract.toml"
    path.write_text(text)
    with pytest.raises(ContractError) as caught:
        load_contract("api", path)
    assert message in str(caught.value)
    assert "FLEET_CONTRACT_FILE" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ContractError, match="cannot be read"):
        load_contract("api", tmp_path / "none.toml")


def test_a_task_without_a_status_is_runnable_and_a_settled_one_is_not():
    contract = load_contract("api")
    assert contract.is_runnable("")
    assert contract.is_runnable("executing")
    for status in ("quality_check", "completed", "failed", "refunded", "something_new"):
        assert not contract.is_runnable(status)
