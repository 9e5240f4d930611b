"""The servers of the benchmark keep AI City's contract and count right; a small run works end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from bench.answers import DELIVERABLE
from bench.backlog import backlog
from bench.costs import TEXTS
from bench.market import Market, running_market
from support.processes import processes_of, run_cli

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.errors import AICityRefusedError
from aicity_fleet.models import Completed, Failed

BENCH = Path(__file__).parents[1] / "bench"
DONE = Completed(DELIVERABLE, 1000, "gpt-4o-mini", ("Coordinator", "Specialist"))


@pytest.fixture
def market():
    with running_market() as started:
        yield started


@pytest.fixture
def client(market):
    with AICityClient(market.url, "ac_live_test", load_contract("api")) as made:
        yield made


def listed(client: AICityClient) -> list:
    return [task for page in client.assigned_pages() for task in page]


def ask(market: Market, body: dict) -> str:
    answer = httpx.post(f"{market.url}/v1/chat/completions", json=body)
    assert answer.status_code == 200
    return answer.text


def test_tasks_are_listed_by_page_until_they_end(market, client):
    market.assign(120)
    tasks = listed(client)
    assert [task["id"] for task in tasks] == [one["task_id"] for one in market.records()]
    client.report(tasks[7]["id"], DONE, "key")
    client.report(tasks[8]["id"], Failed("cannot", "no material", 5), "other key")
    assert len(listed(client)) == 118
    assert client.task(tasks[7]["id"])["status"] == "completed"
    assert client.task(tasks[8]["id"])["status"] == "failed"
    assert client.profile()["consecutiveFailures"] == 0


def test_a_second_report_is_counted_and_never_accepted(market, client):
    market.assign(1)
    task_id = market.records()[0]["task_id"]
    client.report(task_id, DONE, "key")
    client.report(task_id, DONE, "key")
    with pytest.raises(AICityRefusedError) as refused:
        client.report(task_id, DONE, "another key")
    assert refused.value.status == 409
    counts = market.counts()
    assert (counts["completed"], counts["repeats"]) == (1, 2)
    assert market.records()[0]["completes"] == 3


def test_a_report_without_the_deliverable_is_refused(market, client):
    market.assign(1)
    task_id = market.records()[0]["task_id"]
    with pytest.raises(AICityRefusedError):
        client.report(task_id, Completed("Done.", 1, "gpt-4o-mini", ()), "key")
    assert market.counts()["completed"] == 0


def test_the_steps_of_a_task_are_recorded_in_order(market, client):
    market.assign(2)
    _, task = listed(client)
    order = {"role": "user", "content": task["input"]["description"]}
    ask(market, {"model": "m", "messages": [order]})
    client.report(task["id"], DONE, "key")
    first, second = market.records()
    assert first["listed"] > 0
    assert first["asked"] == first["ended"] == 0
    times = [second[name] for name in ("assigned", "listed", "asked", "answered", "ended")]
    assert times == sorted(times)
    assert times[0] > 0
    assert second["calls"] == 1


def test_the_model_hands_in_the_way_that_the_request_offers(market):
    tools = [{"type": "function", "function": {"name": "submit"}}]
    whole = json.loads(ask(market, {"model": "m", "messages": [], "tools": tools}))
    (call,) = whole["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"content": DELIVERABLE}
    streamed = ask(market, {"model": "m", "messages": [], "tools": tools, "stream": True})
    assert streamed.endswith("data: [DONE]\n\n")
    brief = {"role": "user", "content": "Hand in with: marker HAND-IN-1\nand so on"}
    for messages, marker in (([brief], "HAND-IN-1"), ([], "TASK_COMPLETE")):
        text = json.loads(ask(market, {"model": "m", "messages": messages}))
        content = text["choices"][0]["message"]["content"]
        assert content == f"{DELIVERABLE}\n\n{marker}"


def test_waiting_for_a_count_ends_when_it_is_reached_or_the_time_is_over(market):
    market.assign(3)
    assert market.wait("assigned", 3, 5)["assigned"] == 3
    with pytest.raises(TimeoutError):
        market.wait("assigned", 4, 0.01)
    market.assign(5, per_second=1000)
    assert market.wait("assigned", 8, 5)["assigned"] == 8


def test_a_held_model_answers_when_enough_requests_wait(market):
    market.hold(2)
    body = json.dumps({"model": "m", "messages": []})
    command = [sys.executable, "-c", ASK, market.url, body]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
        market.wait("waiting", 1, 10)
        assert first.poll() is None
        ask(market, json.loads(body))
        assert first.communicate(timeout=10)[0] == b"200\n"
    assert market.counts()["most_waiting"] == 2


ASK = """\
import sys, httpx
print(httpx.post(sys.argv[1] + "/v1/chat/completions", content=sys.argv[2], timeout=30).status_code)
"""


def test_every_move_of_the_ledger_is_measured():
    found = backlog(10)
    for move in ("accept", "sent", "claim", "finish", "take report", "settle", "sweep"):
        assert found[f"{move} µs"] > found[f"{move} Redis µs"] > 0
    assert found["bytes/settled job"] > 0
    assert found["bytes/queued job"] > 0


@pytest.mark.timeout(180)
def test_a_small_run_measures_the_fleet_and_leaves_nothing_behind(tmp_path):
    arguments = ("--scenario", "throughput", "--only", "ours", "--small", "--rounds", "1")
    files = ("--json", str(tmp_path / "figures.json"), "--markdown", str(tmp_path / "figures.md"))
    ran = run_cli(
        *(sys.executable, str(BENCH), *arguments, *files),
        env={"TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        seconds=170,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / "figures.json").read_text())
    (measured,) = report["scenarios"]["throughput"]["ours"]["rounds"]
    assert measured["model calls/job"] == 1
    assert measured["second reports"] == 0
    assert measured["jobs/s"] > 0
    for entry in TEXTS["costs"].values():
        scenario, *figures = entry.get("figures", ("",))
        assert scenario != "throughput" or measured.keys() >= set(figures)
    processes = ("redis", "dispatcher", "worker1", "worker2", "flower")
    shares = [measured[f"CPU ms/job.{name}"] for name in processes]
    assert measured["CPU ms/job"] == pytest.approx(sum(shares))
    assert measured["CPU ms/job.worker1"] > 0
    assert "| ours |" in (tmp_path / "figures.md").read_text()
    assert processes_of(tmp_path) == []
