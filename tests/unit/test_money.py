"""Costs that stay unknown in sums, what a receipt says of earnings, and what is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicity_fleet.cli.money import cost_text, earnings_text, margin_text
from aicity_fleet.money.cost import Cost
from aicity_fleet.money.earnings import (
    NOTHING_LATER,
    Earnings,
    Later,
    agent_share_usd,
    earnings,
    margin_usd,
)
from aicity_fleet.words import usd

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SOME = Cost(Decimal("0.25"))
ACCEPTED = {"verdict": "accepted", "answer": {"status": "completed"}}


def earned(
    receipt=ACCEPTED, *, kind="complete", cents=1000, minutes=1.0, later=NOTHING_LATER
) -> Earnings:
    return earnings(
        kind=kind,
        receipt=receipt,
        max_budget_cents=cents,
        reported_at=NOW - timedelta(minutes=minutes) if receipt else None,
        now=NOW,
        later=later,
    )


costs = st.builds(Cost, st.decimals(0, 1000, places=12), st.integers(0, 5))


@given(st.lists(costs, max_size=20))
def test_a_sum_is_known_only_where_every_part_is(parts):
    total = sum(parts, Cost())
    assert total.usd == sum((part.usd for part in parts), Decimal(0))
    assert total.is_whole == all(part.is_whole for part in parts)
    assert (total.known_usd is None) == (not total.is_whole)


@given(st.integers(0, 10**9))
def test_the_agent_s_share_is_exact(cents):
    assert agent_share_usd(cents) * 100 * 100 == cents * 85


def test_a_completion_is_unsettled_for_ten_minutes():
    fresh = earned(minutes=9.9)
    assert (fresh.usd, fresh.stage) == (Decimal("8.50"), "unsettled")
    assert fresh.settles_at == NOW + timedelta(minutes=0.1)
    assert earned(minutes=10).stage == "settled"


PAID_LESS = {"verdict": "accepted", "answer": {"status": "completed", "paidCents": 50}}
IN_CHECK = {"verdict": "accepted", "answer": {"status": "quality_check", "paidCents": 0}}
UNSURE = {"verdict": "already_settled", "status": 409, "standing": "unknown (500)"}


@pytest.mark.parametrize(
    ("receipt", "later", "stage", "usd_earned"),
    [
        (ACCEPTED, Later("completed"), "settled", "8.50"),
        (ACCEPTED, Later("completed", 700), "settled", "7"),
        (ACCEPTED, Later("failed", 700), "nothing", "0"),
        (ACCEPTED, Later("refunded"), "nothing", "0"),
        (ACCEPTED, Later("disputed"), "unsettled", "8.50"),
        (ACCEPTED, Later("quality_check"), "unsettled", "8.50"),
        (PAID_LESS, Later("disputed"), "unsettled", "0.5"),
        (PAID_LESS, Later("disputed", 40), "unsettled", "0.4"),
        (IN_CHECK, Later("quality_check"), "unsettled", "8.50"),
        (IN_CHECK, Later("disputed"), "unsettled", "8.50"),
        (IN_CHECK, Later("completed"), "settled", "8.50"),
        (UNSURE, Later("unknown"), "unknown", None),
        (UNSURE, Later("completed"), "settled", "8.50"),
        (UNSURE, Later("failed"), "nothing", "0"),
    ],
)
def test_what_was_read_back_outweighs_the_receipt(receipt, later, stage, usd_earned):
    found = earned(receipt, minutes=60, later=later)
    assert found.stage == stage
    assert found.usd == (None if usd_earned is None else Decimal(usd_earned))


RECEIPTS = {
    "not reported yet": (None, "complete", "expected", "8.5"),
    "it runs": (None, "", "expected", "8.5"),
    "a failure": ({"verdict": "accepted", "answer": {}}, "fail", "nothing", "0"),
    "a failure that is not reported": (None, "fail", "nothing", "0"),
    "AI City says what it pays": (
        {"verdict": "accepted", "answer": {"status": "completed", "paidCents": 849}},
        *("complete", "unsettled", "8.49"),
    ),
    "its check is still on": (
        {"verdict": "accepted", "answer": {"status": "quality_check", "paidCents": 0}},
        *("complete", "unsettled", "8.5"),
    ),
    "its check failed it": (
        {"verdict": "accepted", "answer": {"status": "failed"}}, "complete", "nothing", "0",
    ),
    "an earlier try stands": (
        {"verdict": "already_settled", "status": 409, "standing": "completed"},
        *("complete", "unsettled", "8.5"),
    ),
    "it was taken back": (
        {"verdict": "already_settled", "status": 409, "standing": "refunded"},
        *("complete", "nothing", "0"),
    ),
    "nobody can tell what stands": (
        {"verdict": "already_settled", "status": 409, "standing": "unknown (no answer)"},
        *("complete", "unknown", None),
    ),
    "gone": ({"verdict": "gone", "status": 404, "standing": ""}, "complete", "unknown", None),
}  # fmt: skip


@pytest.mark.parametrize("case", RECEIPTS)
def test_what_a_receipt_says_of_earnings(case):
    receipt, kind, stage, amount = RECEIPTS[case]
    found = earned(receipt, kind=kind)
    assert found.stage == stage
    assert found.usd == (None if amount is None else Decimal(amount))


def test_a_task_without_a_price_earns_nobody_knows_what():
    assert earned(cents=None).usd is None
    assert margin_usd(earned(cents=None), SOME) is None


def test_a_margin_is_what_is_left_and_at_most_that_where_a_cost_is_missing():
    assert margin_usd(earned(), SOME) == Decimal("8.25")
    assert margin_usd(earned(kind="fail"), SOME) == Decimal("-0.25")
    assert margin_text(earned(), SOME) == "$8.25"
    assert margin_text(earned(), SOME + Cost(unpriced_calls=1)) == "at most $8.25"
    assert margin_text(earned(cents=None), SOME) == "unknown"


def test_money_is_shown_with_every_digit():
    assert usd(Decimal("0.000000150")) == "$0.00000015"
    assert usd(Decimal("1E+2")) == "$100.00"
    assert usd(Decimal("-0.5")) == "-$0.50"
    assert usd(Decimal("8.4915")) == "$8.4915"


def test_a_cost_with_an_unknown_part_is_never_shown_as_the_whole():
    assert cost_text(SOME, "own") == "$0.25 (own)"
    assert cost_text(Cost(unpriced_calls=3)) == "unknown (3 calls have no known price)"
    assert cost_text(SOME + Cost(unpriced_calls=1)) == "at least $0.25; 1 call has no known price"


def test_earnings_say_until_when_they_are_unsettled():
    assert "12:09:00 UTC" in earnings_text(earned())
