"""Seeds of the simulation that always run, and that a seed repeats exactly.

``make simulate`` runs more, ``make simulate SEED=7`` shows one.
"""

import pytest
from simulation.profiles import KINDS, profile_of
from simulation.run import run_seed
from simulation.world import REAL_CLOCK, virtual_texts

from aicity_fleet.ledger.lua import script_texts

SEEDS = 80


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_promise_holds(wire, seed):
    result = run_seed(seed, wire)
    last = "\n".join(result.trace[-40:])
    assert result.broken is None, f"make simulate SEED={seed}\n{last}\n{result.broken}"


@pytest.mark.parametrize("seed", [1, 7, 38])
def test_a_seed_repeats_exactly(wire, seed):
    first, second = run_seed(seed, wire), run_seed(seed, wire)
    assert first.trace == second.trace
    assert first.digest == second.digest != run_seed(seed + 1, wire).digest


def test_the_seeds_that_always_run_meet_every_kind_of_trouble():
    assert {profile_of(seed)[0] for seed in range(SEEDS)} == set(KINDS)


def test_the_scripts_are_the_production_ones_but_for_the_clock():
    production = script_texts()
    for name, text in virtual_texts().items():
        assert text.replace("{0, redis.call('GET', 'virtual:us')}", REAL_CLOCK) == production[name]
