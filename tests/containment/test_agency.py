"""What a team can do at all: nothing that its file does not name, and nothing with our environment."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from containment.secrets import CREDENTIALS, ENVIRONMENT, MODEL_KEY, REDIS_PASSWORD
from support.samples import GOOD_GENERAL, order
from support.scripted_provider import calls, submit
from support.source_files import ROOT, sources
from support.team_runs import run_team

from aicity_fleet.journal import MemoryJournal
from aicity_fleet.redaction import REDACTED
from aicity_fleet.team import Limits, load_teams, only, team_for

TEAM = ROOT / "aicity_fleet" / "team"
STARTS = {
    "create_subprocess_exec",
    "create_subprocess_shell",
    "Popen",
    "run_process",
    "check_output",
}
EXECUTES = {"eval", "exec", "compile", "__import__", "system", "popen", "execv", "execve"}


class Gossip:
    """A tool that tells all it can get at."""

    name = "gossip"
    description = "Tells what it knows."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {}, "required": []}

    async def run(self, arguments: Mapping[str, Any]) -> str:
        return f"The key is {MODEL_KEY}, the password {REDIS_PASSWORD}."


@pytest.fixture(params=["autogen", "plain"])
def run(request, puppet_model):
    async def run(**parts):
        spec = team_for("general")
        alone = spec.members[-1].model_copy(update={"tools": parts.pop("tool_names", ())})
        return await run_team(
            order(),
            spec=spec.model_copy(update={"members": (alone,)}),
            models=only(puppet_model),
            limits=Limits(deadline_seconds=30),
            engine=request.param,
            secrets=tuple(CREDENTIALS.values()),
            **parts,
        )

    return run


@pytest.mark.parametrize("function_calling", [True], indirect=True)
async def test_a_model_is_offered_what_its_team_names_and_nothing_else(run, provider):
    provider.will(calls(("gossip", "{}")), submit(GOOD_GENERAL))
    result = await run(tools={"gossip": Gossip()})  # it exists, and this team does not name it
    assert result.ending.text == GOOD_GENERAL
    offered = [[t["function"]["name"] for t in body["tools"]] for body in provider.requests]
    assert offered == [["submit"], ["submit"]]


@pytest.mark.parametrize("function_calling", [True], indirect=True)
async def test_a_tool_s_words_lose_our_secrets(run, provider):
    journal = MemoryJournal()
    heard: list[Any] = []
    provider.will(calls(("gossip", "{}")), submit(GOOD_GENERAL))
    result = await run(
        tools={"gossip": Gossip()}, tool_names=("gossip",), journal=journal, on_event=heard.append
    )
    assert result.ending.text == GOOD_GENERAL
    kept = json.dumps([entry.to_json() for entry in journal.entries])
    for text in (json.dumps(provider.requests), kept, str(heard)):
        assert REDACTED in text
        assert MODEL_KEY not in text
        assert REDIS_PASSWORD not in text


@pytest.mark.parametrize("function_calling", [True], indirect=True)
async def test_a_run_with_withheld_words_is_replayed_as_it_was(run, provider):
    journal = MemoryJournal()
    provider.will(
        calls(("gossip", "{}")), submit(f"{GOOD_GENERAL} {MODEL_KEY}"), submit(GOOD_GENERAL)
    )
    parts = {"tools": {"gossip": Gossip()}, "tool_names": ("gossip",), "journal": journal}
    first = await run(**parts)
    provider.requests.clear()
    again = await run(**parts)
    assert again.ending == first.ending
    assert provider.requests == []


def test_no_team_of_ours_holds_a_secret_or_the_environment():
    for spec in load_teams(None).specs:
        assert ENVIRONMENT not in spec.model_dump_json()
        assert not any(secret in spec.model_dump_json() for secret in CREDENTIALS.values())


CONFINEMENT = TEAM / "tools" / "limits.py"
"""Becomes the linter that ``confined`` names, under limits; ``test_confined.py`` holds what it may do."""


def calls_in_the_team(*, but: Path | None = None) -> list[tuple[str, ast.Call]]:
    found = []
    for path in sources():
        if path.is_relative_to(TEAM) and path != but:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    function = node.func
                    name = getattr(function, "attr", getattr(function, "id", ""))
                    found.append((name, node))
    return found


def test_nothing_of_the_team_starts_a_process_with_our_environment():
    for name, call in calls_in_the_team():
        if name in STARTS:
            environments = [word.value for word in call.keywords if word.arg == "env"]
            assert environments, f"{name} hands the whole environment on"
            assert "environ" not in ast.dump(environments[0])


def test_nothing_of_the_team_executes_text():
    calls = calls_in_the_team(but=CONFINEMENT)
    plain = {name for name, call in calls if isinstance(call.func, ast.Name)}
    of_modules = {
        call.func.attr
        for _, call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in {"os", "builtins"}
    }
    assert not (plain | of_modules) & EXECUTES
