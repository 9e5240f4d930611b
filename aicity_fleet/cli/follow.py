"""Shows the progress of a job in one line, and follows it until the job ends."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import typer
from rich.live import Live
from rich.text import Text

from aicity_fleet.cli.display import console, foreign, notes, print_json_line
from aicity_fleet.cli.money import cost_json, cost_text
from aicity_fleet.errors import FleetError, LedgerUnavailableError
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import Completed, Failed, JobState, JsonObject
from aicity_fleet.words import count, duration

LOOK_SECONDS = 0.5
"""How often the ledger is read, in seconds. Workers write their progress every two seconds."""

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""


def follow(ledger: Ledger, job_id: str, *, as_json: bool) -> None:
    """Show the progress of a job until it ends: one line per change, or one changing line in a terminal.

    Raises:
        FleetError: The ledger no longer has the job.
    """
    try:
        if as_json or not console.is_terminal:
            ended = _follow(ledger, job_id, lambda job: _print(job, as_json=as_json))
        else:
            with Live(console=console, auto_refresh=False) as live:
                ended = _follow(ledger, job_id, lambda job: live.update(_line(job), refresh=True))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if not as_json:
        console.print(Text("Ended: ").append_text(_ending(ended)), highlight=False, soft_wrap=True)


def progress_line(job: Job) -> Text:
    """Return the state of a job and, while it runs, its turn, speaker, calls, tokens and cost."""
    if job.state is not JobState.RUNNING:
        why = f": {job.reason}" if job.reason else ""
        return foreign(f"{job.state}{why}")
    parts = [f"attempt {job.attempt}"]
    if job.progress is None:
        parts.append("starting")
    else:
        progress = job.progress
        parts += [
            f"turn {progress['turn']}, {progress['speaker']}",
            count(progress["rounds"], "hand-in"),
            count(progress["model_calls"], "model call"),
            f"{progress['tokens']} tokens{_streamed(progress)}",
            f"cost {cost_text(job.cost)}",
        ]
    return foreign(f"running, {', '.join(parts)}")


def _streamed(progress: JsonObject) -> str:
    """Return how many tokens the answer under way has so far; empty before its first one."""
    tokens = progress.get("streamed_tokens")
    return f" and {tokens} of the next answer" if tokens else ""


def _follow(ledger: Ledger, job_id: str, show: Callable[[Job], None]) -> Job:
    """Show each change of a job until it ends, and return the ended job."""
    shown: object = None
    is_away = False
    while True:
        try:
            job = ledger.get(job_id)
        except LedgerUnavailableError as error:
            if not is_away:
                notes.print(f"{error} Retrying.", highlight=False)
            is_away = True
            time.sleep(LOOK_SECONDS)
            continue
        is_away = False
        if job is None:
            raise FleetError(f"The ledger no longer has job '{job_id}'.")
        seen = (job.state, job.attempt, job.progress, job.reason, job.outcome)
        if seen != shown:
            show(job)
            shown = seen
        if has_ended(job):
            return job
        time.sleep(LOOK_SECONDS)


def has_ended(job: Job) -> bool:
    """Whether the job will not run again by itself: it has an outcome or is in quarantine."""
    return job.outcome is not None or job.state is JobState.QUARANTINED


def _print(job: Job, *, as_json: bool) -> None:
    if not as_json:
        console.print(_line(job), highlight=False, soft_wrap=True)
        return
    line: JsonObject = {
        "job_id": job.job_id,
        "state": str(job.state),
        "attempt": job.attempt,
        "progress": job.progress,
        **cost_json(job.cost),
        "ending": str(_ending(job)) if has_ended(job) else None,
    }
    print_json_line(line)


def _line(job: Job) -> Text:
    seconds = (datetime.now(UTC) - job.started_at).total_seconds() if job.started_at else 0
    since = f" ({duration(max(0, seconds))})" if job.state is JobState.RUNNING else ""
    return progress_line(job).append(since)


def _ending(job: Job) -> Text:
    match job.outcome:
        case Completed():
            return Text("complete")
        case Failed(code=code, message=message):
            return foreign(f"fail ({code}): {message}")
        case _:
            return foreign(f"{job.state}: {job.reason}")
