"""What strangers wrote and models answered stays in the ledger: in no log, message, event or result."""

import json
import threading
from typing import Any

import celery
import pytest
from support.processes import FleetProcesses
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

ORDER, CODE = "canaryorderzebra", "canary_code_walrus"


class Events:
    """Every Celery event of a fleet: what Flower gets, and shows."""

    def __init__(self, broker_url: str, prefix: str) -> None:
        self.seen: list[dict[str, object]] = []
        self._app = celery.Celery(broker=broker_url)
        self._app.conf.broker_transport_options = {"global_keyprefix": prefix}
        self._receiver: Any = None
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Events":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join(10)
        self._app.close()

    def _listen(self) -> None:
        with self._app.connection() as connection:
            self._receiver = self._app.events.Receiver(connection, handlers={"*": self.seen.append})
            # Without a time limit: between two subscriptions, events would be lost.
            self._receiver.capture(limit=None, timeout=None, wakeup=False)


@pytest.mark.timeout(180)
def test_no_message_body_leaves_the_ledger(redis_server, ledger, agent, empty_folder):
    """At the most talkative log level; the model's answers quote the order, and so would a tool's."""
    config = SimulatorConfig(model_latency_seconds=(0.3, 0.3), flawed_share=1.0)
    with running(create_app(config)) as url:
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "FLEET_POLL_SECONDS": "1",
            "FLEET_LOG_LEVEL": "DEBUG",
        }
        city = SimulatedCity(url)
        fleet = FleetProcesses(env, empty_folder)
        words = f"Compare the history of the {ORDER} in Japan and China."
        code = f"import os\n\n\ndef {CODE}(command):\n    return os.system(command)\n"
        try:
            with Events(redis_server.url, ledger.keys.prefix) as events:
                fleet.start("dispatcher", "beat", "worker1")
                wait_until(lambda: events.seen, seconds=60, description="events come")
                ids = city.submit(
                    {"taskType": "research", "input": {"description": words}},
                    {"taskType": "code_review", "input": {"description": "Review.", "code": code}},
                )
                wait_until(
                    lambda: ledger.counts()[JobState.REPORTED] == 2,
                    seconds=90,
                    description="both jobs are reported",
                )
                wait_until(lambda: len(ran(events.seen)) >= 2, description="their results are told")
        finally:
            fleet.stop()
    answers = "".join(text for job_id in ids for text in ledger.journal(job_id))
    assert ORDER in answers.lower(), "the answers quote the orders"
    assert CODE in answers, "the answers quote the orders"
    told = {
        "events": json.dumps(events.seen, default=str),
        **{path.name: path.read_text(errors="replace") for path in empty_folder.glob("*.log")},
    }
    assert "worker1.log" in told
    for where, text in told.items():
        assert ids[0] in text or "beat" in where, f"{where} is what it is taken for"
        for canary in (ORDER, CODE, "BEGIN BUYER TEXT", "# Code review"):
            assert canary not in text.lower() + text, f"{canary} in {where}"


def ran(events: list[dict[str, object]]) -> list[dict[str, object]]:
    """The results of jobs that ran, as Flower shows them."""
    return [
        event
        for event in events
        if event["type"] == "task-succeeded" and "model_calls" in str(event.get("result"))
    ]
