"""Commands that pause and resume parts of the fleet; every process obeys with its next move."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from aicity_fleet.cli.access import open_ledger
from aicity_fleet.cli.display import console, moment
from aicity_fleet.cli.findings import PAUSED
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
    what: Annotated[What, typer.Argument(help="Accepting tasks, starting jobs, sending reports.")],
    why: Annotated[str, typer.Option(help="For whoever reads 'status'.")] = "by hand",
) -> None:
    """Pause a part of the fleet, at once and for all processes; nothing is lost.

    Running jobs go on, and their outcomes wait. 'cancel' stops a running job.
    """
    panel = open_ledger().controls
    for name in _named(what):
        if panel.pause(name, why):
            console.print(f"Paused {name}: {PAUSED[name]}.")
        else:
            switch = panel.read().paused.get(name)
            since = f", since {moment(switch.since_at)} UTC" if switch else ""
            console.print(f"{name} was paused already{since}.")
    console.print(f"'aicity-fleet resume {what}' lets it go on.")


def resume(
    what: Annotated[What, typer.Argument(help="What goes on.")] = What.ALL,
) -> None:
    """Let a part of the fleet go on, or all of it.

    With intake, reports or all it also takes back the stop after AI City refused the agent's key; should
    the key still be refused, the next request stops the fleet again.
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
            "Took back the stop after AI City refused the agent's key: intake and reports try it "
            "again. If it is still refused, 'aicity-fleet status' says so in a minute."
        )


def _named(what: What) -> tuple[Pausable, ...]:
    return (
        PAUSABLES if what is What.ALL else tuple(name for name in PAUSABLES if name == what.value)
    )
