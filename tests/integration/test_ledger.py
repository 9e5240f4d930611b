"""Every move of a job on a real Redis: from where, to where, and what refuses it."""

import dataclasses
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from conftest import immortal_keys
from support.waiting import wait_until

from aicity_fleet.errors import LedgerError, LedgerUnavailableError
from aicity_fleet.ledger import (
    ClaimTerms,
    Lease,
    Ledger,
    NotClaimed,
    Renewal,
    ReportLease,
    SweepResult,
    outbox,
    runs,
)
from aicity_fleet.ledger import ledger as ledger_module
from aicity_fleet.ledger.connection import connect
from aicity_fleet.ledger.keys import SCHEMA_VERSION, Keys
from aicity_fleet.models import AssignedTask, Completed, Failed, JobState, Spent, Usage
from aicity_fleet.settings import Settings

TASK = AssignedTask("clx1", "code_review", description="Review \ud800 this", code="x = 1")
DONE = Completed("text", 10, "m")
SPENT = Spent(100, Usage(2, 30, 40), "gpt-4o-mini")


def claim(ledger: Ledger, job_id: str = "clx1", **kwargs) -> Lease:
    lease = ledger.claim(job_id, ClaimTerms("me:1", **{"lease_seconds": 15, **kwargs}))
    assert isinstance(lease, Lease), lease
    return lease


def take(ledger: Ledger, job_id: str = "clx1") -> ReportLease:
    held = ledger.take_report(job_id)
    assert isinstance(held, ReportLease), held
    return held


def state(ledger: Ledger, job_id: str = "clx1") -> JobState | None:
    job = ledger.get(job_id)
    return job.state if job else None


def events(ledger: Ledger, job_id: str = "clx1") -> list[str]:
    return [line["event"] for line in ledger.audit(job_id)]


def test_a_whole_life(ledger):
    assert ledger.accept(TASK) == "accepted"
    lease = claim(ledger)
    assert (lease.token, lease.task.code) == (1, "x = 1")
    assert ledger.finish(lease, DONE, SPENT, score=91)
    held = take(ledger)
    assert held.outcome == DONE
    assert ledger.settle(held, {"verdict": "accepted"}).is_ours
    job = ledger.get("clx1")
    assert job is not None
    assert (job.state, job.score, job.model) == (JobState.REPORTED, 91, "gpt-4o-mini")
    assert (job.model_calls, job.prompt_tokens, job.completion_tokens) == (2, 30, 40)
    assert job.receipt == {"verdict": "accepted"}
    assert events(ledger) == ["accepted", "claimed", "finished", "reported"]
    assert ledger.counts()[JobState.REPORTED] == 1
    assert sum(ledger.counts().values()) == 1


def test_a_known_task_is_not_accepted_again_in_any_state(ledger):
    ledger.accept(TASK)
    assert ledger.accept(TASK) == "known"
    lease = claim(ledger)
    assert ledger.accept(TASK) == "known"
    ledger.finish(lease, DONE, SPENT)
    assert ledger.accept(TASK) == "known"
    ledger.settle(take(ledger), {})
    assert ledger.accept(TASK) == "known"
    assert state(ledger) is JobState.REPORTED


def test_fifty_acceptances_at_once_are_one_job(ledger):
    answers: Counter[str] = Counter()

    def accept() -> None:
        for _ in range(5):
            answers[ledger.accept(TASK)] += 1

    threads = [threading.Thread(target=accept) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers["accepted"] == 1
    assert sum(ledger.counts().values()) == 1


def test_only_one_of_many_claims_gets_the_lease(ledger):
    ledger.accept(TASK)
    got = []

    def try_claim() -> None:
        got.append(ledger.claim("clx1", ClaimTerms("me", 15)))

    threads = [threading.Thread(target=try_claim) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(item, Lease) for item in got) == 1
    assert {item.reason for item in got if isinstance(item, NotClaimed)} == {"running"}


def test_a_claim_is_refused_with_its_reason(ledger):
    assert ledger.claim("nobody", ClaimTerms("me", 15)) == NotClaimed("unknown")
    ledger.accept(TASK)
    lease = claim(ledger)
    ledger.release(lease, "later", SPENT, delay_seconds=60)
    assert ledger.claim("clx1", ClaimTerms("me", 15)) == NotClaimed("not_due")


def test_the_cap_on_running_jobs_holds_and_its_refusal_is_sent_again(ledger):
    for number in range(3):
        ledger.accept(AssignedTask(f"t{number}", "general", "x"))
        ledger.sent(f"t{number}")
    claim(ledger, "t0", max_running=2)
    claim(ledger, "t1", max_running=2)
    assert ledger.claim("t2", ClaimTerms("me", 15, max_running=2)) == NotClaimed("over_cap")
    assert state(ledger, "t2") is JobState.QUEUED
    wait_until(
        lambda: ledger.sweep().to_run == ("t2",), description="the refused job is sent again"
    )


def test_every_write_of_an_old_lease_is_refused(ledger):
    ledger.accept(TASK)
    old = claim(ledger, lease_seconds=0.05)
    wait_until(lambda: ledger.sweep().rescued, description="the lease lapses")
    new = claim(ledger)
    assert new.token == old.token + 1
    assert not ledger.finish(old, DONE, SPENT)
    assert not ledger.release(old, "x", SPENT)
    assert ledger.renew([old], lease_seconds=15).lost == {"clx1"}
    assert ledger.renew([new], lease_seconds=15) == Renewal()
    assert state(ledger) is JobState.RUNNING
    assert ledger.finish(new, DONE, SPENT)


def test_a_claim_that_a_failover_took_back_gives_no_right_to_write(ledger, redis_server, agent):
    """The replica never heard of it, so the next claim is granted under the same number."""
    ledger.accept(TASK)
    with redis.Redis.from_url(redis_server.url) as primary:
        names = list(primary.scan_iter(f"{Keys(agent).prefix}*"))
        replica = {name: primary.dump(name) for name in names}
        old = claim(ledger)
        primary.delete(*primary.scan_iter(f"{Keys(agent).prefix}*"))
        for name, content in replica.items():
            primary.restore(name, 0, content)
    new = claim(ledger)
    assert (new.token, new.nonce) == (old.token, old.nonce)
    assert not ledger.journals.append(old, 0, "{}")
    assert ledger.renew([old, new], lease_seconds=15).lost == {"clx1"}
    assert not ledger.release(old, "x", SPENT)
    assert not ledger.finish(old, DONE, SPENT)
    assert ledger.renew([new], lease_seconds=15) == Renewal()
    assert ledger.finish(new, DONE, SPENT)


def test_the_first_outcome_stands(ledger):
    ledger.accept(TASK)
    lease = claim(ledger)
    assert ledger.finish(lease, DONE, SPENT)
    assert not ledger.finish(Lease("clx1", 9, TASK, "n", 0), Failed("x", "y"), SPENT)
    assert take(ledger).outcome == DONE


class LosesReplies(redis.Connection):
    """Loses the next reply, as a connection does that is cut at that moment."""

    is_losing = False

    def read_response(self, *args, **kwargs):
        reply = super().read_response(*args, **kwargs)
        if self.is_losing:
            type(self).is_losing = False
            self.disconnect()
            raise redis.ConnectionError("the reply was lost")
        return reply


def test_a_claim_whose_reply_was_lost_holds_its_lease(ledger, redis_server, agent):
    """The client sends it again. Refused then, it left a lease to lapse, which counts against the job."""
    client = connect(Settings.load({"REDIS_URL": redis_server.url, "FLEET_AGENT": agent}))
    client.connection_pool.reset()
    client.connection_pool.connection_class = LosesReplies
    mine = Ledger(client, Keys(agent), retention_seconds=3600)
    ledger.accept(TASK)
    ledger.accept(replace(TASK, task_id="clx2"))
    claim(mine, "clx2")  # so that the scripts are loaded
    LosesReplies.is_losing = True
    lease = claim(mine)
    assert not LosesReplies.is_losing
    assert (lease.token, lease.task) == (1, TASK)
    assert events(ledger) == ["accepted", "claimed"]
    assert ledger.renew([lease], lease_seconds=15).lost == frozenset()
    client.close()


def test_another_claim_gets_no_lease_that_is_held(ledger):
    ledger.accept(TASK)
    claim(ledger)
    assert ledger.claim("clx1", ClaimTerms("me:1", 15)) == NotClaimed("running", "clx1")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"task_id": "clx1"}'])
def test_a_task_that_cannot_be_read_is_set_aside_at_once(ledger, text):
    ledger.accept(TASK)
    ledger.client.hset(ledger.keys.job("clx1"), "task", text)
    assert ledger.claim("clx1", ClaimTerms("me:1", 15)) == NotClaimed("quarantined", "clx1")
    assert state(ledger) is JobState.QUARANTINED
    assert events(ledger) == ["accepted", "claimed", "quarantined"]
    (job,) = ledger.jobs()
    assert job.task is None
    assert "cannot be read" in job.reason


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"kind": "fail"}'])
def test_an_outcome_that_cannot_be_read_is_set_aside_at_once(ledger, text):
    ledger.controls.seed_guard(0)
    ledger.accept(TASK)
    ledger.finish(claim(ledger), Failed("quality", "No."), SPENT)
    ledger.client.hset(ledger.keys.job("clx1"), "outcome", text)
    assert ledger.take_report("clx1") == NotClaimed("quarantined", "clx1")
    assert state(ledger) is JobState.QUARANTINED
    assert ledger.controls.read().failures_in_a_row == 0, "nothing was sent"


def test_finishing_twice_after_a_lost_reply_is_one_finish(ledger):
    ledger.accept(TASK)
    lease = claim(ledger)
    assert ledger.finish(lease, DONE, SPENT)
    assert ledger.finish(lease, DONE, SPENT)
    job = ledger.get("clx1")
    assert job is not None
    assert job.model_calls == 2
    assert events(ledger).count("finished") == 1


def test_a_released_job_keeps_count_of_what_it_took(ledger):
    ledger.accept(TASK)
    for number in range(3):
        lease = claim(ledger)
        assert lease.releases == number
        ledger.release(lease, "provider down", SPENT, counts_as="releases")
    job = ledger.get("clx1")
    assert job is not None
    assert (job.model_calls, job.ran_ms, job.attempt) == (6, 300, 3)
    assert job.reason == "provider down"


def test_a_lapsed_lease_is_rescued_and_sent(ledger):
    ledger.accept(TASK)
    ledger.sent("clx1")
    claim(ledger, lease_seconds=0.05)
    found: list[str] = []

    def sweep_finds() -> bool:
        found.extend(ledger.sweep().to_run)
        return bool(found)

    wait_until(sweep_finds, description="rescued")
    assert found == ["clx1"]
    job = ledger.get("clx1")
    assert job is not None
    assert (job.state, job.lapses) == (JobState.QUEUED, 1)


def test_a_job_that_its_workers_never_survive_is_laid_aside(ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "MAX_LAPSES", 2)
    ledger.accept(TASK)
    for _ in range(2):
        claim(ledger, lease_seconds=0.02)
        wait_until(lambda: ledger.sweep().rescued, description="the lease lapses")
    job = ledger.get("clx1")
    assert job is not None
    assert job.state is JobState.QUARANTINED
    assert "2 of its leases lapsed" in job.reason
    assert ledger.sweep().to_run == ()


def test_reports_that_nobody_takes_do_not_pile_up(ledger, redis_client, monkeypatch):
    monkeypatch.setattr(runs, "SEND_GRACE_MS", 0)
    ledger.accept(TASK)
    ledger.finish(claim(ledger), DONE, SPENT)
    queue = f"{ledger.keys.prefix}reports"
    redis_client.rpush(queue, "waits")
    assert ledger.sweep().to_report == ()
    redis_client.delete(queue)
    assert ledger.sweep().to_report == ("clx1",)


def test_a_sweep_that_dies_before_it_sends_is_made_good_also_over_a_backlog(
    ledger, redis_client, monkeypatch
):
    monkeypatch.setattr(runs, "SEND_GRACE_MS", 0)
    monkeypatch.setattr(ledger_module, "MESSAGE_LOST_MS", 50)
    ledger.accept(TASK)
    redis_client.rpush(f"{ledger.keys.prefix}jobs", "a backlog")
    assert ledger.sweep().to_run == ("clx1",)
    wait_until(lambda: ledger.sweep().to_run == ("clx1",), description="it is found again")
    ledger.sent("clx1")
    assert ledger.sweep().to_run == ()
    redis_client.delete(f"{ledger.keys.prefix}jobs")


def test_a_lease_that_lapsed_is_not_revived_before_the_sweep_comes(ledger):
    ledger.accept(TASK)
    lease = claim(ledger, lease_seconds=0.02)
    wait_until(
        lambda: ledger.renew([lease], lease_seconds=0.02).lost, description="the lease lapses"
    )
    assert ledger.sweep().rescued == ("clx1",)


def test_a_renewed_lease_does_not_lapse(ledger):
    ledger.accept(TASK)
    lease = claim(ledger, lease_seconds=0.05)
    ledger.renew([lease], lease_seconds=60)
    assert ledger.sweep().rescued == ()


def test_a_job_whose_message_was_never_sent_is_sent_by_the_sweep(ledger, monkeypatch):
    monkeypatch.setattr(runs, "SEND_GRACE_MS", 0)
    ledger.accept(TASK)
    assert ledger.sweep().to_run == ("clx1",)
    assert ledger.sweep().to_run == ()


def test_a_lost_message_is_sent_again_only_while_the_queue_is_empty(
    ledger, redis_client, monkeypatch
):
    monkeypatch.setattr(ledger_module, "MESSAGE_LOST_MS", 0)
    ledger.accept(TASK)
    ledger.sent("clx1")
    queue = f"{ledger.keys.prefix}jobs"
    redis_client.rpush(queue, "a backlog")
    assert ledger.sweep().to_run == ()
    redis_client.delete(queue)
    assert ledger.sweep().to_run == ("clx1",)


def test_a_report_is_sent_by_one_process_at_a_time(ledger, monkeypatch):
    monkeypatch.setattr(runs, "SEND_GRACE_MS", 0)
    monkeypatch.setattr(outbox, "REPORT_LEASE_MS", 50)
    ledger.accept(TASK)
    ledger.finish(claim(ledger), DONE, SPENT)
    assert ledger.sweep().to_report == ("clx1",)
    first = take(ledger)
    assert ledger.take_report("clx1") == NotClaimed("being_sent")
    wait_until(
        lambda: isinstance(ledger.take_report("clx1"), ReportLease),
        description="the report's lease lapses",
    )
    assert not ledger.settle(first, {}).is_ours
    assert not ledger.postpone(first, "x", delay_seconds=1)
    assert not ledger.quarantine(first, "x", was_refused=True)
    assert state(ledger) is JobState.FINISHED


def test_a_postponed_report_is_not_due_until_then(ledger):
    ledger.accept(TASK)
    ledger.finish(claim(ledger), DONE, SPENT)
    assert ledger.postpone(take(ledger), "503", delay_seconds=60)
    assert ledger.take_report("clx1") == NotClaimed("not_due")
    assert ledger.sweep().to_report == ()


def test_a_refused_report_rests_in_quarantine_with_the_servers_words(ledger):
    ledger.accept(TASK)
    ledger.finish(claim(ledger), DONE, SPENT)
    assert ledger.quarantine(take(ledger), "400: output too large", was_refused=True)
    job = ledger.get("clx1")
    assert job is not None
    assert (job.state, job.reason) == (JobState.QUARANTINED, "400: output too large")
    assert job.outcome == DONE


def test_a_refused_task_rests_with_its_reason_and_is_forgotten_once_unlisted(ledger, redis_client):
    assert ledger.refuse("bad", "input: missing") == "refused"
    assert ledger.refuse("bad", "input: missing") == "known"
    job = ledger.get("bad")
    assert job is not None
    assert (job.state, job.reason) == (JobState.QUARANTINED, "input: missing")
    assert redis_client.pttl(ledger.keys.job("bad")) > 0


def test_a_settled_job_expires_and_the_index_forgets_it(redis_client, agent):
    short = Ledger(redis_client, Keys(agent), retention_seconds=0.05)
    short.accept(TASK)
    short.finish(claim(short), DONE, SPENT)
    short.settle(take(short), {})
    wait_until(lambda: short.get("clx1") is None, description="the job expires")
    assert short.jobs() == []
    wait_until(
        lambda: short.sweep() is not None and short.counts()[JobState.REPORTED] == 0,
        description="the index forgets it",
    )


def test_a_cancelled_or_acknowledged_job_expires_and_an_undecided_one_does_not(redis_client, agent):
    short = Ledger(redis_client, Keys(agent), retention_seconds=0.05)
    for job_id in ("cancelled", "acknowledged", "undecided"):
        short.accept(AssignedTask(job_id, "general", "x"))
    short.operator.cancel("cancelled", "x")
    for job_id in ("acknowledged", "undecided"):
        short.finish(claim(short, job_id), DONE, SPENT)
        assert short.quarantine(take(short, job_id), "x", was_refused=False)
    short.operator.acknowledge("acknowledged", "x")

    def only_one_is_left() -> bool:
        short.coordination.note_walk(0)
        short.sweep()
        return [job.job_id for job in short.jobs()] == ["undecided"]

    wait_until(only_one_is_left, description="the others expire")
    assert short.counts()[JobState.QUARANTINED] == 1
    assert not redis_client.exists(*map(short.keys.audit, ("cancelled", "acknowledged")))


def test_a_cancelled_job_that_is_still_listed_is_no_new_task(redis_client, agent):
    """Its record is all that keeps it from being run."""
    short = Ledger(redis_client, Keys(agent), retention_seconds=0.05)
    short.accept(TASK)
    short.operator.cancel("clx1", "x")
    wait_until(lambda: old_enough(short, "clx1"), description="its retention is over")
    short.coordination.note_walk(0.0)
    assert short.accept(TASK) == "known"
    short.sweep()
    assert short.accept(TASK) == "known"


def test_a_cancelled_job_stays_while_nobody_sees_what_is_listed(redis_client, agent):
    """Intake was paused, the key refused, or the fleet off for weeks: AI City may list it still."""
    short = Ledger(redis_client, Keys(agent), retention_seconds=0.05)
    short.coordination.note_walk(0.0)
    short.accept(TASK)
    short.operator.cancel("clx1", "x")
    wait_until(lambda: old_enough(short, "clx1"), description="its retention is over")
    short.sweep()
    assert short.accept(TASK) == "known"


def old_enough(ledger: Ledger, job_id: str) -> bool:
    job = ledger.get(job_id)
    assert job is not None
    assert job.changed_at is not None
    return (ledger.now() - job.changed_at).total_seconds() > 0.2


def test_a_withdrawn_job_that_was_to_expire_stays_once_a_person_moves_it_on(redis_client, ledger):
    ledger.accept(TASK)
    ledger.operator.cancel("clx1", "x")
    for key in (ledger.keys.job("clx1"), ledger.keys.audit("clx1")):
        redis_client.expire(key, 100)
    ledger.operator.rerun("clx1", "x")
    assert redis_client.pttl(ledger.keys.job("clx1")) == -1
    assert redis_client.pttl(ledger.keys.audit("clx1")) == -1


def test_a_reported_job_that_is_still_listed_stays_known(ledger, redis_client):
    ledger.accept(TASK)
    ledger.finish(claim(ledger), DONE, SPENT)
    ledger.settle(take(ledger), {})
    redis_client.pexpire(ledger.keys.job("clx1"), 1000)
    assert ledger.accept(TASK) == "known"
    assert redis_client.pttl(ledger.keys.job("clx1")) > 1000


def test_a_script_fails_when_a_named_argument_is_missing(ledger):
    ledger.accept(TASK)
    with pytest.raises(LedgerError, match="no argument is called max_running"):
        ledger._scripts.run("claim", "clx1", owner="me", brake="")


def test_two_fleets_on_one_redis_do_not_meet(redis_client, ledger, agent):
    other = Ledger(redis_client, Keys(agent + "2"), retention_seconds=60)
    ledger.accept(TASK)
    assert other.get("clx1") is None
    assert other.accept(TASK) == "accepted"
    for key in redis_client.scan_iter(f"{other.keys.prefix}*"):
        redis_client.delete(key)


def test_a_newer_layout_is_refused(redis_client, agent):
    keys = Keys(agent)
    redis_client.set(keys.schema, SCHEMA_VERSION + 1, ex=60)
    with pytest.raises(LedgerError, match="Upgrade this process"):
        Ledger(redis_client, keys, retention_seconds=60)


def test_the_leak_check_finds_a_key_without_a_ttl(redis_client, agent):
    keys = Keys(agent)
    redis_client.set(f"{keys.prefix}forgotten", 1)
    assert immortal_keys(redis_client, keys) == ["forgotten"]
    redis_client.delete(f"{keys.prefix}forgotten")


def test_marks_have_their_ttl_and_never_shorten_a_wait(ledger):
    coordination, controls = ledger.coordination, ledger.controls
    assert controls.quiet_seconds() == 0
    controls.keep_quiet(100)
    controls.keep_quiet(1)
    assert 98 < controls.quiet_seconds() <= 100
    with coordination.only_poll(10) as turn:
        assert turn is not None
        assert turn.prolong()
    assert not turn.is_wanted
    coordination.note_poll("id", {"seen": 1})
    assert coordination.poll_summary("id") == {"seen": 1}


def test_of_several_dispatchers_one_sweeps_in_each_turn(ledger, redis_client):
    other = Ledger(redis_client, ledger.keys, retention_seconds=60)
    assert ledger.sweep(turn_seconds=10).is_new
    first = redis_client.hgetall(ledger.keys.turns)
    ledger.accept(TASK)
    redis_client.zadd(f"{ledger.keys.prefix}unsent", {TASK.task_id: 0})
    assert other.sweep(turn_seconds=10) == ledger.sweep(turn_seconds=10) == SweepResult()
    assert redis_client.hgetall(ledger.keys.turns) == first, "nor did it count as a sweep"
    redis_client.hset(ledger.keys.turns, "sweep:until", 1)
    assert other.sweep(turn_seconds=10).to_run == (TASK.task_id,)


def test_a_turn_that_is_refused_is_known_to_its_holder(ledger, redis_client):
    other = Ledger(redis_client, ledger.keys, retention_seconds=60).coordination
    for asking in (ledger.coordination, other):
        with ledger.coordination.only_poll(10) as turn:
            assert turn is not None
            with asking.only_poll(10) as second:
                assert second is None
        assert turn.is_wanted
        with asking.only_poll(10) as again:
            assert again
        assert not again.is_wanted, "it was refused to nobody"


def test_the_latest_poll_and_sweep_stay_readable_with_their_time(ledger, redis_client):
    coordination = ledger.coordination
    assert (coordination.last_poll(), coordination.swept_at()) == (None, None)
    coordination.note_poll("one", {"status": "ok", "seen": 3})
    coordination.note_poll("two", {"status": "busy", "seen": 0})
    latest = coordination.last_poll()
    assert latest is not None
    assert latest["seen"] == 3, "one that only found another under way saw nothing"
    now = ledger.controls.read().now
    assert abs((now - latest["at"]).total_seconds()) < 10
    assert 86_000 < redis_client.ttl(ledger.keys.last_poll) <= 86_400
    ledger.sweep(turn_seconds=2)
    assert abs((now - coordination.swept_at()).total_seconds()) < 10


def test_a_turn_from_before_the_clock_was_set_back_holds_nobody_off(ledger, redis_client):
    """As if the clock of Redis were an hour behind what it was when the turns were taken."""
    other = Ledger(redis_client, ledger.keys, retention_seconds=60)
    hour_ahead_ms = int(ledger.now().timestamp() * 1000) + 3_600_000
    noted = ("sweep:until", "poll:until", "swept_at", "claimed_sent_at", "listens_until")
    for name in noted:
        redis_client.hset(ledger.keys.turns, name, hour_ahead_ms)
    redis_client.hset(ledger.keys.turns, "poll:token", "of another process")
    other.sweep(turn_seconds=1.8)
    assert redis_client.hget(ledger.keys.turns, "sweep:until") < str(hour_ahead_ms - 3_000_000)
    with other.coordination.only_poll(45) as turn:
        assert turn is not None
        with ledger.coordination.only_poll(45) as second:
            assert second is None
    ledger.sweep()
    left = redis_client.hmget(ledger.keys.turns, "claimed_sent_at", "listens_until")
    assert left == [None, None]


def test_what_waits_does_not_wait_longer_because_the_clock_was_set_back(ledger, redis_client):
    """As if all had been noted an hour ahead, before the clock of Redis was set back."""
    for job_id in ("queued", "running", "finished"):
        ledger.accept(dataclasses.replace(TASK, task_id=job_id))
    ledger.sweep()
    ledger.finish(claim(ledger, "finished"), DONE, SPENT)
    claim(ledger, "running", lease_seconds=0.01)  # its worker died
    hour_ms = 3_600_000
    indexes = [ledger.keys.state(state) for state in JobState] + [f"{ledger.keys.prefix}unsent"]
    for index in indexes:
        for job_id in redis_client.zrange(index, 0, -1):
            redis_client.zincrby(index, hour_ms, job_id)
    for job_id in ("queued", "running", "finished"):
        fields = redis_client.hgetall(ledger.keys.job(job_id))
        for name in {"not_before", "sent_at", "report_due", "report_lease_until"} & set(fields):
            redis_client.hincrby(ledger.keys.job(job_id), name, hour_ms)
    redis_client.hincrby(ledger.keys.turns, "swept_at", hour_ms)
    assert ledger.claim("queued", ClaimTerms("me:1", 15)) == NotClaimed("not_due")
    seen: set[str] = set()

    def has_seen_both() -> bool:
        found = ledger.sweep()
        seen.update(found.rescued, found.to_report)
        return {"running", "finished"} <= seen

    wait_until(has_seen_both, description="the lapsed lease and the report are found")
    claim(ledger, "queued")
    claim(ledger, "running")
    take(ledger, "finished")


def test_a_lease_that_was_renewed_since_the_clock_was_set_back_stands(ledger, redis_client):
    ledger.accept(TASK)
    ledger.sweep()
    lease = claim(ledger)
    redis_client.hincrby(ledger.keys.turns, "swept_at", 3_600_000)
    assert ledger.sweep().rescued == ()
    assert ledger.renew([lease], lease_seconds=15).lost == frozenset()


def test_waits_for_others_do_not_grow_because_the_clock_was_set_back(ledger, redis_client):
    ledger.sweep()
    ledger.controls.keep_quiet(20)
    ledger.controls.provider_trouble("e", "t1", "429", wait_seconds=20)
    hour_ms = 3_600_000
    redis_client.hincrby(f"{ledger.keys.prefix}controls", "quiet_until", hour_ms)
    breaker = json.loads(redis_client.hget(f"{ledger.keys.prefix}breakers", "e"))
    breaker["open_until"] += hour_ms
    redis_client.hset(f"{ledger.keys.prefix}breakers", "e", json.dumps(breaker))
    redis_client.hincrby(ledger.keys.turns, "swept_at", hour_ms)
    ledger.sweep()
    controls = ledger.controls.read()
    assert 10 < controls.quiet_seconds < 30
    (found,) = controls.breakers
    assert found.open_until is not None
    assert 10 < (found.open_until - controls.now).total_seconds() < 30


def test_every_job_is_read_whatever_their_number(ledger):
    for number in range(250):
        ledger.accept(AssignedTask(f"t{number}", "general", "x"))
    claim(ledger, "t7")
    queued = [job.job_id for job in ledger.every([JobState.QUEUED])]
    assert len(queued) == len(set(queued)) == 249
    assert [job.job_id for job in ledger.every([JobState.RUNNING, JobState.HELD])] == ["t7"]


def test_a_poll_that_outlives_its_right_does_not_end_the_next_ones(ledger, redis_client):
    other = Ledger(redis_client, ledger.keys, retention_seconds=60)
    with ledger.coordination.only_poll(0.05) as mine:
        assert mine
        got = []

        def another_polls() -> bool:
            turn = other.coordination.only_poll(10)
            if turn.__enter__() is not None:
                got.append(turn)
            return bool(got)

        wait_until(another_polls, description="the right of the first ends")
    with ledger.coordination.only_poll(10) as third:
        assert not third
    got[0].__exit__(None, None, None)


def test_a_turn_that_could_not_be_given_back_is_taken_again_by_the_same_process(
    ledger, redis_client, monkeypatch
):
    real = ledger.coordination._scripts.run

    def run(name: str, *args: str | int) -> object:
        if name == "end_turn":
            raise LedgerUnavailableError("Redis went away")
        return real(name, *args)

    with monkeypatch.context() as patch:
        patch.setattr(ledger.coordination._scripts, "run", run)
        with pytest.raises(LedgerUnavailableError), ledger.coordination.only_poll(60) as mine:
            assert mine
    with Ledger(redis_client, ledger.keys, retention_seconds=60).coordination.only_poll(
        60
    ) as another:
        assert another is None
    with ledger.coordination.only_poll(60) as again:
        assert again


def test_leases_that_lapse_while_nobody_can_renew_do_not_count_against_their_jobs(
    ledger, redis_client
):
    ledger.accept(TASK)
    ledger.sweep()
    claim(ledger, lease_seconds=0.02)

    def sweep_after_long() -> tuple[str, ...]:
        redis_client.hset(ledger.keys.turns, "swept_at", 1)
        return ledger.sweep().rescued

    wait_until(sweep_after_long, description="the lease lapses")
    job = ledger.get("clx1")
    assert job is not None
    assert (job.state, job.lapses) == (JobState.QUEUED, 0)


def test_every_thread_of_a_worker_can_ask_at_the_same_moment(redis_server):
    client = connect(Settings.load({"REDIS_URL": redis_server.url}))
    limits = [getattr(m, "le", None) for m in Settings.model_fields["worker_threads"].metadata]
    # The jobs' own threads, and those in which their answers are journaled.
    threads = max(filter(None, limits)) + 32
    with ThreadPoolExecutor(threads) as pool:
        waits = [pool.submit(client.blpop, [f"nothing:{n}"], 1) for n in range(threads)]
        assert [wait.result() for wait in waits] == [None] * threads
    client.close()


def test_an_absent_redis_is_one_clear_message():
    settings = Settings.load({"REDIS_URL": "redis://:pw-hidden@127.0.0.1:1/0"})
    with pytest.raises(LedgerUnavailableError, match="REDIS_URL: no Redis answers") as caught:
        connect(settings)
    assert "pw-hidden" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_wrong_password_is_one_clear_message(redis_server):
    url = f"redis://:pw-wrong@127.0.0.1:{redis_server.port}/0"
    with pytest.raises(LedgerUnavailableError, match="refuses our password") as caught:
        connect(Settings.load({"REDIS_URL": url}))
    assert "pw-wrong" not in str(caught.value)


def test_a_missing_password_is_one_clear_message(redis_server):
    url = f"redis://127.0.0.1:{redis_server.port}/0"
    with pytest.raises(LedgerUnavailableError, match="REDIS_PASSWORD"):
        connect(Settings.load({"REDIS_URL": url}))


REDIS_ERRORS = [redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError]


@pytest.mark.parametrize("error", [*REDIS_ERRORS, redis.ReadOnlyError, redis.OutOfMemoryError])
def test_trouble_with_redis_is_always_the_ledgers_own_error(ledger, monkeypatch, error):
    def broken(*_args: object, **_kwargs: object) -> None:
        raise error("boom")

    with monkeypatch.context() as patch:
        patch.setattr(ledger.client, "execute_command", broken)
        with pytest.raises(LedgerUnavailableError):
            ledger.get("x")
