"""Commands that move jobs by hand: cancel, park, replay, release; many at once, each on its own.

What is allowed from where the ledger decides, one job at a time; a job that cannot be moved stops no other.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from aicity_fleet.cli.access import open_ledger
from aicity_fleet.cli.display import console, notes, print_json
from aicity_fleet.cli.market import AsJson
from aicity_fleet.cli.selection import Codes, Everything, Ids, OlderThan, Selection, States, Types
from aicity_fleet.errors import WrongStateError
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.ledger.operator import POSSIBLE_IN, OperatorMoves
from aicity_fleet.models import JsonObject

ASK_FROM = 20
"""A filter that finds more jobs than this has to be confirmed."""

Why = Annotated[str, typer.Option(help="For the job's trail.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be tried, judged by the states alone.")
]
Yes = Annotated[
    bool,
    typer.Option("--yes", help=f"Do not ask, also when a filter finds more than {ASK_FROM} jobs."),
]


@dataclasses.dataclass(frozen=True, slots=True)
class _Move:
    """One kind of move.

    ``make`` does it and says in a word or two what became of the job; it raises ``WrongStateError``.
    """

    name: str
    make: Callable[[OperatorMoves, str, str], str]


@dataclasses.dataclass(frozen=True, slots=True)
class _Result:
    """What became of one job."""

    job_id: str
    moved: bool
    message: str


def cancel(
    ids: Ids = None,
    state: States = None,
    task_type: Types = None,
    code: Codes = None,
    older_than: OlderThan = "",
    everything: Everything = False,
    why: Why = "cancelled by hand",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Stop queued or running jobs; they rest in quarantine, and nothing is reported of them.

    A running one is stopped by its worker within some seconds. 'replay' runs a cancelled job after all.

    Exit codes: 0, all were moved. 1, at least one was not. 2, the command is wrong, or no Redis.
    """
    chosen = Selection.of(ids, state, task_type, code, older_than, everything)
    _carry_out(_Move("cancel", _cancel), chosen, why, dry_run, yes, as_json)


def park(
    ids: Ids = None,
    state: States = None,
    task_type: Types = None,
    code: Codes = None,
    older_than: OlderThan = "",
    everything: Everything = False,
    why: Why = "parked by hand",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Lay queued, finished or held jobs aside, into quarantine, until 'replay' or 'release'.

    Exit codes: 0, all were moved. 1, at least one was not. 2, the command is wrong, or no Redis.
    """
    chosen = Selection.of(ids, state, task_type, code, older_than, everything)
    _carry_out(_Move("park", _park), chosen, why, dry_run, yes, as_json)


def replay(
    ids: Ids = None,
    state: States = None,
    task_type: Types = None,
    code: Codes = None,
    older_than: OlderThan = "",
    everything: Everything = False,
    why: Why = "replayed by hand",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Run quarantined or held jobs anew, their outcome discarded.

    A job that had no outcome goes on from its journal, and buys nothing twice; one that had begins afresh.

    Exit codes: 0, all were moved. 1, at least one was not. 2, the command is wrong, or no Redis.
    """
    chosen = Selection.of(ids, state, task_type, code, older_than, everything)
    _carry_out(_Move("replay", _replay), chosen, why, dry_run, yes, as_json)


def release(
    ids: Ids = None,
    state: States = None,
    task_type: Types = None,
    code: Codes = None,
    older_than: OlderThan = "",
    everything: Everything = False,
    despite_guard: Annotated[
        bool,
        typer.Option(
            "--despite-guard",
            help="Report a failure although it may be the third in a row, which suspends the agent.",
        ),
    ] = False,
    why: Why = "released by hand",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Report quarantined or held jobs after all, their outcome as it stands.

    Exit codes: 0, all were moved. 1, at least one was not. 2, the command is wrong, or no Redis.
    """
    chosen = Selection.of(ids, state, task_type, code, older_than, everything)
    make = partial(_release, despite_guard=despite_guard)
    _carry_out(_Move("release", make), chosen, why, dry_run, yes, as_json)


def _cancel(moves: OperatorMoves, job_id: str, why: str) -> str:
    if moves.cancel(job_id, why):
        return "cancelled"
    return "its worker stops it within some seconds"


def _park(moves: OperatorMoves, job_id: str, why: str) -> str:
    return f"parked (was {moves.park(job_id, why)})"


def _replay(moves: OperatorMoves, job_id: str, why: str) -> str:
    return f"queued to run anew (was {moves.replay(job_id, why)})"


def _release(moves: OperatorMoves, job_id: str, why: str, *, despite_guard: bool) -> str:
    return f"its report goes out (was {moves.release(job_id, why, despite_guard=despite_guard)})"


def _carry_out(
    move: _Move, chosen: Selection, why: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Make a move for all the jobs that were chosen.

    Raises:
        typer.Exit: With 1 when at least one job was not moved, else with 0.
    """
    ledger = open_ledger()
    if chosen.ids:
        ids = chosen.ids
    else:
        ids = [job.job_id for job in chosen.find(ledger, POSSIBLE_IN[move.name])]
        if len(ids) > ASK_FROM and not (yes or dry_run):
            _confirm(move, len(ids))
    results: list[_Result] = []
    try:
        for job_id in ids:
            result = _would(ledger, move, job_id) if dry_run else _make(ledger, move, job_id, why)
            results.append(result)
            if not as_json:
                style = "" if result.moved else "red"
                console.print(Text(result.message, style=style), soft_wrap=True)
    finally:  # whatever ends it early, what was moved is told
        if as_json:
            print_json([_as_json(result, dry_run=dry_run) for result in results])
    if not ids and not as_json:
        notes.print("No job is like that.")
    raise typer.Exit(0 if all(result.moved for result in results) else 1)


def _make(ledger: Ledger, move: _Move, job_id: str, why: str) -> _Result:
    try:
        return _Result(job_id, True, f"{job_id}: {move.make(ledger.operator, job_id, why)}")
    except WrongStateError as error:
        return _Result(job_id, False, str(error))


def _would(ledger: Ledger, move: _Move, job_id: str) -> _Result:
    job: Job | None = ledger.get(job_id)
    if job is None:
        return _Result(job_id, False, f"{job_id}: the ledger does not know it")
    if job.state not in POSSIBLE_IN[move.name]:
        needed = " or ".join(POSSIBLE_IN[move.name])
        return _Result(
            job_id, False, f"{job_id}: is {job.state}; {move.name} needs it to be {needed}"
        )
    return _Result(
        job_id, True, f"{job_id}: would {move.name} it ({job.state}, {job.task_type or '?'})"
    )


def _confirm(move: _Move, number: int) -> None:
    """Have a person say yes.

    Raises:
        typer.BadParameter: Nobody is there to ask.
        typer.Exit: The person said no.
    """
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"{number} jobs are like that; say --yes, for nobody is there to ask."
        )
    if not typer.confirm(f"{number} jobs are like that. {move.name.capitalize()} all?", err=True):
        raise typer.Exit(1)


def _as_json(result: _Result, *, dry_run: bool) -> JsonObject:
    return {**dataclasses.asdict(result), "dry_run": dry_run}
