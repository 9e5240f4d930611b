"""The outbox: outcomes that are not settled yet, and the moves of their reports.

It decides which process may send a report and what AI City's answer changes. It sends nothing. A part of
``Ledger``, called by the reports.
"""

import json

from aicity_fleet.ledger import runs
from aicity_fleet.ledger.leases import NotClaimed, ReportLease, Settled
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.read_backs import ReadBacks
from aicity_fleet.models import TAKEN_BACK, JsonObject, Meaning, Standing, outcome_from_json

REPORT_LEASE_MS = 60_000
"""How long one process may take to send a report, in milliseconds; two request timeouts."""


class Outbox:
    """The reports of one fleet."""

    _scripts: Scripts
    _retention_ms: int
    read_backs: ReadBacks

    def take_report(self, job_id: str = "") -> ReportLease | NotClaimed:
        """Take the right to send a finished job's report.

        A failure that would be the third in a row is held instead: ``NotClaimed("held")``.

        Args:
            job_id: Whose report; empty for any that is due, and ``NotClaimed("none")`` when there is none.
        """
        reply = self._scripts.run("take_report", job_id, REPORT_LEASE_MS, runs.SEND_GRACE_MS)
        if not reply[0]:
            return NotClaimed(reply[1], reply[2])
        number, nonce, outcome, tried_ms, refusals, job_id = reply
        return ReportLease(
            job_id,
            int(number),
            nonce,
            outcome_from_json(json.loads(outcome)),
            tried_for_seconds=int(tried_ms) / 1000,
            refusals=int(refusals),
        )

    def settle(
        self,
        report: ReportLease,
        receipt: JsonObject,
        meaning: Meaning = "nothing",
        *,
        standing: Standing = "",
        can_read: bool = True,
    ) -> Settled:
        """Record AI City's definite answer.

        Args:
            meaning: What it means for the agent's reputation. A success ends the row of failures and
                lets one held failure go.
            standing: Where the delivery stands at AI City, which may change it later; empty for any other
                ending.
            can_read: Whether its task can be read back.
        """
        reads_back = can_read and standing not in {"", *TAKEN_BACK}
        is_ours, may_change, others = self._scripts.run(
            "settle",
            *(report.job_id, report.fence),
            receipt=json.dumps(receipt),
            retention_ms=self._retention_ms,
            meaning=meaning,
            standing=standing,
            read_back_ms=self.read_backs.next_ms(0, standing) if reads_back else None,
            grace_ms=runs.SEND_GRACE_MS,
        )
        return Settled(bool(is_ours), bool(may_change), others)

    def postpone(self, report: ReportLease, why: str, *, delay_seconds: float) -> bool:
        """Have a report sent again later; False when it is no longer ours."""
        delay_ms = int(delay_seconds * 1000)
        return bool(self._scripts.run("postpone", report.job_id, report.fence, delay_ms, why))

    def quarantine(self, report: ReportLease, why: str, *, was_refused: bool) -> bool:
        """Quarantine a job whose report needs a person; False when the report is no longer ours.

        Args:
            why: AI City's words.
            was_refused: Whether AI City certainly refused it, so that it cannot have been accepted.
        """
        reply = self._scripts.run(
            "quarantine", *(report.job_id, report.fence), why=why, was_refused=int(was_refused)
        )
        return bool(reply)
