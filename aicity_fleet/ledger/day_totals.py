"""Adds up what a fleet spent and earned today (UTC), from its charges and receipts. It changes nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.ledger import Ledger
from aicity_fleet.models import JobState
from aicity_fleet.money.day import DayTotals
from aicity_fleet.money.earnings import Earnings, earnings

BATCH = 500
"""The number of receipts read at once."""

FIELDS = ("changed_at", "receipt", "outcome_kind", "max_budget_cents")


def read_day_totals(ledger: Ledger) -> DayTotals:
    """Read what was spent and earned today, by Redis's clock.

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
    """Yield the earnings of each job that was reported since then."""
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
            # The sweep raises the score of an old job while AI City still lists it.
            if changed_at is None or int(changed_at) < since_ms:
                continue
            yield earnings(
                kind=kind or "",
                receipt=json.loads(receipt or "null"),
                max_budget_cents=None if cents is None else int(cents),
                reported_at=datetime.fromtimestamp(int(changed_at) / 1000, UTC),
                now=now,
            )
