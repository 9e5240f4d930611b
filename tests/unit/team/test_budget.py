"""What a run may still spend: which model it may ask, what stops it, and when a fleet may start at all."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from aicity_fleet.errors import SettingsError
from aicity_fleet.journal import JournalCursor, MemoryJournal, ModelCall
from aicity_fleet.money.cost import Charge
from aicity_fleet.money.prices import PriceTable, charge_for, find_prices
from aicity_fleet.settings import Settings
from aicity_fleet.team import Limits, ModelConfig, team_for
from aicity_fleet.team.endings import TOO_LONG, StoppedError
from aicity_fleet.team.model.budget import Budget, require_prices

CONFIG = ModelConfig("m", "http://127.0.0.1/v1", "k", 5.0)


@dataclasses.dataclass
class Priced:
    prices: PriceTable | None
    config: ModelConfig = CONFIG


def costing(input_usd: str, output_usd: str = "0") -> Priced:
    """By the million tokens: 10 cost a dollar per million means 1000 tokens cost a cent."""
    own = (Decimal(input_usd), Decimal(output_usd))
    return Priced(find_prices("m", provider="compatible", own=own))


CHEAP, DEAR, FREE, UNKNOWN = costing("10"), costing("100"), costing("0"), Priced(None)


def budget(cursor: JournalCursor | None = None, **limits) -> Budget:
    values: dict[str, Any] = {name: Decimal(value) for name, value in limits.items()}
    return Budget(Limits(10, **values), cursor or JournalCursor(MemoryJournal()), None)


def stopped(made: Budget, *models: Priced, tokens: int = 1000) -> str | None:
    try:
        made.affordable(models, tokens)
    except StoppedError as error:
        return str(getattr(error.ending, "code", error.ending))
    return None


def test_a_call_whose_prompt_would_cross_the_cap_is_not_made():
    assert stopped(budget(max_usd="0.01"), CHEAP) is None
    assert stopped(budget(max_usd="0.01"), CHEAP, tokens=1001) == "over_budget"
    assert stopped(budget(), CHEAP, tokens=10**9) is None


def test_a_stand_in_that_is_too_dear_is_left_out_and_the_others_are_asked():
    assert budget(max_usd="0.05").affordable((DEAR, CHEAP, FREE), 1000) == (CHEAP, FREE)
    assert budget(max_usd="0.05").affordable((UNKNOWN,), 1000) == (UNKNOWN,)


def test_an_answer_gets_what_is_left_and_no_more():
    """Of the alias, the team, the job's tokens and dollars, and the context, the tightest holds."""
    limits = Limits(10, max_total_tokens=10_000, max_output_tokens=5000)
    made = Budget(limits, JournalCursor(MemoryJournal()), None)
    own = dataclasses.replace(CONFIG, max_output_tokens=7000)
    assert made.output_tokens(Priced(None), 1000) == 5000
    assert made.output_tokens(Priced(None, own), 1000) == 7000, (
        "the alias's comes before the team's"
    )
    assert made.output_tokens(Priced(None, own), 4000) == 6000
    narrow = dataclasses.replace(CONFIG, context_tokens=4096)
    assert made.output_tokens(Priced(None, narrow), 1000) == 3096
    with pytest.raises(StoppedError) as caught:
        made.output_tokens(Priced(None, narrow), 4090)
    assert caught.value.ending == TOO_LONG
    assert budget().output_tokens(UNKNOWN, 1000) is None


def test_dollars_limit_an_answer_by_the_price_of_its_tokens():
    dear = costing("10", "100")  # a cent for 1000 tokens in, and for 100 out
    assert budget(max_usd="0.03").output_tokens(dear, 1000) == 200
    assert budget(max_usd="1", earns_usd="0.03").output_tokens(dear, 1000) == 200
    assert budget(max_usd="0.03").output_tokens(UNKNOWN, 1000) is None
    assert stopped(budget(max_usd="0.0164"), dear) is None
    assert stopped(budget(max_usd="0.0163"), dear) == "over_budget", "no answer is worth its prompt"


def test_a_job_that_would_cost_more_than_it_earns_stops_with_its_own_code():
    assert stopped(budget(earns_usd="0.0099"), CHEAP) == "unprofitable"
    assert stopped(budget(earns_usd="0.01"), CHEAP) is None
    assert stopped(budget(earns_usd="0"), UNKNOWN) is None, "no price, no verdict"


async def test_what_was_replayed_was_counted_when_it_was_bought():
    journal = MemoryJournal()
    first = JournalCursor(journal)
    await first.record("model", "a", {}, seconds=0, call=ModelCall(charge=Charge(Decimal("0.03"))))
    second = JournalCursor(journal)
    await second.replay("model", "a")
    guessed = ModelCall(charge=Charge(None, Decimal("0.02")))
    await second.record("model", "b", {}, seconds=0, call=guessed)
    assert second.cost.unpriced_calls == 1
    assert budget(second).spent_usd == Decimal("0.05")
    assert budget(second, spent_before_usd="0.03").spent_usd == Decimal("0.05")
    assert budget(second, spent_before_usd="0.10").spent_usd == Decimal("0.12"), (
        "a discarded journal was paid for all the same"
    )


def test_tokens_that_nobody_counted_cost_nobody_knows_what_and_count_by_estimate():
    prices = costing("1", "2").prices
    assert charge_for(prices, (10, 5), estimate=(99, 99)) == Charge(Decimal("0.00002"), None, "own")
    uncounted = charge_for(prices, (0, 0), estimate=(100, 50))
    assert (uncounted.usd, uncounted.estimated_usd) == (None, Decimal("0.0002"))
    assert charge_for(None, (10, 5), estimate=(99, 99)) == Charge()


SPECS = [team_for("general")]
OWN = dataclasses.replace(
    CONFIG, name="priced-1", input_usd_per_million=Decimal(1), output_usd_per_million=Decimal(2)
)
STAND_IN = dataclasses.replace(CONFIG, name="stand-in", provider="ollama")


@pytest.mark.parametrize(
    ("cap", "value"),
    [("FLEET_MAX_JOB_USD", "5"), ("FLEET_MAX_DAY_USD", "5"), ("FLEET_STOP_AT_LOSS", "true")],
)
def test_a_bound_in_dollars_needs_a_price_of_every_model_that_may_be_called(cap, value):
    settings = Settings.load({cap: value})
    require_prices(settings, {"default": (OWN,)}, SPECS)
    with pytest.raises(SettingsError) as caught:
        require_prices(settings, {"default": (OWN, STAND_IN)}, SPECS)
    for part in (f"{cap}={value}", "stand-in (ollama)", "input_usd_per_million", "Or unset"):
        assert part in str(caught.value)
    assert "priced-1" not in str(caught.value)


def test_without_a_cap_an_unknown_price_stops_nobody():
    require_prices(Settings.load({}), {"default": (STAND_IN,)}, SPECS)


def test_an_alias_that_no_team_names_needs_no_price():
    settings = Settings.load({"FLEET_MAX_DAY_USD": "0.50"})
    require_prices(settings, {"default": (OWN,), "unused": (STAND_IN,)}, SPECS)
