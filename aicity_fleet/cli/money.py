"""How a job's and a day's money looks: exact sums, and what is not in them said beside them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from aicity_fleet.cli.display import moment
from aicity_fleet.ledger import Job
from aicity_fleet.ledger.day_totals import DayTotals
from aicity_fleet.models import JsonObject
from aicity_fleet.money.earnings import Cost, Earnings, margin_usd
from aicity_fleet.money.prices import cost_usd

LIST_PRICES_NOW = "list prices as of now"
"""The price table of a job that ran before costs were written down."""


def usd(value: Decimal) -> str:
    """Dollars with every digit that they have, and two at least."""
    text = f"{abs(value):f}"
    whole, _, fraction = text.partition(".")
    return f"{'-' if value < 0 else ''}${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def cost_of(job: Job) -> tuple[Cost, str]:
    """What a job spent, and by which prices.

    One that ran before costs were written down is priced by its model's name and its tokens.
    """
    if job.model_calls and not job.is_billed:
        listed = cost_usd(job.model, job.prompt_tokens, job.completion_tokens)
        if listed is not None:
            return Cost(listed), LIST_PRICES_NOW
    return job.cost, job.prices


def money_json(job: Job, now: datetime) -> JsonObject:
    """A job's money as plain values, for scripts: null where it is unknown."""
    (cost, prices), earned = cost_of(job), job.earnings(now)
    return {
        "cost_usd": cost.known_usd,
        "spent_at_least_usd": cost.usd,
        "unpriced_calls": cost.unpriced_calls,
        "prices": prices or None,
        "earnings_usd": earned.usd,
        "earnings": earned.stage,
        "settles_at": earned.settles_at,
        "margin_usd": margin_usd(earned, cost) if cost.is_whole else None,
    }


def cost_text(cost: Cost, prices: str = "") -> str:
    """What was spent, for people."""
    source = f" ({prices})" if prices else ""
    if cost.is_whole:
        return usd(cost.usd) + source
    calls = "1 call has" if cost.unpriced_calls == 1 else f"{cost.unpriced_calls} calls have"
    if not cost.usd:
        return f"unknown ({calls} no known price)"
    return f"at least {usd(cost.usd)}{source}; {calls} no known price"


def earnings_text(earned: Earnings) -> str:
    """What a job earns, for people."""
    if earned.stage == "nothing":
        return "nothing"
    if earned.stage == "unknown":
        return "unknown (AI City's answer does not tell)"
    amount = "unknown (the task names no price)" if earned.usd is None else usd(earned.usd)
    match earned.stage:
        case "unsettled":
            until = moment(earned.settles_at)
            return f"{amount}, unsettled: the buyer can take it back until {until} UTC"
        case "settled":
            return f"{amount}, settled"
    return f"{amount}, if it is delivered"


def margin_text(earned: Earnings, cost: Cost) -> str:
    """What is left of the earnings, for people."""
    left = margin_usd(earned, cost)
    if left is None:
        return "unknown"
    return usd(left) if cost.is_whole else f"at most {usd(left)}"


def margin_cell(job: Job, now: datetime) -> str:
    """The margin of a job that has ended, for a column.

    ``-`` it has not, ``?`` unknown, ``<`` at most this, ``*`` unsettled.
    """
    earned = job.earnings(now)
    if earned.stage == "expected":
        return "-"
    cost, _ = cost_of(job)
    left = margin_usd(earned, cost)
    if left is None:
        return "?"
    return f"{'' if cost.is_whole else '<'}{usd(left)}{'*' if earned.stage == 'unsettled' else ''}"


def today_text(day_totals: DayTotals) -> str:
    """What a fleet spent and earned today, for people."""
    day = day_totals.day
    parts = [f"spent {cost_text(day.cost)}", f"earned {usd(day_totals.settled_usd)}"]
    if day_totals.unsettled_jobs:
        parts.append(
            f"unsettled {usd(day_totals.unsettled_usd)} "
            f"({_jobs(day_totals.unsettled_jobs)}: the buyers can take it back for ten minutes)"
        )
    if day_totals.unknown_jobs:
        parts.append(f"{_jobs(day_totals.unknown_jobs)} of unknown earnings")
    unsure = "" if day.cost.is_whole else "at most "
    with_unsettled = ", unsettled included" if day_totals.unsettled_jobs else ""
    parts.append(f"margin {unsure}{usd(day_totals.margin_usd)}{with_unsettled}")
    return "; ".join(parts)


def cap_text(day_totals: DayTotals) -> str:
    """How much of the day's cap is taken, for people."""
    day = day_totals.day
    if day.cap_usd is None:
        return "none, or no job has asked for it today"
    taken = day.cost.usd + day.estimated_usd
    in_flight = f", {usd(day.reserved_usd)} in flight" if day.reserved_usd else ""
    return f"{usd(taken)} of {usd(day.cap_usd)}{in_flight}; anew at {moment(day.ends_at)} UTC"


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
