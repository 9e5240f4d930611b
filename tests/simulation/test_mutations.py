"""The simulation is strong enough: it notices one broken line, wherever a promise rests on it."""

import pytest
from simulation.mutations import MUTATIONS, Mutation, hunt
from simulation.run import run_seed


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_broken_line_is_noticed(wire, mutation: Mutation):
    tried, result = hunt(mutation, wire)
    assert result is not None, f"{len(tried)} seeds did not notice: {mutation.name}"
    assert result.broken is not None
    print(f"{mutation.name} | {result.broken.promise} | {len(tried)} seeds")
    assert result.broken.promise in mutation.promises, result.broken
    sound = run_seed(tried[-1], wire, profile=mutation.profile(tried[-1]))
    assert sound.broken is None, "the seed is broken without it"
