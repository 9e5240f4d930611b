"""Killed at every named step, twenty times each, and every promise holds.

Real processes die by SIGKILL within the production functions, on a real Redis, against a simulated AI
City and a model over real HTTP. What is simulated is the passing of time and the queue, which is a list.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.crash_children import MESSAGES
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.failpoints import Failpoint
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

KILLS = 20

ACT_OF = {
    Failpoint.POLLED: "poll",
    Failpoint.ACCEPTED: "poll",
    Failpoint.SENT: "poll",
    Failpoint.SWEPT: "sweep",
    Failpoint.CLAIMED: "run",
    Failpoint.CALL_ANSWERED: "run",
    Failpoint.CALL_JOURNALED: "run",
    Failpoint.TEAM_ENDED: "run",
    Failpoint.OUTCOME_WRITTEN: "run",
    Failpoint.REPORT_TAKEN: "report",
    Failpoint.REPORT_ANSWERED: "report",
    Failpoint.SETTLED: "report",
    Failpoint.READ_BACK: "read_back",
}
"""Which act reaches each step."""

FEW_PER_JOB = {
    *(Failpoint.ACCEPTED, Failpoint.SENT, Failpoint.CALL_ANSWERED, Failpoint.CALL_JOURNALED),
    *(Failpoint.OUTCOME_WRITTEN, Failpoint.SETTLED),
}
"""Steps that a job reaches once or twice, however often it is killed: these need a job for each kill."""

CALLS = 3
"""Model calls of an undisturbed job here: the researcher's draft, the editor's flawed hand-in, and the one
that heeds what the gate found."""

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def city():
    """A city whose model hands in a flawed draft first, so that a job takes several calls."""
    config = SimulatorConfig(model_latency_seconds=(0.0, 0.0), flawed_share=1.0)
    with running(create_app(config)) as url:
        yield SimulatedCity(url)


class Children:
    """A fleet whose every act is a process of its own."""

    def __init__(self, ledger: Ledger, url: str, city: SimulatedCity, folder: Path) -> None:
        self.ledger, self.kills = ledger, Counter[str]()
        env = {**os.environ, "REDIS_URL": url, "FLEET_AGENT": ledger.keys.agent}
        env |= {**fleet_environment(city.url), "FLEET_LEASE_SECONDS": "1"}
        env |= {"PYTHONPATH": str(Path(__file__).parents[1])}
        self._log = (folder / "children.log").open("w+")
        self._program = subprocess.Popen(
            [sys.executable, "-m", "support.crash_children"],
            env=env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def act(
        self, act: str, job_id: str = "", crash_at: Failpoint | None = None, occurrence=1
    ) -> None:
        """Have a child do something; a death that nobody asked for fails the test."""
        order = {"act": act, "job_id": job_id, "crash_at": crash_at, "occurrence": occurrence}
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        end = json.loads(self._program.stdout.readline())
        if end["signal"] == signal.SIGKILL and crash_at is not None:
            self.kills[crash_at] += 1
        else:
            assert end["status"] == 0, self.log()

    def messages(self) -> list[tuple[str, str]]:
        """Take all messages out of the queue."""
        key = self.ledger.keys.prefix + MESSAGES
        taken = self.ledger.client.lrange(key, 0, -1)
        self.ledger.client.delete(key)
        return [tuple(json.loads(text)) for text in taken]

    def next_poll(self) -> None:
        """The turn of a poll or a reading that was killed runs out."""
        self.ledger.client.delete(f"{self.ledger.keys.prefix}turns")

    def all_reads_due(self) -> int:
        """Have the time of every reading come, also after one that was killed; gives how many there are."""
        self.next_poll()
        client, index = self.ledger.client, self.ledger.keys.read_backs
        waiting = client.zrange(index, 0, -1)
        for job_id in waiting:
            client.zadd(index, {str(job_id): 0})
        return len(waiting)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()[-4000:]

    def close(self) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        assert self._program.wait(10) == 0
        assert self._program.stdout is not None
        self._program.stdout.close()
        self._log.close()


@pytest.fixture
def children(ledger, redis_server, city, tmp_path):
    running = Children(ledger, redis_server.url, city, tmp_path)
    yield running
    running.close()


def submit(city: SimulatedCity, number: int, first: int = 0) -> list[str]:
    """Distinct orders, so that the model's books tell their calls apart."""
    text = "Compare a list and a deque as a queue, for a service with {} readers. Name the sources."
    orders = [text.format(100 + index) for index in range(first, first + number)]
    return city.submit(*[{"taskType": "research", "input": {"description": o}} for o in orders])


def work(
    children: Children, tasks: int, crash_at: Failpoint | None = None, occurrence: int = 1
) -> None:
    """Poll while there is something to find, sweep, and deliver what is in the queue."""
    crashing = None if crash_at is None else ACT_OF.get(crash_at)
    crash = {act: crash_at if act == crashing else None for act in set(ACT_OF.values())}
    if sum(children.ledger.counts().values()) < tasks:
        children.next_poll()
        children.act("poll", crash_at=crash["poll"])
    children.act("sweep", crash_at=crash["sweep"])
    for task, job_id in children.messages():
        children.act(task, job_id, crash[task], occurrence)
    if crashing == "read_back" and (due := children.all_reads_due()):
        children.act("read_back", crash_at=crash_at)
        assert children.ledger.client.zcard(children.ledger.keys.read_backs) == due


def is_at_rest(children: Children, ids: list[str]) -> bool:
    work(children, len(ids))
    return children.ledger.counts()[JobState.REPORTED] == len(ids)


@pytest.mark.parametrize("step", Failpoint)
def test_killed_at_a_step_nothing_is_lost_doubled_or_bought_again(children, city, ledger, step):
    # A poll accepts all that is new at once, and sends it at once.
    comes_singly = step in {Failpoint.ACCEPTED, Failpoint.SENT}
    ids = submit(city, 1 if comes_singly else KILLS if step in FEW_PER_JOB else KILLS // 3)
    # Every call of a job is hit in turn, where the step is about calls.
    occurrences = range(1, CALLS + 1) if step.startswith("call_") else [1]
    for turn in range(400):
        if children.kills[step] >= KILLS:
            break
        work(children, len(ids), step, occurrences[turn % len(occurrences)])
        if comes_singly and children.kills[step] < KILLS:
            ids += submit(city, 1, first=len(ids))
    assert children.kills[step] >= KILLS
    wait_until(lambda: is_at_rest(children, ids), description="all is reported", seconds=60)
    tasks = city.report()["tasks"]
    assert {tasks[task_id]["acceptedEndings"] for task_id in ids} == {1}
    for task_id in ids:
        tries = tasks[task_id]["attempts"]
        assert {attempt["kind"] for attempt in tries} == {"complete"}
        assert len({(a["idempotencyKey"], a["bodySha256"]) for a in tries}) == 1
    # The call in flight at a kill is bought once more, and none that was written down.
    bought = sum(tasks[task_id]["modelCalls"] for task_id in ids)
    in_flight = children.kills[step] if step is Failpoint.CALL_ANSWERED else 0
    assert bought == CALLS * len(ids) + in_flight


def test_every_step_has_an_act_that_reaches_it():
    assert set(ACT_OF) == set(Failpoint)
