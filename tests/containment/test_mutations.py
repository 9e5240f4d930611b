"""The suite can fail: it notices each main defence that is taken away."""

from __future__ import annotations

import pytest
from containment.inputs import FAMILIES, Hostile, inputs_of
from containment.mutations import MUTATIONS, Mutation
from containment.stage import Way, breaches


def chosen(beginnings: tuple[str, ...]) -> list[Hostile]:
    inputs = [hostile for family in FAMILIES for hostile in inputs_of(family)]
    found = [[h for h in inputs if h.name.startswith(beginning)] for beginning in beginnings]
    assert all(found), beginnings
    return [hostile for some in found for hostile in some[:5]]


@pytest.mark.parametrize("function_calling", [True], indirect=True)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_a_defence_that_is_gone_is_noticed(mutation: Mutation, puppet_model, provider):
    inputs = list(enumerate(chosen(mutation.inputs)))
    ways = [Way("plain", 1, mutation.gives_in) for _ in inputs]
    with mutation.patch():
        found = await breaches(inputs, ways, puppet_model, provider)
    assert any(f": {mutation.breach}: " in f": {breach}" for breach in found), found
