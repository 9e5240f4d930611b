"""The operator's commands as a person meets them: status, pauses, moves, their words and exit codes."""

import json
import os
import pty
import subprocess

import pytest
from support.processes import CLI, base_environment, run_cli

from aicity_fleet.ledger import ClaimTerms, Lease, ReportLease
from aicity_fleet.models import AssignedTask, Completed, Failed, JobState, Outcome, Spent

DONE, SPENT = Completed("text", 1, "m"), Spent(1)
OK_POLL = {"status": "ok", "seen": 3, "accepted": 1, "known": 2, "refused": 0, "message": ""}


@pytest.fixture
def answered(redis_server, agent, empty_folder):
    """Runs a command on a terminal of its own, types an answer, and returns what it printed to stderr."""

    def command(answer: str, *args: str, code: int) -> bytes:
        ours, theirs = pty.openpty()
        env = {**base_environment(), "REDIS_URL": redis_server.url, "FLEET_AGENT": agent}
        process = subprocess.Popen(
            [*CLI, *args], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=env, cwd=empty_folder,
        )  # fmt: skip
        os.write(ours, answer.encode())
        _, err = process.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        assert process.returncode == code
        return err

    return command


def accept(ledger, *ids: str, task_type: str = "research") -> None:
    for job_id in ids:
        ledger.accept(AssignedTask(job_id, task_type, "Find out"))


def finish(ledger, job_id: str, outcome: Outcome = DONE, **task) -> None:
    accept(ledger, job_id, **task)
    lease = ledger.claim(job_id, ClaimTerms("host:1", 60))
    assert isinstance(lease, Lease)
    ledger.finish(lease, outcome, SPENT)


def hold(ledger, *ids: str, code: str = "quality") -> None:
    ledger.controls.seed_guard(2)
    for job_id in ids:
        finish(ledger, job_id, Failed(code, "No."))
        ledger.take_report(job_id)


def seem_alive(ledger) -> None:
    ledger.sweep(turn_seconds=30)
    ledger.coordination.note_poll("id", OK_POLL)


def states(ledger) -> dict[str, str]:
    return {job.job_id: str(job.state) for job in ledger.jobs()}


# --- status ---------------------------------------------------------------------------------------


def test_status_of_a_fleet_that_works_fits_80_columns_and_is_plain(
    redis_server, agent, empty_folder, ledger
):
    seem_alive(ledger)
    accept(ledger, "a", "b")
    ledger.claim("a", ClaimTerms("host:1", 60))
    finish(ledger, "c")
    env = {"REDIS_URL": redis_server.url, "FLEET_AGENT": agent}
    done = run_cli(*CLI, "status", env=env, cwd=empty_folder)
    shown = done.stdout
    assert done.returncode == 0, done.stderr + shown
    for part in ("works", "queued 1, running 1, finished 1", "1 by host:1", "1 waiting", "seen 3",
                 "control 0, jobs 0, reports 0", "0 failures in a row"):  # fmt: skip
        assert part in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown


def test_status_says_what_is_wrong_and_what_helps_and_exits_with_1(run, ledger):
    hold(ledger, "a")
    ledger.controls.stop("The key was revoked.", "k")
    ledger.controls.provider_trouble("https://model.example", "t1", "401", is_fatal=True)
    shown = " ".join(run("status", code=1).split())
    for part in ("needs you (4 problems)", "The key was revoked.", "AGENT_CITY_API_KEY", "https://model.example",
                 "1 job is held", "No dispatcher has swept", "aicity-fleet up"):  # fmt: skip
        assert part in shown
    data = json.loads(run("status", "--json", code=1))
    assert data["needs_person"]
    assert len([finding for finding in data["findings"] if finding["needs_person"]]) == 4
    assert data["counts"]["held"] == 1
    assert data["controls"]["guard_is_closed"]


def test_a_pause_by_hand_is_told_but_is_no_alarm(run, ledger):
    seem_alive(ledger)
    run("pause", "starts", "--why", "the \x1b[31mholiday")
    shown = run("status")
    assert "works, with remarks" in shown
    assert "the [31mholiday" in " ".join(shown.split())


# --- the guard ------------------------------------------------------------------------------------


def test_the_owner_tells_the_guard_how_many_failures_stand(run, ledger):
    ledger.controls.seed_guard(None)
    assert "'aicity-fleet guard 0' for a new agent" in " ".join(run("status", code=1).split())
    assert "The guard now counts 0 failures in a row (before: 2)." in run("guard", "0")
    assert not ledger.controls.read().holds_failures
    assert "less than or equal to 2" in run("guard", "3", code=2)


# --- pause and resume -----------------------------------------------------------------------------


def test_pause_and_resume_say_what_they_did(run, ledger):
    assert "Paused intake: no new tasks are accepted" in run("pause", "intake")
    shown = run("pause", "all", "--why", "moving house")
    assert "intake was already paused" in shown
    assert set(ledger.controls.read().paused) == {"intake", "starts", "reports"}
    assert ledger.controls.read().paused["reports"].why == "moving house"
    assert "Resumed starts." in run("resume", "starts")
    assert "starts was not paused." in run("resume")
    assert ledger.controls.read().paused == {}
    assert "Invalid value" in run("pause", "everything", code=2)


@pytest.mark.parametrize("what", ["all", "intake", "reports"])
def test_resume_lifts_the_stop_on_a_refused_key_and_says_so(run, ledger, what):
    ledger.controls.stop("The key was revoked.", "k")
    assert "Lifted the stop" in run("resume", what)
    assert ledger.controls.read().stopped is None


def test_resuming_starts_leaves_that_stop(run, ledger):
    ledger.controls.stop("The key was revoked.", "k")
    assert "Lifted the stop" not in run("resume", "starts")
    assert ledger.controls.read().stopped is not None


# --- moves ----------------------------------------------------------------------------------------


def test_one_bad_id_never_stops_the_others(run, ledger):
    accept(ledger, "a", "b")
    finish(ledger, "c")
    lines = run("cancel", "a", "nobody", "c", "b", "--why", "not wanted", code=1).splitlines()
    assert lines == [
        "a: cancelled",
        "Job 'nobody' cannot be cancelled: the ledger does not know it; 'aicity-fleet jobs' lists the "
        "jobs that it knows.",
        "Job 'c' cannot be cancelled: it is finished; it has ended; 'park' holds its report back.",
        "b: cancelled",
    ]
    assert states(ledger) == {"a": "quarantined", "b": "quarantined", "c": "finished"}
    assert ledger.get("a").reason == "not wanted"


def test_each_move_by_id(run, ledger):
    finish(ledger, "a")
    assert run("park", "a") == "a: quarantined (was finished)\n"
    assert run("send-report", "a") == "a: report queued (was quarantined)\n"
    hold(ledger, "b")
    assert "--despite-guard" in run("send-report", "b", code=1)
    assert run("send-report", "b", "--despite-guard") == "b: report queued (was held)\n"
    assert isinstance(ledger.take_report("b"), ReportLease)
    hold(ledger, "c")
    assert run("rerun", "c", "--yes").startswith("c: queued to run again (was held)\n")


def test_filters_choose_by_state_type_code_and_age(run, ledger):
    hold(ledger, "a", "b")
    hold(ledger, "late", code="deadline")
    accept(ledger, "odd", "q", task_type="design")
    listed = json.loads(run("rerun", "--code", "quality", "--dry-run", "--json"))
    assert [item["job_id"] for item in listed] == ["a", "b"]
    assert all(item["dry_run"] and item["moved"] for item in listed)
    assert states(ledger)["a"] == "held", "a dry run moves nothing"
    assert "No matching jobs" in run("rerun", "--older-than", "2h")
    assert "is not an age" in run("rerun", "--older-than", "soon", code=2)
    run("cancel", "--type", "design")
    assert states(ledger)["odd"] == states(ledger)["q"] == "quarantined"
    moved = json.loads(run("rerun", "--code", "deadline", "--state", "held", "--json", "--yes"))
    assert [(item["job_id"], item["moved"]) for item in moved] == [("late", True)]
    assert "not in the ledger" in run("park", "nobody", "--dry-run", code=1)
    assert "park needs a job that is queued" in run("park", "odd", "--dry-run", code=1)


def test_everything_has_to_be_asked_for(run, ledger):
    accept(ledger, "a", "b")
    assert "Which jobs?" in run("cancel", code=2)
    assert "not both" in run("cancel", "a", "--all", code=2)
    assert set(states(ledger).values()) == {"queued"}
    run("cancel", "--all")
    assert set(states(ledger).values()) == {"quarantined"}


def test_many_jobs_by_a_filter_need_a_yes_where_nobody_can_be_asked(run, ledger):
    accept(ledger, *[f"t{number}" for number in range(21)])
    refused = run("cancel", "--state", "queued", code=2)
    assert "Refusing to cancel 21 jobs without a terminal. Pass --yes." in refused
    assert ledger.counts()[JobState.QUEUED] == 21
    run("cancel", "--state", "queued", "--dry-run")
    run("cancel", "--state", "queued", "--yes")
    assert ledger.counts()[JobState.QUARANTINED] == 21


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, 21), ("y\n", 0, 0)])
def test_on_a_terminal_a_person_is_asked(ledger, answered, answer, code, left):
    accept(ledger, *[f"t{number}" for number in range(21)])
    assert b"Cancel 21 jobs?" in answered(answer, "cancel", "--state", "queued", code=code)
    assert ledger.counts()[JobState.QUEUED] == left


def test_a_rerun_says_what_it_buys_again_and_needs_a_yes(run, ledger):
    hold(ledger, "a", "b")
    hold(ledger, "late", code="deadline")
    write_journal(ledger, "a", 3)
    write_journal(ledger, "late", 2)
    refused = run("rerun", "a", "late", code=2)
    assert "Refusing to rerun 2 jobs without a terminal. Pass --yes." in refused
    assert states(ledger) == {"a": "held", "b": "held", "late": "held"}
    shown = run("rerun", "a", "late", "--dry-run")
    assert f"for {2 * SPENT.usage.model_calls} model calls" in shown
    assert "discards 3 journaled calls and buys them again" in shown, "a late job keeps its journal"
    shown = run("rerun", "a", "--keep-journal", "--yes")
    assert "discards 0 journaled calls" in shown
    assert len(ledger.journal("a")) == 3
    assert states(ledger)["a"] == "queued"


@pytest.mark.parametrize(("answer", "code", "state"), [("n\n", 1, "held"), ("y\n", 0, "queued")])
def test_a_rerun_of_one_job_asks_on_a_terminal(ledger, answered, answer, code, state):
    hold(ledger, "a")
    asked = answered(answer, "rerun", "a", code=code)
    assert b"buys them again" in asked
    assert b"Rerun 1 job?" in asked
    assert states(ledger) == {"a": state}


def write_journal(ledger, job_id: str, entries: int) -> None:
    for ordinal in range(entries):
        ledger.client.rpush(ledger.keys.journal(job_id), f'{{"a": {ordinal}}}')


def test_an_empty_redis_url_in_the_moves_is_the_same_readable_error(run):
    shown = run("cancel", "a", code=2, REDIS_URL="redis://127.0.0.1:1/0")
    assert "REDIS_URL: no Redis answers" in shown


# --- no fleet to be found, and a job in full ------------------------------------------------------


@pytest.mark.parametrize("command", [("jobs",), ("status",), ("poll",), ("pause", "all")])
def test_without_a_fleet_both_ways_to_one_are_named(empty_folder, command):
    env = {"XDG_DATA_HOME": str(empty_folder), "REDIS_PASSWORD": "nobody-has-this"}
    done = run_cli(*CLI, *command, env=env, cwd=empty_folder)
    assert done.returncode == 2, done.stdout
    for part in ("aicity-fleet up", "--data", "export REDIS_URL_FILE", "REDIS_URL is not set"):
        assert part in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "nobody-has-this" not in done.stderr


def test_a_file_that_a_killed_up_left_is_no_dead_end(empty_folder):
    folder = empty_folder / "aicity-fleet" / "default"
    folder.mkdir(parents=True)
    (folder / "redis.url").write_text("redis://127.0.0.1:1/0\n")
    env = {"XDG_DATA_HOME": str(empty_folder)}
    done = run_cli(*CLI, "jobs", env=env, cwd=empty_folder)
    assert done.returncode == 2
    assert "'aicity-fleet up' is not running" in done.stderr


def test_a_receipt_is_shown_as_lines(run, ledger):
    finish(ledger, "a")
    report = ledger.take_report("a")
    receipt = {"verdict": "accepted", "answer": {"status": "completed", "paidCents": 85}}
    ledger.settle(report, receipt, "success")
    shown = run("job", "a")
    assert "{" not in shown
    for part in ("AI City: verdict", "accepted", "AI City: answer.paidCents", "85"):
        assert part in shown


def test_the_owner_of_a_refused_job_sees_the_models_own_words(run, ledger):
    accept(ledger, "a")
    lease = ledger.claim("a", ClaimTerms("host:1", 60))
    entry = {"ordinal": 0, "kind": "model", "request_sha256": "x", "answer": {"content": "I cannot see any \x1b[1mrepository."}}  # fmt: skip  # noqa: E501
    assert ledger.journals.append(lease, 0, json.dumps(entry))
    ledger.finish(lease, Failed("refused", "The task could not be done."), SPENT)
    shown = run("job", "a")
    assert "the model's last words" in shown
    assert "I cannot see any [1mrepository." in shown
    assert "last_words" in run("job", "a", "--json")


def test_what_ended_without_an_outcome_is_not_called_a_failure(run, ledger):
    ledger.refuse("bad", "input: missing")
    accept(ledger, "a")
    ledger.operator.cancel("a", "no")
    listed = {line.split()[0]: line for line in run("jobs").splitlines() if line.strip()}
    assert "malformed" in listed["bad"]
    assert "malformed" not in listed["a"]
    assert "input: missing" in run("job", "bad")
