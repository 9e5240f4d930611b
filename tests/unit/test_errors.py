"""Errors: one root, picklable, drawn at the top of their module."""

import pickle

import pytest

from aicity_fleet import errors
from aicity_fleet.errors import AICityError, FleetError

ALL = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, FleetError)
]


@pytest.mark.parametrize("error", ALL)
def test_every_error_survives_pickling_and_speaks_its_message(error):
    args = ("words", 429, "RATE_LIMITED", 3.0) if issubclass(error, AICityError) else ("words",)
    copy = pickle.loads(pickle.dumps(error(*args)))  # noqa: S301 - made one line before
    assert type(copy) is error
    assert str(copy) == "words"
    assert copy.args == args
    assert vars(copy) == vars(error(*args))


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_drawn_in_the_tree(error):
    assert error.__doc__
    assert error.__name__ in (errors.__doc__ or "")
