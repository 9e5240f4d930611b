"""The plan of faults: seeded, complete, and only what was switched on."""

import json
from collections import Counter

import pytest
from chaos.cli import app, chosen_kinds
from chaos.injector import city_faults
from chaos.plan import BY_NAME, DEFAULT_KINDS, KINDS, ONE_REDIS, Event, make_plan
from chaos.receipt import rescue_percentiles
from typer.testing import CliRunner

from aicity_fleet.simulator.faults import fault_from_json


def test_the_same_seed_gives_the_same_plan_and_another_seed_another():
    assert make_plan(30, 7, DEFAULT_KINDS) == make_plan(30, 7, DEFAULT_KINDS)
    assert make_plan(30, 7, DEFAULT_KINDS) != make_plan(30, 8, DEFAULT_KINDS)


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_holds_every_kill_and_every_other_kind_that_is_on(seed):
    plan = Counter(event.kind for event in make_plan(30, seed, DEFAULT_KINDS))
    assert sum(n for kind, n in plan.items() if BY_NAME[kind].group == "kill") == 30
    others = {kind for kind in DEFAULT_KINDS if BY_NAME[kind].group != "kill"}
    assert others <= set(plan) <= DEFAULT_KINDS


def test_a_switched_off_kind_does_not_happen():
    plan = make_plan(50, 1, DEFAULT_KINDS - {"flushall", "kill-beat"})
    assert not {"flushall", "kill-beat"} & {event.kind for event in plan}


def test_kills_need_a_kind_of_kill():
    with pytest.raises(ValueError, match="every kind of kill"):
        make_plan(1, 1, {"flushall"})
    with pytest.raises(ValueError, match="flushal"):
        make_plan(0, 1, {"flushal"})


@pytest.mark.parametrize("kind", [k.name for k in KINDS if k.group in {"city", "model"}])
@pytest.mark.parametrize("pick", [0.0, 0.6, 0.99])
def test_every_fault_of_the_marketplace_is_one_that_the_simulator_knows(kind, pick):
    for fault in city_faults(Event(kind, 0.0, pick)):
        assert fault_from_json(json.loads(json.dumps(fault))).label == kind


def test_a_misspelt_switch_is_refused():
    done = CliRunner().invoke(app, ["--no-flushal"])
    assert done.exit_code == 2
    assert "--no-flushal" in done.output


def test_failovers_take_the_place_of_what_needs_one_redis():
    assert "failover" not in chosen_kinds("", [])
    assert chosen_kinds("", ["--failover"]) == DEFAULT_KINDS - ONE_REDIS | {"failover"}
    plan = Counter(event.kind for event in make_plan(44, 1, chosen_kinds("", ["--failover"])))
    assert plan["failover"] == 11


def test_percentiles_of_rescues():
    assert rescue_percentiles([]) == {"count": 0}
    row = [float(n) for n in range(1, 101)]
    assert rescue_percentiles(row) == {
        "count": 100,
        "p50": 50.0,
        "p90": 90.0,
        "p99": 99.0,
        "max": 100.0,
    }
