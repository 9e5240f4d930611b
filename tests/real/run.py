"""One run: two fleets on one model server, which is killed once while it answers.

One fleet's model is said to call tools and the other's is not, because a models file says it for a model.
They run side by side: a guard that is closed leaves each only one job at a time.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from real.fleet import Fleet, is_settled
from real.judge import Row, calls_of
from real.orders import ORDERS
from real.server import ModelServer, ServerOptions

from aicity_fleet.ledger import Job

START_SECONDS = 120.0
"""How long a process may take to start, in seconds."""

CALLS_BEFORE_KILL = 6
"""How many calls of each fleet are answered before the model server is killed."""

LOOK_SECONDS = 0.5
"""How often the ledgers are looked at, in seconds."""

PATIENCE = 0.4
"""The share of the time after which the server is killed even if it answered too little."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    rows: tuple[Row, ...]
    seconds: float
    calls_before_kill: int

    @property
    def faults(self) -> list[str]:
        """Why the run failed, one sentence each; empty when it did not."""
        return [
            f"{row.task_id} ({row.task_type}, tools {'on' if row.has_tools else 'off'}) {fault}"
            for row in self.rows
            for fault in row.faults
        ]


class Run:
    """A run from start to verdict.

    Args:
        folder: Where everything runs and logs.
        jobs: How many jobs each fleet gets, 1 to 10.
        seconds: How long the jobs may take, counted from their submission.
        say: Called with a line for each thing that happened.
    """

    def __init__(
        self,
        options: ServerOptions,
        folder: Path,
        *,
        jobs: int = len(ORDERS),
        seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._seconds, self._say = seconds, say
        self._server = ModelServer(options, folder / "model-server")
        self._fleets = [
            Fleet(folder / name, self._server.base_url, has_tools=name == "tools-on", jobs=jobs)
            for name in ("tools-on", "tools-off")
        ]
        self._seen: dict[str, str] = {}

    def execute(self) -> Result:
        """Run it to the end; every process is stopped in any case.

        Raises:
            RuntimeError: A process did not start, or ended by itself.
        """
        try:
            self._server.start()
            _wait(self._server.is_ready, "the model is loaded")
            for fleet in self._fleets:
                fleet.start(_wait)
            began = time.monotonic()
            calls = self._watch(began)
            rows = tuple(row for fleet in self._fleets for row in fleet.rows())
            return Result(rows, time.monotonic() - began, calls)
        finally:
            for fleet in self._fleets:
                fleet.stop()
            self._server.stop()

    def _watch(self, began: float) -> int:
        """Wait until every job is settled or the time is up.

        Returns:
            How many calls had been answered when the server was killed.
        """
        calls_before_kill = 0
        while time.monotonic() < began + self._seconds:
            looks = [fleet.look() for fleet in self._fleets]
            jobs = [job for look in looks for job in look.values()]
            self._note_changes(looks)
            if not self._server.kills and self._may_kill(looks, began):
                calls_before_kill = sum(map(calls_of, jobs))
                self._say(f"model server killed after {calls_before_kill} calls")
                self._server.kill()
            if all(map(is_settled, jobs)):
                break
            self._server.tend()
            time.sleep(LOOK_SECONDS)
        return calls_before_kill

    def _may_kill(self, looks: Sequence[Mapping[str, Job | None]], began: float) -> bool:
        """Whether every fleet has had some answers, or the time for that is over."""
        answered = [sum(map(calls_of, look.values())) for look in looks]
        is_late = time.monotonic() > began + PATIENCE * self._seconds
        return min(answered) >= CALLS_BEFORE_KILL or is_late

    def _note_changes(self, looks: Sequence[Mapping[str, Job | None]]) -> None:
        for fleet, look in zip(self._fleets, looks, strict=True):
            for task_id, job in look.items():
                state = f"{job.state} {job.reason}".strip() if job else "assigned"
                key = f"{task_id} ({'tools' if fleet.has_tools else 'plain'})"
                if self._seen.get(key) != state:
                    self._seen[key] = state
                    self._say(f"{key}: {state}")


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {START_SECONDS:.0f} s: {what}")
        time.sleep(0.1)
