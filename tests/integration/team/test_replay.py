"""A finished job runs again from its journal alone, and ends the same; what cannot is said."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from support.samples import GOOD_GENERAL, NONCE, order
from support.scripted_provider import Provider, calls, submit, text
from support.team_runs import run_team

from aicity_fleet.errors import JournalEndedError, ReplayError
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, Rejected
from aicity_fleet.team import only, team_for
from aicity_fleet.team.replay.offline import replay_team
from aicity_fleet.team.replay.origin import Origin

SPEC = team_for("research")
TASK = order("research", "Compare the history of tea ceremonies in Japan and China.")


@pytest.fixture
def paid(model, engine, provider: Provider):
    async def run(*answers, spec=SPEC):
        provider.will(*answers)
        journal = MemoryJournal()
        heard: list[Any] = []
        result = await run_team(
            TASK,
            spec=spec,
            models=only(model),
            journal=journal,
            on_event=heard.append,
            engine=engine,
        )
        return result, journal.entries, heard

    return run


@pytest.fixture
def again(engine):
    async def run(entries, **parts):
        heard: list[Any] = []
        origin = Origin.from_json(entries[0].origin)
        origin = dataclasses.replace(origin, spec=parts.pop("spec", origin.spec))
        defaults = {"origin": origin, "nonce": NONCE}
        result = await replay_team(TASK, entries, on_event=heard.append, **{**defaults, **parts})
        return result, heard

    return run


@pytest.mark.parametrize("last", ["good", "bad"])
async def test_it_ends_the_same_and_says_the_same(paid, again, provider: Provider, last):
    from support.samples import GOOD  # noqa: PLC0415 - the name says what it is here

    deliverable = GOOD["research"][1] if last == "good" else "never enough"
    answers = (text("a draft"), calls(("unknown", "{}")), submit("too short"), submit(deliverable))
    first, entries, said = await paid(*answers)
    asked = len(provider.requests)
    second, heard = await again(entries)
    assert second.ending == first.ending
    assert isinstance(first.ending, Delivered if last == "good" else Rejected)
    assert second.rounds == first.rounds
    assert second.usage.model_calls == 0
    assert len(provider.requests) == asked
    assert heard == said
    kinds = [(item.speaker, item.kind) for item in said]
    assert kinds[:2] == [("Coordinator", "order"), ("Researcher", "words")]
    assert kinds[-1] == ("Coordinator", "verdict")
    assert ("Editor", "call") in kinds
    assert ("Coordinator", "ask") in kinds


class Dice:
    """A tool that never gives the same twice, and that a replay does not have."""

    name, description = "dice", "Throws dice."
    parameters = {"type": "object", "properties": {"sides": {"type": "integer"}}}  # noqa: RUF012

    def __init__(self) -> None:
        self.throws = 0

    async def run(self, arguments):
        self.throws += 1
        return f"{self.throws} of {arguments['sides']}"


async def test_a_team_with_tools_and_models_of_two_kinds_ends_the_same(
    again, model, engine, provider: Provider, marker_model
):
    """What a model is told of its tools is part of each request; one without tools hands in otherwise."""
    drafts = SPEC.members[0].model_copy(update={"tools": ("dice",), "model": "clever"})
    spec = SPEC.model_copy(update={"members": (drafts, *SPEC.members[1:])})
    dice, journal = Dice(), MemoryJournal()
    said: list[Any] = []
    ending_line = f"{GOOD_GENERAL}\n"
    provider.will(calls(("dice", '{"sides": 6}')), text("a draft"), *[text(ending_line)] * 9)
    first = await run_team(
        TASK,
        spec=spec,
        models={"clever": only(model)["default"], **only(marker_model)},
        journal=journal,
        tools={"dice": dice},
        on_event=said.append,
        engine=engine,
    )
    assert dice.throws == 1
    second, heard = await again(journal.entries)
    assert second.ending == first.ending
    assert heard == said
    assert "1 of 6" in [item.text for item in heard]


async def test_a_journal_that_ends_too_early_is_said_and_heard_so_far(paid, engine):
    _, entries, _ = await paid(text("a draft"), submit("too short"), submit("again too short"))
    heard: list[Any] = []
    with pytest.raises(JournalEndedError, match="ends after 2 calls"):
        await replay_team(
            TASK,
            entries[:2],
            origin=Origin.from_json(entries[0].origin),
            nonce=NONCE,
            on_event=heard.append,
        )
    assert heard[-1].kind == "ask"


async def test_another_release_is_not_the_same_run(paid, again):
    _, entries, _ = await paid(text("a draft"), submit(GOOD_GENERAL))
    entries[0] = dataclasses.replace(entries[0], version="2; autogen 0.4; research 1234")
    with pytest.raises(ReplayError, match=r"was made by '2; autogen 0\.4"):
        await again(entries)


async def test_another_team_does_not_fit(paid, again):
    _, entries, _ = await paid(text("a draft"), submit(GOOD_GENERAL))
    with pytest.raises(ReplayError, match="Call 0 is not the one"):
        await again(entries, spec=team_for("design"))


async def test_another_order_is_not_the_same_run(paid, again):
    _, entries, _ = await paid(text("a draft"), submit(GOOD_GENERAL))
    with pytest.raises(ReplayError, match="Call 0 is not the one"):
        await again(entries, nonce=NONCE[::-1])


async def test_a_paid_run_discards_the_journal_of_another_version(paid, model, engine, provider):
    _, entries, _ = await paid(text("a draft"), submit(GOOD_GENERAL))
    journal = MemoryJournal()
    journal.entries = [dataclasses.replace(entries[0], version="autogen 0.4"), *entries[1:]]
    provider.requests.clear()
    provider.will(text("another draft"), submit(GOOD_GENERAL))
    await run_team(
        TASK,
        spec=SPEC,
        models=only(model),
        journal=journal,
        engine=engine,
    )
    assert len(provider.requests) >= 2
    assert "another draft" in str(journal.entries[0].answer)
