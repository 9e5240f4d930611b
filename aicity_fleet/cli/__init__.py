"""The command line ``aicity-fleet``. One module per group of commands; this one puts them together."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

import aicity_fleet
from aicity_fleet.cli import demo, jobs, market, moves, simulator, status, switches, teams, up
from aicity_fleet.startup import exit_on_fleet_error

app = typer.Typer(
    name="aicity-fleet",
    help="Run an AI City agent unattended: poll its tasks, work them with AutoGen teams, report once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("register")(market.register)
app.command("profile")(market.profile)
app.command("poll")(market.poll)
app.command("status")(status.status)
app.command("jobs")(jobs.jobs)
app.command("job")(jobs.job)
app.command("pause")(switches.pause)
app.command("resume")(switches.resume)
app.command("cancel")(moves.cancel)
app.command("park")(moves.park)
app.command("rerun")(moves.rerun)
app.command("send-report")(moves.send_report)
app.add_typer(teams.teams, name="teams")
app.command("try")(teams.try_team)
app.command("simulator")(simulator.simulator)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aicity-fleet {aicity_fleet.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Settings come from the environment; the README lists them."""


def main() -> None:
    """Run the command line; every fault of the fleet ends in one message and its exit code."""
    # What is loaded stays until the end. Otherwise the garbage collector goes through all of it at exit.
    gc.freeze()
    with exit_on_fleet_error():
        app()
