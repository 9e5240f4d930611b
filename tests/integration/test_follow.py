"""Where a running job stands: written along with the renewals, shown by ``job`` and ``job --follow``."""

import dataclasses
import json
import os
import pty
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import pytest
from support.processes import CLI, FleetProcesses, base_environment, run_cli
from support.simulated_city import SimulatedCity
from support.waiting import wait_until
from support.workers import NoBackground

from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import ClaimTerms, Lease
from aicity_fleet.models import AssignedTask, Completed, JobState, Spent
from aicity_fleet.money.cost import Charge
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.stop_switch import Progress, StopSwitch
from workers.lease_keeper import LeaseKeeper

HALFWAY = Progress(3, "Reviewer", 1, 4, 1805)
DONE = Completed("text", 1, "m")


def claim(ledger) -> Lease:
    lease = ledger.claim("a", ClaimTerms("host:1", 60))
    assert isinstance(lease, Lease)
    return lease


@pytest.fixture
def lease(ledger) -> Lease:
    ledger.accept(AssignedTask("a", "research", "Find out"))
    return claim(ledger)


def tell(ledger, lease, progress: Progress) -> None:
    told = {lease.job_id: dataclasses.asdict(progress)}
    ledger.renew([lease], lease_seconds=60, progress=told)


def test_the_lease_keeper_tells_where_each_run_stands(ledger, lease):
    keeper, stop_switch = LeaseKeeper(ledger, 60, NoBackground()), StopSwitch()
    with keeper.keep(lease, stop_switch, claimed_at=time.monotonic()):
        keeper.renew()
        assert ledger.get("a").progress is None
        stop_switch.note(HALFWAY)
        keeper.renew()
    assert ledger.get("a").progress == {**dataclasses.asdict(HALFWAY), "attempt": 1}


def test_what_is_told_is_fenced_and_ends_with_its_attempt(ledger, lease):
    tell(ledger, lease, HALFWAY)
    ledger.release(lease, "drain", Spent(1))
    assert ledger.get("a").progress is None, "it does not run"
    claim(ledger)
    assert ledger.get("a").progress is None, "another attempt begins"
    tell(ledger, lease, HALFWAY)
    assert ledger.get("a").progress is None, "the lease is another's"


def test_an_absent_redis_costs_the_job_nothing(ledger, lease, monkeypatch):
    def absent(*_args: object, **_more: object) -> None:
        raise LedgerUnavailableError("gone")

    keeper, stop_switch = LeaseKeeper(ledger, 60, NoBackground()), StopSwitch()
    stop_switch.note(HALFWAY)
    with (
        keeper.keep(lease, stop_switch, claimed_at=time.monotonic()),
        monkeypatch.context() as patch,
    ):
        patch.setattr(ledger, "renew", absent)
        keeper.renew()
    assert stop_switch.abort_reason is None
    assert ledger.get("a").progress is None


@pytest.fixture
def env(redis_server, agent):
    return {"REDIS_URL": redis_server.url, "FLEET_AGENT": agent, "COLUMNS": "200"}


def test_a_job_shows_where_it_stands_and_what_it_cost_so_far(env, ledger, lease, empty_folder):
    entry = {"ordinal": 0, "kind": "model", "request_sha256": "x", "answer": {"content": "x"},
             "prompt_tokens": 1000, "completion_tokens": 500, "model": "gpt-4o-mini"}  # fmt: skip
    charge = Charge(Decimal("0.00045"), None, "list prices")
    ledger.journals.append(lease, 0, json.dumps(entry), charge)
    tell(ledger, lease, HALFWAY)
    shown = run_cli(*CLI, "job", "a", env=env, cwd=empty_folder).stdout
    where = (
        "running, attempt 1, turn 3, Reviewer, 1 hand-in, 4 model calls, 1805 tokens, cost $0.00045"
    )
    assert where in shown
    data = json.loads(run_cli(*CLI, "job", "a", "--json", env=env, cwd=empty_folder).stdout)
    assert data["progress"]["speaker"] == "Reviewer"
    tell(ledger, lease, dataclasses.replace(HALFWAY, streamed_tokens=350))
    shown = run_cli(*CLI, "job", "a", env=env, cwd=empty_folder).stdout
    assert "1805 tokens and 350 of the next answer, cost" in shown
    assert data["cost_usd"] == "0.00045"


class Follower:
    """``aicity-fleet job ID --follow`` beside the test, and what it said so far."""

    def __init__(self, env: dict[str, str], folder: Path, *args: str, stdout: int = -1) -> None:
        self._said, self._folder = folder / "said", folder
        with self._said.open("wb") as said, (folder / "errors").open("wb") as errors:
            self.process = subprocess.Popen(
                [*CLI, "job", *args, "--follow"],
                env={**base_environment(), "PYTHONUNBUFFERED": "1", **env},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said if stdout < 0 else stdout,
                stderr=errors,
            )

    @property
    def lines(self) -> list[str]:
        return self._said.read_text().splitlines()

    def has_said(self, words: str) -> None:
        wait_until(lambda: words in self._said.read_text(), description=f"{words!r} is said")

    def ends(self, code: int = 0, *, seconds: float = 20) -> None:
        try:
            assert self.process.wait(seconds) == code
        finally:
            self.process.kill()
            self.process.wait()
        assert "Traceback" not in (self._folder / "errors").read_text()


def test_following_says_each_change_in_a_line_of_its_own(env, ledger, lease, empty_folder):
    follower = Follower(env, empty_folder, "a")
    follower.has_said("running, attempt 1, starting")
    tell(ledger, lease, HALFWAY)
    follower.has_said("turn 3, Reviewer")
    ledger.release(lease, "drain", Spent(1))
    follower.has_said("queued: drain")
    ledger.finish(claim(ledger), DONE, Spent(1))
    follower.ends()
    follower.has_said("Ended: complete")
    assert len(follower.lines) <= 6


def test_ctrl_c_ends_following_without_a_traceback(env, ledger, lease, empty_folder):
    follower = Follower(env, empty_folder, "a")
    follower.has_said("running")
    follower.process.send_signal(signal.SIGINT)
    follower.ends(130)
    assert ledger.get("a").state is JobState.RUNNING


def test_in_a_terminal_one_line_changes(env, ledger, lease, empty_folder):
    ours, theirs = pty.openpty()
    follower = Follower({**env, "TERM": "xterm"}, empty_folder, "a", stdout=theirs)
    os.close(theirs)
    said = b""

    def has_said(words: bytes) -> bool:
        nonlocal said
        said += os.read(ours, 10_000)
        return words in said

    wait_until(lambda: has_said(b"starting"), description="it shows the job")
    tell(ledger, lease, HALFWAY)
    wait_until(lambda: has_said(b"Reviewer"), description="it shows the turn")
    ledger.finish(lease, DONE, Spent(1))
    wait_until(lambda: has_said(b"Ended: complete"), description="it shows the ending")
    follower.ends()
    os.close(ours)


def test_following_an_unknown_or_ended_job_ends_at_once(env, ledger, lease, empty_folder):
    done = run_cli(*CLI, "job", "b", "--follow", env=env, cwd=empty_folder)
    assert done.returncode == 1
    assert "has no job 'b'" in done.stderr
    ledger.finish(lease, DONE, Spent(1))
    done = run_cli(*CLI, "job", "a", "--follow", "--json", env=env, cwd=empty_folder)
    assert json.loads(done.stdout)["ending"] == "complete"


@pytest.mark.timeout(180)
def test_a_real_workers_job_is_followed_to_its_end(redis_server, ledger, agent, empty_folder):
    """Two drafts and a repair of a second and a half each: it stands at one place for a while."""
    config = SimulatorConfig(model_latency_seconds=(1.5, 1.5), flawed_share=1.0)
    with running(create_app(config)) as url:
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "FLEET_POLL_SECONDS": "1",
            "FLEET_LEASE_SECONDS": "2",
        }
        words = "Compare the history of tea ceremonies in Japan and China."
        (job_id,) = SimulatedCity(url).submit(
            {"taskType": "research", "input": {"description": words}}
        )
        fleet = FleetProcesses(env, empty_folder)
        try:
            fleet.start("dispatcher", "beat")
            wait_until(lambda: ledger.get(job_id), seconds=60, description="it is accepted")
            follower = Follower(env, empty_folder, job_id, "--json")
            wait_until(lambda: follower.lines, seconds=60, description="it is followed")
            fleet.start("worker1")
            follower.ends(seconds=90)
        finally:
            fleet.stop()
    told = [json.loads(line) for line in follower.lines]
    places = [item["progress"] for item in told if item["progress"]]
    assert len(places) >= 2
    assert [place["turn"] for place in places] == sorted(place["turn"] for place in places)
    assert {place["speaker"] for place in places} <= {"Coordinator", "Researcher", "Editor"}
    assert places[-1]["model_calls"] >= 1
    assert places[-1]["tokens"] > 0
    assert float(told[-1]["cost_usd"]) > 0
    assert told[-1]["ending"] == "complete"
    assert words not in "".join(follower.lines)
