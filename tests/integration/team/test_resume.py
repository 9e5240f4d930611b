"""No model call is bought twice: a run goes on from the journal of an interrupted one."""

from __future__ import annotations

import dataclasses

import pytest
from support.samples import GOOD_GENERAL, NONCE, order
from support.scripted_provider import Provider, error, submit, text

from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.journal import NOBODY, Caller, Entry, MemoryJournal
from aicity_fleet.models import Delivered, ProviderTrouble, Usage
from aicity_fleet.team import open_model

ANSWERS = (
    text("thinking"),
    submit("not enough of it"),
    text("thinking more"),
    submit(GOOD_GENERAL),
)


@pytest.mark.parametrize("done", range(len(ANSWERS)))
async def test_the_second_run_makes_exactly_the_remaining_calls(run, provider: Provider, done):
    journal = MemoryJournal()
    provider.will(*ANSWERS[:done], error(503))
    assert isinstance((await run(journal=journal)).ending, ProviderTrouble)
    assert len(provider.requests) == done + 1
    assert len(journal.entries) == done

    provider.requests.clear()
    provider.will(*ANSWERS[done:])
    result = await run(journal=journal)
    assert result.ending == Delivered(GOOD_GENERAL, 100)
    assert len(provider.requests) == len(ANSWERS) - done
    assert result.usage == Usage(4 - done, 100 * (4 - done), 20 * (4 - done))
    assert result.rounds == 2


async def test_a_finished_journal_replays_without_the_provider(run, provider: Provider, config):
    provider.will(*ANSWERS)
    journal = MemoryJournal()
    first = await run(journal=journal)
    gone = dataclasses.replace(config, base_url="http://127.0.0.1:9/v1")
    async with open_model(gone) as offline:
        replay = await run(journal=journal, model=offline)
    assert replay.ending == first.ending
    assert replay.rounds == first.rounds
    assert replay.usage == Usage()


async def test_entries_survive_json(run, provider: Provider):
    provider.will(*ANSWERS)
    journal = MemoryJournal()
    await run(journal=journal)
    stored = MemoryJournal()
    for entry in journal.entries:
        stored.append(Entry.from_json({**entry.to_json(), "later_field": 1}))
    assert isinstance((await run(journal=stored)).ending, Delivered)
    assert len(provider.requests) == 4


async def test_another_request_discards_the_rest_of_the_journal(run, provider: Provider):
    provider.will(*ANSWERS)
    journal = MemoryJournal()
    await run(journal=journal)
    provider.requests.clear()
    provider.will(submit(GOOD_GENERAL))
    result = await run(order(description="Explain how lighthouses guided ships."), journal=journal)
    assert isinstance(result.ending, Delivered)
    assert len(provider.requests) == 1
    assert len(journal.entries) == 1


async def test_another_nonce_is_another_request(run, provider: Provider):
    provider.will(submit(GOOD_GENERAL))
    journal = MemoryJournal()
    await run(journal=journal)
    await run(journal=journal, nonce=NONCE[::-1])
    assert len(provider.requests) == 2


async def test_the_caps_count_replayed_calls(run, provider: Provider):
    provider.will(text("thinking"), error(503))
    journal = MemoryJournal()
    await run(journal=journal, bounds={"max_model_calls": 1})
    result = await run(journal=journal, bounds={"max_model_calls": 1})
    assert result.ending.code == "over_budget"
    assert result.usage == Usage()
    assert len(provider.requests) == 1


class LostJournal(MemoryJournal):
    """A store that answers no more."""

    def append(self, entry: Entry, caller: Caller = NOBODY) -> None:
        raise LedgerUnavailableError("Redis is gone")


class AsyncJournal:
    """A store that is awaited."""

    def __init__(self) -> None:
        self.memory = MemoryJournal()

    async def recorded(self, ordinal: int) -> Entry | None:
        return self.memory.recorded(ordinal)

    async def append(self, entry: Entry, caller: Caller = NOBODY) -> None:
        self.memory.append(entry)

    async def truncate(self, ordinal: int) -> None:
        self.memory.truncate(ordinal)


async def test_what_the_journal_raises_comes_out_unchanged(run, provider: Provider):
    provider.will(text("thinking"))
    with pytest.raises(LedgerUnavailableError, match="Redis is gone"):
        await run(journal=LostJournal())
    assert len(provider.requests) == 1


async def test_a_journal_may_be_awaited(run, provider: Provider):
    provider.will(*ANSWERS)
    journal = AsyncJournal()
    await run(journal=journal)
    assert isinstance((await run(journal=journal)).ending, Delivered)
    assert len(provider.requests) == 4
