from __future__ import annotations

import json

import pytest

from aicity_fleet.journal import (
    Entry,
    JournalCursor,
    MemoryJournal,
    ModelCall,
    canonical_sha256,
    estimated_tokens,
)
from aicity_fleet.models import Usage

ANSWER = {"content": "text", "thought": None}


async def record(cursor: JournalCursor, request: str, **more):
    call = ModelCall(usage=(10, 2), **more)
    return await cursor.record("model", request, ANSWER, seconds=0.5, call=call)


async def test_recorded_answers_are_replayed_in_order_and_not_bought():
    journal = MemoryJournal()
    first = JournalCursor(journal)
    assert await first.replay("model", "a") is None
    await record(first, "a", finish_reason="stop")
    await record(first, "b", finish_reason="length")
    assert first.bought == Usage(2, 20, 4)

    second = JournalCursor(journal)
    entry = await second.replay("model", "a")
    assert entry is not None
    assert entry.answer == ANSWER
    entry = await second.replay("model", "b")
    assert entry is not None
    assert entry.ordinal == 1
    assert await second.replay("model", "c") is None
    assert second.bought == Usage()
    assert (second.model_calls, second.tokens) == (2, 24)
    assert second.finish_reason == "length"


async def test_what_made_the_journal_stands_in_its_first_entry_alone():
    journal = MemoryJournal()
    cursor = JournalCursor(journal, "version", {"engine": "e"})
    await record(cursor, "a")
    await record(cursor, "b")
    assert [entry.origin for entry in journal.entries] == [{"engine": "e"}, None]
    assert "origin" not in journal.entries[1].to_json()
    assert [Entry.from_json(entry.to_json()) for entry in journal.entries] == journal.entries


async def test_a_mismatch_discards_that_entry_and_all_later_ones():
    journal = MemoryJournal()
    cursor = JournalCursor(journal)
    for request in "abc":
        await record(cursor, request)
    other = JournalCursor(journal)
    await other.replay("model", "a")
    assert await other.replay("model", "B") is None
    assert len(journal.entries) == 1
    assert await other.replay("model", "c") is None
    await record(other, "B")
    assert [entry.request_sha256 for entry in journal.entries] == ["a", "B"]


async def test_a_tool_s_answer_is_no_model_s_answer():
    journal = MemoryJournal()
    await JournalCursor(journal).record("tool", "a", {"text": "x"}, seconds=0)
    assert await JournalCursor(journal).replay("model", "a") is None


async def test_an_estimate_counts_only_where_nobody_counted():
    cursor = JournalCursor(MemoryJournal())
    for request, usage in (("a", (0, 0)), ("b", (10, 2))):
        call = ModelCall(usage=usage, estimated_tokens=70)
        await cursor.record("model", request, ANSWER, seconds=0, call=call)
    assert cursor.tokens == 82
    assert cursor.bought == Usage(2, 10, 2)


def test_entries_are_plain_json():
    entry = Entry(0, "model", "a" * 64, ANSWER, 1, 2, 0, 0.5, "stop")
    assert Entry.from_json(json.loads(json.dumps(entry.to_json()))) == entry


def test_a_memory_journal_refuses_gaps():
    with pytest.raises(ValueError, match="follow"):
        MemoryJournal().append(Entry(3, "model", "a", ANSWER))


def test_the_hash_depends_on_content_alone():
    assert canonical_sha256({"a": 1, "b": "\ud800"}) == canonical_sha256({"b": "\ud800", "a": 1})
    assert canonical_sha256({"a": 1}) != canonical_sha256({"a": "1"})


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("a" * 8, 2), ("灯塔", 2), ("灯塔 a", 3)]
)
def test_tokens_are_estimated_by_script(text, tokens):
    assert estimated_tokens(text) == tokens
