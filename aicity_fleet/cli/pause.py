"""Commands that pause and resume parts of the fleet. Every process obeys from its next move on."""

import enum
from typing import Annotated

import typer

from aicity_fleet.cli.connection import open_ledger
from aicity_fleet.cli.display import console, moment
from aicity_fleet.cli.health import PAUSED
from aicity_fleet.ledger.controls import ControlPanel, Pausable

PAUSABLES: tuple[Pausable, ...] = ("intake", "starts", "reports")
"""What can be paused, in the order in which a job meets them."""


class What(enum.StrEnum):
    """What to pause or resume."""

    INTAKE = "intake"
    STARTS = "starts"
    REPORTS = "reports"
    ALL = "all"


def pause(
    what: Annotated[
        What,
        typer.Argument(
            help="What to pause: accepting tasks, starting jobs, sending reports, or all."
        ),
    ],
    why: Annotated[str, typer.Option(help="The reason, shown by 'status'.")] = "by hand",
) -> None:
    """Pause a part of the fleet, at once and in all processes. Nothing is lost.

    Running jobs continue; 'cancel' stops one.
    """
    panel = open_ledger().controls
    for name in _named(what):
        if panel.pause(name, why):
            console.print(f"Paused {name}: {PAUSED[name]}.")
        else:
            switch = panel.read().paused.get(name)
            since = f", since {moment(switch.since_at)} UTC" if switch else ""
            console.print(f"{name} was already paused{since}.")
    console.print(f"To resume: aicity-fleet resume {what}")


def resume(
    what: Annotated[What, typer.Argument(help="What to resume.")] = What.ALL,
) -> None:
    """Resume a part of the fleet, or all of it.

    With intake, reports or all, this also lifts the stop that follows when AI City refuses the agent's
    key. If the key is still refused, the next request stops the fleet again.
    """
    panel = open_ledger().controls
    for name in _named(what):
        was_paused = panel.resume(name)
        console.print(f"Resumed {name}." if was_paused else f"{name} was not paused.")
    if what is not What.STARTS:
        _lift_stop(panel)


def _lift_stop(panel: ControlPanel) -> None:
    stopped = panel.read().stopped
    if stopped is not None and panel.lift_stop():
        console.print(
            "Lifted the stop: intake and reports try the agent's key again. If AI City still refuses it, "
            "'aicity-fleet status' says so within a minute."
        )


def _named(what: What) -> tuple[Pausable, ...]:
    return tuple(name for name in PAUSABLES if what in (What.ALL, name))
