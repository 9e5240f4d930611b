"""Commands that read the ledger: the list of jobs, and one job with its trail and deliverable."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.display import console, moment, print_json, state_text
from aicity_fleet.cli.market import AsJson
from aicity_fleet.embedded.state_folder import find_running_fleet
from aicity_fleet.errors import FleetError
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import Completed, Failed, JobState
from aicity_fleet.prices import cost_usd
from aicity_fleet.settings import Settings


def jobs(
    state: Annotated[
        list[JobState] | None, typer.Option(help="Only jobs in this state; repeat for more.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="At most this many per state.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List the fleet's jobs, the latest of each state first."""
    ledger = open_ledger()
    found = ledger.jobs(state or tuple(JobState), limit=limit)
    counts = ledger.counts()
    if as_json:
        summaries = [{**item.to_json(), "task": None, "outcome": None} for item in found]
        print_json({"counts": counts, "jobs": summaries})
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    # The id is what the next command is given: whatever has to give way, it is shown whole.
    widest = max((len(item.job_id) for item in found), default=3)
    table.add_column("job", no_wrap=True, min_width=widest)
    for heading in ("type", "state", "tries", "calls", "tokens", "sec", "ending", "changed (UTC)"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    for item in found:
        tokens = item.prompt_tokens + item.completion_tokens
        table.add_row(
            Text(item.job_id),
            Text(item.task_type or "?"),
            state_text(item.state),
            str(item.attempt),
            str(item.model_calls),
            str(tokens),
            f"{item.ran_ms / 1000:.1f}",
            Text(ending_of(item)),
            moment(item.changed_at),
        )
    console.print(table)
    console.print(", ".join(f"{name} {number}" for name, number in counts.items()))


def job(
    job_id: Annotated[str, typer.Argument(help="The job's id, which is the task's id.")],
    as_json: AsJson = False,
) -> None:
    """Show one job: its states, attempts, model calls, cost and deliverable."""
    ledger = open_ledger()
    found = ledger.get(job_id)
    if found is None:
        raise FleetError(
            f"The ledger knows no job '{job_id}'. 'aicity-fleet jobs' lists those that it knows; "
            "a reported one is forgotten after FLEET_RETENTION_DAYS."
        )
    trail = ledger.audit(job_id)
    cost = cost_usd(found.model, found.prompt_tokens, found.completion_tokens)
    if as_json:
        print_json({**found.to_json(), "cost_usd": cost, "audit": trail})
        return
    table = Table(title=Text(f"job {job_id}"), show_header=False, title_justify="left")
    table.add_row("state", state_text(found.state))
    table.add_row("type", Text(found.task_type or "?"))
    table.add_row("attempts", f"{found.attempt} ({found.lapses} leases lapsed)")
    table.add_row("model", Text(found.model or "-"))
    table.add_row("model calls", str(found.model_calls))
    table.add_row("tokens", f"{found.prompt_tokens} in, {found.completion_tokens} out")
    table.add_row(
        "cost", "unknown (no list price for this model)" if cost is None else f"${cost:.6f}"
    )
    table.add_row("ran", f"{found.ran_ms / 1000:.1f} s")
    table.add_row("ending", Text(ending_of(found)))
    if found.reason:
        table.add_row("why", Text(found.reason))
    if found.score is not None:
        table.add_row("gate", f"{found.score} of 100")
    if found.receipt:
        table.add_row("receipt", Text(str(found.receipt)))
    console.print(table)
    steps = Table("at (UTC)", "event", "detail", box=None)
    for line in trail:
        steps.add_row(moment(line["at"]), line["event"], Text(str(line["detail"])))
    console.print(steps)
    match found.outcome:
        case Completed(text=text):
            console.rule("deliverable")
            console.print(Markdown(text))
        case Failed(code=code, message=message):
            console.rule("failure")
            console.print(Text(f"{code}: {message}"))


def open_ledger() -> Ledger:
    """The ledger that the environment names, or that of the fleet that runs embedded here.

    Raises:
        FleetError: A setting is wrong, or Redis does not answer.
    """
    environment = dict(os.environ)
    find_running_fleet(environment)
    return Ledger.from_settings(Settings.load(environment))


def ending_of(job: Job) -> str:
    """How a job ended, in a word or two; ``-`` while it has not."""
    match job.outcome:
        case Completed():
            return "complete"
        case Failed(code=code):
            return f"fail ({code})"
        case _:
            return "refused" if job.state is JobState.QUARANTINED else "-"
