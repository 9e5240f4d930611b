"""Every state of a very small fleet holds the promises; one broken line does not go unnoticed.

``make exhaustive`` explores more.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from exhaustive.explore import BrokenPathError, Explorer
from exhaustive.programs import Programs, replayed
from exhaustive.state import Bounds
from exhaustive.store import NOW_MS
from simulation.mutations import MUTATIONS, mutated_texts
from simulation.wire import Wire, redis_socket
from simulation.world import virtual_texts
from support.workers import NoBackground, function_worker

from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.models import AssignedTask, Delivered, TeamResult, Usage
from scheduler.report import ReporterParts, report
from workers.lease_keeper import LeaseKeeper
from workers.run_job import run_job

SMALL = {
    "crashes": Bounds(crashes=1, lost=1),
    "doubled": Bounds(crashes=1, lost=0, doubled=1),
    "reports": Bounds(workers=1, reporters=2, calls=0, crashes=1, lost=1),
    "people": Bounds(workers=1, calls=0, crashes=0, lost=1, moves=2, attempts=3),
    "wipe": Bounds(workers=1, calls=0, polls=1, flushes=1, crashes=0, lost=0),
    "two workers, a wipe": Bounds(calls=0, polls=1, flushes=1, crashes=0, lost=0, attempts=1),
    "judged later": Bounds(
        **{"jobs": 2, "row": 1, "workers": 1, "calls": 0, "reporters": 1, "attempts": 1},
        **{"crashes": 0, "lost": 0, "later_checks": 1, "taken_back": 1},
    ),
    "guard": Bounds(
        **{"jobs": 2, "row": 1, "workers": 1, "calls": 0, "reporters": 2, "attempts": 1},
        **{"crashes": 0, "lost": 0, "failed_checks": 1},
    ),
}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with redis_socket() as path:
        wire = Wire(path)
        yield wire
        wire.close()


@pytest.fixture
def programs() -> Iterator[Programs]:
    with replayed():
        yield Programs(virtual_texts(), calls=1)


@pytest.mark.parametrize("name", SMALL)
def test_every_state_holds_the_promises(wire, name):
    with replayed():
        found = Explorer(wire, virtual_texts(), SMALL[name]).explore(100_000)
    print(f"{name}: {found}")
    assert found.is_whole
    assert found.states > 200


@pytest.mark.parametrize(
    ("mutation", "bounds"),
    [
        ("writes without the token", "crashes"),
        ("anybody appends to the journal", "crashes"),
        ("no rescue", "crashes"),
        ("the last outcome wins", "crashes"),
        ("failures under way do not count", "guard"),
        ("completions without an answer do not count", "guard"),
        ("deliveries in check do not count", "judged later"),
        ("reported tasks are not read back", "judged later"),
        ("a known id is accepted again", "wipe"),
        ("a fence of the number alone", "two workers, a wipe"),
        ("a rerun of what may be accepted", "people"),
    ],
)
def test_a_broken_line_is_noticed(wire, mutation, bounds):
    (lua,) = [known.lua for known in MUTATIONS if known.name == mutation]
    assert lua is not None
    with replayed(), pytest.raises(BrokenPathError) as caught:
        Explorer(wire, mutated_texts(*lua), SMALL[bounds]).explore(100_000)
    print(f"{mutation}\n{caught.value}")


def effects(programs: Programs, program: tuple[str, ...], replies: list[object]) -> list[str]:
    """The names of a program's effects when they are answered like this."""
    names: list[str] = []
    history: tuple[Any, ...] = ()
    while (effect := programs.next_effect(program, history)) is not None:
        names.append(effect[1] if effect[0] in {"script", "city"} else effect[0])
        history = (*history, replies.pop(0))
    return names


def test_the_order_of_effects_is_that_of_production(programs, ledger: Ledger, city, monkeypatch):
    task = '{"task_id": "t0", "task_type": "general"}'
    claimed = ("1", task, "n", "0", "0", "0", "0", "0", "0", (), "0")
    run = effects(programs, ("run", "t0"), [claimed, "answer", 1, "deliver", ("finished", 0)])
    outcome = '{"kind": "fail", "code": "quality", "message": "No."}'
    told = effects(
        programs,
        ("report", "t0"),
        [
            ("1", "n", outcome, "0", "0", "0", "t0"),
            "failed",
            (1, 1, 0, 0),
            (NOW_MS, (), 0, 0, (), 1, 0, 0, (), 0),
        ],
    )
    assert run == ["claim", "model", "journal_append", "choose", "finish"]
    assert told == ["take_report", "report", "settle", "read_controls"]

    seen: list[str] = []
    honest = Scripts.run

    def noted(self: Scripts, name: str, *args: str | int, **named: str | int | None) -> object:
        seen.append(name)
        return honest(self, name, *args, **named)

    (job_id,) = city.submit({})
    ledger.accept(AssignedTask(job_id, "general", "Say something."))
    ledger.controls.seed_guard(0)
    done = TeamResult(Delivered("text", 90), Usage(1), "m")
    keeper = LeaseKeeper(ledger, 15, NoBackground())
    monkeypatch.setattr(Scripts, "run", noted)
    parts = function_worker(ledger, lambda *_: done, leases=keeper)
    run_job(job_id, parts)
    with city.client() as client:
        report(job_id, ReporterParts(ledger, client, "a", 60))
    scripts = {"claim", "finish", "take_report", "settle"}
    assert seen == [name for name in run + told if name in scripts]
