"""The parts that live as long as a worker process: opened, drained and stopped together."""

from __future__ import annotations

import dataclasses
import faulthandler
import os
import socket
from collections.abc import Callable
from typing import Protocol

import structlog

from aicity_fleet import tracing
from aicity_fleet.background import Threads
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger
from aicity_fleet.messaging.messages import Messages
from aicity_fleet.settings import Settings
from workers.isolation import Isolation
from workers.lease_keeper import LeaseKeeper
from workers.team_runner import TeamRunner

CHECK_SECONDS = 10.0
"""How often a worker process checks whether its event loop turns, in seconds."""

STUCK_CHECKS = 6
"""After how many checks in a row that see no turn the process is ended: a minute. Its leases are renewed by
another thread, so nobody would take its jobs over. A process that was frozen and goes on is worth one."""

STUCK_EXIT_CODE = 70
"""The exit code of such a process (EX_SOFTWARE). Its supervisor restarts it."""

log = structlog.get_logger(__name__)


class Turning(Protocol):
    """Something whose turns can be counted."""

    @property
    def turns(self) -> int:
        """How often it has turned."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Worker:
    """What a process runs jobs with."""

    ledger: Ledger
    messages: Messages
    leases: LeaseKeeper
    teams: TeamRunner
    terms: ClaimTerms
    isolation: Isolation | None = None
    """Runs isolated jobs, each in a process of its own; None in such a process itself."""
    on_claim: Callable[[Lease], None] | None = None
    """Called with every lease before anything is done with it."""

    @classmethod
    def open(
        cls,
        settings: Settings,
        messages: Messages,
        *,
        runs_alone: bool = False,
        on_claim: Callable[[Lease], None] | None = None,
    ) -> Worker:
        """Build what a process needs to run jobs, and start its threads.

        Args:
            messages: Sends the messages that follow from a job.
            runs_alone: Whether this process is to run a single isolated job.
            on_claim: Called with every lease before anything is done with it.

        Raises:
            SettingsError: No model key is set, or what sends traces is not installed.
            TeamError: A team or the models file is wrong.
            LedgerError: Redis does not answer, or holds what this version cannot read.
        """
        tracing.start(settings)
        teams = TeamRunner(settings)  # early, so that a wrong setting shows before any wait
        ledger = Ledger.from_settings(settings, wait_seconds=settings.start_wait_seconds)
        # A connection of its own with a short timeout: a late renewal is useless.
        quick = Ledger.from_settings(settings, timeout_seconds=max(0.2, settings.lease_seconds / 6))
        background = Threads()
        background.repeat("event-loop", LoopCheck(teams).look, CHECK_SECONDS)
        return cls(
            ledger=ledger,
            messages=messages,
            leases=LeaseKeeper(quick, settings.lease_seconds, background),
            teams=teams,
            terms=ClaimTerms(
                owner=f"{socket.gethostname()}:{os.getpid()}",
                lease_seconds=settings.lease_seconds,
                max_running=settings.max_running_jobs,
                endpoint=teams.endpoint,
                endpoints=teams.endpoints,
                brake=settings.brake,
                day_cap_usd=settings.max_day_usd,
            ),
            isolation=None
            if runs_alone
            else Isolation(ledger, messages, grace_seconds=settings.drain_seconds),
            on_claim=on_claim,
        )

    def drain(self, grace_seconds: float) -> None:
        """Hand running jobs back and claim no more. Call it from a signal handler."""
        self.leases.drain(grace_seconds)
        if self.isolation is not None:
            self.isolation.drain()

    def stop(self) -> None:
        """End the isolated jobs' processes and the threads, close the model clients, and send the last
        spans.
        """
        if self.isolation is not None:
            self.isolation.stop()
        self.leases.stop()
        self.teams.close()
        tracing.stop()


class LoopCheck:
    """Ends this process when one run keeps the event loop, and writes where each thread stands."""

    def __init__(self, loop: Turning) -> None:
        self._loop = loop
        self._seen = -1
        self._still = 0

    def look(self) -> None:
        """Take one more look."""
        turns = self._loop.turns
        self._still = self._still + 1 if turns == self._seen else 0
        self._seen = turns
        if self._still < STUCK_CHECKS:
            return
        log.critical("event_loop.stuck", checks=self._still, then="a new process")
        faulthandler.dump_traceback()
        os._exit(STUCK_EXIT_CODE)
