"""What a job costs and earns, as plain values: sums that stay unknown where a part is, and margins.

No I/O. Called by the ledger, which reads what it needs, and by the command line, which shows it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

AGENT_SHARE = Decimal("0.85")
"""What the agent gets of a task's price: AI City keeps 15 %.

Source: docs.aicity.dev/docs/concepts/pricing."""

REFUND_SECONDS = 600.0
"""How long after a completion the buyer can take all of it back, in seconds.

Source: AI City's migration guide (docs.aicity.dev/docs/guides/migration-exchange-to-tasks)."""

Stage = Literal["expected", "unsettled", "settled", "nothing", "unknown"]
"""Where a job's earnings stand: it has not ended; it was accepted and the buyer can still take it back;
that time is over; it earns nothing; nobody can tell what became of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What model calls cost, as far as it is known."""

    usd: Decimal = Decimal(0)
    """Of the calls whose price is known, in US dollars."""
    unpriced_calls: int = 0
    """How many calls are not in it, because no price is known for them."""

    @property
    def is_whole(self) -> bool:
        """Whether no call is missing."""
        return self.unpriced_calls == 0

    @property
    def known_usd(self) -> Decimal | None:
        """All of it; None when a part is unknown."""
        return self.usd if self.is_whole else None

    def to_json(self) -> dict[str, Any]:
        """This cost as a JSON object; the dollars as an exact decimal."""
        return {"usd": f"{self.usd:f}", "unpriced_calls": self.unpriced_calls}

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.usd + other.usd, self.unpriced_calls + other.unpriced_calls)


NO_COST = Cost()


@dataclasses.dataclass(frozen=True, slots=True)
class Earnings:
    """What one job earns the agent."""

    usd: Decimal | None
    """In US dollars, after AI City's share. None when the task names no price, or nobody can tell."""
    stage: Stage
    settles_at: datetime | None = None
    """When the buyer's time to take it back is over; None unless it was accepted."""


NOTHING = Earnings(Decimal(0), "nothing")
UNKNOWN = Earnings(None, "unknown")


def agent_share_usd(max_budget_cents: int) -> Decimal:
    """What the agent gets at most of a task, in US dollars.

    Args:
        max_budget_cents: The task's ``maxBudget``. Whether AI City charges all of it is not documented.
    """
    return max_budget_cents * AGENT_SHARE / 100


def earnings(
    *,
    kind: str,
    receipt: Mapping[str, Any] | None,
    max_budget_cents: int | None,
    reported_at: datetime | None,
    now: datetime,
) -> Earnings:
    """What a job earns, as far as its receipt tells.

    A refund or a failed check of AI City's that came later is in no receipt: settled means that the buyer's
    time is over, not that AI City has paid.

    Args:
        kind: The outcome's kind, ``complete`` or ``fail``; empty while there is none.
        receipt: AI City's answer to the report; None while there is none.
        max_budget_cents: The task's ``maxBudget``; None when it has none.
        reported_at: When the receipt came, by Redis's clock.
        now: The present, by Redis's clock.
    """
    full = None if max_budget_cents is None else agent_share_usd(max_budget_cents)
    if kind == "fail":
        return NOTHING
    if receipt is None or reported_at is None:
        return Earnings(full, "expected")
    answer = receipt.get("answer") or {}
    status = str(receipt.get("standing") or answer.get("status") or "")
    if status.startswith("unknown"):
        return UNKNOWN
    if status in {"failed", "refunded"}:
        return NOTHING
    if receipt.get("verdict") == "gone" and status != "completed":
        return UNKNOWN
    paid = answer.get("paidCents")
    if status == "completed" and isinstance(paid, int):
        full = Decimal(paid) / 100
    settles_at = reported_at + timedelta(seconds=REFUND_SECONDS)
    return Earnings(full, "unsettled" if now < settles_at else "settled", settles_at)


def margin_usd(earned: Earnings, cost: Cost) -> Decimal | None:
    """What is left of the earnings, in US dollars; at most this where the cost is not whole.

    Returns:
        None when the earnings are unknown.
    """
    return None if earned.usd is None else earned.usd - cost.usd
