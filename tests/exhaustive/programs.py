"""The production functions one effect at a time: where a process stands is what its effects gave so far.

``run_job``, ``report``, ``poll`` and ``sweep`` are run anew from their beginning, answered from that
history, and stopped at the first effect that it does not hold. So the order of effects is production's by
construction, and a process's place is a plain value that can be kept, compared and branched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import redis
from simulation.marketplace import CONTRACT
from simulation.run import Silence
from simulation.team import run_now
from support.messages import RecordedMessages
from support.workers import NoBackground, function_worker

from aicity_fleet import backoff
from aicity_fleet.aicity.client import Page
from aicity_fleet.errors import AICityRefusedError, AICityUnavailableError, FleetError
from aicity_fleet.journal import Journal, JournalCursor, canonical_sha256
from aicity_fleet.ledger import Lease, Ledger, controls, coordination, runs
from aicity_fleet.ledger import ledger as ledger_module
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.models import Delivered, Rejected, TeamResult
from aicity_fleet.stop_switch import StopSwitch
from scheduler import availability, poll, read_back, report, sweep
from workers import lease_keeper, ledger_journal, run_job

KEYS = Keys("x")
LEASE_SECONDS = 15.0

Effect = tuple[Any, ...]
"""``("script", name, args)``, ``("read", command, key)``, ``("city", name, ...)``, ``("model", ...)`` or
``("choose", ...)``: what a process does next."""

LOST = ("lost",)
"""In a history: the effect's reply did not come."""


class Stop(BaseException):
    """The program is at an effect that its history does not hold."""


@dataclasses.dataclass
class _Run:
    """One run of a program along its history."""

    history: tuple[Any, ...]
    at: int = 0
    pending: Effect | None = None

    def effect(self, *effect: Any) -> Any:
        if self.pending is not None or self.at == len(self.history):
            self.pending = self.pending or effect  # a finally block may ask for another one
            raise Stop
        self.at += 1
        return self.history[self.at - 1]


_run = _Run(())


class ReplayedRedis:
    """redis-py's client, answered from the history."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def register_script(self, text: str) -> Callable[..., Any]:
        """As redis-py's."""
        name = self._names[text]

        def run(keys: list[str], args: list[Any]) -> Any:
            return _thawed(self._answer("script", name, tuple(args)))

        return run

    def lrange(self, key: str, _first: int, _last: int) -> Any:
        """As redis-py's."""
        return list(self._answer("read", "LRANGE", key))

    def hgetall(self, _key: str) -> Any:
        """What is read for the time that a job took: irrelevant here."""
        return {}

    def _answer(self, *effect: Any) -> Any:
        reply = _run.effect(*effect)
        if reply == LOST:
            raise redis.TimeoutError("lost")
        return reply

    def set(self, *_args: Any, **_kwargs: Any) -> None:
        """The check of the schema: irrelevant here."""

    def get(self, _key: str) -> None:
        """The check of the schema: irrelevant here."""


class ReplayedCity:
    """``AICityClient``, answered from the history."""

    contract = CONTRACT.model_copy(
        update={"paths": CONTRACT.paths.model_copy(update={"update_profile": ""})}
    )
    key_fingerprint = "x"

    def assigned_pages(self) -> Iterator[Page]:
        """As ``AICityClient``'s; one page."""
        ids = self._ask("list", "")
        work = {"description": "Say something."}
        task = {"status": "submitted", "taskType": "general", "input": work}
        yield Page({"id": i, **task} for i in ids)

    def profile(self) -> dict[str, Any]:
        """As ``AICityClient``'s."""
        return {"consecutiveFailures": self._ask("profile", "")}

    def task(self, task_id: str) -> dict[str, Any]:
        """As ``AICityClient``'s."""
        return {"id": task_id, "status": self._ask("read", task_id)}

    def report(self, task_id: str, outcome: Any, key: str) -> dict[str, Any]:
        """As ``AICityClient``'s."""
        body = getattr(outcome, "text", "") or getattr(outcome, "message", "")
        return {"status": self._ask("report", task_id, outcome.kind, key, body)}

    def _ask(self, *effect: Any) -> Any:
        reply = _run.effect("city", *effect)
        if reply == LOST:
            raise AICityUnavailableError("no answer")
        if reply == 409:
            raise AICityRefusedError("409 CONFLICT", 409, "CONFLICT")
        return reply


def _team(calls: int) -> Callable[[Lease, StopSwitch, Journal], TeamResult]:
    def team(lease: Lease, _stop_switch: StopSwitch, journal: Journal) -> TeamResult:
        cursor, text = JournalCursor(journal), ""
        for ordinal in range(calls):
            request = canonical_sha256({"job": lease.job_id, "call": ordinal, "text": text})
            entry = run_now(cursor.replay("model", request))
            if entry is None:
                _run.effect("model", lease.job_id, lease.fence, ordinal)
                answer = {"text": f"by {lease.fence}"}
                entry = run_now(cursor.record("model", request, answer, seconds=1.0))
            text = entry.answer["text"]
        if _run.effect("choose", lease.job_id) == "deliver":
            return TeamResult(Delivered(f"attempt {lease.fence}: {text}", 90), cursor.bought, "m")
        return TeamResult(Rejected("quality", f"attempt {lease.fence}"), cursor.bought, "m")

    return team


class Programs:
    """Knows for every place of every program what comes next.

    Args:
        texts: The ledger's scripts, by name.
        calls: How many model calls a job takes.
    """

    def __init__(self, texts: Mapping[str, str], calls: int) -> None:
        client: Any = ReplayedRedis({text: name for name, text in texts.items()})
        city: Any = ReplayedCity()
        self._ledger = Ledger(client, KEYS, retention_seconds=7 * 86400, script_texts=texts)
        self._keeper = lease_keeper.LeaseKeeper(self._ledger, LEASE_SECONDS, NoBackground())
        self._messages = RecordedMessages()
        self._worker = function_worker(
            self._ledger,
            _team(calls),
            leases=self._keeper,
            messages=self._messages,
            owner="w",
            lease_seconds=LEASE_SECONDS,
        )
        self._reporter = report.ReporterParts(self._ledger, city, "x", give_up_seconds=3600)
        self._city = city
        self._next: dict[tuple[Any, ...], Effect | None] = {}

    def next_effect(self, program: tuple[str, ...], history: tuple[Any, ...]) -> Effect | None:
        """What the program does after these replies; None when it has ended."""
        known = (program, history)
        if known not in self._next:
            self._next[known] = self._look(program, history)
        return self._next[known]

    def _look(self, program: tuple[str, ...], history: tuple[Any, ...]) -> Effect | None:
        global _run  # noqa: PLW0603 - the one thing that the replayed clients share
        _run = _Run(history)
        try:
            self._perform(*program)
        except Stop:
            return _run.pending
        except FleetError:  # the task failed, which Celery logs
            return None
        return None

    def _perform(self, what: str, *args: str) -> None:
        ledger = self._ledger
        match what:
            case "run":
                run_job.run_job(args[0], self._worker)
            case "report":
                report.report(args[0], self._reporter)
            case "poll":
                poll.poll(
                    client=self._city,
                    ledger=ledger,
                    messages=self._messages,
                    max_input_chars=1000,
                )
            case "read_back":
                read_back.read_back(client=self._city, ledger=ledger)
            case "sweep":
                sweep.sweep(ledger=ledger, messages=self._messages)
            case "cancel":
                ledger.operator.cancel(args[0], "operator")
            case "park":
                ledger.operator.park(args[0], "operator")
            case "rerun":
                ledger.operator.rerun(args[0], "operator")
            case "send_report":
                ledger.operator.send_report(args[0], "operator")


class _NoLoop:
    """What ``LedgerJournal`` uses of asyncio, without any waiting."""

    @staticmethod
    async def to_thread(function: Callable[[], Any]) -> Any:
        """As asyncio's."""
        return function()

    @staticmethod
    async def sleep(_seconds: float) -> None:
        """As asyncio's."""


@contextmanager
def replayed() -> Iterator[None]:
    """Have the production modules see no clock, no chance and no loop for as long as this lasts."""
    clock = SimpleNamespace(monotonic=lambda: 0.0)
    chance = SimpleNamespace(uniform=lambda _low, high: high)
    tokens = SimpleNamespace(token_hex=lambda _size: "n")
    with ExitStack() as patches:
        for module, name, value in (
            *((module, "time", clock) for module in (run_job, lease_keeper, poll, read_back)),
            *((module, "random", chance) for module in (backoff, controls)),
            *((module, "secrets", tokens) for module in (ledger_module, coordination)),
            # The claim's random text tells apart what only a failover repeats.
            (runs, "secrets", SimpleNamespace(token_hex=lambda _size: "")),
            (ledger_journal, "asyncio", _NoLoop),
            *(
                (module, "log", Silence())
                for module in (run_job, lease_keeper, report, poll, read_back, sweep, availability)
            ),
        ):
            patches.enter_context(mock.patch.object(module, name, value))
        yield


def frozen(value: Any) -> Any:
    """A reply as a value that can be a key."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def _thawed(value: Any) -> Any:
    return list(map(_thawed, value)) if isinstance(value, tuple) else value
