"""A recorded run as a value and a file: it comes back as it was, and what is no fixture is said."""

from __future__ import annotations

import dataclasses
import json

import pytest
from support.samples import NONCE, order

from aicity_fleet.errors import ReplayError
from aicity_fleet.journal import Entry
from aicity_fleet.models import Completed, Delivered, Failed, Interrupted, Rejected
from aicity_fleet.team import team_for
from aicity_fleet.team.declare.catalog import builtin_teams
from aicity_fleet.team.declare.spec import TeamSpec
from aicity_fleet.team.replay.fixture import Fixture, load_fixture
from aicity_fleet.team.replay.origin import Origin


class Lookup:
    name, description = "lookup", "Looks a word up."
    parameters = {"type": "object", "properties": {"word": {"type": "string"}}}  # noqa: RUF012

    async def run(self, arguments):
        raise AssertionError("never called here")


def origin_of(spec: TeamSpec) -> Origin:
    abilities = dict.fromkeys(spec.models, True)
    return Origin.of("plain", spec, function_calling=abilities, tools={"lookup": Lookup()})


ORIGIN = origin_of(team_for("design")).to_json()
FIRST = Entry(0, "model", "x", {"content": "words"}, version="2; plain 1; t", origin=ORIGIN)
FIXTURE = Fixture(
    order(), NONCE, (FIRST, Entry(1, "tool", "y", {"text": "t"})), Failed("quality", "No.")
)


@pytest.mark.parametrize("spec", builtin_teams().specs, ids=lambda spec: spec.name)
def test_a_team_comes_back_from_json_as_the_same_team(spec):
    members = tuple(member.model_copy(update={"tools": ("lookup",)}) for member in spec.members)
    spec = spec.model_copy(update={"members": members, "pass_mark": 80})
    origin = origin_of(spec)
    again = Origin.from_json(json.loads(json.dumps(origin.to_json())))
    assert again == origin
    assert again.spec.sha256 == spec.sha256
    assert again.tools["lookup"] == {
        "description": Lookup.description,
        "parameters": Lookup.parameters,
    }


@pytest.mark.parametrize(
    "change",
    [{"engine": "crew"}, {"spec": {"name": "x"}}, {"spec": None}, {"function_calling": {}}, {"tools": 3}],
)  # fmt: skip
def test_a_team_in_an_unknown_form_is_an_error_of_ours(change):
    with pytest.raises(ReplayError, match="does not know"):
        Origin.from_json({**origin_of(team_for("design")).to_json(), **change})


def test_a_fixture_comes_back_from_its_file_as_it_was(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(FIXTURE.to_json()))
    assert load_fixture(path) == FIXTURE
    assert load_fixture(path).origin.spec == team_for("design")
    assert load_fixture(path).made_by == "2; plain 1; t"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"fixture": 99}', '{"fixture": 1}', '{"fixture": 1, "task": {}}', "\x00", "[" * 9999],
)  # fmt: skip
def test_what_is_no_fixture_is_said(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ReplayError):
        load_fixture(path)


def test_a_fixture_without_a_record_of_its_team_cannot_be_replayed():
    with pytest.raises(ReplayError, match="journal is empty"):
        _ = dataclasses.replace(FIXTURE, entries=()).origin
    with pytest.raises(ReplayError, match="did not record the team"):
        _ = dataclasses.replace(FIXTURE, entries=FIXTURE.entries[1:]).origin


@pytest.mark.parametrize(
    ("ending", "outcome", "is_met"),
    [
        (Delivered("a", 90), Completed("a", 1, "m"), True),
        (Delivered("b", 90), Completed("a", 1, "m"), False),
        (Rejected("quality", "x"), Failed("quality", "y"), True),
        (Rejected("refused", "x"), Failed("quality", "x"), False),
        (Delivered("a", 90), None, False),
        (Interrupted("drain"), Failed("quality", "x"), False),
    ],
)
def test_an_ending_meets_the_outcome_on_record_or_not(ending, outcome, is_met):
    assert dataclasses.replace(FIXTURE, outcome=outcome).is_met_by(ending) is is_met
