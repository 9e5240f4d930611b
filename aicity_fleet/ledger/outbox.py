"""The outbox: outcomes that are not settled yet, and the moves of their reports.

It decides which process may send a report and what AI City's answer changes. It sends nothing. A part of
``Ledger``, called by the reports.
"""

import json
import math
from typing import Any

import redis

from aicity_fleet.ledger import runs
from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.leases import NotClaimed, ReportLease, Settled
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.read_backs import ReadBacks
from aicity_fleet.models import (
    TAKEN_BACK,
    UNREADABLE,
    JsonObject,
    Meaning,
    Standing,
    outcome_from_json,
)
from aicity_fleet.money.earnings import amount_cents

REPORT_LEASE_MS = 60_000
"""How long one process may take to send a report, in milliseconds; two request timeouts."""


LISTENER_MARGIN_MS = 2000
"""For how much longer than it means to listen a process counts as listening, in milliseconds: unless it
died, it ends that itself."""


class Outbox:
    """The reports of one fleet."""

    client: redis.Redis
    keys: Keys
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
        number, nonce, text, tried_ms, refusals, accepted_at, job_id = reply
        try:
            outcome = outcome_from_json(json.loads(text))
        except UNREADABLE as error:
            fence, is_first = f"{number}:{nonce}", int(number) == 1
            runs.set_aside(self._scripts, job_id, fence, "outcome", error, was_refused=is_first)
            return NotClaimed("quarantined", job_id)
        return ReportLease(
            job_id,
            int(number),
            nonce,
            outcome,
            tried_for_seconds=int(tried_ms) / 1000,
            refusals=int(refusals),
            accepted_ms=int(accepted_at),
        )

    def settle(
        self,
        report: ReportLease,
        receipt: JsonObject,
        meaning: Meaning = "nothing",
        *,
        standing: Standing = "",
        can_read: bool = True,
        listen_seconds: float = 0,
    ) -> Settled:
        """Record AI City's definite answer.

        Args:
            meaning: What it means for the agent's reputation. A success ends the row of failures and
                lets one held failure go.
            standing: Where the delivery stands at AI City, which may change it later; empty for any other
                ending.
            can_read: Whether its task can be read back.
            listen_seconds: How long the caller could wait for the next job to finish, see ``await_report``;
                0 when it cannot.
        """
        reads_back = can_read and standing not in {"", *TAKEN_BACK}
        is_ours, may_change, others, listens = self._scripts.run(
            "settle",
            *(report.job_id, report.fence),
            receipt=json.dumps(receipt),
            answer=str(receipt.get("verdict", "accepted")),
            paid_cents=_paid_cents(receipt),
            reputation=_reputation(receipt),
            retention_ms=self._retention_ms,
            meaning=meaning,
            standing=standing,
            read_back_ms=self.read_backs.next_ms(0, standing) if reads_back else None,
            grace_ms=runs.SEND_GRACE_MS,
            listen_ms=int(listen_seconds * 1000) + LISTENER_MARGIN_MS if listen_seconds else 0,
        )
        return Settled(bool(is_ours), bool(may_change), others, bool(listens))

    def await_report(self, seconds: float) -> str | None:
        """Wait for the next job to finish, after ``settle`` said that this process is informed.

        Until then no message is sent for it, so this spares its way through Celery. Should this process die
        meanwhile, the sweep sends the message.

        Returns:
            The job; None when none finished in time.
        """
        with wrapped("wait for a report"):
            heard: Any = self.client.blpop([self.keys.heard], seconds)
        if heard is None:
            return self._scripts.run("end_listening") or None
        return str(heard[1])

    def postpone(
        self, report: ReportLease, why: str, *, delay_seconds: float, answer: str = "none"
    ) -> bool:
        """Have a report sent again later; False when it is no longer ours.

        Args:
            why: One line for the audit trail.
            answer: The HTTP status that came back, for the metrics; ``none`` when nothing did.
        """
        delay_ms = int(delay_seconds * 1000)
        return bool(
            self._scripts.run("postpone", report.job_id, report.fence, delay_ms, why, answer)
        )

    def quarantine(self, report: ReportLease, why: str, *, was_refused: bool) -> bool:
        """Quarantine a job whose report needs a person; False when the report is no longer ours.

        Args:
            why: AI City's words.
            was_refused: Whether AI City certainly refused it, so that it cannot have been accepted.
        """
        reply = self._scripts.run(
            "quarantine",
            *(report.job_id, report.fence),
            why=why,
            cause="report_refused" if was_refused else "report_unanswered",
            was_refused=int(was_refused),
        )
        return bool(reply)


def _paid_cents(receipt: JsonObject) -> int | None:
    """Return what a receipt says that AI City paid; None before the delivery has passed its check."""
    answer = receipt.get("answer") or {}
    is_in_check = answer.get("status") == "quality_check"
    return None if is_in_check else amount_cents(answer.get("paidCents"))


def _reputation(receipt: JsonObject) -> str | None:
    """Return the agent's score after this report, as a receipt shows it; None when it shows none."""
    score = (receipt.get("answer") or {}).get("updatedScore")
    if isinstance(score, bool):
        return None
    if isinstance(score, int | float) and math.isfinite(score):
        return str(float(score))
    return None
