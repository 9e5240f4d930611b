"""Alerts to a real receiver: once per change, whichever dispatcher tells it, and never in the way."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import FleetProcesses
from support.redis_process import OwnRedis, own_redis
from support.waiting import wait_until
from support.webhook_receiver import PATH, Receiver, receiving

from aicity_fleet.embedded.fleet import fleet_programs
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.alerts import Alerts
from aicity_fleet.ledger.overview import MOST_GLANCED
from aicity_fleet.models import AssignedTask, JobState
from aicity_fleet.redis_faults import MEMORY_REMEDY
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment
from scheduler import alerts
from scheduler.alerts import Alerter

pytestmark = pytest.mark.timeout(120)

QUARANTINED = "1 job is in quarantine and will not continue without you."


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def seem_alive(ledger: Ledger) -> None:
    """Let the fleet look as if it ran, so that nothing else needs a person."""
    ledger.sweep(turn_seconds=1)
    ledger.coordination.note_poll("id", {"status": "ok"})


def park(ledger: Ledger, job_id: str) -> None:
    ledger.accept(AssignedTask(job_id, "general", "x"))
    ledger.operator.park(job_id, "by hand")


def findings(run: Callable[..., str]) -> dict[str, dict[str, Any]]:
    """What ``status`` finds, by name."""
    shown = run("status", "--json", code=1)
    document = shown[shown.index("{\n") :]  # after the log lines of this process
    return {finding["name"]: finding for finding in json.loads(document)["findings"]}


# --- one look after another -----------------------------------------------------------------------------


@pytest.fixture
def alerters(redis_server, agent, ledger, receiver, monkeypatch) -> list[Alerter]:
    """Those of two dispatchers. That a problem is over is told at the second look without it."""
    monkeypatch.setattr(alerts, "AWAY_SECONDS", 0.0)
    monkeypatch.setattr(alerts, "BACKOFF_SECONDS", (0.0, 0.0))
    seem_alive(ledger)
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        "FLEET_ALERT_WEBHOOK": receiver.url,
    }
    return [Alerter.from_settings(Settings.load(env)) for _ in range(2)]


def test_of_many_looks_at_once_one_tells(alerters, ledger, receiver):
    park(ledger, "a")
    start = threading.Barrier(8)

    def look(alerter: Alerter) -> None:
        start.wait()
        alerter.tick()

    threads = [threading.Thread(target=look, args=(one,)) for one in alerters * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.texts) == 1
    assert QUARANTINED in receiver.texts[0]


def test_a_job_more_in_quarantine_is_no_new_problem(alerters, ledger, receiver):
    park(ledger, "a")
    alerters[0].tick()
    park(ledger, "b")
    alerters[1].tick()
    assert len(receiver.texts) == 1


def test_a_process_that_dies_after_telling_leaves_it_to_be_told_again(
    alerters, ledger, receiver, monkeypatch
):
    park(ledger, "a")
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise LedgerUnavailableError("Redis went away.")

        patch.setattr(Alerts, "note_told", die)
        with pytest.raises(LedgerUnavailableError):
            alerters[0].tick()
    for alerter in alerters * 2:
        alerter.tick()
    assert len(receiver.texts) == 2, "at least once, and not more often than it died"


def test_a_receiver_that_refuses_is_tried_again_and_status_says_so(
    alerters, ledger, receiver, run, monkeypatch
):
    receiver.status = 500
    park(ledger, "a")
    alerters[0].tick()
    alerters[1].tick()
    assert receiver.refused == 2
    shown = findings(run)["webhook_fails"]
    assert shown["what"].endswith("answered 500.")
    assert "An alert has been waiting for" in shown["what"]
    assert PATH not in shown["what"]
    assert not shown["needs_person"], "it may pass by itself"
    monkeypatch.setattr("aicity_fleet.health.fleet.TROUBLE_SECONDS", -1.0)
    alerters[0].tick()
    receiver.status = 200
    alerters[1].tick()
    assert len(receiver.texts) == 1, "its own failure is nothing that it tells"
    assert "webhook" not in receiver.texts[0]
    assert list(findings(run)) == ["quarantined"]


def test_after_a_failure_a_dispatcher_waits_before_it_tries_again(
    alerters, ledger, receiver, monkeypatch
):
    monkeypatch.setattr(alerts, "backoff_seconds", lambda *_: 3600.0)
    receiver.status = 503
    park(ledger, "a")
    for _ in range(5):
        alerters[0].tick()
    assert receiver.refused == 1


def test_the_end_is_told_once(alerters, ledger, receiver):
    park(ledger, "a")
    alerters[0].tick()
    ledger.operator.acknowledge("a", "seen")
    for alerter in alerters * 3:
        alerter.tick()
    assert receiver.texts[1:] == [
        f"Fleet '{ledger.keys.agent}' no longer needs you.\nOver: {QUARANTINED}"
    ]
    assert not ledger.client.exists(ledger.keys.alerts)


def test_words_of_ai_city_cannot_call_a_channel_or_forge_a_line(alerters, ledger, receiver):
    ledger.controls.stop("GET /x: 401 «<!channel>\nOver: everything & more».", "fingerprint")
    alerters[0].tick()
    (text,) = receiver.texts
    assert "«&lt;!channel&gt; Over: everything &amp; more»" in text
    assert [line.partition(":")[0] for line in text.split("\n")[1:]] == ["New", "To do"]


def test_a_look_asks_redis_the_same_however_many_jobs_there_are(alerters, ledger, redis_client):
    def commands() -> int:
        before = redis_client.info("stats")["total_commands_processed"]
        alerters[0].tick()
        return int(redis_client.info("stats")["total_commands_processed"]) - int(before)

    ledger.controls.pause("starts", "x")
    for number in range(MOST_GLANCED):
        ledger.accept(AssignedTask(f"j{number}", "general", "x"))
    commands()  # the first one loads the scripts
    few = commands()
    for number in range(MOST_GLANCED):
        ledger.accept(AssignedTask(f"k{number}", "general", "x"))
    assert commands() == few


# --- without Redis --------------------------------------------------------------------------------------


@pytest.fixture
def redis_of_its_own(tmp_path) -> Iterator[OwnRedis]:
    with own_redis(tmp_path / "redis") as made:
        yield made


@pytest.fixture
def alerter(redis_of_its_own, receiver, monkeypatch) -> Alerter:
    monkeypatch.setattr(alerts, "REDIS_SECONDS", 0.0)
    monkeypatch.setattr(alerts, "BACKOFF_SECONDS", (0.0, 0.0))
    url = redis_of_its_own.server.url
    env = {"REDIS_URL": url, "FLEET_AGENT": "one", "FLEET_ALERT_WEBHOOK": receiver.url}
    return Alerter.from_settings(Settings.load(env))


def look_in_vain(alerter: Alerter) -> None:
    with pytest.raises(LedgerUnavailableError):
        alerter.tick()


def lines_of(text: str) -> list[str]:
    """The lines of a message, without how long Redis has failed."""
    return re.sub(r"\d+ s", "some s", text).split("\n")


NEEDED = "Fleet 'one' needs you: it stands still, and nothing is lost."
FULL = "Redis has failed for some s: it is full: it has reached its maxmemory."
GONE = "Redis has failed for some s: it cannot be reached."


def test_a_full_redis_is_told_once_and_so_is_its_end(alerter, redis_of_its_own, receiver):
    alerter.tick()
    receiver.texts.clear()  # this Redis has a fault of its own
    redis_of_its_own.admin.config_set("maxmemory", "1")
    for _ in range(3):
        look_in_vain(alerter)
    (told,) = map(lines_of, receiver.texts)
    assert told == [NEEDED, f"New: {FULL}", f"To do: {MEMORY_REMEDY}"]
    redis_of_its_own.admin.config_set("maxmemory", "0")
    alerter.tick()
    alerter.tick()
    (over,) = map(lines_of, receiver.texts[1:])
    assert over == ["Fleet 'one': Redis works again.", f"Over: {FULL}"]


def test_two_short_failures_are_not_one_long_one(alerter, redis_of_its_own, receiver, monkeypatch):
    alerter.tick()
    receiver.texts.clear()
    monkeypatch.setattr(alerts, "REDIS_SECONDS", 0.5)
    for _ in range(2):
        redis_of_its_own.admin.config_set("maxmemory", "1")
        look_in_vain(alerter)
        redis_of_its_own.admin.config_set("maxmemory", "0")
        alerter.tick()
        time.sleep(0.6)
    assert not receiver.texts


def test_a_redis_that_is_gone_is_told_once_it_stays_away(
    alerter, redis_of_its_own, receiver, monkeypatch
):
    monkeypatch.setattr(alerts, "REDIS_SECONDS", 3600.0)
    redis_of_its_own.process.kill()
    redis_of_its_own.process.wait()
    look_in_vain(alerter)
    assert not receiver.texts, "a restart is nothing to be told"
    monkeypatch.setattr(alerts, "REDIS_SECONDS", 0.0)
    receiver.status = 500
    look_in_vain(alerter)
    receiver.status = 200
    look_in_vain(alerter)
    (told,) = map(lines_of, receiver.texts)
    assert told == [NEEDED, f"New: {GONE}", "To do: Start it, or correct REDIS_URL."]


# --- the command ----------------------------------------------------------------------------------------


def test_the_command_sends_one_message_and_says_the_answer(run, receiver, agent):
    shown = run("test-alert", FLEET_ALERT_WEBHOOK=receiver.url)
    assert receiver.texts == [f"Fleet '{agent}': this is a test. Nothing needs you."]
    assert "took the message (200)" in shown
    receiver.status = 404
    shown += run("test-alert", code=1, FLEET_ALERT_WEBHOOK=receiver.url)
    assert "answered 404" in shown
    assert PATH not in shown
    assert "FLEET_ALERT_WEBHOOK: is not set" in run("test-alert", code=2)


# --- real dispatchers -----------------------------------------------------------------------------------


class Rig:
    """A fleet without workers, whose dispatchers look five times a second."""

    def __init__(self, env: dict[str, str], folder: Path, ledger: Ledger) -> None:
        self.fleet, self.ledger = FleetProcesses(env, folder), ledger
        ledger.controls.pause("starts", "a job that waits for a worker is not what this is about")
        seem_alive(ledger)
        self.fleet.start("beat")

    def dispatch(self, name: str) -> None:
        (program,) = [
            p
            for p in fleet_programs(self.fleet.env, workers=0, threads=1)
            if p.name == "dispatcher"
        ]
        swapped = {
            "aicity_fleet.celery_app": "support.quick_alerts_app",
            "dispatcher@%h": f"{name}@%h",
        }
        argv = [swapped.get(word, word) for word in program.argv]
        env = {**program.env, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        self.fleet.start_program(dataclasses.replace(program, name=name, argv=argv, env=env))

    def polls(self) -> int:
        return int(self.ledger.client.hget(self.ledger.keys.metrics, "polls|ok") or 0)

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.fleet.folder.glob("*.log"))


@pytest.fixture
def rig(redis_server, ledger, agent, city, empty_folder, request) -> Iterator[Rig]:
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_ALERT_WEBHOOK": request.getfixturevalue("webhook_url"),
    }
    made = Rig(env, empty_folder, ledger)
    yield made
    made.fleet.stop()
    assert PATH not in made.logs()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def webhook_url(port) -> str:
    return f"http://127.0.0.1:{port}{PATH}"


def test_two_dispatchers_tell_each_change_once_through_restarts(rig, port, city, run, agent):
    with receiving(port) as receiver:

        def told(number: int) -> None:
            wait_until(
                lambda: len(receiver.texts) >= number,
                seconds=30,
                description=f"message {number} after {receiver.texts}",
            )

        rig.dispatch("one")
        rig.dispatch("two")
        (job_id,) = city.submit({})
        wait_until(
            lambda: rig.ledger.counts()[JobState.QUEUED] == 1,
            seconds=30,
            description="a real poll has accepted the task",
        )
        run("park", job_id)
        told(1)
        city.fault("list", "status", status=401, count=None)
        told(2)
        shown = findings(run)
        assert rig.fleet.end("two") == 0
        rig.dispatch("two")
        city.clear_faults()
        run("resume", "reports")
        told(3)
        run("acknowledge", job_id)
        told(4)
    remedies = {name: finding["remedy"] for name, finding in shown.items()}
    key = shown["key_refused"]["what"]
    assert receiver.texts == [
        f"Fleet '{agent}' needs you (1 problem).\n"
        f"New: {QUARANTINED}\nTo do: {remedies['quarantined']}",
        f"Fleet '{agent}' needs you (2 problems).\nNew: {key}\nTo do: {remedies['key_refused']}",
        f"Fleet '{agent}' needs you (1 problem).\nOver: {key}",
        f"Fleet '{agent}' no longer needs you.\nOver: {QUARANTINED}",
    ]


def test_a_receiver_that_is_down_at_first_is_told_when_it_is_back(rig, port, ledger, run, agent):
    rig.dispatch("one")
    park(ledger, "a")
    wait_until(
        lambda: rig.logs().count("alert.not_told") and ledger.troubles.read("alerts"),
        seconds=30,
        description="the first try has failed",
    )
    assert "cannot be reached" in findings(run)["webhook_fails"]["what"]
    with receiving(port) as receiver:
        wait_until(lambda: receiver.texts, description="it is told")
        wait_until(
            lambda: ledger.troubles.read("alerts") is None, description="the failure is over"
        )
        ledger.operator.acknowledge("a", "seen")
        wait_until(lambda: len(receiver.texts) >= 2, description="it is told that this is over")
        assert [text.split("\n")[0] for text in receiver.texts] == [
            f"Fleet '{agent}' needs you (1 problem).",
            f"Fleet '{agent}' no longer needs you.",
        ]


def test_a_receiver_that_hangs_delays_no_poll_and_no_sweep(rig, port, ledger):
    with socket.create_server(("127.0.0.1", port)) as server:
        park(ledger, "a")
        rig.dispatch("one")
        server.settimeout(30)
        connection, _ = server.accept()
        with connection:
            before, swept = rig.polls(), ledger.coordination.swept_at()
            wait_until(lambda: rig.polls() >= before + 2, description="polls go on")
            wait_until(lambda: ledger.coordination.swept_at() > swept, description="so do sweeps")
            assert "alert.not_told" not in rig.logs(), "it still waits for the answer"
    assert rig.fleet.end("one") == 0
