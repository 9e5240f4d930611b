"""The command line of the chaos harness: ``make chaos``, or ``python -m chaos --help``."""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from chaos import compare as comparing
from chaos.options import Options
from chaos.plan import BY_NAME, DEFAULT_KINDS, KINDS, ONE_REDIS
from chaos.receipt import as_text, receipt
from chaos.run import Outcome, Progress, Run
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from aicity_fleet.embedded.redis_server import find_redis_server

EPILOG = "Every kind of fault is a switch: " + "; ".join(
    f"--no-{kind.name}" if kind.is_on else f"--{kind.name} (off unless asked for)" for kind in KINDS
)

app = typer.Typer(add_completion=False)


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, epilog=EPILOG
)
def chaos(
    context: typer.Context,
    jobs: Annotated[int, typer.Option(min=1, help="Tasks that are submitted, at least.")] = 300,
    kills: Annotated[int, typer.Option(min=0, help="Processes that are killed with -9.")] = 30,
    seed: Annotated[int | None, typer.Option(help="Which plan; a random one otherwise.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Worker processes.")] = 4,
    threads: Annotated[int, typer.Option(min=1, max=100, help="Jobs per worker at once.")] = 4,
    twins: Annotated[bool, typer.Option(help="Run two beats and two dispatchers.")] = True,
    lease: Annotated[float, typer.Option(min=1, help="FLEET_LEASE_SECONDS.")] = 12.0,
    sweep: Annotated[float, typer.Option(min=0.1, help="FLEET_SWEEP_SECONDS.")] = 2.0,
    settle: Annotated[float, typer.Option(min=1, help="Most seconds to come to rest.")] = 480.0,
    only: Annotated[str, typer.Option(help="These kinds alone, with commas between.")] = "",
    compare: Annotated[bool, typer.Option(help="Run a plain Celery recipe beside it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
    receipt_file: Annotated[
        Path | None, typer.Option("--receipt", help="Write FILE.txt and FILE.json.")
    ] = None,
    logs: Annotated[Path | None, typer.Option(help="Keep all logs in this folder.")] = None,
) -> None:
    """Break a fleet for some minutes and count: nothing lost, nothing ended twice.

    Real processes, a Redis of its own, a simulated AI City that counts second endings. Exit code 1
    when a task was lost or ended twice, when a failure followed a delivery, when a third failure in
    a row was accepted, or when the agent was suspended.
    """
    if compare and not only:
        only = comparing.KINDS
    options = Options(
        jobs=jobs,
        kills=kills,
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        kinds=chosen_kinds(only, context.args),
        workers=workers,
        threads=threads,
        twins=twins,
        lease_seconds=lease,
        sweep_seconds=sweep,
        settle_seconds=settle,
    )
    typer.echo(f"seed {options.seed}", err=True)
    command = _command(options.seed)
    if compare:
        rows = comparing.compare(options, _measured)
        data: dict[str, Any] = comparing.table(rows, options, command, find_redis_server())
        text = comparing.as_text(data)
        is_good = not rows[-1].outcome.verdict.faults
    else:
        outcome = _measured("chaos", options, logs)
        data = receipt(outcome, command, find_redis_server())
        text, is_good = as_text(data), not outcome.verdict.faults
    print(json.dumps(data, indent=2) if as_json else text)
    if receipt_file is not None:
        receipt_file.parent.mkdir(parents=True, exist_ok=True)
        for ending, content in ((".txt", text), (".json", json.dumps(data, indent=2) + "\n")):
            receipt_file.with_name(receipt_file.name + ending).write_text(content, "utf-8")
    raise typer.Exit(0 if is_good else 1)


def chosen_kinds(only: str, switches: Sequence[str]) -> frozenset[str]:
    """The kinds that are on after ``--only`` and every ``--KIND`` and ``--no-KIND``.

    With failovers, those that need one Redis are off.
    """
    kinds = set(filter(None, only.split(","))) if only else set(DEFAULT_KINDS)
    for switch in switches:
        name = switch.removeprefix("--")
        if name in BY_NAME:
            kinds.add(name)
        elif name.removeprefix("no-") in BY_NAME:
            kinds.discard(name.removeprefix("no-"))
        else:
            raise typer.BadParameter(f"there is no option {switch}; see --help")
    unknown = kinds - set(BY_NAME)
    if unknown:
        raise typer.BadParameter(f"there is no fault called {', '.join(sorted(unknown))}")
    return frozenset(kinds - ONE_REDIS if "failover" in kinds else kinds)


def _measured(title: str, options: Options, logs: Path | None = None, **kwargs: Any) -> Outcome:
    """One run with a display, in a folder that is kept if it is asked for or needed."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-")) if logs is None else logs
    folder.mkdir(parents=True, exist_ok=True)
    with _display(title, options) as watch:
        outcome = Run(options, folder, watch=watch, **kwargs).execute()
    if logs is None and not outcome.verdict.faults:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        typer.echo(f"logs: {folder}", err=True)
    return outcome


@contextmanager
def _display(title: str, options: Options) -> Iterator[Any]:
    """Two bars on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        *(TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn()),
        *(TimeElapsedColumn(), TextColumn("{task.fields[note]}")),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        ended = bars.add_task("tasks ended", total=options.jobs, note=title)
        killed = bars.add_task("kills", total=options.kills, note="")

        def watch(progress: Progress) -> None:
            total = max(options.jobs, progress.submitted)
            note = f"{title}: {progress.phase}"
            bars.update(ended, completed=progress.ended, total=total, note=note)
            bars.update(killed, completed=progress.kills, note=progress.last_event)

        yield watch


def _command(seed: int) -> str:
    """How anybody would type this run, with its seed."""
    words = sys.argv[1:]
    if not any(word.startswith("--seed") for word in words):
        words += ["--seed", str(seed)]
    hidden = {"--logs", "--receipt"}
    shown = []
    skip = False
    for word in words:
        if skip or word.partition("=")[0] in hidden:
            skip = word in hidden
            continue
        shown.append(shlex.quote(word))
    return "python -m chaos " + " ".join(shown)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    signal.signal(signal.SIGTERM, _interrupt)  # nothing is left running then either
    app(prog_name="python -m chaos")
