"""The command ``demo``: a live table while the tasks run, and a summary at the end."""

import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.display import AsJson, console, dollars, notes, print_json, state_text
from aicity_fleet.embedded.ports import LOOPBACK
from aicity_fleet.embedded.supervisor import stop_requests
from aicity_fleet.errors import FleetError
from aicity_fleet.models import Completed
from aicity_fleet.simulator.access import require_packages
from aicity_fleet.simulator.demo import LOOK_SECONDS, Demo, DemoResult, DemoTask

STATES_WIDTH = 66
"""The width of the live table's other columns, in characters."""

FIGURES_WIDTH = 71
"""The width of the summary's other columns, in characters."""


def demo(
    workers: Annotated[int, typer.Option(min=1, max=16, help="Number of worker processes.")] = 2,
    copies: Annotated[
        int, typer.Option(min=1, max=100, help="Submit the twelve tasks this many times.")
    ] = 1,
    timeout: Annotated[float, typer.Option(min=1, help="Give up after this many seconds.")] = 600,
    flower_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of Flower. If it is taken, a free one is used."),
    ] = 5555,
    out: Annotated[
        Path | None, typer.Option(help="Write the deliverables to this folder, one file per task.")
    ] = None,
    keep_logs: Annotated[
        bool, typer.Option("--keep-logs", help="Keep the log of every process.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole fleet on a simulated AI City: no account, no key, no Docker.

    If OPENAI_API_KEY is set (and OPENAI_BASE_URL, FLEET_MODEL), the teams use that model.
    """
    require_packages()
    folder = Path(tempfile.mkdtemp(prefix="aicity-fleet-demo-"))
    keep = keep_logs
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with stop_requests() as stopping:
        running = Demo(folder, workers=workers, copies=copies, flower_port=flower_port)
        try:
            _announce(running)
            running.start(stopping.is_set)
            _watch(running, stopping, timeout)
            if stopping.is_set():
                notes.print("Stopped early.")
                raise typer.Exit(130)
            result = running.result()
            if out is not None:
                write_deliverables(running.look(), out)
        except FleetError:
            keep = True
            raise
        finally:
            running.stop()
            if keep:
                notes.print(f"Logs: {folder / 'logs'}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print_json(_as_json(result))
    else:
        summarize(result)
        notes.print(f"Deliverables: {out or 'pass --out FOLDER to keep them'}.")
    if result.faults:
        for fault in result.faults:
            notes.print(f"aicity-fleet: {fault}", style="red")
        raise typer.Exit(1)


def write_deliverables(tasks: Sequence[DemoTask], folder: Path) -> None:
    """Write the order and the deliverable of each completed task to a Markdown file."""
    for number, task in enumerate(tasks, 1):
        outcome = task.job.outcome if task.job else None
        if task.job is None or not isinstance(outcome, Completed):
            continue
        order = task.job.task.description.strip() if task.job.task else ""
        quoted = "\n".join(f"> {line}" for line in order.splitlines())
        file = folder / f"{number:02}-{task.task_type}.md"
        file.write_text(f"{quoted}\n\n{outcome.text}\n", encoding="utf-8")


def _announce(running: Demo) -> None:
    model = "your own model" if running.uses_real_model else "a simulated model"
    notes.print(f"Running the fleet on a simulated AI City, with {model}. Ctrl-C stops everything.")
    notes.print(
        f"Flower: http://{LOOPBACK}:{running.flower_port} "
        f"(user fleet, password {running.flower_password})"
    )


def _watch(running: Demo, stopping: threading.Event, timeout: float) -> None:
    """Show the tasks until all are settled.

    Raises:
        FleetError: The time is up; the message names the tasks that are not settled.
    """
    deadline = time.monotonic() + timeout
    seen: dict[str, str] = {}
    with Live(console=notes, auto_refresh=False, transient=True) as live:
        while not stopping.is_set():
            tasks = running.look()
            if notes.is_terminal:
                live.update(_table(tasks), refresh=True)
            else:
                _print_changes(tasks, seen)
            open_tasks = [task for task in tasks if not task.is_settled]
            if not open_tasks:
                return
            if time.monotonic() > deadline:
                names = ", ".join(task.task_id for task in open_tasks)
                raise FleetError(f"These tasks were not settled within {timeout:g} s: {names}")
            stopping.wait(LOOK_SECONDS)


def _table(tasks: list[DemoTask]) -> Table:
    table = Table("task", "type", "state", "attempts", "calls", "tokens")
    for task in tasks:
        job, title = task.job, _fitting(task.title, beside=STATES_WIDTH)
        if job is None:
            table.add_row(title, task.task_type, Text("assigned", "dim"), "", "", "")
            continue
        tokens = job.prompt_tokens + job.completion_tokens
        counts = (str(job.attempt), str(job.model_calls or ""), str(tokens or ""))
        table.add_row(title, task.task_type, state_text(job.state), *counts)
    return table


def _fitting(title: str, *, beside: int, screen: Console = console) -> Text:
    """Cut a title to the width that the other columns leave."""
    text = Text(title)
    text.truncate(max(10, screen.width - beside), overflow="ellipsis")
    return text


def _print_changes(tasks: list[DemoTask], seen: dict[str, str]) -> None:
    for task in tasks:
        state = str(task.job.state) if task.job else "assigned"
        if seen.get(task.task_id) != state:
            seen[task.task_id] = state
            notes.out(f"{task.task_id} {task.task_type}: {state}", highlight=False)


def summarize(result: DemoResult, screen: Console = console) -> None:
    """Print a table of the tasks, and the agent's reputation."""
    table = Table(title="What the fleet did", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("task", "type", "ending"):
        table.add_column(heading, no_wrap=True)
    for heading in ("score", "earned", "calls", "tokens", "sec"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in result.rows:
        ending = row["city_status"] if row["ending"] == "complete" else f"{row['ending']} (sent)"
        table.add_row(
            _fitting(row["title"], beside=FIGURES_WIDTH, screen=screen),
            row["type"],
            Text(ending, "green" if row["city_status"] == "completed" else "yellow"),
            "-" if row["score"] is None else str(row["score"]),
            dollars(row["earned_cents"]),
            str(row["model_calls"]),
            str(row["tokens"]),
            f"{row['seconds']:.1f}",
        )
    earned = sum(row["earned_cents"] for row in result.rows)
    calls, tokens = (sum(row[name] for row in result.rows) for name in ("model_calls", "tokens"))
    table.add_section()
    table.add_row("total", "", "", "", dollars(earned), str(calls), str(tokens), "")
    screen.print(table)
    before, after = result.profile_before, result.profile_after
    screen.print(
        f"Reputation: score {before.get('overallScore')} → {after.get('overallScore')}, "
        f"trust tier {before.get('trustTier')} → {after.get('trustTier')}"
    )


def _as_json(result: DemoResult) -> dict[str, object]:
    return {
        "tasks": result.rows,
        "profile_before": result.profile_before,
        "profile_after": result.profile_after,
        "faults": result.faults,
    }
