"""Forks a child per act of the fleet, and has it kill itself at a named step: run as a program.

It reads one JSON object per line: ``{"act": "poll" | "sweep" | "run" | "report" | "read_back",
"job_id": ..., "crash_at": step or null, "occurrence": 1}``, and answers each with how the child ended.
A child is a whole process: a Redis connection, an event loop, threads and a model client of its own,
and SIGKILL ends it within the act. Forking saves the seconds that importing everything takes. This
program has one thread, so a fork copies no lock that another thread holds.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from pathlib import Path

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.failpoints import Failpoint, listen
from aicity_fleet.ledger import Ledger, outbox, runs
from aicity_fleet.ledger import ledger as ledger_module
from aicity_fleet.logs.configure import configure_logging
from aicity_fleet.messaging.messages import Messages
from aicity_fleet.messaging.routes import POLL, REPORT, RUN_JOB
from aicity_fleet.money.prices import find_prices
from aicity_fleet.settings import Settings
from aicity_fleet.team.replay.fixture import load_fixture, replay_fixture
from scheduler.poll import poll
from scheduler.read_back import read_back
from scheduler.report import ReporterParts, report
from scheduler.sweep import sweep
from workers.run_job import run_job
from workers.worker import Worker

FIXTURE = Path(__file__).parents[1] / "fixtures" / "research.json"

MESSAGES = "messages"
"""The list in Redis, behind the fleet's prefix, that stands for the queues: task and job id."""


def act(order: dict, settings: Settings) -> None:
    """Do one thing as a process of the fleet does it."""
    if order["crash_at"] is not None:
        crash_at(Failpoint(order["crash_at"]), order["occurrence"])
    ledger = Ledger.from_settings(settings)
    messages = ListedMessages(ledger)
    match order["act"]:
        case "poll":
            client = AICityClient.from_settings(settings)
            poll(client=client, ledger=ledger, messages=messages, max_input_chars=9999)
        case "sweep":
            sweep(ledger=ledger, messages=messages)
        case "report":
            client = AICityClient.from_settings(settings)
            report(order["job_id"], ReporterParts(ledger, client, settings.agent, 3600))
        case "read_back":
            read_back(client=AICityClient.from_settings(settings), ledger=ledger)
        case "run":
            run_job(order["job_id"], Worker.open(settings, messages, runs_alone=True))


class ListedMessages(Messages):
    """Keeps what is sent in a list in Redis, which stands for the queues."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(self, 30)
        self._ledger = ledger

    def send_task(self, name: str, args=None, **_: object) -> None:
        """As Celery's app."""
        plain = {RUN_JOB: "run", REPORT: "report", POLL: "poll"}[name]
        text = json.dumps([plain, args[0] if args else ""])
        self._ledger.client.rpush(self._ledger.keys.prefix + MESSAGES, text)

    def send_tasks(self, name: str, args, **options: object) -> None:
        """As Celery's app."""
        for each in args:
            self.send_task(name, each, **options)


def crash_at(step: Failpoint, occurrence: int) -> None:
    """Kill this process when a step is reached for the n-th time."""
    left = [occurrence]

    def look(reached: Failpoint, _job_id: str) -> None:
        if reached is step:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    listen(look)


def load_what_loads_on_use(settings: Settings) -> None:
    """Load once, before any fork, what each child would load anew."""
    find_prices("gpt-4o", provider="openai")
    AICityClient.from_settings(settings).close()
    # A whole run compiles the patterns of the gate and loads what AutoGen and the HTTP client load on use.
    asyncio.run(replay_fixture(load_fixture(FIXTURE)))


def main() -> None:
    """Serve orders until standard input closes."""
    settings = Settings.load()
    load_what_loads_on_use(settings)
    configure_logging(settings)
    # Seconds instead of minutes: what is tested is that these run out, not how long they are.
    runs.SEND_GRACE_MS = 0
    ledger_module.MESSAGE_LOST_MS = 300
    outbox.REPORT_LEASE_MS = 600
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 0
            try:
                act(order, settings)
            except BaseException:  # noqa: BLE001 - the child ends here, whatever it was
                traceback.print_exc()
                status = 1
            sys.stderr.flush()
            os._exit(status)
        _, status = os.waitpid(pid, 0)
        print(
            json.dumps(
                {"signal": os.WTERMSIG(status), "status": os.waitstatus_to_exitcode(status)}
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
