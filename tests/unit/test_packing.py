"""How a journal entry lies in Redis: whatever it says, it comes back as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicity_fleet.errors import LedgerError
from aicity_fleet.ledger.packing import pack, unpack


@given(st.dictionaries(st.text(), st.text(max_size=300)))
def test_an_entry_comes_back_as_it_was(answer):
    text = json.dumps(answer, ensure_ascii=False).encode(errors="replace").decode()
    stored = pack(text)
    assert unpack(stored) == text
    assert len(stored) <= len(text)


def test_a_short_entry_stays_plain_and_a_long_one_does_not():
    assert pack('{"a": 1}') == '{"a": 1}'
    long = json.dumps({"content": "A sentence of the model. " * 100})
    assert len(pack(long)) < len(long) / 10
    assert pack(long).isascii()


@pytest.mark.parametrize("text", ["z", "z\x00", "znonsense", "z\xe9"])
def test_what_cannot_be_unpacked_is_an_error_of_ours(text):
    with pytest.raises(LedgerError, match="cannot be unpacked"):
        unpack(text)
