"""The earnings of a job, and its margin after costs.

No I/O. Called by the ledger, which reads what it needs, and by the command line, which shows it.
"""

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from aicity_fleet.money.cost import Cost

AGENT_SHARE = Decimal("0.85")
"""The agent's share of a task's price: AI City keeps 15 %.

Source: docs.aicity.dev/docs/concepts/pricing."""

MAX_CENTS = 10**12
"""The largest amount of AI City's that is believed, in cents."""

REFUND_SECONDS = 600.0
"""How long after a completion the buyer can claim a full refund, in seconds.

Source: AI City's migration guide (docs.aicity.dev/docs/guides/migration-exchange-to-tasks)."""

Stage = Literal["expected", "unsettled", "settled", "nothing", "unknown"]
"""Where a job's earnings stand: the job has not ended; it was accepted and can still be refunded; the
refund period is over; it earns nothing; its ending at AI City is unknown."""


@dataclasses.dataclass(frozen=True, slots=True)
class Earnings:
    """What one job earns the agent."""

    usd: Decimal | None
    """In US dollars, after AI City's share. None when the task names no price, or its ending is unknown."""
    stage: Stage
    settles_at: datetime | None = None
    """When the refund period ends; None where it is not what the earnings wait for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Later:
    """What a reported task showed when it was read back."""

    standing: str = ""
    """Where the delivery stands; empty before anything was recorded."""
    paid_cents: int | None = None
    """What the agent was paid; None when the task did not say."""


NOTHING = Earnings(Decimal(0), "nothing")
UNKNOWN = Earnings(None, "unknown")
NOTHING_LATER = Later()


def agent_share_usd(max_budget_cents: int) -> Decimal:
    """Return the most that the agent can earn with a task, in US dollars.

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
    later: Later = NOTHING_LATER,
) -> Earnings:
    """Return what a job earns, as far as its receipt and what was read back later tell.

    Settled means that the refund period is over, not that AI City has paid.

    Args:
        kind: The outcome's kind, ``complete`` or ``fail``; empty while there is none.
        receipt: AI City's answer to the report; None while there is none.
        max_budget_cents: The task's ``maxBudget``; None when it has none.
        reported_at: When the receipt came, by Redis's clock.
        now: The present, by Redis's clock.
        later: What its task showed after the report.
    """
    full = None if max_budget_cents is None else agent_share_usd(max_budget_cents)
    if kind == "fail":
        return NOTHING
    if receipt is None or reported_at is None:
        return Earnings(full, "expected")
    answer = receipt.get("answer") or {}
    status = later.standing or str(receipt.get("standing") or answer.get("status") or "")
    if status.startswith("unknown"):
        return UNKNOWN
    if status in {"failed", "refunded"}:
        return NOTHING
    # Before its check is over a delivery is not paid, whatever amount the receipt shows.
    in_receipt = None if answer.get("status") == "quality_check" else answer.get("paidCents")
    paid = _paid(later.paid_cents, _paid(in_receipt, full))
    if later.standing in {"disputed", "quality_check"}:
        return Earnings(paid, "unsettled")
    if receipt.get("verdict") == "gone" and status != "completed":
        return UNKNOWN
    if status == "completed":
        full = paid
    settles_at = reported_at + timedelta(seconds=REFUND_SECONDS)
    return Earnings(full, "unsettled" if now < settles_at else "settled", settles_at)


def amount_cents(value: object) -> int | None:
    """Return an amount of AI City's in cents; None for anything but a whole number up to ``MAX_CENTS``."""
    is_amount = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_CENTS
    return value if is_amount else None  # type: ignore[return-value]


def _paid(cents: object, otherwise: Decimal | None) -> Decimal | None:
    amount = amount_cents(cents)
    return otherwise if amount is None else Decimal(amount) / 100


def margin_usd(earned: Earnings, cost: Cost) -> Decimal | None:
    """Return what is left of the earnings, in US dollars; an upper bound where the cost is not whole.

    Returns:
        None when the earnings are unknown.
    """
    return None if earned.usd is None else earned.usd - cost.usd
