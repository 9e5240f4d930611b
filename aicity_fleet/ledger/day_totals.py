"""What a fleet spends and earns on one day (UTC), added up from its bill and from the day's receipts.

It only reads. Whatever is unknown is counted beside the sums, never as nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.ledger import Ledger
from aicity_fleet.ledger.spending import Day
from aicity_fleet.models import JobState
from aicity_fleet.money.earnings import Earnings, earnings

BATCH = 500
"""How many receipts are read at once."""

FIELDS = ("changed_at", "receipt", "outcome_kind", "max_budget_cents")


@dataclasses.dataclass(frozen=True, slots=True)
class DayTotals:
    """One day of a fleet."""

    day: Day
    """What it spent."""
    settled_usd: Decimal
    """Earned by jobs reported today that no buyer can take back any more, in US dollars."""
    unsettled_usd: Decimal
    """Earned by jobs reported today whose buyers still can, in US dollars."""
    unsettled_jobs: int
    """How many those are."""
    unknown_jobs: int
    """How many jobs reported today are in neither sum: nobody can tell what became of them, or what they
    pay."""

    @property
    def margin_usd(self) -> Decimal:
        """Earnings, unsettled ones included, less costs, as far as both are known, in US dollars."""
        return self.settled_usd + self.unsettled_usd - self.day.cost.usd


def read_day_totals(ledger: Ledger) -> DayTotals:
    """What was spent and earned today, by Redis's clock.

    Raises:
        LedgerUnavailableError: Redis does not answer.
    """
    day, now = ledger.spending.today(), ledger.now()
    found = list(_earned(ledger, day.began_at, now))
    unsettled = [e.usd for e in found if e.stage == "unsettled" and e.usd is not None]
    return DayTotals(
        day=day,
        settled_usd=sum((e.usd for e in found if e.stage == "settled" and e.usd), Decimal(0)),
        unsettled_usd=sum(unsettled, Decimal(0)),
        unsettled_jobs=len(unsettled),
        unknown_jobs=sum(e.usd is None for e in found),
    )


def _earned(ledger: Ledger, since: datetime, now: datetime) -> Iterator[Earnings]:
    """The earnings of each job that was reported since then."""
    since_ms = int(since.timestamp() * 1000)
    with wrapped("list the day's reports"):
        ids: Any = ledger.client.zrangebyscore(
            ledger.keys.state(JobState.REPORTED), since_ms, "+inf"
        )
    for start in range(0, len(ids), BATCH):
        with wrapped("read the day's receipts"):
            pipe = ledger.client.pipeline(transaction=False)
            for job_id in ids[start : start + BATCH]:
                pipe.hmget(ledger.keys.job(job_id), FIELDS)
            rows: list[Any] = pipe.execute()
        for changed_at, receipt, kind, cents in rows:
            # The sweep moves an old job up in the index while it is still listed.
            if changed_at is None or int(changed_at) < since_ms:
                continue
            yield earnings(
                kind=kind or "",
                receipt=json.loads(receipt or "null"),
                max_budget_cents=None if cents is None else int(cents),
                reported_at=datetime.fromtimestamp(int(changed_at) / 1000, UTC),
                now=now,
            )
