"""Formats the money of a job and of a day: exact sums, and what they leave out."""

from datetime import datetime

from aicity_fleet.ledger import Job
from aicity_fleet.models import JsonObject
from aicity_fleet.money.cost import Cost
from aicity_fleet.money.day import DayTotals
from aicity_fleet.money.earnings import Earnings, margin_usd
from aicity_fleet.words import count, moment, usd


def cost_json(cost: Cost) -> JsonObject:
    """Return a cost as plain values, for scripts: null where a part of it is unknown."""
    return {
        "cost_usd": cost.known_usd,
        "spent_at_least_usd": cost.usd,
        "unpriced_calls": cost.unpriced_calls,
    }


def money_json(job: Job, now: datetime) -> JsonObject:
    """Return a job's money as plain values, for scripts: null where it is unknown."""
    earned = job.earnings(now)
    return {
        **cost_json(job.cost),
        "prices": job.prices or None,
        "earnings_usd": earned.usd,
        "earnings": earned.stage,
        "settles_at": earned.settles_at,
        "margin_usd": margin_usd(earned, job.cost) if job.cost.is_whole else None,
    }


def cost_text(cost: Cost, prices: str = "") -> str:
    """Describe what was spent, for people."""
    source = f" ({prices})" if prices else ""
    if cost.is_whole:
        return usd(cost.usd) + source
    calls = "1 call has" if cost.unpriced_calls == 1 else f"{cost.unpriced_calls} calls have"
    if not cost.usd:
        return f"unknown ({calls} no known price)"
    return f"at least {usd(cost.usd)}{source}; {calls} no known price"


def earnings_text(earned: Earnings) -> str:
    """Describe what a job earns, for people."""
    if earned.stage == "nothing":
        return "nothing"
    if earned.stage == "unknown":
        return "unknown (AI City's answer does not say)"
    amount = "unknown (the task has no price)" if earned.usd is None else usd(earned.usd)
    match earned.stage:
        case "unsettled":
            if earned.settles_at is None:
                return f"{amount}, unsettled: AI City's check or a dispute is under way"
            until = moment(earned.settles_at)
            return f"{amount}, unsettled: the buyer can take it back until {until} UTC"
        case "settled":
            return f"{amount}, settled"
    return f"{amount}, if delivered"


def margin_text(earned: Earnings, cost: Cost) -> str:
    """Describe the margin, for people."""
    left = margin_usd(earned, cost)
    if left is None:
        return "unknown"
    return usd(left) if cost.is_whole else f"at most {usd(left)}"


def margin_cell(job: Job, now: datetime) -> str:
    """Format the margin of a job for a column.

    ``-`` the job has not ended, ``?`` unknown, ``<`` at most this, ``*`` unsettled.
    """
    earned = job.earnings(now)
    if earned.stage == "expected":
        return "-"
    left = margin_usd(earned, job.cost)
    if left is None:
        return "?"
    return (
        f"{'' if job.cost.is_whole else '<'}{usd(left)}{'*' if earned.stage == 'unsettled' else ''}"
    )


def today_text(day_totals: DayTotals) -> str:
    """Describe what a fleet spent and earned today, for people."""
    day = day_totals.day
    parts = [f"spent {cost_text(day.cost)}", f"earned {usd(day_totals.settled_usd)}"]
    if day_totals.taken_back_jobs:
        parts[-1] += (
            f" after {usd(day_totals.taken_back_usd)} taken back "
            f"({count(day_totals.taken_back_jobs, 'job')})"
        )
    if day_totals.unsettled_jobs:
        parts.append(
            f"unsettled {usd(day_totals.unsettled_usd)} "
            f"({count(day_totals.unsettled_jobs, 'job')}: the buyers can take it back for ten minutes)"
        )
    if day_totals.unknown_jobs:
        parts.append(f"{count(day_totals.unknown_jobs, 'job')} with unknown earnings")
    unsure = "" if day.cost.is_whole else "at most "
    with_unsettled = ", including unsettled" if day_totals.unsettled_jobs else ""
    parts.append(f"margin {unsure}{usd(day_totals.margin_usd)}{with_unsettled}")
    return "; ".join(parts)
