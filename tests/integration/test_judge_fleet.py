"""A judge in a fleet of real processes, on each engine, with a worker that dies at the judge's call."""

import json
import re
import signal
from collections import Counter
from typing import Any

import pytest
from support.processes import CLI, FleetProcesses, count_ended, run_cli
from support.samples import GOOD_GENERAL
from support.scripted_provider import HANG, Answer, ProviderServer, submit, text
from support.waiting import wait_until

from aicity_fleet.models import Completed, Failed
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.team.engines import ENGINES

pytestmark = pytest.mark.timeout(240)

BETTER = f"{GOOD_GENERAL} The lamps were fixed to masonry towers on capes and rocks."
FINDING = "The second paragraph names no century, which costs 50."
MODELS = """\
[default]
provider = "compatible"
model = "team-1"
base_url = "{team}"

[strict]
provider = "compatible"
model = "judge-1"
base_url = "{judge}"
"""


def verdict(score: int) -> Answer:
    return text(json.dumps({"score": score, "findings": [FINDING]}))


JUDGEMENTS = {
    "passes": [verdict(90)],
    "revised": [verdict(50), verdict(70)],
    "poor": [verdict(0)],
    "mute": [text("It is fine.")],
    "killed": [HANG, verdict(80)],
}
"""What the judge answers to the job of each order; the last again and again."""

ENDINGS = {
    "passes": (GOOD_GENERAL, {"score": 90, "silence": ""}, (1, 1)),
    "revised": (BETTER, {"score": 70, "silence": ""}, (2, 2)),
    "poor": (None, {"score": 0, "silence": ""}, (3, 3)),
    "mute": (GOOD_GENERAL, {"score": None, "silence": "unreadable"}, (1, 2)),
    "killed": (GOOD_GENERAL, {"score": 80, "silence": ""}, (1, 2)),
}
"""The deliverable, what the judge said last, and how often the team's model and the judge were called."""


class Script:
    """Answers a request as its order says, and counts."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()

    def team(self, body: dict[str, Any]) -> Answer:
        said = json.dumps(body["messages"])
        self._at("team", said)
        return submit(BETTER if FINDING in said else GOOD_GENERAL)

    def judge(self, body: dict[str, Any]) -> Answer:
        name, at = self._at("judge", json.dumps(body["messages"]))
        return JUDGEMENTS[name][min(at, len(JUDGEMENTS[name]) - 1)]

    def _at(self, who: str, said: str) -> tuple[str, int]:
        found = re.search(r"Row (\w+)\.", said)
        assert found
        self.asked[who, found[1]] += 1
        return found[1], self.asked[who, found[1]] - 1


@pytest.mark.parametrize("engine", ENGINES)
def test_each_job_ends_as_its_judge_says_and_no_judgement_is_bought_twice(
    redis_server, ledger, agent, city, empty_folder, engine
):
    script = Script()
    with ProviderServer() as server:
        team, judge = server.open(), server.open()
        team.script, judge.script = script.team, script.judge
        models = MODELS.format(team=team.base_url, judge=judge.base_url)
        (empty_folder / "models.toml").write_text(models)
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(city.url),
            "FLEET_MODELS_FILE": str(empty_folder / "models.toml"),
            "FLEET_JUDGE": "strict",
            "FLEET_ENGINE": engine,
            "FLEET_LEASE_SECONDS": "2",
            "FLEET_POLL_SECONDS": "1",
            "FLEET_SWEEP_SECONDS": "0.2",
        }
        order = "Explain how lighthouses guided ships before satellite navigation. Row {}."
        tasks = [
            {"taskType": "general", "input": {"description": order.format(name)}}
            for name in JUDGEMENTS
        ]
        jobs = dict(zip(JUDGEMENTS, city.submit(*tasks), strict=True))
        fleet = FleetProcesses(env, empty_folder)
        try:
            fleet.start("dispatcher", "beat", "worker1")
            wait_until(
                lambda: count_ended(ledger) == len(jobs) - 1 and script.asked["judge", "killed"],
                seconds=90,
                description="all but the job whose judge hangs have ended",
            )
            fleet.end("worker1", signal.SIGKILL)
            fleet.start("worker2")
            wait_until(
                lambda: count_ended(ledger) == len(jobs),
                seconds=90,
                description="the last job ended",
            )
        finally:
            fleet.stop()
        asked = dict(script.asked)
        for name, job_id in jobs.items():
            deliverable, judgement, (by_team, by_judge) = ENDINGS[name]
            job = ledger.get(job_id)
            assert job is not None
            if deliverable is None:
                assert isinstance(job.outcome, Failed)
                assert (job.outcome.code, FINDING in job.outcome.message) == ("quality", False)
            else:
                assert isinstance(job.outcome, Completed)
                assert (job.outcome.text, job.outcome.model) == (deliverable, "team-1")
            assert job.judgement == judgement, name
            assert (asked["team", name], asked["judge", name]) == (by_team, by_judge), name
            # The calls of an attempt whose process died are in its cost alone, and one hung.
            assert job.model_calls == (1 if name == "killed" else by_team + by_judge), name
            replayed = run_cli(*CLI, "job", job_id, "--replay", env=env, cwd=empty_folder)
            assert replayed.returncode == 0, (name, replayed.stdout, replayed.stderr)
        assert dict(script.asked) == asked, "a replay asks nobody"


def test_a_worker_does_not_start_with_a_judge_that_has_no_model(redis_server, agent, empty_folder):
    env = {"REDIS_URL": redis_server.url, "FLEET_AGENT": agent, "OPENAI_API_KEY": "sk-test-0000"}
    fleet = FleetProcesses({**env, "FLEET_JUDGE": "strict"}, empty_folder)
    try:
        fleet.start("worker1")
        assert fleet.running["worker1"].wait(60) != 0
    finally:
        fleet.stop()
    said = fleet.log("worker1")
    assert "FLEET_JUDGE: there is no model alias 'strict' (there are: default)" in said
    assert "Traceback" not in said
