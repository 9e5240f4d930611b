"""Commands that read the ledger: the list of jobs, and one job with its trail and deliverable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.access import open_ledger, read_settings
from aicity_fleet.cli.display import console, foreign, moment, print_json, state_text
from aicity_fleet.cli.follow import follow as follow_job
from aicity_fleet.cli.follow import where_it_stands
from aicity_fleet.cli.market import AsJson
from aicity_fleet.cli.money import (
    cost_text,
    earnings_text,
    margin_cell,
    margin_text,
    money_json,
)
from aicity_fleet.errors import FleetError
from aicity_fleet.journal import Entry
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import Completed, Failed, JobState, JsonObject

MARGIN_COLUMNS = 110
"""How wide a terminal must be for the list to show margins as well, in characters."""

MAX_LAST_WORDS = 2000
"""How much of the model's last words is shown, in characters."""


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
    counts, now = ledger.counts(), ledger.now()
    if as_json:
        summaries = [
            {**item.to_json(), "task": None, "outcome": None, "money": money_json(item, now)}
            for item in found
        ]
        print_json({"counts": counts, "jobs": summaries})
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    # The id is what the next command is given: whatever has to give way, it is shown whole.
    widest = max((len(item.job_id) for item in found), default=3)
    table.add_column("job", no_wrap=True, min_width=widest)
    for heading in ("type", "state", "tries", "calls", "tokens", "sec", "ending", "changed (UTC)"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    shows_margin = console.width >= MARGIN_COLUMNS
    if shows_margin:
        table.add_column("margin", overflow="ellipsis", no_wrap=True)
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
            *([margin_cell(item, now)] if shows_margin else ()),
        )
    console.print(table)
    if shows_margin and any(item.earnings(now).stage == "unsettled" for item in found):
        console.print("* unsettled: the buyer can take it back for ten minutes")
    console.print(", ".join(f"{name} {number}" for name, number in counts.items()))


def job(
    job_id: Annotated[str, typer.Argument(help="The job's id, which is the task's id.")],
    replay: Annotated[
        bool,
        typer.Option(
            help="Run it again offline, from its journal: exit code 0 when it ends the same."
        ),
    ] = False,
    transcript: Annotated[bool, typer.Option(help="Print what was said, so far.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write its run into this new file, for tests to load.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Let --export replace a file.")] = False,
    follow: Annotated[bool, typer.Option(help="Show where it stands until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one job: its states, attempts, model calls, cost and deliverable."""
    if sum((replay, transcript, export is not None, follow)) > 1:
        raise typer.BadParameter("name one of --replay, --transcript, --export and --follow.")
    settings = read_settings()
    ledger = open_ledger(settings)
    found = ledger.get(job_id)
    if found is None:
        raise FleetError(
            f"The ledger knows no job '{job_id}'. 'aicity-fleet jobs' lists those that it knows; "
            "a reported one is forgotten after FLEET_RETENTION_DAYS."
        )
    if follow:
        follow_job(ledger, job_id, as_json=as_json)
        return
    if replay or transcript or export:
        from aicity_fleet.cli import recordings  # noqa: PLC0415 -- not for a mere look

        fixture = recordings.recorded(ledger, found)
        if export:
            recordings.export(fixture, export, settings, force=force)
        elif replay:
            recordings.replay(found, fixture, as_json=as_json)
        else:
            recordings.transcript(found, fixture, as_json=as_json)
        return
    _show(ledger, found, as_json=as_json)


def _show(ledger: Ledger, found: Job, *, as_json: bool) -> None:
    job_id = found.job_id
    trail = ledger.audit(job_id)
    words = last_words(ledger.journal(job_id)) if isinstance(found.outcome, Failed) else ""
    cost, now = found.cost, ledger.now()
    if as_json:
        money = money_json(found, now)
        more = {"cost_usd": money["cost_usd"], "money": money, "audit": trail, "last_words": words}
        print_json({**found.to_json(), **more})
        return
    table = Table(title=Text(f"job {job_id}"), show_header=False, title_justify="left")
    table.add_row("state", state_text(found.state))
    if found.progress is not None:
        table.add_row("now", where_it_stands(found))
    table.add_row("type", Text(found.task_type or "?"))
    table.add_row("attempts", f"{found.attempt} ({found.lapses} leases lapsed)")
    table.add_row("model", Text(found.model or "-"))
    table.add_row("model calls", str(found.model_calls))
    table.add_row("tokens", f"{found.prompt_tokens} in, {found.completion_tokens} out")
    table.add_row("cost", cost_text(cost, found.prices))
    earned = found.earnings(now)
    table.add_row("earns", earnings_text(earned))
    table.add_row("margin", margin_text(earned, cost))
    table.add_row("ran", f"{found.ran_ms / 1000:.1f} s")
    table.add_row("ending", Text(ending_of(found)))
    if found.reason:
        table.add_row("why", foreign(found.reason))
    if found.score is not None:
        table.add_row("gate", f"{found.score} of 100")
    for name, value in plain_lines(found.receipt or {}):
        table.add_row(foreign(f"AI City: {name}"), foreign(value))
    console.print(table)
    steps = Table("at (UTC)", "event", "detail", box=None)
    for line in trail:
        steps.add_row(moment(line["at"]), line["event"], foreign(_detail(str(line["detail"]))))
    console.print(steps)
    match found.outcome:
        case Completed(text=text):
            from rich.markdown import Markdown  # noqa: PLC0415 - a parser and highlighters

            console.rule("deliverable")
            console.print(Markdown(text))
        case Failed(code=code, message=message):
            console.rule("failure")
            console.print(Text(f"{code}: {message}"))
            if words:
                console.rule("the model's last words (AI City is not told them)")
                console.print(foreign(words))


def ending_of(job: Job) -> str:
    """How a job ended, in a word or two; ``-`` while it has not."""
    match job.outcome:
        case Completed():
            return "complete"
        case Failed(code=code):
            return f"fail ({code})"
        case _:
            is_malformed = job.task is None and job.state is JobState.QUARANTINED
            return "malformed" if is_malformed else "-"


def plain_lines(value: JsonObject) -> list[tuple[str, str]]:
    """A JSON object as lines of name and value; what lies deeper has its path as name."""
    lines: list[tuple[str, str]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            lines += [(f"{name}.{inner}", text) for inner, text in plain_lines(item)]
        elif item is not None:
            lines.append((name, item if isinstance(item, str) else json.dumps(item)))
    return lines


def last_words(journal: list[str]) -> str:
    """What the model said last, in its answer or in what it handed in; empty when it said nothing."""
    for text in reversed(journal):
        entry = Entry.from_json(json.loads(text))
        if entry.kind != "model":
            continue
        content = entry.answer.get("content")
        if isinstance(content, str) and content.strip():
            return content.strip()[:MAX_LAST_WORDS]
        for call in content if isinstance(content, list) else ():
            said = _handed_in(call)
            if said:
                return said[:MAX_LAST_WORDS]
    return ""


def _handed_in(call: JsonObject) -> str:
    """The longest text among the arguments of a tool call."""
    try:
        arguments = json.loads(call.get("arguments") or "{}")
    except (ValueError, RecursionError):
        return ""
    if not isinstance(arguments, dict):
        return ""
    return max((v.strip() for v in arguments.values() if isinstance(v, str)), key=len, default="")


def _detail(detail: str) -> str:
    """A trail's detail for people: a receipt stands there as JSON."""
    try:
        value = json.loads(detail)
    except ValueError:
        return detail
    if not isinstance(value, dict):
        return detail
    return ", ".join(f"{name} {text}" for name, text in plain_lines(value))
