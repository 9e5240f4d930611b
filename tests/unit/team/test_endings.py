from __future__ import annotations

import email.utils
import time

import pytest

from aicity_fleet.models import Interrupted, ProviderTrouble
from aicity_fleet.team.model.provider_errors import (
    classify,
    draining,
    over_budget,
    retry_after_seconds,
)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e9"}, 3600.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 99 Foo 2026"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after_seconds(headers) == seconds


def test_retry_after_as_a_date():
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    seconds = retry_after_seconds({"retry-after": date})
    assert seconds is not None
    assert 55 < seconds <= 60


@pytest.mark.parametrize(
    "error", [IndexError("x"), AttributeError("x"), ValueError("x"), OSError()]
)
def test_whatever_else_comes_out_of_the_client_is_an_unreadable_answer(error):
    ending = classify(error)
    assert isinstance(ending, ProviderTrouble)
    assert "x" not in ending.message.removesuffix(f"({type(error).__name__})").split()


def test_a_stop_carries_its_ending():
    assert classify(draining()) == Interrupted("drain")
    assert classify(over_budget()).code == "over_budget"
