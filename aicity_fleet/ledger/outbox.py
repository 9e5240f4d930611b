"""The outbox: outcomes that are written down and not yet settled, and the moves of their reports.

It decides who may send one and what AI City's answer did, and sends nothing. Called by the reports.
"""

from __future__ import annotations

import json
from typing import Literal

import redis

from aicity_fleet.ledger.controls import MAX_FAILURES_IN_A_ROW
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.leases import NotClaimed, ReportLease
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.records import Records
from aicity_fleet.models import JsonObject, outcome_from_json

REPORT_LEASE_MS = 60_000
"""How long one process may take to send a report, in milliseconds: two request timeouts."""


class Outbox(Records):
    """The reports of one fleet.

    Args:
        client: A connection with ``decode_responses``; see ``connect``.
        keys: The fleet's keys.
        scripts: The ledger's.
        retention_seconds: How long a settled job stays readable.

    Raises from every method:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: Redis answered something that the ledger cannot use.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, scripts: Scripts, *, retention_seconds: float
    ) -> None:
        super().__init__(client, keys)
        self._scripts = scripts
        self._retention_ms = int(retention_seconds * 1000)

    def take_report(self, job_id: str) -> ReportLease | NotClaimed:
        """Take the right to send a finished job's report.

        A failure that would be the third in a row is held instead (``NotClaimed("held")``).
        """
        reply = self._scripts.run("take_report", job_id, REPORT_LEASE_MS, MAX_FAILURES_IN_A_ROW)
        if not reply[0]:
            return NotClaimed(reply[1])
        number, nonce, outcome, tried_ms, refusals = reply
        return ReportLease(
            job_id,
            int(number),
            nonce,
            outcome_from_json(json.loads(outcome)),
            int(tried_ms) / 1000,
            refusals=int(refusals),
        )

    def settle(
        self,
        report: ReportLease,
        receipt: JsonObject,
        meaning: Literal["success", "failure", "nothing"] = "nothing",
    ) -> bool:
        """Write down AI City's definite answer; False when the report is another's by now.

        Args:
            report: Ours.
            receipt: The answer.
            meaning: What it does to the agent's reputation. A success ends the row of failures and
                lets one held failure go.
        """
        answer = (json.dumps(receipt), self._retention_ms, meaning, MAX_FAILURES_IN_A_ROW)
        return bool(self._scripts.run("settle", report.job_id, report.fence, *answer))

    def postpone(self, report: ReportLease, why: str, *, delay_seconds: float) -> bool:
        """Have a report sent again later; False when it is another's by now."""
        delay_ms = int(delay_seconds * 1000)
        return bool(self._scripts.run("postpone", report.job_id, report.fence, delay_ms, why))

    def quarantine(self, report: ReportLease, why: str, *, was_refused: bool) -> bool:
        """Lay a report aside for a person; False when it is another's by now.

        Args:
            report: Ours.
            why: AI City's words.
            was_refused: Whether AI City refused it for certain, so that it cannot have been accepted.
        """
        verdict = (why, int(was_refused), MAX_FAILURES_IN_A_ROW)
        return bool(self._scripts.run("quarantine", report.job_id, report.fence, *verdict))
