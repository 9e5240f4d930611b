"""The command ``job``: shows one job with its audit trail, or replays, exports or follows it."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.connection import open_ledger, read_settings
from aicity_fleet.cli.display import (
    AsJson,
    console,
    foreign,
    judgement_text,
    print_json,
    state_text,
)
from aicity_fleet.cli.follow import follow as follow_job
from aicity_fleet.cli.follow import progress_line
from aicity_fleet.cli.history import archived
from aicity_fleet.cli.money import cost_text, earnings_text, margin_text, money_json
from aicity_fleet.errors import FleetError
from aicity_fleet.journal import Entry
from aicity_fleet.ledger import Job, WholeJob
from aicity_fleet.models import TAKEN_BACK, Completed, Failed, JobState, JsonObject
from aicity_fleet.words import HAND_IN_NAMES, moment, usd

LATER_TEXTS = {
    "failed": "failed in AI City's own check; it counts as a failure and earns nothing",
    "refunded": "refunded to the buyer; it counts as a failure and earns nothing",
    "quality_check": "AI City's own check is under way",
    "completed": "completed",
    "disputed": "the buyer disputes it",
    "thumbs_down": "the buyer gave a thumbs-down",
    "unreadable": "AI City does not let the fleet read the task",
}
"""What the kinds of later events mean, for people."""

MAX_LAST_WORDS = 2000
"""The most that is shown of the model's last words, in characters."""


def job(
    job_id: Annotated[str, typer.Argument(help="The job's id, the same as the task's id.")],
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="Replay it offline from its journal. Exit code 0 if it ends the same way.",
        ),
    ] = False,
    transcript: Annotated[
        bool, typer.Option("--transcript", help="Print the conversation so far.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write its run to this new file, as a test fixture.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --export overwrite a file.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show its progress until it ends.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one job: its states, attempts, model calls, cost and deliverable."""
    if sum((replay, transcript, export is not None, follow)) > 1:
        raise typer.BadParameter("Use only one of --replay, --transcript, --export and --follow.")
    settings = read_settings()
    ledger = open_ledger(settings)
    kept = ledger.whole(job_id)
    whole = kept or archived(settings, job_id)
    if whole is None:
        raise FleetError(
            f"The ledger has no job '{job_id}'. 'aicity-fleet jobs' lists the jobs; a reported job is "
            "deleted after FLEET_RETENTION_DAYS, and 'aicity-fleet history' lists those in the archive."
        )
    if follow and kept is not None:  # else it has ended long ago
        follow_job(ledger, job_id, as_json=as_json)
        return
    if replay or transcript or export:
        from aicity_fleet.cli import journal  # noqa: PLC0415 -- only for replays

        found, fixture = whole.job, journal.recorded(whole)
        if export:
            journal.export(found, fixture, export, settings, force=force, as_json=as_json)
        elif replay:
            journal.replay(found, fixture, as_json=as_json)
        else:
            journal.transcript(found, fixture, as_json=as_json)
        return
    _show(whole, ledger.now(), as_json=as_json)


def _show(whole: WholeJob, now: datetime, *, as_json: bool) -> None:
    found, trail = whole.job, whole.audit
    words = last_words(whole.journal) if isinstance(found.outcome, Failed) else ""
    if as_json:
        money = money_json(found, now)
        more = {"cost_usd": money["cost_usd"], "money": money, "audit": trail, "last_words": words}
        print_json({**found.to_json(), **more})
        return
    console.print(_facts(found, now))
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
                console.rule("the model's last words (not sent to AI City)")
                console.print(foreign(words))


def _facts(found: Job, now: datetime) -> Table:
    """Return what is known of a job, a row for each fact."""
    table = Table(title=Text(f"job {found.job_id}"), show_header=False, title_justify="left")
    table.add_row("state", state_text(found.state))
    if found.progress is not None:
        table.add_row("progress", progress_line(found))
    table.add_row("type", Text(found.task_type or "?"))
    table.add_row("attempts", f"{found.attempt} ({found.lapses} lapsed leases)")
    table.add_row("model", Text(found.model or "-"))
    if found.hand_in:
        table.add_row("hand-in", HAND_IN_NAMES.get(found.hand_in, found.hand_in))
    table.add_row("model calls", str(found.model_calls))
    table.add_row("tokens", f"{found.prompt_tokens} in, {found.completion_tokens} out")
    table.add_row("cost", cost_text(found.cost, found.prices))
    if found.unanswered_calls:
        about = f"{found.unanswered_calls}, which may have cost about {usd(found.unanswered_usd)}"
        table.add_row("calls without an answer", about)
    earned = found.earnings(now)
    table.add_row("earns", earnings_text(earned))
    table.add_row("margin", margin_text(earned, found.cost))
    table.add_row("ran", f"{found.ran_ms / 1000:.1f} s")
    table.add_row("ending", Text(ending_of(found)))
    if found.decision:
        table.add_row("decided", found.decision)
    if found.reason:
        table.add_row("reason", foreign(found.reason))
    if found.score is not None:
        table.add_row("gate", f"{found.score} of 100")
    if found.judgement is not None:
        table.add_row("judge", judgement_text(found.judgement))
    for name, value in plain_lines(found.receipt or {}):
        table.add_row(foreign(f"AI City: {name}"), foreign(value))
    if found.seen is not None:
        seen = f"{found.seen['status'] or 'no status'} (read {moment(found.seen['at'])} UTC)"
        table.add_row("AI City now", foreign(seen))
    for event in found.later:
        table.add_row(f"later, {moment(event['at'])}", foreign(later_text(event)))
    return table


def later_text(event: JsonObject) -> str:
    """Describe one thing that AI City changed after the report, for people."""
    kind, detail = str(event["kind"]), event["detail"]
    kind = LATER_TEXTS.get(kind, kind)
    return f"{kind} ({detail})" if detail else kind


def ending_of(job: Job) -> str:
    """Return how a job ended, in a word or two; ``-`` if it has not ended."""
    match job.outcome:
        case Completed():
            return f"complete, {job.standing} later" if job.standing in TAKEN_BACK else "complete"
        case Failed(code=code):
            return f"fail ({code})"
        case _:
            is_malformed = job.task is None and job.state is JobState.QUARANTINED
            return "malformed" if is_malformed else job.decision or "-"


def plain_lines(value: JsonObject) -> list[tuple[str, str]]:
    """Return a JSON object as pairs of name and value; a nested name is a dotted path."""
    lines: list[tuple[str, str]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            lines += [(f"{name}.{inner}", text) for inner, text in plain_lines(item)]
        elif item is not None:
            lines.append((name, item if isinstance(item, str) else json.dumps(item)))
    return lines


def last_words(journal: Sequence[str]) -> str:
    """Return the last text of the model, from an answer or a hand-in; empty if there is none."""
    for text in reversed(journal):
        entry = Entry.from_json(json.loads(text))
        content = entry.answer.get("content") if entry.kind == "model" else None
        said = [content] if isinstance(content, str) else map(_longest_argument, content or ())
        for words in filter(None, map(str.strip, said)):
            return words[:MAX_LAST_WORDS]
    return ""


def _longest_argument(call: JsonObject) -> str:
    """Return the longest text among the arguments of a tool call; empty if they cannot be read."""
    try:
        arguments = json.loads(call.get("arguments") or "{}")
    except (ValueError, RecursionError):
        return ""
    values = arguments.values() if isinstance(arguments, dict) else ()
    return max((value for value in values if isinstance(value, str)), key=len, default="")


def _detail(detail: str) -> str:
    """Format the detail of an audit line for people: a receipt is JSON."""
    try:
        value = json.loads(detail)
    except ValueError:
        return detail
    if not isinstance(value, dict):
        return detail
    return ", ".join(f"{name} {text}" for name, text in plain_lines(value))
