"""Commands that move jobs by hand: cancel, park, rerun, send-report, acknowledge. Each can move many jobs.

The ledger decides for one job at a time whether the move is allowed. One refusal does not stop the rest.
"""

import dataclasses
import sys
from collections.abc import Callable, Collection
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from aicity_fleet.cli.connection import open_ledger
from aicity_fleet.cli.display import AsJson, console, notes, print_json
from aicity_fleet.cli.money import cost_text
from aicity_fleet.cli.selection import Codes, Everything, Ids, OlderThan, Selection, States, Types
from aicity_fleet.errors import WrongStateError
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.ledger.operator import POSSIBLE_IN, OperatorMoves
from aicity_fleet.ledger.rules import JOURNAL_IS_KEPT_AFTER
from aicity_fleet.models import Failed
from aicity_fleet.money.cost import Cost
from aicity_fleet.words import count

ASK_FROM = 20
"""A filter that selects more jobs than this needs a confirmation."""

Why = Annotated[str, typer.Option(help="The reason, kept in the audit trail.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show which jobs would be moved, going by their states only."),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", help="Do not ask for confirmation."),
]


@dataclasses.dataclass(frozen=True, slots=True)
class _Move:
    """One kind of move."""

    name: str
    make: Callable[[OperatorMoves, str, str], str]
    """Makes the move and returns what happened to the job; raises ``WrongStateError``."""
    keeps_journal: bool | None = None
    """For a rerun: whether every journal is kept. None for any other move."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Result:
    """What happened to one job."""

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
    """Stop queued or running jobs and move them to quarantine. Nothing is reported to AI City.

    The worker of a running job stops it within seconds. 'rerun' runs a cancelled job again.

    Exit codes: 0, all jobs were moved. 1, at least one was not. 2, wrong usage, or Redis is unavailable.
    """
    chosen = Selection(ids, state, task_type, code, older_than, everything)
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
    """Move queued, finished or held jobs to quarantine. 'rerun' or 'send-report' moves them on.

    Exit codes: 0, all jobs were moved. 1, at least one was not. 2, wrong usage, or Redis is unavailable.
    """
    chosen = Selection(ids, state, task_type, code, older_than, everything)
    _carry_out(_Move("park", _park), chosen, why, dry_run, yes, as_json)


def rerun(
    ids: Ids = None,
    state: States = None,
    task_type: Types = None,
    code: Codes = None,
    older_than: OlderThan = "",
    everything: Everything = False,
    keep_journal: Annotated[
        bool,
        typer.Option(
            "--keep-journal",
            help="Reuse the journaled calls. A job whose calls led to its outcome will end the same way "
            "again.",
        ),
    ] = False,
    why: Why = "rerun by hand",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Discard the outcome of quarantined or held jobs and run them again.

    Every model call is bought again, except for jobs that ran out of time or budget or have no outcome:
    those continue from their journal. To run a job again offline at no cost, use 'job ID --replay'.

    Exit codes: 0, all jobs were moved. 1, at least one was not. 2, wrong usage, or Redis is unavailable.
    """
    chosen = Selection(ids, state, task_type, code, older_than, everything)
    make = partial(_rerun, keep_journal=keep_journal)
    _carry_out(_Move("rerun", make, keep_journal), chosen, why, dry_run, yes, as_json)


def send_report(
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
            help="Report a failure even if it could be the third in a row, after which AI City suspends "
            "the agent.",
        ),
    ] = False,
    why: Why = "report sent by hand",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Report the outcome of quarantined or held jobs to AI City as it stands.

    Exit codes: 0, all jobs were moved. 1, at least one was not. 2, wrong usage, or Redis is unavailable.
    """
    chosen = Selection(ids, state, task_type, code, older_than, everything)
    make = partial(_send_report, despite_guard=despite_guard)
    _carry_out(_Move("send-report", make), chosen, why, dry_run, yes, as_json)


def acknowledge(
    ids: Ids = None,
    state: States = None,
    task_type: Types = None,
    code: Codes = None,
    older_than: OlderThan = "",
    everything: Everything = False,
    why: Why = "acknowledged by hand",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Leave quarantined jobs as they are, so that 'status' no longer asks for a decision.

    Nothing is reported to AI City or deleted. 'rerun' and 'send-report' still work.

    Exit codes: 0, all jobs were acknowledged. 1, at least one was not. 2, wrong usage, or Redis is
    unavailable.
    """
    chosen = Selection(ids, state, task_type, code, older_than, everything)
    _carry_out(_Move("acknowledge", _acknowledge), chosen, why, dry_run, yes, as_json)


def _cancel(moves: OperatorMoves, job_id: str, why: str) -> str:
    if moves.cancel(job_id, why):
        return "cancelled"
    return "its worker stops it within seconds"


def _park(moves: OperatorMoves, job_id: str, why: str) -> str:
    return f"quarantined (was {moves.park(job_id, why)})"


def _rerun(moves: OperatorMoves, job_id: str, why: str, *, keep_journal: bool) -> str:
    return f"queued to run again (was {moves.rerun(job_id, why, keep_journal=keep_journal)})"


def _send_report(moves: OperatorMoves, job_id: str, why: str, *, despite_guard: bool) -> str:
    return f"report queued (was {moves.send_report(job_id, why, despite_guard=despite_guard)})"


def _acknowledge(moves: OperatorMoves, job_id: str, why: str) -> str:
    return f"acknowledged (stays {moves.acknowledge(job_id, why)})"


def _carry_out(
    move: _Move, chosen: Selection, why: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Move all chosen jobs.

    Raises:
        typer.Exit: With 1 if at least one job was not moved, else with 0.
    """
    ledger = open_ledger()
    jobs: dict[str, Job | None]
    if chosen.ids:
        # Without need, no record is read: one that cannot be read must not stop the moves of others.
        needs_record = dry_run or move.keeps_journal is not None
        jobs = {job_id: ledger.get(job_id) if needs_record else None for job_id in chosen.ids}
    else:
        jobs = {job.job_id: job for job in chosen.find(ledger, POSSIBLE_IN[move.name])}
    price = _price(ledger, move, jobs.values())
    if price and not as_json:
        notes.print(Text(price), soft_wrap=True)
    if (price or (len(jobs) > ASK_FROM and not chosen.ids)) and not (yes or dry_run):
        _confirm(move, len(jobs))
    results: list[_Result] = []
    try:
        for job_id, job in jobs.items():
            result = _would(move, job_id, job) if dry_run else _make(ledger, move, job_id, why)
            results.append(result)
            if not as_json:
                style = "" if result.moved else "red"
                console.print(Text(result.message, style=style), soft_wrap=True)
    finally:  # print what was moved even if an error ends the loop
        if as_json:
            print_json([{**dataclasses.asdict(result), "dry_run": dry_run} for result in results])
    if not jobs and not as_json:
        notes.print("No matching jobs.")
    raise typer.Exit(0 if all(result.moved for result in results) else 1)


def _make(ledger: Ledger, move: _Move, job_id: str, why: str) -> _Result:
    try:
        return _Result(job_id, True, f"{job_id}: {move.make(ledger.operator, job_id, why)}")
    except WrongStateError as error:
        return _Result(job_id, False, str(error))


def _would(move: _Move, job_id: str, job: Job | None) -> _Result:
    needed = POSSIBLE_IN[move.name]
    if job is None:
        return _Result(job_id, False, f"{job_id}: not in the ledger")
    if job.state not in needed:
        message = (
            f"{job_id}: {move.name} needs a job that is {' or '.join(needed)}, not {job.state}"
        )
        return _Result(job_id, False, message)
    return _Result(
        job_id, True, f"{job_id}: would {move.name} ({job.state}, {job.task_type or '?'})"
    )


def _price(ledger: Ledger, move: _Move, jobs: Collection[Job | None]) -> str:
    """Return what a rerun discards and buys again; an empty text for no job or any other move."""
    if move.keeps_journal is None or not jobs:
        return ""
    spent, calls, again = Cost(), 0, 0
    for job in jobs:
        if job is None or job.state not in POSSIBLE_IN[move.name]:
            continue
        spent, calls = spent + job.cost, calls + job.model_calls
        if not (move.keeps_journal or job.outcome is None or _ran_out(job)):
            again += ledger.journal_length(job.job_id)
    return (
        f"Spent so far: {cost_text(spent)} for {calls} model calls. "
        f"The rerun discards {again} journaled calls and buys them again."
    )


def _ran_out(job: Job) -> bool:
    return isinstance(job.outcome, Failed) and job.outcome.code in JOURNAL_IS_KEPT_AFTER


def _confirm(move: _Move, number: int) -> None:
    """Ask for a confirmation on the terminal.

    Raises:
        typer.BadParameter: There is no terminal.
        typer.Exit: The person said no.
    """
    jobs = count(number, "job")
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"Refusing to {move.name} {jobs} without a terminal. Pass --yes.")
    if not typer.confirm(f"{move.name.capitalize()} {jobs}?", err=True):
        raise typer.Exit(1)
