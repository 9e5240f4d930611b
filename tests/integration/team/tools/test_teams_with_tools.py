"""Tools within a team: called by the model, journaled, replayed without them, gone with the job."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.samples import CODE, GOOD, NONCE, order
from support.scripted_provider import HANG, Provider, calls, submit, text, until
from support.team_runs import run_team

from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, Interrupted
from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team import Limits, only, team_for
from aicity_fleet.team.replay.offline import replay_team
from aicity_fleet.team.replay.origin import Origin
from aicity_fleet.team.tools import TOOL_NAMES, search, toolbox
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.folders import PrivateFolders
from aicity_fleet.team.tools.toolbox import DESCRIBED, Toolbox

TASK, GOOD_REVIEW = GOOD["code_review"]
SPEC = team_for("code_review")


@pytest.fixture
def review(model, engine, folders):
    """Runs the built-in team of code reviews with its tools."""

    async def run(journal=None, stop_switch=None, on_event=None):
        box = Toolbox(Downloader(frozenset()), PrivateFolders(folders))
        try:
            with box.tools_for(TASK) as tools:
                return await run_team(
                    TASK,
                    spec=SPEC,
                    models=only(model),
                    limits=Limits(60),
                    stop_switch=stop_switch,
                    journal=journal,
                    on_event=on_event,
                    tools=tools,
                    engine=engine,
                )
        finally:
            box.close()
            assert list(folders.iterdir()) == []

    return run


CALL_RUFF = calls(("ruff", json.dumps({"code": "import os\n"})))
CALL_SEARCH = calls(("search", json.dumps({"query": "len(values)"})))
STEPS = (
    CALL_RUFF,
    text("Notes: nothing that an attacker could use."),
    CALL_SEARCH,
    submit(GOOD_REVIEW),
)


async def test_both_members_call_tools_and_hear_what_came_out(review, provider: Provider):
    provider.will(*STEPS)
    journal = MemoryJournal()
    result = await review(journal)
    assert isinstance(result.ending, Delivered)
    assert [entry.kind for entry in journal.entries] == ["model", "tool", "model"] * 2
    assert "draft.py:1: F401" in str(provider.requests[1])
    assert "code.py" in str(provider.requests[3])
    offered = {tool["function"]["name"] for tool in provider.requests[0]["tools"]}
    assert offered == TOOL_NAMES
    assert {tool["function"]["name"] for tool in provider.requests[2]["tools"]} == TOOL_NAMES | {
        "submit"
    }


async def test_a_run_that_moves_takes_the_results_of_tools_from_its_journal(
    review, provider: Provider
):
    provider.will(*STEPS)
    journal = MemoryJournal()
    first = await review(journal)
    del journal.entries[4:]
    provider.requests.clear()
    provider.will(submit(GOOD_REVIEW))
    again = await review(journal)
    assert again.ending == first.ending
    assert len(provider.requests) == 1


async def test_it_is_replayed_offline_without_any_tool(review, provider: Provider):
    provider.will(*STEPS)
    journal = MemoryJournal()
    said: list[object] = []
    first = await review(journal, on_event=said.append)
    origin = journal.entries[0].origin
    assert origin is not None
    heard: list[object] = []
    second = await replay_team(
        TASK,
        journal.entries,
        origin=Origin.from_json(origin),
        nonce=NONCE,
        on_event=heard.append,
    )
    assert second.ending == first.ending
    assert heard == said


async def test_a_run_that_is_stopped_leaves_no_file_behind(review, provider: Provider):
    provider.will(CALL_RUFF, HANG)
    stop_switch = StopSwitch()
    running = asyncio.ensure_future(review(stop_switch=stop_switch))
    await until(lambda: len(provider.requests) == 2, "the call after the tool")
    stop_switch.abort("cancelled")
    assert (await running).ending == Interrupted("cancelled")


async def test_the_files_of_two_jobs_are_apart(folders):
    box = Toolbox(Downloader(frozenset()), PrivateFolders(folders))
    with box.tools_for(order(code=CODE)) as one, box.tools_for(order(code="secret = 1\n")) as other:
        assert "Nothing found" in await one["search"].run({"query": "secret"})
        assert "hold it" in await other["search"].run({"query": "SECRET"})
        assert "Nothing found" in await other["search"].run({"query": "SECRET", "match_case": True})
    box.close()


async def test_the_tools_of_a_job_are_those_that_a_team_may_name(folders):
    box = Toolbox(Downloader(frozenset()), PrivateFolders(folders))
    with box.tools_for(TASK) as tools:
        assert set(tools) == set(DESCRIBED) == TOOL_NAMES
        assert all(name == tool.name for name, tool in tools.items())


async def test_a_job_that_calls_no_tool_has_no_file(folders):
    box = Toolbox(Downloader(frozenset()), PrivateFolders(folders))
    with box.tools_for(order(code=CODE)):
        assert list(folders.iterdir()) == []
    box.close()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search", {}),
        ("search", {"query": "a\nb"}),
        ("search", {"query": "x" * 500}),
        ("search", {"query": "values", "context": "many"}),
        ("search", {"query": "values", "context": float("nan")}),
        ("search", {"query": "values", "files": ["../../etc/passwd"]}),
        ("read_file", {}),
        ("read_file", {"file": "/etc/passwd"}),
        ("read_file", {"file": "code.py", "first": True}),
        ("ruff", {"files": ["x"] * 500}),
        ("ruff", {"code": "x" * 200_000}),
    ],
)
async def test_odd_arguments_are_told_in_a_sentence(job, tool, arguments):
    told = await job(code=CODE)(tool, **arguments)
    assert told.split(".")[0]
    assert "failed" not in told
    assert "root:" not in told


async def test_read_file_within_its_bounds(job):
    call = job(
        details={"a.txt": "\n".join(f"line {n}" for n in range(1, 1001)) + "\n" + "y" * 5000}
    )
    assert "a.txt, lines 990 to 1001 of 1001" in await call("read_file", file="a", first=990)
    assert "lines 1 to 400 of 1001" in await call("read_file", file="a.txt", lines=10**9, first=-5)
    assert "part of 5000 characters" in await call("read_file", file="a.txt", first=10**30)


async def test_a_search_shows_the_part_of_a_long_line_that_holds_it(job):
    call = job(details={"a.txt": "x" * 150_000 + " needle " + "y" * 20_000})
    told = await call("search", query="NEEDLE")
    assert " needle " in told
    assert len(told) < 1000


async def test_a_fault_of_ours_is_no_fault_of_the_job(job, monkeypatch):
    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("at /root/secret")

    monkeypatch.setattr(search, "_search", broken)
    assert await job(code=CODE)("search", query="x") == "The tool failed; go on without it."


async def test_a_tool_is_given_up_in_time(job, monkeypatch):
    monkeypatch.setattr(toolbox, "SECONDS", 0.2)

    async def hang(host: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    call = job(Downloader(frozenset({"github.com"}), resolve=hang), repo="https://github.com/o/n")
    assert "took longer than 0.2 seconds" in await call("fetch_repository")
