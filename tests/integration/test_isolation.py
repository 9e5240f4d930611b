"""Isolated jobs: what a parent makes of its child's end, with small children and with the real one."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from support.messages import RecordedMessages
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.ledger import ClaimTerms, Lease, Ledger, NotClaimed
from aicity_fleet.messaging.routes import REPORT
from aicity_fleet.models import AssignedTask, Failed, JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from workers.isolation import AT_ONCE, CHILD, Isolation

TASK = AssignedTask("t1", "general", "Say something.")


def job(ledger: Ledger):
    found = ledger.get("t1")
    assert found is not None
    return found


def lapse(ledger: Ledger, times: int) -> None:
    for _ in range(times):
        assert isinstance(ledger.claim("t1", ClaimTerms("gone:1", 0.01), is_alone=True), Lease)
        wait_until(lambda: ledger.sweep().rescued, description="the lease lapses")


@pytest.fixture
def isolated(ledger):
    """A ledger whose one job is isolated."""
    ledger.accept(TASK)
    lapse(ledger, 2)
    assert job(ledger).is_isolated
    return ledger


@pytest.fixture
def messages():
    return RecordedMessages()


@pytest.fixture
def isolation(ledger, messages):
    """Makes the parent's side with a child of one's own."""
    made = []

    def make(program=CHILD, *, grace_seconds=1.0) -> Isolation:
        made.append(Isolation(ledger, messages, grace_seconds=grace_seconds, program=program))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def program(text: str) -> tuple[str, ...]:
    """A child that is a few lines of Python."""
    head = "import json, os, signal, sys, time\nsay = lambda w: print(json.dumps(w), flush=True)\n"
    return (sys.executable, "-I", "-c", f"{head}job = json.loads(input())\n{text}")


def fence(ledger: Ledger) -> str:
    lease = ledger.claim("t1", ClaimTerms("child:1", 60), is_alone=True)
    assert isinstance(lease, Lease)
    return lease.fence


def killed(ledger: Ledger) -> tuple[str, ...]:
    """A child that dies under the job."""
    return program(f"say({{'claimed': {fence(ledger)!r}}}); os.kill(os.getpid(), signal.SIGKILL)")


def test_an_isolated_job_is_refused_by_whoever_runs_others_and_sent_again(isolated):
    refused = isolated.claim("t1", ClaimTerms("me:1", 15))
    assert refused == NotClaimed("isolated")
    assert isolated.sweep().to_run == ()
    wait_until(lambda: isolated.sweep().to_run == ("t1",), description="another message is sent")


def test_whatever_else_stands_against_it_comes_first(isolated):
    """Whoever is refused because the job is isolated starts a process for it."""

    def refused(**more) -> NotClaimed:
        lease = isolated.claim("t1", ClaimTerms("me:1", 15, endpoint="e", **more))
        assert isinstance(lease, NotClaimed)
        return lease

    isolated.accept(AssignedTask("t2", "general", "Say more."))
    assert isinstance(isolated.claim("t2", ClaimTerms("me:1", 15)), Lease)
    assert refused(max_running=1) == NotClaimed("over_cap")
    isolated.controls.provider_trouble("e", "t2", "wrong key", is_fatal=True)
    assert refused() == NotClaimed("provider_down")


def test_no_other_message_is_sent_while_a_child_starts(isolation, isolated):
    """Each would start another child for the same job, and take the place of other jobs'."""
    assert isolated.claim("t1", ClaimTerms("me:1", 15)) == NotClaimed("isolated")
    child = program("time.sleep(2.5); say({'answer': {'did': 'nothing'}})")
    running = threading.Thread(target=isolation(child).run, args=("t1",))
    running.start()
    sent = []
    while running.is_alive():
        sent += isolated.sweep().to_run
        running.join(0.1)
    assert sent == []


def lapse_together(ledger: Ledger, owner: str, *ids: str) -> None:
    """A process ends with these jobs in it."""
    for job_id in ids:
        assert isinstance(ledger.claim(job_id, ClaimTerms(owner, 0.01), is_alone=True), Lease)
    gone: set[str] = set()

    def all_lapsed() -> bool:
        gone.update(ledger.sweep().rescued)
        return gone == set(ids)

    wait_until(all_lapsed, description="the leases lapse")


def convict(ledger: Ledger, job_id: str) -> None:
    lease = ledger.claim(job_id, ClaimTerms("child:1", 60), is_alone=True)
    assert isinstance(lease, Lease)
    assert ledger.died(job_id, lease.fence) is JobState.FINISHED


def test_who_was_only_beside_the_guilty_one_need_not_run_alone(ledger):
    for job_id in ("guilty", "beside", "running", "unlucky", "once"):
        ledger.accept(AssignedTask(job_id, "general", "Say something."))
    lapse_together(ledger, "w:1", "guilty", "beside", "running", "unlucky", "once")
    lapse_together(ledger, "w:2", "guilty", "beside", "running")
    lapse_together(ledger, "w:3", "unlucky")  # killed from outside, or by this very job
    runs = ledger.claim("running", ClaimTerms("child:2", 60), is_alone=True)
    assert isinstance(runs, Lease)
    convict(ledger, "guilty")
    found = {job.job_id: job for job in ledger.jobs()}
    assert {name for name, job in found.items() if job.is_isolated} == {"guilty", "unlucky"}
    assert (found["beside"].lapses, found["running"].lapses) == (0, 0)
    assert (found["unlucky"].lapses, found["once"].lapses) == (2, 1)
    assert "exonerated" in [line["event"] for line in ledger.audit("beside")]
    assert "beside" in ledger.sweep().to_run
    assert isinstance(ledger.claim("beside", ClaimTerms("w:4", 15)), Lease)
    assert ledger.renew([runs], lease_seconds=60).lost == frozenset()


def test_before_it_is_proven_nobody_is_exonerated(ledger):
    for job_id in ("t1", "t2"):
        ledger.accept(AssignedTask(job_id, "general", "Say something."))
    lapse_together(ledger, "w:1", "t1", "t2")
    lapse_together(ledger, "w:2", "t1", "t2")
    assert all(job.is_isolated for job in ledger.jobs())


def test_what_the_child_answers_is_given_back(isolation):
    child = program("print('noise'); say({'answer': {'job_id': job, 'did': 'complete'}})")
    assert isolation(child).run("ü 1\n2") == {"job_id": "ü 1\n2", "did": "complete"}


def test_an_answer_counts_though_the_child_does_not_end_well(isolation, isolated, monkeypatch):
    monkeypatch.setattr("workers.isolation.END_SECONDS", 0.2)
    one = isolation(program("say({'answer': {'did': 'complete'}}); time.sleep(60)"))
    assert one.run("t1") == {"did": "complete"}
    two = isolation(program("say({'claimed': 'x', 'answer': {'did': 'x'}}); os.abort()"))
    assert two.run("t1") == {"did": "x"}
    assert job(isolated).lapses == 2


def test_the_third_death_fails_the_job_and_its_report_is_sent(isolation, isolated, messages):
    did = isolation(killed(isolated)).run("t1")
    assert did == {"job_id": "t1", "did": "fail", "why": "poison"}
    found = job(isolated)
    assert (found.state, found.lapses) == (JobState.FINISHED, 3)
    assert isinstance(found.outcome, Failed)
    assert found.outcome.code == "poison"
    assert messages.sent == [(REPORT, "t1")]


def test_a_death_before_the_third_has_the_job_run_again(isolation, ledger, messages):
    ledger.accept(TASK)
    did = isolation(killed(ledger)).run("t1")
    assert did == {"job_id": "t1", "did": "died", "why": "queued"}
    assert job(ledger).lapses == 1
    assert ledger.sweep().to_run == ("t1",)
    assert messages.sent == []


def test_a_report_that_cannot_be_sent_is_left_to_the_sweep(isolation, isolated):
    messages = RecordedMessages()
    messages.is_refusing = True
    one = Isolation(isolated, messages, grace_seconds=1, program=killed(isolated))
    assert one.run("t1")["why"] == "poison"
    assert isolated.sweep().to_report == ("t1",)


def test_a_cancelled_job_that_dies_is_laid_aside(isolation, isolated, messages):
    child = killed(isolated)
    isolated.operator.cancel("t1", "a person")
    isolation(child).run("t1")
    assert (job(isolated).state, job(isolated).reason) == (JobState.QUARANTINED, "a person")
    assert messages.sent == []


def test_a_child_that_lost_its_lease_proves_nothing(isolation, isolated):
    child = killed(isolated)
    isolated.client.hincrby(isolated.keys.job("t1"), "attempt", 1)  # another owns it now
    assert isolation(child).run("t1")["why"] == "lease_lost"
    assert job(isolated).lapses == 2


NOT_STARTED = {
    "no such program": ("/nonexistent/python",),
    "ends at once": (sys.executable, "-I", "-c", "raise SystemExit(2)"),
    "ends before its claim": program("os.abort()"),
    "ends within a word": program("print('{\"claim', end='', flush=True); os._exit(1)"),
}


@pytest.mark.parametrize("name", NOT_STARTED)
def test_a_child_that_dies_before_its_claim_counts_nothing_and_is_let_rest(
    isolation, isolated, name
):
    one = isolation(NOT_STARTED[name])
    assert one.run("t1") == {"job_id": "t1", "did": "nothing", "why": "isolation_failed"}
    assert one.run("t1")["why"] == "isolation_rests"
    assert (job(isolated).state, job(isolated).lapses) == (JobState.QUEUED, 2)


def test_a_few_at_a_time_and_each_in_a_process_of_its_own(isolation, tmp_path):
    text = f"open({str(tmp_path)!r} + '/' + str(os.getpid()), 'w').close(); sys.stdin.read()"
    one = isolation(program(text))
    threads = [threading.Thread(target=one.run, args=(f"t{n}",)) for n in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(list(tmp_path.iterdir())) == AT_ONCE, description="the children work")
    assert one.run("more") == {"job_id": "more", "did": "nothing", "why": "isolation_busy"}
    one.stop()
    for thread in threads:
        thread.join(10)
    assert one.run("more")["why"] == "drain"


def test_a_child_that_does_not_hand_back_in_time_is_killed_and_proves_nothing(
    isolation, isolated, tmp_path, monkeypatch
):
    monkeypatch.setattr("workers.isolation.END_SECONDS", 0.1)
    started = tmp_path / "started"
    text = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"say({{'claimed': {fence(isolated)!r}}})\n"
        f"open({str(started)!r}, 'w').close(); time.sleep(60)"
    )
    one = isolation(program(text), grace_seconds=0.2)
    did = []
    thread = threading.Thread(target=lambda: did.append(one.run("t1")))
    thread.start()
    wait_until(started.exists, description="the child works")
    one.drain()
    thread.join(10)
    assert did == [{"job_id": "t1", "did": "nothing", "why": "drain"}]
    assert (job(isolated).state, job(isolated).lapses) == (JobState.RUNNING, 2)


# --- the real child ---------------------------------------------------------------------------------


@pytest.fixture
def latency():
    return 0.0


@pytest.fixture
def real(redis_server, agent, latency, monkeypatch, empty_folder):
    """The environment of a real child, on a city whose model takes as long as the test says."""
    config = SimulatorConfig(
        model_latency_seconds=(latency, latency), flawed_share=0.0, quality_gate=False
    )
    with running(create_app(config)) as url:
        for name, value in {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "FLEET_LEASE_SECONDS": "2",
            "FLEET_DRAIN_SECONDS": "0.5",
            "FLEET_START_WAIT_SECONDS": "0.5",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(empty_folder)
        yield SimulatedCity(url)


slow = pytest.mark.parametrize("latency", [30.0])


class Running:
    """An isolated job that runs in a real child, seen from its parent."""

    def __init__(self, one: Isolation, ledger: Ledger) -> None:
        self.did: list[dict] = []
        self.thread = threading.Thread(target=lambda: self.did.append(one.run("t1")))
        self.thread.start()
        wait_until(
            lambda: job(ledger).state is JobState.RUNNING,
            description="the child has claimed it",
            seconds=60,
        )
        self.pid = int(job(ledger).owner.rpartition(":")[2])

    def end(self) -> dict:
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.did[0]


def test_a_real_child_runs_the_job_to_its_end(real, isolated, isolation):
    did = isolation().run("t1")
    assert (did["did"], did["why"]) == ("complete", "delivered")
    assert job(isolated).state is JobState.FINISHED
    assert job(isolated).lapses == 2
    assert isolated.client.llen(f"{isolated.keys.prefix}reports") == 1


@slow
def test_a_real_child_that_dies_proves_its_job_guilty(real, isolated, isolation, messages):
    run = Running(isolation(), isolated)
    assert run.pid != os.getpid()
    os.kill(run.pid, signal.SIGKILL)
    assert run.end()["why"] == "poison"
    assert messages.sent == [(REPORT, "t1")]


@slow
def test_a_drain_has_the_job_handed_back_and_counts_no_death(real, isolated, isolation):
    one = isolation()
    run = Running(one, isolated)
    one.drain()
    assert (run.end()["did"], run.end()["why"]) == ("released", "drain")
    assert (job(isolated).state, job(isolated).lapses) == (JobState.QUEUED, 2)


@slow
def test_a_child_that_is_told_to_stop_hands_its_job_back(real, isolated, isolation):
    """As when the whole process group gets the signal, or a person sends it."""
    run = Running(isolation(), isolated)
    os.kill(run.pid, signal.SIGTERM)
    assert run.end()["did"] == "released"
    assert job(isolated).lapses == 2


@slow
def test_a_child_whose_parent_is_gone_hands_its_job_back_and_ends(real, isolated):
    """Its standard input ends; nobody reads what it says."""
    with subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps("t1").encode() + b"\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["claimed"].startswith("3:")
        child.stdout.close()
        child.stdin.close()
        assert child.wait(20) == 0
    assert (job(isolated).state, job(isolated).lapses) == (JobState.QUEUED, 2)


@slow
def test_cancelling_an_isolated_job_stops_it(real, isolated, isolation):
    run = Running(isolation(), isolated)
    isolated.operator.cancel("t1", "a person")
    run.end()
    assert (job(isolated).state, job(isolated).reason) == (JobState.QUARANTINED, "a person")


@pytest.mark.parametrize(
    "wrong",
    [{"REDIS_URL": "redis://127.0.0.1:1/0"}, {"FLEET_LEASE_SECONDS": "x"}],
    ids=["redis", "lease"],
)
def test_a_real_child_with_a_wrong_setting_counts_nothing(
    real, isolated, isolation, monkeypatch, capfd, wrong
):
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    assert isolation().run("t1")["why"] == "isolation_failed"
    assert (job(isolated).state, job(isolated).lapses) == (JobState.QUEUED, 2)
    error = capfd.readouterr().err
    assert next(iter(wrong)) in error
    assert "Traceback" not in error


def test_what_is_printed_in_a_child_reaches_its_log_and_not_its_parent(
    real, isolated, isolation, capfd
):
    """And what reads standard input there finds it empty."""
    code = (
        "import sys, runpy; from aicity_fleet import failpoints\n"
        "failpoints.listen(lambda step, job: (print('NOISE', step), "
        "print('READ', repr(sys.__stdin__.read()))))\n"
        "runpy.run_module('workers.isolated', run_name='__main__')"
    )
    assert isolation((sys.executable, "-c", code)).run("t1")["did"] == "complete"
    error = capfd.readouterr().err
    assert "NOISE claimed" in error
    assert "READ ''" in error
