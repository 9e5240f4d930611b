"""Adds up what a fleet spent and earned today (UTC), from its charges and receipts. It changes nothing.

A job's earnings count on the day of its report. What AI City takes back lowers the earnings of the day on
which the fleet read of it: the days before are closed.
"""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.ledger import Ledger
from aicity_fleet.models import JobState
from aicity_fleet.money.day import DayTotals
from aicity_fleet.money.earnings import Earnings, Later, earnings

BATCH = 500
"""The number of receipts read at once."""

FIELDS = ("changed_at", "receipt", "outcome_kind", "max_budget_cents", "standing", "paid_cents")


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """The fields of a reported job that its earnings depend on."""

    reported_ms: int
    receipt: str | None
    kind: str | None
    max_budget_cents: str | None
    standing: str | None
    paid_cents: str | None

    def earnings(self, now: datetime, later: Later) -> Earnings:
        """Return what it earns, given what its task showed later."""
        return earnings(
            kind=self.kind or "",
            receipt=json.loads(self.receipt or "null"),
            max_budget_cents=None if self.max_budget_cents is None else int(self.max_budget_cents),
            reported_at=datetime.fromtimestamp(self.reported_ms / 1000, UTC),
            now=now,
            later=later,
        )

    @property
    def later(self) -> Later:
        """What its task showed later."""
        return Later(self.standing or "", None if self.paid_cents is None else int(self.paid_cents))


def read_day_totals(ledger: Ledger, *, with_earnings: bool = True) -> DayTotals:
    """Read what was spent and earned today, by Redis's clock.

    Args:
        with_earnings: Whether to read each of today's receipts; without them, nothing counts as earned.

    Raises:
        LedgerUnavailableError: Redis does not answer.
    """
    day = ledger.spending.today()
    if not with_earnings:
        return DayTotals(day, Decimal(0), Decimal(0), 0, 0)
    now, keys = ledger.now(), ledger.keys
    since_ms = int(day.began_at.timestamp() * 1000)
    # The sweep raises the score of an old job while AI City still lists it.
    reported = [
        row.earnings(now, row.later)
        for row in _rows(ledger, keys.state(JobState.REPORTED), since_ms)
        if row.reported_ms >= since_ms
    ]
    taken_back = list(_rows(ledger, keys.taken_back, since_ms))
    # What a job of today earned is in no sum once it is taken back.
    of_earlier_days = [row for row in taken_back if row.reported_ms < since_ms]
    unsettled = [e.usd for e in reported if e.stage == "unsettled" and e.usd is not None]
    settled_usd = sum((e.usd for e in reported if e.stage == "settled" and e.usd), Decimal(0))
    return DayTotals(
        day=day,
        settled_usd=settled_usd - _had_earned(of_earlier_days, now),
        unsettled_usd=sum(unsettled, Decimal(0)),
        unsettled_jobs=len(unsettled),
        unknown_jobs=sum(e.usd is None for e in reported),
        taken_back_usd=_had_earned(taken_back, now),
        taken_back_jobs=len(taken_back),
    )


def _had_earned(rows: list[_Row], now: datetime) -> Decimal:
    """Return what jobs had earned before it was taken back, as far as it is known."""
    stood = (
        row.earnings(now, dataclasses.replace(row.later, standing="completed")) for row in rows
    )
    return sum((e.usd for e in stood if e.usd is not None), Decimal(0))


def _rows(ledger: Ledger, index: str, since_ms: int) -> Iterator[_Row]:
    """Yield the jobs of an index whose score is at least this."""
    with wrapped("list the day's reports"):
        ids: Any = ledger.client.zrangebyscore(index, since_ms, "+inf")
    for start in range(0, len(ids), BATCH):
        with wrapped("read the day's receipts"):
            pipe = ledger.client.pipeline(transaction=False)
            for job_id in ids[start : start + BATCH]:
                pipe.hmget(ledger.keys.job(job_id), FIELDS)
            rows: list[Any] = pipe.execute()
        for changed_at, *fields in rows:
            if changed_at is not None:
                yield _Row(int(changed_at), *fields)
