"""Teams of several: who hears whom, who hands in, and what each turn costs."""

from __future__ import annotations

import asyncio
import dataclasses
import re

import pytest
from support.samples import GOOD_GENERAL, NONCE, order
from support.scripted_provider import Provider, calls, error, submit, text
from support.team_runs import run_team

from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, ProviderTrouble, Rejected, Usage
from aicity_fleet.team import Limits, only, open_model
from aicity_fleet.team.declare.spec import Member, TeamSpec

PAIR = TeamSpec(
    name="pair",
    task_types=("general",),
    members=(
        Member(name="Researcher", system_prompt="You are the researcher of this team."),
        Member(name="Editor", system_prompt="You are the editor of this team."),
    ),
)
DRAFT = "Draft: lighthouses had fixed lights of known rhythm."


@pytest.fixture
def pair(model, engine):
    async def run(task=None, **parts):
        defaults = {
            "spec": PAIR,
            "models": only(model),
            "engine": engine,
        }
        return await run_team(task or order(), **{**defaults, **parts})

    return run


def system(body) -> str:
    return body["messages"][0]["content"]


async def test_the_last_member_hears_the_first_and_hands_in(pair, provider: Provider):
    provider.will(text(DRAFT), submit(GOOD_GENERAL))
    result = await pair()
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert result.agents == ("Coordinator", "Researcher", "Editor")
    assert result.usage == Usage(2, 200, 40)
    first, second = provider.requests
    assert system(first) == "You are the researcher of this team."
    assert system(second) == "You are the editor of this team."
    assert "tools" not in first  # nothing to call: it hands nothing in
    assert [tool["function"]["name"] for tool in second["tools"]] == ["submit"]
    assert "BEGIN BUYER TEXT" in first["messages"][1]["content"]
    assert [m["content"] for m in second["messages"][1:]] == [
        first["messages"][1]["content"],
        DRAFT,
    ]


async def test_only_the_last_member_is_asked_for_repairs(pair, provider: Provider):
    provider.will(text(DRAFT), submit("too short"), submit(GOOD_GENERAL))
    result = await pair()
    assert isinstance(result.ending, Delivered)
    assert result.usage.model_calls == 3
    assert [system(body).split()[3] for body in provider.requests] == [
        "researcher",
        "editor",
        "editor",
    ]
    assert "Revise" in "".join(provider.texts(-1))


async def test_a_draft_is_never_the_deliverable(pair, provider: Provider):
    """Whatever it claims, and whatever it calls."""

    def answer(body):
        if "researcher" in system(body):
            return calls(("submit", '{"content": "mine"}'))
        return text("nothing to hand in")

    provider.script = answer
    result = await pair()
    assert result.ending == Rejected("quality", "No finished deliverable came of the work.")
    assert len(provider.requests) == 4


async def test_a_draft_with_the_marker_is_never_the_deliverable(pair, provider, marker_model):
    def answer(body):
        found = re.search(r"HAND-IN-\w+", "".join(str(m["content"]) for m in body["messages"]))
        assert found is not None
        marker = found[0]
        if "researcher" in system(body):
            return text(f"{GOOD_GENERAL} Not this one.\n{marker}")
        return text(f"{GOOD_GENERAL}\n{marker}")

    provider.script = answer
    result = await pair(models=only(marker_model))
    assert result.ending == Delivered(GOOD_GENERAL, 100)


@pytest.mark.parametrize("done", range(3))
async def test_a_resumed_pair_makes_exactly_the_remaining_calls(pair, provider: Provider, done):
    answers = (text(DRAFT), submit("too short"), submit(GOOD_GENERAL))
    journal = MemoryJournal()
    provider.will(*answers[:done], error(503))
    assert isinstance((await pair(journal=journal)).ending, ProviderTrouble)
    provider.requests.clear()
    provider.will(*answers[done:])
    result = await pair(journal=journal)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert len(provider.requests) == len(answers) - done


async def test_the_instructions_of_no_member_go_out(pair, provider: Provider):
    secret = "Nobody outside of this team may ever read this line of the researcher's instructions."
    first = PAIR.members[0].model_copy(update={"system_prompt": secret})
    spec = PAIR.model_copy(update={"members": (first, PAIR.members[1])})
    provider.will(text(secret), submit(f"{GOOD_GENERAL}\n\n{secret}"), submit(GOOD_GENERAL))
    result = await pair(spec=spec)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert result.rounds == 2


async def test_a_hundred_pairs_at_once_never_see_each_other(pair, config, provider: Provider):
    def answer(body):
        said = "".join(str(message.get("content")) for message in body["messages"])
        names = set(re.findall(r"island-\d+-", said))
        assert len(names) == 1, names
        name = names.pop()
        if "researcher" in system(body):
            return text(f"{DRAFT} {name}").after(0.05)
        return submit(f"{GOOD_GENERAL} This is about {name}.").after(0.05)

    provider.script = answer
    orders = [order(description=f"Lighthouses of island-{n}- for ships.") for n in range(100)]
    # Two hundred calls at once, and their server, share one interpreter: nobody may hurry them.
    async with open_model(dataclasses.replace(config, timeout_seconds=60.0)) as model:
        parts = {"models": only(model), "limits": Limits(100)}
        results = await asyncio.gather(
            *(pair(task, nonce=f"{NONCE}{n:04}", **parts) for n, task in enumerate(orders))
        )
    for number, result in enumerate(results):
        assert isinstance(result.ending, Delivered), result
        assert f"island-{number}-." in result.ending.text
    assert len(provider.requests) == 200
