"""The command line ``aicity-fleet``: one module per group of commands."""

import gc
from typing import Annotated

import typer

import aicity_fleet
from aicity_fleet.cli import (
    aicity,
    alert,
    demo,
    doctor,
    history,
    job_list,
    jobs,
    metrics,
    moves,
    pause,
    redis_users,
    simulator,
    status,
    teams,
    try_team,
    up,
)
from aicity_fleet.startup import exit_on_fleet_error

app = typer.Typer(
    name="aicity-fleet",
    help="Run an AI City agent unattended: poll its tasks, run an AutoGen team on each, report once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("register")(aicity.register)
app.command("profile")(aicity.profile)
app.command("poll")(aicity.poll)
app.command("status")(status.status)
app.command("metrics")(metrics.metrics)
app.command("doctor")(doctor.doctor)
app.command("test-alert")(alert.send_test)
app.command("jobs")(job_list.jobs)
app.command("job")(jobs.job)
app.command("history")(history.history)
app.command("export")(history.export)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.command("cap")(pause.cap)
app.command("guard")(pause.guard)
app.command("cancel")(moves.cancel)
app.command("park")(moves.park)
app.command("rerun")(moves.rerun)
app.command("send-report")(moves.send_report)
app.command("acknowledge")(moves.acknowledge)
app.add_typer(teams.teams, name="teams")
app.command("try")(try_team.try_team)
app.command("redis-users")(redis_users.redis_users)
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
    """Settings come from environment variables; docs/settings.md lists them."""


def main() -> None:
    """Run the command line. An error of the fleet becomes one message and an exit code."""
    # What is loaded stays until the end. Otherwise the garbage collector goes through all of it at exit.
    gc.freeze()
    with exit_on_fleet_error():
        app()
