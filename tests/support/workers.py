"""A worker for tests, whose teams are functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.messages import RecordedMessages

from aicity_fleet.background import Threads
from aicity_fleet.journal import Journal
from aicity_fleet.ledger import ClaimTerms, Lease, Ledger
from aicity_fleet.models import TeamResult
from aicity_fleet.stop_switch import StopSwitch
from workers.lease_keeper import LeaseKeeper
from workers.worker import Worker

RunTeam = Callable[[Lease, StopSwitch, Journal], TeamResult]


class FunctionTeams:
    """Stands in for ``TeamRunner``: every team is one function."""

    def __init__(self, run_team: RunTeam) -> None:
        self.run_team = run_team
        self.endpoint = ""
        self.is_serving: bool | None = False
        """What a health check of any endpoint says; None when the worker drains meanwhile."""

    def run(
        self, lease: Lease, stop_switch: StopSwitch, journal: Journal, _limiter: object = None
    ) -> TeamResult:
        """Run the function."""
        return self.run_team(lease, stop_switch, journal)

    def serves(
        self, _endpoint: str, _stop_switch: StopSwitch, *, after_silence: bool
    ) -> bool | None:
        """As a real one would find out with a model call."""
        return self.is_serving

    def close(self) -> None:
        """Nothing to close."""


class NoBackground:
    """A background in which nothing happens: the test calls ``renew`` and ``fence`` itself."""

    def repeat(
        self, name: str, tick: Callable[[], object], every_seconds: float, **_: object
    ) -> None:
        """Forget it."""

    def wake(self) -> None:
        """Nothing rests."""

    def later(self, name: str, action: Callable[[], object], seconds: float) -> None:
        """Forget it."""

    def stop(self) -> None:
        """Nothing to stop."""


def function_worker(ledger: Ledger, run_team: RunTeam, **parts: Any) -> Worker:
    """Return a worker of one function.

    Args:
        ledger: Where its jobs are.
        run_team: Its team.
        parts: ``leases``, ``messages`` and other fields of ``Worker``, and fields of ``ClaimTerms``.
    """
    terms: dict[str, Any] = {"owner": "me:1", "lease_seconds": 15.0}
    terms |= {name: parts.pop(name) for name in ClaimTerms.__dataclass_fields__ if name in parts}
    defaults: dict[str, Any] = {
        "messages": RecordedMessages(),
        "teams": FunctionTeams(run_team),
        "terms": ClaimTerms(**terms),
    }
    if "leases" not in parts:
        defaults["leases"] = LeaseKeeper(ledger, terms["lease_seconds"], Threads())
    return Worker(ledger=ledger, **{**defaults, **parts})
