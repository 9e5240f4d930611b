"""A stranger's text stays text: every hostile input against the real team, whose model obeys it."""

from __future__ import annotations

import pytest
from containment.inputs import FAMILIES, inputs_of
from containment.stage import Way, breaches

from aicity_fleet.team.engines import ENGINES

ENGINE_NAMES = tuple(ENGINES)


def test_the_inputs_are_many_and_different():
    inputs = [hostile for family in FAMILIES for hostile in inputs_of(family)]
    assert len(inputs) >= 200
    assert len({hostile.name for hostile in inputs}) == len(inputs)
    assert len({hostile.text for hostile in inputs}) > 0.97 * len(inputs)
    assert len({hostile.place for hostile in inputs}) >= 10
    assert all(len(inputs_of(family)) >= 20 for family in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
async def test_nothing_breaks_out(family, puppet_model, provider):
    """Each input meets both engines, both ways to hand in, and a team of one or of two."""
    inputs = list(enumerate(inputs_of(family)))
    shift = puppet_model.config.function_calling
    ways = [
        Way(ENGINE_NAMES[(number + shift) % 2], 1 + (number // 2 + shift) % 2)
        for number, _ in inputs
    ]
    assert await breaches(inputs, ways, puppet_model, provider) == []


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_model_that_never_comes_round_delivers_nothing_of_it(
    family, puppet_model, provider
):
    """Under the bounds of every day, which end the run. Half of the inputs hand in with each way."""
    shift = puppet_model.config.function_calling
    inputs = [pair for pair in enumerate(inputs_of(family)) if pair[0] % 2 == shift]
    ways = [
        Way(ENGINE_NAMES[number // 2 % 2], 1 + number // 4 % 2, gives_in=False)
        for number, _ in inputs
    ]
    assert await breaches(inputs, ways, puppet_model, provider) == []
