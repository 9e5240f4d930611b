from __future__ import annotations

import pytest

from aicity_fleet.models import Interrupted, ProviderTrouble, Rejected
from aicity_fleet.team.endings import DRAINING, OVER_BUDGET, StoppedError
from aicity_fleet.team.model.provider_errors import classify


@pytest.mark.parametrize(
    "error", [IndexError("x"), AttributeError("x"), ValueError("x"), OSError()]
)
def test_whatever_else_comes_out_of_the_client_is_an_unreadable_answer(error):
    ending = classify(error)
    assert isinstance(ending, ProviderTrouble)
    assert "x" not in ending.message.removesuffix(f"({type(error).__name__})").split()


def test_a_stop_carries_its_ending():
    assert classify(StoppedError(DRAINING)) == Interrupted("drain")
    ending = classify(StoppedError(OVER_BUDGET))
    assert isinstance(ending, Rejected)
    assert ending.code == "over_budget"
