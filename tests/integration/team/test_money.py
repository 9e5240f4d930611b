"""Money in a run, over a real HTTP provider: it stops before the call that would cross a bound."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import HANG, Answer, Provider, error, submit, text

from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.journal import MemoryJournal
from aicity_fleet.models import Delivered, Interrupted, ProviderTrouble, Rejected
from aicity_fleet.money.cost import Cost
from aicity_fleet.team import Limits, open_model
from aicity_fleet.team.model.clients import Route

CALL = Decimal("0.0014")
"""What a scripted answer costs at the prices below: 100 tokens in, 20 out."""


@pytest.fixture
def config(config):
    """A model with the owner's prices: 10 and 20 dollars per million tokens."""
    return dataclasses.replace(
        config, input_usd_per_million=Decimal(10), output_usd_per_million=Decimal(20)
    )


class SpendingLimiter:
    """What the fleet may spend, with a room that the test gives."""

    def __init__(self, room: int, failure: Exception | None = None) -> None:
        self.room, self.failure = room, failure
        self.reserved: list[tuple[int, Decimal]] = []
        self.given_back: list[int] = []
        self.unanswered: list[tuple[int, Decimal]] = []

    async def reserve(self, ordinal: int, usd: Decimal, seconds: float) -> bool:
        assert seconds >= 5
        if self.failure is not None:
            raise self.failure
        self.reserved.append((ordinal, usd))
        return len(self.reserved) <= self.room

    async def give_back(self, ordinal: int) -> None:
        self.given_back.append(ordinal)

    async def book_unanswered(self, ordinal: int, usd: Decimal) -> None:
        self.unanswered.append((ordinal, usd))


def limits(**more: str) -> Limits:
    values: dict[str, Any] = {name: Decimal(value) for name, value in more.items()}
    return Limits(10, **values)


async def test_what_a_call_cost_is_journaled_exactly(run, provider: Provider):
    provider.will(submit(GOOD_GENERAL))
    journal = MemoryJournal()
    result = await run(journal=journal)
    assert result.cost == Cost(CALL)
    (entry,) = journal.entries
    assert (Decimal(entry.cost_usd or 0), entry.prices) == (CALL, "own")
    replayed = await run(journal=journal)
    assert (replayed.cost, len(provider.requests)) == (Cost(), 1)


async def test_the_cap_in_dollars_stops_before_the_call_that_would_cross_it(run, provider):
    provider.will(text("thinking"))
    result = await run(bounds={"reminders": 9}, limits=limits(max_usd="0.02"))
    assert result.ending == Rejected(
        "over_budget", "The task needs more work than its budget allows."
    )
    assert result.cost.usd == CALL * len(provider.requests)
    assert CALL < result.cost.usd <= Decimal("0.02"), "the call that did not fit was not made"


async def test_one_answer_at_most_goes_beyond_the_cap(run, provider: Provider):
    dear = {"prompt_tokens": 100, "completion_tokens": 50_000, "total_tokens": 50_100}
    provider.will(text("thinking", usage=dear))
    result = await run(bounds={"reminders": 9}, limits=limits(max_usd="0.02"))
    assert result.ending.code == "over_budget"
    assert len(provider.requests) == 1


async def test_a_cap_that_no_prompt_fits_into_buys_nothing(run, provider: Provider):
    result = await run(limits=limits(max_usd="0.000001"))
    assert result.ending.code == "over_budget"
    assert provider.requests == []


async def test_what_was_bought_before_counts_and_is_not_bought_again(run, provider: Provider):
    provider.will(text("thinking"), submit(GOOD_GENERAL))
    journal = MemoryJournal()
    limiter = SpendingLimiter(1)
    first = await run(journal=journal, limiter=limiter)
    assert first.ending == Interrupted("day_cap")
    stopped = await run(journal=journal, limits=limits(max_usd=str(CALL)))
    assert stopped.ending.code == "over_budget"
    assert len(provider.requests) == 1
    assert isinstance((await run(journal=journal)).ending, Delivered)
    assert len(provider.requests) == 2


async def test_a_job_that_can_no_longer_earn_stops_and_tells_none_of_our_prices(run, provider):
    provider.will(text("thinking"))
    result = await run(bounds={"reminders": 9}, limits=limits(earns_usd="0.02"))
    assert result.ending == Rejected(
        "unprofitable", "The task needs more work than its price covers."
    )
    assert 1 <= len(provider.requests) < 10
    spent = await run(limits=limits(earns_usd="0.02", spent_before_usd="0.02"))
    assert spent.ending.code == "unprofitable"


async def test_a_call_costs_what_the_model_that_answered_charges(
    run, provider_server, config, model, provider
):
    second = provider_server.open()
    free = dataclasses.replace(
        config, name="scripted-2", base_url=second.base_url,
        input_usd_per_million=Decimal(0), output_usd_per_million=Decimal(0),
    )  # fmt: skip
    provider.will(error(503))
    second.will(submit(GOOD_GENERAL))
    async with open_model(free) as stand_in:
        result = await run(models={"default": Route([model, stand_in])})
    assert (result.model, result.cost) == ("scripted-2", Cost(Decimal(0)))


async def test_a_model_of_unknown_price_costs_nobody_knows_what(run, provider: Provider, config):
    provider.will(submit(GOOD_GENERAL))
    unknown = dataclasses.replace(config, input_usd_per_million=None, output_usd_per_million=None)
    async with open_model(unknown) as model:
        result = await run(model=model, limits=limits(earns_usd="0"))
    assert isinstance(result.ending, Delivered)
    assert result.cost == Cost(unpriced_calls=1)


async def test_tokens_that_the_provider_does_not_count_still_reach_the_cap(run, provider):
    provider.will(text("x" * 4000, usage=None))
    result = await run(bounds={"reminders": 9}, limits=limits(max_usd="0.03"))
    assert result.ending.code == "over_budget"
    assert (result.cost.usd, result.cost.unpriced_calls) == (0, len(provider.requests))
    assert 1 <= len(provider.requests) < 4


async def test_every_call_is_reserved_for_and_a_failed_one_is_given_back(run, provider: Provider):
    provider.will(text("thinking"), error(503))
    limiter = SpendingLimiter(9)
    assert isinstance((await run(limiter=limiter)).ending, ProviderTrouble)
    assert [ordinal for ordinal, _ in limiter.reserved] == [0, 1]
    assert all(0 < usd < CALL * 20 for _, usd in limiter.reserved)
    assert limiter.given_back == [1]


@pytest.mark.parametrize(
    "answer",
    [
        HANG,
        Answer(body="<html>welcome</html>", content_type="text/html"),
        Answer(body={"choices": []}),
    ],
    ids=["timeout", "html", "no choices"],
)
async def test_a_call_without_an_answer_is_booked_and_counts_against_the_job(
    run, provider, config, answer
):
    provider.will(answer)
    limiter = SpendingLimiter(9)
    async with open_model(dataclasses.replace(config, timeout_seconds=0.5)) as impatient:
        assert isinstance((await run(model=impatient, limiter=limiter)).ending, ProviderTrouble)
    assert limiter.given_back == []
    ((ordinal, usd),) = limiter.unanswered
    assert (ordinal, usd) == limiter.reserved[0]


async def test_a_call_that_never_left_is_not_booked(run, config, provider):
    async with open_model(dataclasses.replace(config, base_url="http://127.0.0.1:9/v1")) as nobody:
        limiter = SpendingLimiter(9)
        assert isinstance((await run(model=nobody, limiter=limiter)).ending, ProviderTrouble)
    assert (limiter.given_back, limiter.unanswered) == ([0], [])


async def test_a_call_that_is_cut_off_at_the_deadline_is_booked(run, provider):
    provider.will(HANG)
    limiter = SpendingLimiter(9)
    result = await run(limiter=limiter, limits=Limits(0.3))
    assert result.ending.code == "deadline"
    assert [ordinal for ordinal, _ in limiter.unanswered] == [0]


async def test_unanswered_calls_count_against_the_cap_of_the_job(
    run, provider, config, provider_server
):
    """Each stand-in is asked only while the calls before it, which may be charged, leave room."""
    second = provider_server.open()
    provider.will(HANG)
    second.will(submit(GOOD_GENERAL))
    impatient = dataclasses.replace(config, timeout_seconds=0.5)
    stand_in = dataclasses.replace(impatient, base_url=second.base_url, name="scripted-2")

    async def run_both(**more: Any) -> Any:
        async with open_model(impatient) as first, open_model(stand_in) as other:
            return await run(models={"default": Route([first, other])}, **more)

    limiter = SpendingLimiter(9)
    assert isinstance((await run_both(limiter=limiter)).ending, Delivered)
    ((_, usd),) = limiter.unanswered
    bounded = await run_both(limits=limits(max_usd=str(usd * Decimal("1.5"))))
    assert isinstance(bounded.ending, ProviderTrouble), "the stand-in is not asked"
    assert len(second.requests) == 1


async def test_a_day_that_is_spent_makes_no_call_and_fails_nobody(run, provider: Provider):
    assert (await run(limiter=SpendingLimiter(0))).ending == Interrupted("day_cap")
    assert provider.requests == []


async def test_a_purse_that_cannot_be_asked_stops_the_run_unchanged(run, provider: Provider):
    with pytest.raises(LedgerUnavailableError):
        await run(limiter=SpendingLimiter(9, LedgerUnavailableError("Redis is away")))
    assert provider.requests == []
